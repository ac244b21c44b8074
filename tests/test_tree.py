"""Which files of a folder are read."""

import os
from importlib import import_module
from pathlib import Path

import pytest

from scanner.parsers import FORMATS, parse
from scanner.parsers.reading import Reading
from scanner.parsers.tree import Tree


def tree(root, files, at="."):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Tree(root / at, lambda error, _: pytest.fail(str(error)))


def names(of, *suffixes):
    return [file.path for file in of.files(*suffixes) if file.name != ".gitignore"]


def test_what_git_ignores_is_left_out(tmp_path):
    found = tree(
        tmp_path,
        {
            ".git/HEAD": "",
            ".gitignore": "*.bak\n/build/\nsecret.tf\n!keep.bak\n",
            "a.tf": "",
            "a.bak": "",
            "keep.bak": "",
            "build/b.tf": "",
            "infra/build/c.tf": "",
            "infra/secret.tf": "",
            "infra/.gitignore": "*.yaml\n!secret.tf\n",
            "infra/d.yaml": "",
            "e.yaml": "",
        },
    )
    assert names(found) == ["a.tf", "e.yaml", "keep.bak", "infra/secret.tf", "infra/build/c.tf"]


def test_the_top_of_the_repository_counts_and_nothing_above_it(tmp_path):
    (tmp_path / ".gitignore").write_text("*")
    files = {".git/HEAD": "", ".gitignore": "*.bak", "infra/a.tf": "", "infra/a.bak": ""}
    assert names(tree(tmp_path / "repository", files, "infra")) == ["a.tf"]


def test_without_a_repository_only_the_folder_itself_says_what_to_ignore(tmp_path):
    (tmp_path / ".gitignore").write_text("*")
    assert names(tree(tmp_path / "infra", {".gitignore": "*.bak", "a.tf": "", "a.bak": ""})) == ["a.tf"]


@pytest.mark.parametrize("ignored", ["cdk.out", "cdk.out/", "*.out", "/cdk.out/"])
def test_a_folder_that_is_asked_for_is_read_though_git_ignores_it(tmp_path, ignored):
    files = {".git/HEAD": "", ".gitignore": ignored, "cdk.out/manifest.json": "", "a.tf": ""}
    assert names(tree(tmp_path, files)) == ["a.tf"]
    assert names(tree(tmp_path, files, "cdk.out")) == ["manifest.json"]


def test_a_broken_gitignore_ignores_nothing(tmp_path):
    (tmp_path / ".gitignore").write_bytes(b"\xff\xfe\n!\n[\n")
    assert names(tree(tmp_path, {"a.tf": ""})) == ["a.tf"]


def test_a_format_takes_what_the_next_does_not_see(tmp_path):
    found = tree(tmp_path, {"a.tf": "", "b.yaml": "", "c.yml": ""})
    for file in found.files(".yaml", ".yml"):
        found.take(file)
    assert names(found) == ["a.tf"]
    assert found.get("b.yaml").name == "b.yaml"
    assert found.get("d.yaml") is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("../modules/ecr/main.tf", "modules/ecr/main.tf"),
        ("./x.json", "env/x.json"),
        (".hidden/y.tf", "env/.hidden/y.tf"),
        ("../../outside.tf", None),
        ("../../infra/env/x.json", None),
        ("/etc/hostname", None),
        ("link.json", None),
        ("linked/hostname", None),
        ("missing.tf", None),
        ("../modules/ecr", None),
    ],
)
def test_what_another_file_names_is_found_inside_and_nowhere_else(tmp_path, name, found):
    files = {"env/main.tf": "", "env/x.json": "", "env/.hidden/y.tf": "", "modules/ecr/main.tf": ""}
    (tmp_path / "outside.tf").write_text("")
    root = tmp_path / "infra"
    (root / "env").mkdir(parents=True)
    (root / "env" / "link.json").symlink_to(tmp_path / "outside.tf")
    (root / "env" / "linked").symlink_to("/etc")
    of = tree(root, files)
    file = of.beside(of.get("env/main.tf"), name)
    assert (file and file.path) == found


def test_the_same_is_found_whichever_way_the_folder_is_given(tmp_path, monkeypatch):
    tree(tmp_path, {"infra/env/main.tf": "", "infra/modules/m.tf": ""})
    monkeypatch.chdir(tmp_path)
    for given, prefix in (("infra", "infra/"), (".", "infra/"), (str(tmp_path / "infra"), ""), ("infra/../infra", "")):
        of = Tree(Path(given), lambda *_: None)
        assert names(of) == [f"{prefix}env/main.tf", f"{prefix}modules/m.tf"]
        assert of.beside(of.get(f"{prefix}env/main.tf"), "../modules/m.tf").path == f"{prefix}modules/m.tf"


def test_loops_of_links_and_pipes_are_not_read(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.tf")
    assert names(tree(tmp_path, {"a.tf": ""})) == ["a.tf"]


def test_a_link_in_the_place_of_terraform_code_is_no_silence(tmp_path):
    (tmp_path / "infra").mkdir()
    (tmp_path / "outside.tf").write_text("")
    for name in ("provider.tf", "prod.auto.tfvars", "notes.md", "old.tf"):
        (tmp_path / "infra" / name).symlink_to("../outside.tf")
    (tmp_path / "infra" / ".gitignore").write_text("old.tf\n")
    closed = []
    Tree(tmp_path / "infra", lambda error, path: closed.append((path, error.strerror)))
    why = "a symbolic link, which is not followed"
    assert closed == [("prod.auto.tfvars", why), ("provider.tf", why)]


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_loaded_for_every_file_that_it_looks_at(tmp_path, monkeypatch, name):
    asked = set()
    monkeypatch.setattr(Tree, "files", lambda _, *suffixes: asked.update(suffixes) or iter(()))
    import_module(f"scanner.parsers.{name}").read(tree(tmp_path, {}), Reading(lambda _: []))
    assert asked <= set(FORMATS[name])


def test_links_to_folders_and_documents_are_told_and_not_followed(tmp_path):
    """What they lead to is read in its own place, or not at all."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "b.yaml").write_text("Resources: {b: {Type: AWS::ECR::Repository}}")
    (tmp_path / ".gitignore").write_text("ignored*\n")
    root = tmp_path / "infra"
    (root / "real").mkdir(parents=True)
    (root / "real" / "a.yaml").write_text("Resources: {a: {Type: AWS::ECR::Repository}}")
    targets = {
        "folder": "real",
        "same.yaml": "real/a.yaml",
        "away": "../outside",
        "away.json": "../outside/b.yaml",
        "gone.yml": "nowhere",
        "loop": ".",
        "ignored": "../outside",
        "notes.txt": "../outside/b.yaml",
        ".hidden": "../outside",
        "node_modules": "../outside",
    }
    (root / ".gitignore").write_text("ignored*\n")
    for name, target in targets.items():
        (root / name).symlink_to(target)
    parsed = parse(root, lambda _: [])
    status = {path: status for path, status, _ in parsed.files}
    assert [one.id for one in parsed.resources if one.type == "AWS::ECR::Repository"] == ["real/a.yaml#a"]
    assert {path for path, each in status.items() if each == "partial"} == {"away", "away.json", "gone.yml"}
    assert {path for path, each in status.items() if each == "complete"} == {
        "folder",
        "same.yaml",
        "loop",
        "real/a.yaml",
    }
    assert not [gap for gap in parsed.gaps if gap.path in targets]


def test_a_folder_of_links_alone_is_no_clean_scan(tmp_path):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "live").symlink_to(tmp_path)
    assert [status for _, status, _ in parse(tmp_path / "infra", lambda _: []).files] == ["failed"]
