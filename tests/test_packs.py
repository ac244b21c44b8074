"""Packs of rules, installed or local, are found and loaded alike, and finding one runs none of its code."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scanner.cli import main
from scanner.errors import RuleError
from scanner.packs import installed
from scanner.rule import load_pack, load_rules

ROOT = Path(__file__).parents[1]
PACK = ROOT / "tests" / "example-pack"
CASE = PACK / "src" / "acme_rules" / "tests" / "two-regions"
RULE = (PACK / "src" / "acme_rules" / "payments" / "immutable-tags.yaml").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The example pack, built and installed by pip without a network."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip("this Python has no pip")
    folder = tmp_path_factory.mktemp("site")
    source = shutil.copytree(PACK, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "dist"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", str(folder / "site"), str(source)], check=True, capture_output=True)
    return folder / "site"


def regionproof(site, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])}
    command = [sys.executable, "-m", "scanner", *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd=site.parent, capture_output=True, text=True)


def test_an_installed_pack_is_listed_shown_and_used(site):
    listed = regionproof(site, "rules", "list").stdout
    assert "payments-immutable-tags " in listed
    assert "payments-standby-serves " in listed
    assert "registry-replication-to-standby " in listed
    shown = regionproof(site, "rules", "show", "payments-standby-serves")
    assert "Severity **critical**" in shown.stdout, shown.stderr
    scanned = regionproof(
        site, "scan", CASE, "--config", CASE / "regionproof.yaml", "--select", "payments", "--controls", "dora"
    )
    assert scanned.returncode == 1, scanned.stderr
    assert "The tags of repository 'payments/api' are 'MUTABLE'" in " ".join(scanned.stdout.split())
    assert "2 rules: 1 fail, 1 pass, 1 unknown" in " ".join(scanned.stdout.split())


def test_the_code_of_an_installed_pack_may_be_refused(site):
    for command in (["rules", "list"], ["scan", CASE], ["permissions"]):
        done = regionproof(site, *command, "--no-python-rules")
        assert done.returncode == 2, done.stdout
        assert "standby-serves.py:1: Python rules are refused by --no-python-rules" in done.stderr


def test_the_example_pack_holds_by_its_own_fixtures(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["rules", "test", str(PACK / "src" / "acme_rules")])
    assert stop.value.code == 0
    assert capsys.readouterr().out == "2 rules, 14 examples, 1 fixture: 0 wrong.\n"


def test_installed_and_local_packs_load_alike(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    (folder,) = installed()
    local = list(load_pack(PACK / "src" / "acme_rules"))
    assert [(r.id, r.header) for r in load_pack(folder)] == [(r.id, r.header) for r in local]
    assert {rule.id for rule in load_rules([folder])} - {rule.id for rule in load_rules()} == {r.id for r in local}


def distribution(folder, value, name="wild"):
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[regionproof.rules]\n{name} = {value}\n")


@pytest.mark.parametrize("value", ["wild_rules", "wild_rules.inner.rules"])
def test_a_pack_is_not_imported_to_be_found(tmp_path, monkeypatch, value):
    distribution(tmp_path, value)
    group = tmp_path.joinpath(*value.split("."), "team")
    group.mkdir(parents=True)
    (tmp_path / "wild_rules" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (group / "mine.yaml").write_text(RULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    (folder,) = installed()
    assert [rule.id for rule in load_pack(folder, python=False)] == ["team-mine"]
    assert "wild_rules" not in sys.modules


def test_a_pack_may_be_a_namespace_or_an_archive(tmp_path, monkeypatch):
    (tmp_path / "bare" / "team").mkdir(parents=True)
    (tmp_path / "bare" / "team" / "one.yaml").write_text(RULE)
    distribution(tmp_path, "bare", "bare")
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("packed/__init__.py", "raise SystemExit\n")
        out.writestr("packed/team/two.yaml", RULE)
        out.writestr("packed-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: packed\nVersion: 1.0\n")
        out.writestr("packed-1.0.dist-info/entry_points.txt", "[regionproof.rules]\npacked = packed\n")
    for path in (tmp_path, archive):
        monkeypatch.syspath_prepend(str(path))
    assert [rule.id for folder in installed() for rule in load_pack(folder)] == ["team-one", "team-two"]


@pytest.mark.parametrize("value", ["nowhere_rules", "json.decoder", "wild.nowhere"])
def test_a_pack_that_is_not_there_is_an_error_that_names_it(tmp_path, monkeypatch, value):
    distribution(tmp_path, value)
    (tmp_path / "wild").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RuleError, match=f"the pack 'wild' names the package '{value}', which is not there"):
        installed()


def test_two_packs_of_one_id_are_refused_with_both_files(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "team").mkdir(parents=True)
        (tmp_path / name / "team" / "mine.yaml").write_text(RULE)
    with pytest.raises(RuleError, match=r"b/team/mine.yaml:1: rule id 'team-mine' is taken by .*a/team/mine.yaml"):
        load_rules([tmp_path / "a", tmp_path / "b"])
