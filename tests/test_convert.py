"""A JSON report read again is the report that was written: every format made of it has the same bytes."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import drills
import pytest
import reports
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import console
from scanner.cli import main
from scanner.errors import RegionproofError, ReportError, UsageError
from scanner.finding import Baseline, BaselineState, BrokenRule, Checkout, Fate, Former, Origin, Tier
from scanner.model import Location, Place, Unknown
from scanner.report_file import load, read
from scanner.reporters import REPORTERS
from scanner.scan import scan


def written(report, format="json", **options):
    out = io.StringIO()
    REPORTERS[format].write(report, out, **options)
    return out.getvalue()


def again(report):
    return read("report.json", written(report).encode()).report


def everything():
    """Return a report in which every field of every type holds something."""
    sample = reports.sample()
    first, *rest = sample.findings
    called = Location("infra/x.yaml", 9, through=(Location("main.tf", 3), Location("mod/a.tf", 4)))
    tagged = reports.repository("t", tags={"a": "1", "b": Unknown("denied")})
    related = (reports.templated("billing/a b", "infra/x.yaml", 3), reports.repository("u", tags={"c": "2"}))
    nowhere = reports.repository("n", locations={"/Policy": called})
    findings = [
        replace(first, origin=Origin.CHANGE, baseline_state=BaselineState.NEW, related=related, path=reports.PATH),
        reports.finding(reports.INFO_RULE, first.status, tagged, "Tags."),
        reports.finding(reports.INFO_RULE, first.status, nowhere, "A file says it, and not where.", pointer="/Tags"),
        *rest,
    ]
    former = tuple(Former(replace(f, baseline_state=BaselineState.ABSENT), Fate.GONE, "Gone.") for f in rest[:2])
    return replace(
        sample,
        checkout=Checkout("ops/", "https://github.com/acme/estate", "0f" * 20, None),
        findings=tuple(findings),
        unseen=(Place(None, "eu-west-1"),),
        broken_rules=(BrokenRule(reports.POLICY_RULE.id, "ValueError: no", 1),),
        changed_since="main",
        not_shown=3,
        recoveries=tuple(one.outline() for one in drills.sample().drill.recoveries),
        tiers=(Tier("tier-0", timedelta(hours=1), None, "payments", "warm-standby", ("arn:aws:ecs:x",)),),
        coverage=tuple(replace(row, reused=1, reused_from="2026-01-01T00:00:00Z") for row in sample.coverage),
        baseline=Baseline("old.json", "0" * 64, "a798c24e-313e-5b0a-a58c-23be53169fd3", sample.as_of, former),
    )


OPTIONS = [(name, {}) for name in REPORTERS] + [
    ("sarif", {"profile": "full"}),
    ("table", {"controls": ("nist-800-53",), "width": 140}),
]


@pytest.fixture(scope="module")
def estate(demo):
    config = console.read_config(str(demo / "regionproof.yaml"))
    paths = [demo / "snapshot", demo / "infra"]
    report = scan(paths, console.chosen_rules(config, (), python=True), config, reports.AS_OF)
    return report, again(report)


@pytest.mark.parametrize(("format", "options"), OPTIONS)
def test_the_demo_is_the_same_in_every_format(estate, format, options):
    report, read_again = estate
    assert written(read_again, format, **options) == written(report, format, **options)


@pytest.mark.parametrize("make", [reports.sample, reports.clean, reports.nothing, everything])
@pytest.mark.parametrize(("format", "options"), OPTIONS)
def test_every_field_comes_through(make, format, options):
    assert written(again(make()), format, **options) == written(make(), format, **options)


@pytest.mark.parametrize("format", REPORTERS)
def test_a_hostile_report_comes_through(format):
    """JSON cannot hold a lone surrogate: from then on it is the text of an escape."""
    once = again(reports.hostile())
    assert written(again(once), format) == written(once, format)
    assert written(once) == written(reports.hostile())


LATER = {
    "1.0.0": ("unseen", "baseline", "former_failures", "changed_since", "broken_rules", "controls"),
    "1.1.0": ("unseen", "baseline", "former_failures", "changed_since"),
    "1.2.0": ("unseen", "baseline", "former_failures"),
}
LATER_OF_FINDINGS = {"1.0.0": ("origin", "baseline_state"), "1.1.0": ("origin", "baseline_state")}


@pytest.mark.parametrize("version", LATER)
def test_reports_of_older_versions_are_read(version):
    document = json.loads(written(reports.sample()))
    document["schema_version"] = version
    for key in LATER[version]:
        del document[key]
    document["summary"].pop("not_shown" if version == "1.0.0" else "by_baseline_state")
    for finding in document["findings"]:
        for key in LATER_OF_FINDINGS.get(version, ("baseline_state",)):
            del finding[key]
        for resource in (finding["resource"], *finding["related"]):
            del resource["location"]
        for resource in finding["related"]:
            del resource["tags"]
    for row in document["coverage"] if version == "1.0.0" else ():
        for key in ("reused", "reused_from", "left_out", "left_out_reason"):
            del row[key]
    found = read("old.json", json.dumps(document).encode()).report
    assert written(found, "table") == written(reports.sample(), "table")


def test_a_newer_minor_version_may_say_more():
    document = json.loads(written(reports.sample())) | {"schema_version": "1.99.0", "future": [1]}
    document["findings"][0]["future"] = {"a": 1}
    assert written(read("new.json", json.dumps(document).encode()).report) == written(reports.sample())


def damaged(change):
    document = json.loads(written(reports.sample()))
    change(document)
    return json.dumps(document).encode()


def of(*keys, to):
    def change(document):
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = to

    return change


NOT_A_REPORT = [
    (b"", "no JSON report"),
    (b"rules: []\n", "no JSON report"),
    (b"[" * 100_000, "no JSON report"),
    (b'{"runs": []}', "no JSON report"),
    (b'{"schema_version": "1.0.0", "findings": [], "\xff": 1}', "no JSON report"),
    (damaged(of("schema_version", to="2.0.0")), "schema version 2.0.0"),
]
DAMAGED = [
    (of("findings", 3, "status", to="fial"), "findings.3.status: 'fial'"),
    (of("findings", 0, "message", to=None), "findings.0.message: text was expected, not nothing"),
    (of("findings", to={}), "findings: a list was expected"),
    (of("findings", 0, "resource", "name", to=1), "findings.0.resource.name"),
    (of("findings", 0, "resource", to=[]), "findings.0.resource"),
    (of("findings", 0, "counterpart", "region", to=7), "findings.0.counterpart.region"),
    (of("coverage", 0, "calls", to=-1), "coverage.0.calls"),
    (of("as_of", to="yesterday"), "as_of"),
    (of("as_of", to="2026-11-20T06:00:00"), "as_of"),
    (of("exemptions", 0, "expires", to="2026-02-30"), "expires"),
    (of("config_sha256", to="x"), "config_sha256"),
    (of("pairs", 0, "rpo_seconds", to=10**18), "damaged"),
    (of("schema_version", to="1.x"), "schema_version"),
    (of("findings", 0, "rule_id", to="nobody"), "rule 'nobody', which is not among the rules"),
    (of("broken_rules", to=[{"rule_id": "nobody", "reason": "", "subjects": 1}]), "'nobody' is not among the rules"),
    (lambda document: document.pop("coverage"), "'coverage' is a required property"),
    (lambda document: document["findings"].append(document["findings"][0]), "two findings have the fingerprint"),
]


@pytest.mark.parametrize(("data", "words"), NOT_A_REPORT)
def test_other_files_are_refused_as_usage(data, words):
    with pytest.raises(UsageError, match=words):
        read("given.json", data)


@pytest.mark.parametrize(("change", "words"), DAMAGED)
def test_a_damaged_report_is_refused_with_the_place(change, words):
    with pytest.raises(ReportError) as refused:
        read("given.json", damaged(change))
    assert str(refused.value).startswith("given.json: ")
    assert words in str(refused.value)
    assert refused.value.hint


WHOLE = written(reports.sample()).encode()


def test_a_report_may_be_wrong_in_two_ways():
    with pytest.raises(ReportError, match="damaged or was cut short"):
        read("cut.json", WHOLE[:-3].replace(b'"scan_id": "', b'"scan_id": 1, "x": "', 1))


@given(st.integers(0, len(WHOLE) - 3))
def test_a_report_that_was_cut_short_is_never_read(length):
    with pytest.raises(RegionproofError):
        read("cut.json", WHOLE[:length])


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=40)
@given(st.data())
def test_whatever_stands_in_a_report_it_is_read_or_refused(data):
    document = json.loads(WHOLE)
    node = document
    for _ in range(data.draw(st.integers(1, 5))):
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], (dict, list)) or not node[key]:
            break
        parent, node = node, node[key]
    else:
        node = parent
    node[key] = data.draw(ANY)
    try:
        found = read("any.json", json.dumps(document).encode()).report
    except RegionproofError:
        return
    for format in REPORTERS:
        written(found, format)


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("report.json").write_bytes(WHOLE)

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return stop.value.code, done.out, done.err

    return call


def test_convert_writes_what_was_asked_for(run):
    done = run("convert", "report.json", "--format", "sarif=out.sarif,json", "-o", "out.json")
    assert done == (0, "", "Written to out.sarif, out.json.\n")
    assert Path("out.json").read_bytes() == WHOLE
    assert Path("out.sarif").read_text() == written(reports.sample(), "sarif")
    assert run("convert", "report.json")[1] == written(reports.sample(), "table", width=100)


def test_convert_takes_the_options_of_each_format(run):
    table = written(reports.sample(), "table", width=100, group_by="workload", controls=("soc-2",))
    assert run("convert", "report.json", "--group-by", "workload", "--controls", "soc-2")[1] == table
    assert table != written(reports.sample(), "table", width=100, controls=("soc-2",))
    markdown = written(reports.sample(), "markdown", markdown_for="comment")
    assert run("convert", "report.json", "--format", "markdown", "--markdown-for", "comment")[1] == markdown


@pytest.mark.parametrize("output", ["-", "out.sarif"])
def test_convert_warns_of_a_part_as_sarif(run, output):
    Path("part.json").write_text(written(replace(reports.sample(), not_shown=1)))
    code, _, said = run("convert", "part.json", "--format", "sarif", "-o", output)
    assert code == 0
    assert said.startswith("sarif: 1 verdict not shown. An upload closes ")
    assert run("convert", "part.json", "--format", "sarif,json", "-o", "x/", "--sarif-category", "mine")[2] == (
        "Written to x: regionproof.sarif, regionproof.json.\n"
    )


def test_convert_reads_standard_input(run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(WHOLE)))
    assert run("convert", "-", "--format", "json")[:2] == (0, WHOLE.decode())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.json"], 2, "No such file"),
        (["."], 2, "Is a directory"),
        (["report.json", "--format", "xml"], 2, "unknown format 'xml'"),
        (["report.json", "--controls", "nist"], 2, "no framework 'nist'"),
        (["cut.json"], 4, "cut short"),
    ],
)
def test_convert_complains_in_plain_words(run, arguments, code, words):
    Path("cut.json").write_bytes(WHOLE[:5000])
    found = run("convert", *arguments)
    assert found[:2] == (code, "")
    assert words in found[2]


def test_a_device_is_written_into_and_stays(run):
    Path("sink").symlink_to("/dev/null")
    assert run("convert", "report.json", "-o", "sink")[0] == 0
    assert Path("sink").is_symlink()


def test_a_report_is_known_by_its_bytes(tmp_path):
    (tmp_path / "a.json").write_bytes(WHOLE)
    found = load(tmp_path / "a.json")
    assert found.scan_id == json.loads(WHOLE)["scan_id"]
    assert len(found.sha256) == 64


def test_a_report_of_before_the_drill_is_read_and_stays_one():
    before = replace(reports.sample(), recoveries=None)
    assert "recoveries" not in json.loads(written(before))
    assert again(before).recoveries is None
    assert written(again(before)) == written(before)
