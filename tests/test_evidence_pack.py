"""An evidence pack holds what a scan saw, whole or not at all, and shows whatever was done to it since."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import reports
from reports import EAST, WEST

from scanner import evidence_pack, seal
from scanner.cli import main
from scanner.config import Config
from scanner.errors import OutputError, UsageError
from scanner.finding import Input
from scanner.images import Image, ImageIndex, Listing, RepositoryKey
from scanner.model import Gap, Location, Model, Pair, Place, Resource, guard
from scanner.reporters import REPORTERS

AT = datetime(2026, 11, 20, 5, tzinfo=UTC)


def digest(number):
    return f"sha256:{number:064x}"


def image(number, *tags, **fields):
    return Image(digest(number), tags, AT, **fields)


def region(place):
    return Resource("AWS::Account::Region", f"aws://{place.account}/{place.region}", place.region, *place, guard({}))


PAIRS = (Pair(EAST, WEST),)


def pack(repositories, listings, *, gaps=(), pairs=PAIRS, scanned=(EAST, WEST), planned=False):
    model = Model(
        [*map(region, scanned), *repositories],
        gaps=gaps,
        pairs=pairs,
        images=ImageIndex({RepositoryKey.of(place, name): listing for (place, name), listing in listings.items()}),
        scanned=scanned,
        as_of=reports.AS_OF,
        planned=planned,
    )
    return evidence_pack.Pack(reports.nothing(), model, Config(), ())


def written(path, given):
    evidence_pack.write(path, given)
    return [json.loads(line) for line in (path / "digests.jsonl").read_text().splitlines()]


def lines(path, row):
    return [json.loads(line) for line in (path / row["file"]).read_text().splitlines()]


API, THERE = reports.repository("api"), reports.repository("api", WEST)


def denied(type, place):
    return Gap("AccessDenied", "no", type, *place, "ecr:DescribeIt")


DENIED = denied("AWS::ECR::Repository", WEST)


def test_each_image_is_looked_for_in_the_standby(tmp_path):
    here = Listing((image(2, "b", "a"), image(1), image(3)))
    there = Listing((image(1), image(3, status="ARCHIVED")))
    [row] = written(tmp_path / "pack", pack([API, THERE], {(EAST, "api"): here, (WEST, "api"): there}))
    assert (row["images"], row["all_listed"], row["standby_repository"]) == (3, True, "exists")
    assert row["in_standby"] == {"yes": 2, "no": 1, "unknown": 0}
    assert [(one["digest"], one["in_standby"], one["status_in_standby"]) for one in lines(tmp_path / "pack", row)] == [
        (digest(1), "yes", "ACTIVE"),
        (digest(2), "no", None),
        (digest(3), "yes", "ARCHIVED"),
    ]
    assert lines(tmp_path / "pack", row)[1]["tags"] == ["a", "b"]
    assert lines(tmp_path / "pack", row)[1]["pushed_at"] == "2026-11-20T05:00:00Z"


HERE = {(EAST, "api"): Listing((image(1), image(2)))}
CUT = Listing((image(1),), "AccessDenied: no")


@pytest.mark.parametrize(
    ("given", "counts", "words"),
    [
        (pack([API], HERE), {"yes": 0, "no": 2, "unknown": 0}, None),
        (pack([API, THERE], HERE), {"yes": 0, "no": 0, "unknown": 2}, "were not listed"),
        (pack([API, THERE], HERE | {(WEST, "api"): CUT}), {"yes": 1, "no": 0, "unknown": 1}, "AccessDenied: no"),
        (pack([API], HERE, gaps=[DENIED]), {"yes": 0, "no": 0, "unknown": 2}, "may exist unseen"),
        (pack([API], HERE, scanned=[EAST]), {"yes": 0, "no": 0, "unknown": 2}, "not scanned"),
        (pack([API, THERE], {(EAST, "api"): CUT}), {"yes": 0, "no": 0, "unknown": 1}, "not all images were listed"),
        (pack([API, THERE], {}), None, "were not listed"),
        (pack([API], HERE, pairs=None, gaps=[denied("AWS::ECR::Registry", EAST)]), None, "unseen"),
    ],
)
def test_what_was_not_seen_is_unknown(tmp_path, given, counts, words):
    [row] = written(tmp_path / "pack", given)
    assert row["in_standby"] == counts
    assert (row["reason"] is None) if words is None else (words in row["reason"])


@pytest.mark.parametrize(("planned", "rows"), [(True, 1), (False, 0)])
def test_code_stands_for_a_live_repository_only_in_a_plan(tmp_path, planned, rows):
    code = reports.repository("api", locations={"": Location("a.yaml", 1)})
    given = pack([code], HERE | {(WEST, "api"): Listing((image(1),))}, planned=planned)
    assert len(written(tmp_path / "pack", given)) == rows
    vague = replace(code, id="a.yaml#Api", account=None)
    assert len(written(tmp_path / "vague", pack([vague], HERE, planned=planned))) == 0


def test_a_repository_that_is_no_primary_is_left_out(tmp_path):
    assert written(tmp_path / "pack", pack([THERE], {(WEST, "api"): Listing(())})) == []


def test_hostile_names_stay_in_the_folder_and_apart(tmp_path):
    names = ["../../etc", "..", "a/b", "a-b", "\x00", "A/B", "x" * 400, "con\n"]
    given = pack([reports.repository(name) for name in names], {(EAST, name): Listing((image(1),)) for name in names})
    rows = written(tmp_path / "pack", given)
    assert len({row["file"].lower() for row in rows}) == len(names)
    assert all((tmp_path / "pack" / row["file"]).resolve().parent == tmp_path / "pack" / "digests" for row in rows)
    assert seal.verify(tmp_path / "pack").problems == ()


def test_large_repositories_are_written_line_by_line(tmp_path, monkeypatch):
    """The lines of a list are never held together."""
    held = []
    real = evidence_pack._Standby.line

    def line(self, one):
        held.append(sum(path.stat().st_size for path in tmp_path.rglob("*.jsonl")))
        return real(self, one)

    monkeypatch.setattr(evidence_pack._Standby, "line", line)
    images = Listing(tuple(image(number) for number in range(3000)))
    [row] = written(tmp_path / "pack", pack([API, THERE], {(EAST, "api"): images, (WEST, "api"): images}))
    assert row["in_standby"]["yes"] == 3000
    assert 0 < held[1500] < held[-1]


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return stop.value.code, done.out, done.err

    return call


@pytest.fixture(scope="module")
def sealed(demo, tmp_path_factory):
    """Return a pack of the demo estate, by a few rules, and a second one of the same scan."""
    folder = tmp_path_factory.mktemp("packs")
    options = ["--config", str(demo / "regionproof.yaml"), "--select", "repository"]
    for name in ("pack", "twin"):
        with pytest.raises(SystemExit):
            main(
                [
                    "scan",
                    str(demo / "snapshot"),
                    *options,
                    "-o",
                    str(folder / f"{name}.txt"),
                    "--evidence",
                    str(folder / name),
                ]
            )
    return folder / "pack"


def test_a_pack_holds_what_an_auditor_asks_for(sealed, demo):
    there = {path.name for path in sealed.iterdir()}
    assert there >= {"digests", "coverage.json", "gaps.json", "rules.json", "exemptions.json", "inputs.json"}
    assert there >= {
        f"report{REPORTERS[name].suffix}" for name in ("json", "table", "html", "markdown") if name in REPORTERS
    }
    report = json.loads((sealed / "report.json").read_text())
    assert (sealed / "configuration" / "regionproof.yaml").read_bytes() == (demo / "regionproof.yaml").read_bytes()
    rules = json.loads((sealed / "rules.json").read_text())
    assert {rule["id"] for rule in rules} == set(report["rules"])
    source = Path("rules") / rules[0]["file"]
    assert rules[0]["sha256"] == hashlib.sha256((Path(__file__).parents[1] / source).read_bytes()).hexdigest()
    assert json.loads((sealed / "coverage.json").read_text()) == report["coverage"]
    gaps = json.loads((sealed / "gaps.json").read_text())
    assert "ecr:DescribeImages" in {row["operation"] for row in gaps}
    [snapshot] = (sealed / "inputs").iterdir()
    assert snapshot.read_bytes() == (demo / "snapshot" / "snapshot.json").read_bytes()
    rows = [json.loads(line) for line in (sealed / "digests.jsonl").read_text().splitlines()]
    assert {state for row in rows for state, count in (row["in_standby"] or {}).items() if count} == {
        "yes",
        "no",
        "unknown",
    }


def test_the_same_scan_gives_the_same_bytes(sealed):
    twin = sealed.parent / "twin"
    names = sorted(path.relative_to(sealed) for path in sealed.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(twin) for path in twin.rglob("*") if path.is_file())
    assert all((sealed / name).read_bytes() == (twin / name).read_bytes() for name in names)


def test_verify_says_that_nothing_differs(run, sealed):
    code, out, _ = run("verify", sealed)
    assert code == 0
    assert out.splitlines()[1] == f"seal {json.loads((sealed / 'manifest.json').read_text())['seal']}"


def flipped(pack):
    path = pack / "report.json"
    path.write_bytes(path.read_bytes().replace(b'"fail"', b'"pass"', 1))


def manifest(change):
    def apply(pack):
        path = pack / "manifest.json"
        document = json.loads(path.read_text())
        change(document)
        files = ",\n".join(f"  {json.dumps(entry)}" for entry in document.pop("files"))
        last = document.pop("seal")
        head = "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in document.items())
        path.write_text(f'{{\n{head}"files": [\n{files}\n],\n"seal": {json.dumps(last)}\n}}\n')

    return apply


def entry(**fields):
    return {"path": "x", "bytes": 1, "sha256": "0" * 64, "chain": "0" * 64} | fields


def outside(path):
    def apply(pack):
        (pack.parent / "secret").write_text("s")
        manifest(lambda document: document["files"].append(entry(path=path)))(pack)

    return apply


def rewritten(pack):
    """Change a file, and its hash in the manifest."""
    (pack / "README.txt").write_text("Nothing to see.\n")
    digest = hashlib.sha256((pack / "README.txt").read_bytes()).hexdigest()

    def change(document):
        for each in document["files"]:
            if each["path"] == "README.txt":
                each.update(bytes=16, sha256=digest)

    manifest(change)(pack)


def linked(pack):
    shutil.copytree(pack / "digests", pack.parent / "elsewhere")
    shutil.rmtree(pack / "digests")
    (pack / "digests").symlink_to(pack.parent / "elsewhere")


DIFFERENT = {
    "a verdict is another": (flipped, "report.json: its SHA-256 is"),
    "a file is longer": (lambda pack: (pack / "README.txt").write_text("x"), "README.txt: has"),
    "a file is missing": (lambda pack: (pack / "rules.json").unlink(), "rules.json: missing"),
    "a file is added": (lambda pack: (pack / "digests" / "x").write_text(""), "digests/x: not in the manifest"),
    "a folder is added": (lambda pack: (pack / "empty").mkdir(), "empty: not in the manifest"),
    "a pipe is added": (lambda pack: os.mkfifo(pack / "pipe"), "pipe: not in the manifest"),
    "a file became a pipe": (
        lambda pack: ((pack / "rules.json").unlink(), os.mkfifo(pack / "rules.json")),
        "rules.json: not in the manifest",
    ),
    "a file became a link": (
        lambda pack: (
            (pack / "rules.json").rename(pack.parent / "r.json"),
            (pack / "rules.json").symlink_to(pack.parent / "r.json"),
        ),
        "rules.json: a link",
    ),
    "a folder became a link": (linked, "digests: a link"),
    "a hash was mended": (rewritten, "README.txt: its link does not follow"),
    "the seal is another": (manifest(lambda document: document.update(seal="0" * 64)), "the seal does not fit"),
    "the time is another": (manifest(lambda document: document.update(as_of="2027")), "the seal does not fit"),
    "files are in another order": (manifest(lambda document: document["files"].reverse()), "its link does not follow"),
    "a file is listed twice": (
        manifest(lambda document: document["files"].append(document["files"][0])),
        "listed twice",
    ),
    "a path leads upwards": (outside("../secret"), "../secret: leads out of the pack"),
    "a path is absolute": (outside("/etc/passwd"), "/etc/passwd: leads out of the pack"),
    "a path has a drive": (outside("C:\\x"), "C:\\x: leads out of the pack"),
    "the manifest is laid out otherwise": (
        lambda pack: (pack / "manifest.json").write_text(json.dumps(json.loads((pack / "manifest.json").read_text()))),
        "manifest.json: not as it was written",
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_whatever_was_done_to_a_pack_is_told(run, sealed, tmp_path, name):
    do, words = DIFFERENT[name]
    shutil.copytree(sealed, tmp_path / "pack")
    do(tmp_path / "pack")
    code, out, _ = run("verify", "pack")
    assert code == 1
    assert words in out
    problems = len(out.splitlines()) - 1
    assert out.endswith(f"not as it was sealed: {problems} difference{'' if problems == 1 else 's'}\n")


NO_PACK = {
    "no folder": (lambda pack: shutil.rmtree(pack), "no such folder"),
    "no manifest": (lambda pack: (pack / "manifest.json").unlink(), "No such file"),
    "a link for a manifest": (
        lambda pack: (
            (pack / "manifest.json").rename(pack.parent / "m"),
            (pack / "manifest.json").symlink_to(pack.parent / "m"),
        ),
        "no regular file",
    ),
    "no JSON": (lambda pack: (pack / "manifest.json").write_text("{"), "no manifest of an evidence pack"),
    "deep JSON": (lambda pack: (pack / "manifest.json").write_text("[" * 10**5), "no manifest of an evidence pack"),
    "something else": (manifest(lambda document: document.update(kind="npm")), "no manifest of an evidence pack"),
    "of the future": (manifest(lambda document: document.update(schema_version="2.0.0")), "version 2.0.0"),
    "a size that is none": (manifest(lambda document: document["files"][0].update(bytes="1")), "no manifest"),
}


@pytest.mark.parametrize("name", NO_PACK)
def test_what_is_no_pack_is_refused_as_usage(run, sealed, tmp_path, name):
    do, words = NO_PACK[name]
    shutil.copytree(sealed, tmp_path / "pack")
    do(tmp_path / "pack")
    code, out, error = run("verify", "pack")
    assert (code, out) == (2, "")
    assert words in error


WEB = "Resources: {web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: web}}}\n"


@pytest.mark.parametrize("kind", ["full", "file", "link"])
def test_a_pack_is_never_mixed_with_anything(run, tmp_path, kind):
    Path("web.yaml").write_text(WEB)
    Path("there").mkdir()
    place = {"full": Path(), "file": Path("web.yaml"), "link": Path("link")}[kind]
    Path("link").symlink_to("there")
    code, out, error = run("scan", "web.yaml", "--evidence", place)
    assert (code, out) == (2, "")
    assert "Choose" in error


def test_an_empty_folder_will_do(run):
    Path("web.yaml").write_text(WEB)
    Path("pack").mkdir()
    assert run("scan", "web.yaml", "--evidence", "pack", "-o", "out.txt")[0] == 0
    assert run("verify", "pack")[0] == 0


def test_a_pack_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evidence_pack, "seal", full)
    with pytest.raises(OutputError, match="No space left"):
        evidence_pack.write(tmp_path / "pack", pack([API], {}))
    assert list(tmp_path.iterdir()) == []


def test_a_pack_tells_of_the_configuration_that_was_used(tmp_path):
    path = tmp_path / "regionproof.yaml"
    path.write_text("version: 1\n")
    given = evidence_pack.Pack(reports.nothing(), pack([], {}).model, Config(path=str(path), sha256="0" * 64), ())
    with pytest.raises(OutputError, match="changed while the scan ran"):
        evidence_pack.write(tmp_path / "pack", given)
    assert not (tmp_path / "pack").exists()


def test_the_place_is_looked_at_again_before_it_is_taken(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "x").write_text("")
    with pytest.raises(UsageError):
        evidence_pack.write(tmp_path / "pack", pack([], {}))


def test_hostile_reports_are_packed(tmp_path):
    given = evidence_pack.Pack(replace(reports.hostile(), inputs=()), pack([], {}).model, Config(), ())
    evidence_pack.write(tmp_path / "pack", given)
    assert seal.verify(tmp_path / "pack").problems == ()


def test_a_snapshot_that_is_not_the_one_that_was_scanned_is_refused(tmp_path):
    (tmp_path / "snapshot.json").write_text("{}")
    report = replace(reports.nothing(), inputs=(Input("snapshot", str(tmp_path), "0" * 64),))
    with pytest.raises(OutputError, match="changed while it was scanned"):
        evidence_pack.write(tmp_path / "pack", evidence_pack.Pack(report, pack([], {}).model, Config(), ()))


def test_repositories_that_may_exist_unseen_are_told(tmp_path):
    given = pack([API, THERE], HERE, gaps=[denied("AWS::ECR::Repository", EAST)])
    first, second = written(tmp_path / "pack", given)
    assert first["repository"] == "api"
    assert (second["repository"], second["region"], second["in_standby"]) == (None, "us-east-1", None)
    assert "may exist unseen" in second["reason"]


def test_a_place_is_written_as_in_the_report(tmp_path):
    other = Place("444455556666", "us-west-2")
    [row] = written(tmp_path / "pack", pack([API], HERE, pairs=(Pair(EAST, other),), scanned=(EAST, other)))
    assert row["standby"] == {"account_id": "444455556666", "region": "us-west-2"}
    assert row["standby_repository"] == "absent"
