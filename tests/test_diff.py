"""Two reports compared: only what was judged again is fixed, and a failure that nobody looked for is never so."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import reports
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from reports import ACCOUNT, EAST, WEST, finding, repository

from scanner.assets import schema
from scanner.cli import main
from scanner.comparison import Kind, compare, former, known, state
from scanner.finding import (
    Baseline,
    BaselineState,
    BrokenRule,
    Counterpart,
    Coverage,
    Exemption,
    Fate,
    Finding,
    Former,
    Input,
    Severity,
    Status,
)
from scanner.model import Location, Place, Properties
from scanner.model import Resource as Subject
from scanner.reporters import REPORTERS, differences

PASS, FAIL, UNKNOWN, NA = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE
RULE = reports.PARITY_RULE
API = repository("api")
NORTH = Place(ACCOUNT, "eu-north-1")
ROWS = tuple(Coverage(*place, "ecr", "ecr:DescribeRepositories", "complete", 1) for place in (EAST, WEST))


def one(status=FAIL, subject=API, message="It differs.", **fields):
    return finding(RULE, status, subject, message, **fields)


def report(*findings, **fields):
    values = {"rules": (RULE,), "coverage": ROWS, "findings": findings, "config_sha256": "0" * 64, **fields}
    return replace(reports.nothing(), **values)


def coded(name="api", path="infra/a.yaml"):
    return repository(name, locations={"": Location(path, 3)}, operations=(), observed_at=None)


def hiding(place, path=None):
    """Return the verdict about what a gap may hide."""
    id = path or f"aws://{place.account}/{place.region}"
    account, region = place or (None, None)
    return one(UNKNOWN, Subject("AWS::ECR::Repository", id, None, account, region, Properties()), "May exist unseen.")


def file(path, status="complete", message=""):
    return Coverage("", "", "file", path, status, 1, message=message)


def elsewhere(region="eu-north-1"):
    return Counterpart(ACCOUNT, region, None, False)


EXEMPTED = Exemption(RULE.id, "*", "Later", "me", reports.WAIVED.expires)
CODE = report(one(subject=coded()), coverage=(file("infra/a.yaml"),), inputs=(Input("iac", "infra", "0" * 64),))
NOWHERE_CODE = replace(CODE, coverage=(), inputs=(Input("iac", "other", "0" * 64),), findings=())
PARTLY = repository("api", locations={"/Policy": Location("infra/a.yaml", 9)})
REGION = Subject("AWS::Account::Region", f"aws://{ACCOUNT}/us-east-1", "us-east-1", *EAST, Properties())
TIER = Subject("Regionproof::Recovery::Tier", "tier-0", "tier-0", None, None, Properties())

CASES = {
    "a failure that was not there": (report(), report(one()), Kind.NEW, "It was not found before."),
    "a failure that passed": (report(one(PASS)), report(one()), Kind.NEW, "The verdict was pass before."),
    "a failure that was undecided": (report(one(UNKNOWN)), report(one()), Kind.NEW, "The verdict was unknown before."),
    "a failure of a rule that did not run": (report(rules=()), report(one()), Kind.NEW, "The rule did not run before."),
    "a failure where nobody looked": (
        report(coverage=ROWS[1:]),
        report(one()),
        Kind.NEW,
        "The account and Region were not scanned before.",
    ),
    "a failure that is worse": (
        report(replace(one(), severity=Severity.LOW)),
        report(one()),
        Kind.NEW,
        "It was low before.",
    ),
    "an exemption that ended": (
        report(one(exemption=EXEMPTED)),
        report(one()),
        Kind.NEW,
        "The exemption until 2027-03-01 covers it no longer.",
    ),
    "the same finding passes": (report(one()), report(one(PASS, message="Fine.")), Kind.FIXED, "Fine."),
    "the subject passes": (report(one(pointer="/A")), report(one(PASS, message="Fine.")), Kind.FIXED, "Fine."),
    "one of two failures is left": (
        report(one(pointer="/A"), one(pointer="/B")),
        report(one(pointer="/B")),
        Kind.FIXED,
        "It is not among the failures of the resource any more.",
    ),
    "it is less bad": (
        report(one()),
        report(replace(one(), severity=Severity.LOW)),
        Kind.CHANGED,
        "medium -> low",
    ),
    "it says something else": (report(one()), report(one(message="No.")), Kind.CHANGED, "it said: It differs."),
    "it is exempted": (
        report(one()),
        report(one(exemption=EXEMPTED)),
        Kind.CHANGED,
        "exempted until 2027-03-01",
    ),
    "it is undecided for another reason": (
        report(one(UNKNOWN, message="Denied.")),
        report(one(UNKNOWN, message="Throttled.")),
        Kind.CHANGED,
        "it said: Denied.",
    ),
    "what was undecided passes": (report(one(UNKNOWN)), report(one(PASS)), Kind.CHANGED, "unknown -> pass"),
    "what was undecided elsewhere passes": (
        report(one(UNKNOWN, pointer="/A")),
        report(one(PASS)),
        Kind.CHANGED,
        "It can be decided now.",
    ),
    "a failure cannot be decided": (report(one()), report(one(UNKNOWN, message="Denied.")), Kind.UNDECIDED, "Denied."),
    "a pass cannot be decided": (report(one(PASS)), report(one(UNKNOWN, message="No.")), Kind.UNDECIDED, "No."),
    "nothing of the subject can be decided": (
        report(one(pointer="/A")),
        report(one(UNKNOWN, message="Denied.")),
        Kind.UNDECIDED,
        "Denied.",
    ),
    "a part of the subject cannot be decided": (
        report(one(pointer="/A")),
        report(one(UNKNOWN, message="Denied.", pointer="/B"), one(PASS, pointer="/C")),
        Kind.UNDECIDED,
        "Denied.",
    ),
    "a new subject cannot be decided": (report(), report(one(UNKNOWN, message="No.")), Kind.UNDECIDED, "No."),
    "the subject may exist unseen": (report(one()), report(hiding(EAST)), Kind.UNDECIDED, "May exist unseen."),
    "the rule failed": (
        report(one()),
        report(broken_rules=(BrokenRule(RULE.id, "ValueError: no", 1),)),
        Kind.UNDECIDED,
        "The rule failed: ValueError: no.",
    ),
    "its file is broken": (
        CODE,
        replace(CODE, findings=(), coverage=(file("infra/a.yaml", "failed", "line 3: a tab"),)),
        Kind.UNDECIDED,
        "'infra/a.yaml' was not read in full: line 3: a tab.",
    ),
    "the resource is gone": (report(one()), report(), Kind.GONE, "The resource is not there any more."),
    "it was undecided, and is gone": (
        report(one(UNKNOWN)),
        report(),
        Kind.GONE,
        "The resource is not there any more.",
    ),
    "a Region is gone": (
        report(one(UNKNOWN, REGION)),
        report(),
        Kind.GONE,
        "The resource is not there any more.",
    ),
    "a failure of what has no name is gone": (
        report(one(subject=replace(REGION, name=None))),
        report(),
        Kind.GONE,
        "The resource is not there any more.",
    ),
    "another that has no name passes": (
        report(one(subject=replace(API, name=None))),
        report(one(PASS, replace(repository("other"), name=None))),
        Kind.GONE,
        "The resource is not there any more.",
    ),
    "it was undecided, has no name, and is gone": (
        report(one(UNKNOWN, replace(API, name=None))),
        report(),
        Kind.GONE,
        "The resource is not there any more.",
    ),
    "what is in no Region is gone": (
        report(one(subject=replace(API, region=None))),
        report(),
        Kind.GONE,
        "The resource is not there any more.",
    ),
    "the account of what is in no Region was not scanned": (
        report(one(subject=replace(API, region=None, account=reports.OTHER))),
        report(),
        Kind.NOT_SCANNED,
        "The account and Region were not scanned.",
    ),
    "the rule is not about it any more": (
        report(one()),
        report(one(NA, message="Out of scope.", counterpart=None)),
        Kind.GONE,
        "The rule is not about it any more: Out of scope.",
    ),
    "the same finding is not applicable": (
        report(one()),
        report(one(NA, message="Out of scope.")),
        Kind.GONE,
        "The rule is not about it any more: Out of scope.",
    ),
    "its code is gone": (
        CODE,
        replace(CODE, findings=()),
        Kind.GONE,
        "No file that was scanned declares it any more.",
    ),
    "its file is gone": (
        CODE,
        replace(CODE, findings=(), coverage=(file("infra/b.yaml"),)),
        Kind.GONE,
        "No file that was scanned declares it any more.",
    ),
    "the tier is not declared": (report(one(subject=TIER)), report(), Kind.GONE, "It is not declared any more."),
    "the rule did not run": (report(one()), report(rules=()), Kind.NOT_SCANNED, "The rule did not run."),
    "the place was not scanned": (
        report(one()),
        report(coverage=ROWS[1:]),
        Kind.NOT_SCANNED,
        "The account and Region were not scanned.",
    ),
    "its file was not scanned": (CODE, NOWHERE_CODE, Kind.NOT_SCANNED, "'infra/a.yaml' was not scanned."),
    "its file was not scanned, which only another property names": (
        replace(CODE, findings=(one(subject=PARTLY, pointer="/Tags"),)),
        NOWHERE_CODE,
        Kind.NOT_SCANNED,
        "'infra/a.yaml' was not scanned.",
    ),
    "no configuration": (
        report(one(subject=TIER)),
        report(config_sha256=None),
        Kind.NOT_SCANNED,
        "No configuration was read.",
    ),
    "the pair is another": (
        report(one()),
        report(one(PASS, counterpart=elsewhere())),
        Kind.NOT_SCANNED,
        f"It is no longer compared with '{ACCOUNT}/us-west-2'.",
    ),
    "the newer report is narrowed": (
        report(one()),
        report(not_shown=1),
        Kind.NOT_SCANNED,
        "The newer report is narrowed and does not show all verdicts.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_kinds(name):
    old, new, kind, reason = CASES[name]
    assert [(each.kind, each.reason) for each in compare(old, new).differences] == [(kind, reason)]


SILENT = {
    "nothing changed": (report(one()), report(one())),
    "still undecided": (report(one(UNKNOWN)), report(one(UNKNOWN))),
    "a pass says something else": (report(one(PASS)), report(one(PASS, message="Still."))),
    "a subject that passes is gone": (report(one(PASS)), report()),
    "a new subject passes": (report(), report(one(PASS))),
    "a new failure is exempted": (report(), report(one(exemption=EXEMPTED))),
    "a gap is closed": (report(hiding(EAST)), report()),
    "a gap is opened, which the coverage says": (report(), report(hiding(EAST))),
    "still undecided, elsewhere in the subject": (report(one(UNKNOWN, pointer="/A")), report(one(UNKNOWN))),
}


@pytest.mark.parametrize("name", SILENT)
def test_what_is_no_difference(name):
    assert compare(*SILENT[name]).differences == ()


@pytest.mark.parametrize(
    ("subject", "gap", "kind"),
    [
        (API, hiding(WEST), Kind.GONE),
        (API, hiding(Place(ACCOUNT, "us-east-1")), Kind.UNDECIDED),
        (API, hiding(Place(None, "us-east-1")), Kind.UNDECIDED),
        (API, hiding(Place(reports.OTHER, "us-east-1")), Kind.GONE),
        (API, hiding(None, "infra/b.yaml"), Kind.GONE),
        (coded(), hiding(None, "infra/b.yaml"), Kind.UNDECIDED),
    ],
)
def test_a_gap_hides_what_may_be_in_it(subject, gap, kind):
    before = report(one(subject=subject), coverage=(*ROWS, file("infra/a.yaml")))
    after = replace(before, findings=(gap,))
    assert kind in [each.kind for each in compare(before, after).differences if each.before]


def test_a_region_that_was_switched_off_was_looked_at():
    off = Coverage(NORTH.account, NORTH.region, "account", "account:ListRegions", "not enabled", 0, message="DISABLED")
    before = report(one(subject=repository("api", NORTH)), coverage=(replace(ROWS[0], region=NORTH.region),))
    assert compare(before, report(coverage=(off,))).differences[0].kind is Kind.GONE


def test_former_failures_are_those_that_fail_no_more():
    fates = {
        name: [each.fate.value for each in former(compare(old, new).differences)]
        for name, (old, new, *_) in CASES.items()
    }
    for name, (old, _, kind, _) in CASES.items():
        failed = any(finding.status is FAIL for finding in old.findings)
        assert fates[name] == ([kind.value] if failed and kind not in (Kind.NEW, Kind.CHANGED) else []), name


def test_failures_come_first_and_the_worst_of_them():
    subjects = [repository(name) for name in "abc"]
    low = replace(one(subject=subjects[1]), severity=Severity.LOW)
    old = report(one(PASS, subjects[0]), low, one(subject=subjects[2]))
    new = report(*(one(UNKNOWN, subject) for subject in subjects))
    assert [each.finding.resource.name for each in compare(old, new).differences] == ["c", "b", "a"]


def test_a_new_failure_is_told_as_it_is():
    assert compare(report(one(PASS)), report(one())).differences[0].finding == one()


def test_equal_reports_have_nothing_to_note():
    found = compare(reports.sample(), reports.sample())
    assert (found.differences, found.notes, found.worse, found.better) == ((), (), (), ())


def test_coverage_and_circumstances_are_compared():
    denied = Coverage(*WEST, "ecr", "ecr:DescribeImages", "failed", 1, errors=(("AccessDeniedException", 1),))
    old = report(coverage=(*ROWS, denied))
    new = report(
        rules=(reports.INFO_RULE,),
        coverage=(ROWS[0], file("a.yaml", "failed")),
        config_sha256=None,
        tool_version="0.2.0",
        as_of=old.as_of - timedelta(days=1),
    )
    found = compare(old, new)
    assert (found.rules_gone, found.rules_new) == ((RULE.id,), (reports.INFO_RULE.id,))
    assert (found.places_gone, found.places_new) == ((f"{ACCOUNT}/us-west-2",), ())
    assert [row.operation for row in found.worse] == ["a.yaml"]
    assert found.better == (denied,)
    assert [note.split(" ")[0] for note in found.notes] == ["The", "The", "regionproof"]


def test_states_against_a_baseline():
    assert state(None, one()) is BaselineState.NEW
    assert state(one(), one()) is BaselineState.UNCHANGED
    assert state(one(), one(message="More.")) is BaselineState.UPDATED
    assert state(one(), one(UNKNOWN)) is BaselineState.UPDATED
    assert state(one(PASS), one()) is BaselineState.NEW
    assert state(one(exemption=EXEMPTED), one()) is BaselineState.NEW
    assert state(one(), one(exemption=EXEMPTED)) is BaselineState.UPDATED
    assert state(replace(one(), severity=Severity.LOW), one()) is BaselineState.NEW
    assert state(replace(one(), severity=Severity.HIGH), one()) is BaselineState.UPDATED


def test_a_failure_that_stays_undecided_is_carried_from_scan_to_scan():
    undecided = one(UNKNOWN, message="Denied.")
    kept = (Former(one(), Fate.UNDECIDED, "Denied."), Former(one(pointer="/X"), Fate.FIXED, "Fine."))
    second = report(undecided, baseline=Baseline("1.json", "0" * 64, "x", reports.AS_OF, kept))
    assert known(second) == {one().fingerprint: one()}
    assert [each.fate for each in former(compare(second, report(undecided)).differences)] == [Fate.UNDECIDED]
    assert state(known(second)[one().fingerprint], one()) is BaselineState.UNCHANGED


def side(report):
    return differences.Side("a.json", "0" * 64, "a798c24e-313e-5b0a-a58c-23be53169fd3", report)


def test_json_is_what_the_schema_says():
    sources = [(each["$id"], Resource.from_contents(each)) for each in map(schema, ("report", "diff"))]
    validator = Draft202012Validator(schema("diff"), registry=Registry().with_resources(sources))
    for old, new, kind, _ in CASES.values():
        out = io.StringIO()
        differences.json(compare(old, new), (side(old), side(new)), out)
        document = json.loads(out.getvalue())
        assert [error.message for error in validator.iter_errors(document)] == []
        assert document["summary"][kind.value] == 1


@pytest.mark.parametrize("format", ["table", "json", "markdown"])
def test_hostile_text_is_inert(format):
    old, new = reports.nothing(), reports.hostile()
    out = io.StringIO()
    getattr(differences, format)(compare(old, new), (side(old), side(new)), out)
    text = out.getvalue()
    text.encode("utf-8")
    assert "\x1b" not in text
    if format != "json":
        assert not set(text) & {"\u202e", "\x00", "\u2028"}
    if format == "markdown":
        assert "<script" not in text
        assert "](" not in text


def test_markdown_says_what_a_failure_was_and_counts_one_as_one():
    failing = reports.finding(reports.DIGEST_RULE, Status.FAIL, reports.service("web"), "It was missing.")
    passing = replace(failing, status=Status.PASS, message="It is there.")
    worse = reports.finding(reports.DIGEST_RULE, Status.FAIL, reports.service("api"), "It is gone.")
    old, new = (replace(reports.clean(), findings=found) for found in ((failing,), (passing, worse)))
    out = io.StringIO()
    differences.markdown(compare(old, new), (side(old), side(new)), out)
    assert "1 new failure, 1 fixed, 0 changed" in out.getvalue()
    assert "It is there. Before: It was missing. |" in out.getvalue()


WEB = "Resources:\n  web:\n    Type: AWS::ECR::Repository\n    Properties: {RepositoryName: web}\n"
CONFIG = """\
version: 1
accounts: ["111122223333"]
pairs: [{primary: us-east-1, standby: us-west-2}]
iac: [{path: infra/east.yaml, region: us-east-1}, {path: infra/west.yaml, region: us-west-2}]
"""


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1763596800")
    Path("infra").mkdir()
    Path("regionproof.yaml").write_text(CONFIG)
    Path("infra/east.yaml").write_text(WEB)
    Path("infra/west.yaml").write_text(WEB.replace("web", "other"))

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return stop.value.code, done.out, done.err

    return call


def scanned(run, name, *options):
    return run("scan", "infra", "--select", "repository-exists-in-standby", "--format", f"json={name}", *options)[0]


def test_the_life_of_a_failure(run):
    assert scanned(run, "1.json") == 1
    assert scanned(run, "2.json", "--baseline", "1.json") == 1
    assert run("diff", "1.json", "2.json")[0] == 0

    Path("infra/east.yaml").write_text(WEB + WEB.replace("web", "api").removeprefix("Resources:\n"))
    assert scanned(run, "3.json", "--baseline", "2.json", "--new-only") == 1
    third = json.loads(Path("3.json").read_text())
    assert [(f["resource"]["name"], f["baseline_state"]) for f in third["findings"]] == [("api", "new")]
    assert third["summary"]["not_shown"] > 0
    assert scanned(run, "3.json") == 1
    assert run("diff", "1.json", "3.json")[0] == 1
    assert run("diff", "1.json", "3.json", "--fail-on", "never")[0] == 0

    Path("infra/west.yaml").write_text(Path("infra/east.yaml").read_text())
    assert scanned(run, "4.json", "--baseline", "3.json") == 0
    fourth = json.loads(Path("4.json").read_text())
    assert [(f["fate"], f["finding"]["baseline_state"]) for f in fourth["former_failures"]] == [("fixed", "absent")] * 2

    Path("infra/east.yaml").write_text(WEB + "  api: {\n")
    scanned(run, "5.json", "--baseline", "3.json")
    fifth = json.loads(Path("5.json").read_text())
    assert {f["fate"] for f in fifth["former_failures"]} == {"undecided"}


def test_a_known_failure_does_not_fail_the_build(run):
    scanned(run, "1.json")
    assert scanned(run, "2.json", "--baseline", "1.json", "--new-only") == 0
    text = run("scan", "infra", "--select", "repository-exists-in-standby", "--baseline", "1.json")[1]
    assert "failures: 0 new, 1 unchanged, 0 updated, 0 fixed" in " ".join(text.split())


def test_a_narrowed_report_is_no_baseline(run):
    scanned(run, "1.json")
    scanned(run, "2.json", "--baseline", "1.json", "--new-only")
    for arguments in (["scan", "infra", "--baseline", "2.json"], ["diff", "2.json", "1.json"]):
        code, _, error = run(*arguments)
        assert (code, "leaves out" in error) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["diff", "-", "-"], 2, "cannot share standard input"),
        (["diff", "none.json", "none.json"], 2, "No such file"),
        (["diff", "1.json", "regionproof.yaml"], 2, "no JSON report"),
        (["scan", "infra", "--new-only"], 2, "--baseline REPORT"),
        (["scan", "infra", "--baseline", "none.json"], 2, "No such file"),
        (["scan", "infra", "--baseline", "cut.json"], 4, "cut short"),
    ],
)
def test_mistakes_are_told(run, arguments, code, words):
    scanned(run, "1.json")
    Path("cut.json").write_bytes(Path("1.json").read_bytes()[:900])
    found = run(*arguments)
    assert (found[0], words in found[2]) == (code, True)


def sarif(report, profile):
    out = io.StringIO()
    REPORTERS["sarif"].write(report, out, profile=profile)
    return json.loads(out.getvalue())["runs"][0]


def test_sarif_carries_forward_what_could_not_be_decided():
    baseline = Baseline(
        "1.json",
        "0" * 64,
        "a798c24e-313e-5b0a-a58c-23be53169fd3",
        reports.AS_OF,
        (
            Former(one(pointer="/A", baseline_state=BaselineState.ABSENT), Fate.FIXED, "Fine."),
            Former(one(pointer="/B", baseline_state=BaselineState.ABSENT), Fate.UNDECIDED, "Denied."),
        ),
    )
    now = report(one(baseline_state=BaselineState.NEW), baseline=baseline)
    github = sarif(now, "github")
    assert [result["baselineState"] for result in github["results"]] == ["new", "unchanged"]
    assert github["results"][1]["properties"]["regionproof/carriedForward"] is True
    full = sarif(now, "full")
    assert [result["baselineState"] for result in full["results"]] == ["new", "absent", "absent"]
    assert full["baselineGuid"] == github["baselineGuid"]
    assert "baselineGuid" not in sarif(report(one()), "full")


def test_findings_are_matched_by_fingerprint_alone():
    moved = replace(one(), resource=replace(API, id="arn:aws:ecr:us-east-1:1:repository/renamed"))
    assert isinstance(moved, Finding)
    assert compare(report(one()), report(moved)).differences == ()
