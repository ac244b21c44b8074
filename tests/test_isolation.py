"""A rule that misbehaves harms its own verdicts and nobody else's."""

import gc
import json
import sys
import threading
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scanner import engine, testing
from scanner.cli import main
from scanner.config import Config
from scanner.finding import Status
from scanner.images import Image, ImageIndex, Listing, RepositoryKey
from scanner.model import Gap, Location, Model, Pair, Place, Resource, Unknown, guard
from scanner.rule import load_rule, load_rules
from scanner.timelimit import OverTime, TimeLimit
from scanner.verdict import Limits

ACCOUNT = "111122223333"
EAST, WEST = Place(ACCOUNT, "us-east-1"), Place(ACCOUNT, "us-west-2")
REPOSITORY = "AWS::ECR::Repository"
HEADER = """\
title: Repositories are judged
severity: high
resource: AWS::ECR::Repository
{more}
rationale: A rule made up to try the engine.
remediation: Nothing to do.
references: [https://example.com/]
examples: {{pass: [{{}}], fail: [{{}}], unknown: [{{}}]}}
"""
IMPORTS = """\
import sys
from scanner.model import InsufficientData, Resource
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
"""
SHORT = Limits(seconds=0.05, timeouts=2, outcomes=100)


@pytest.fixture
def rule(tmp_path):
    def write(body, name="made-up", more=""):
        path = tmp_path / f"{name}.py"
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        path.write_text(
            f'"""\n{HEADER.format(more=more)}"""\n{IMPORTS}def check(subject, model, parameters):\n{lines}\n'
        )
        return load_rule(name, path)

    return write


@pytest.fixture
def good(rule):
    return rule(
        "yield Evidence(facts=subject['Facts'][0], known=len(model.pairs))\n"
        "if subject['Bad']: yield Violation('It is bad.')",
        "good",
    )


def repository(name, place=EAST, **properties):
    id = f"arn:aws:ecr:{place.region}:{place.account}:repository/{name}"
    locations = {"": Location("infra/shop.yaml", 3)}
    return Resource(REPOSITORY, id, name, *place, guard(properties), tags={"team": "a"}, locations=locations)


def model():
    key = RepositoryKey(ACCOUNT, "us-east-1", "shop")
    return Model(
        [repository(name, Facts=[{"a": 1}], Bad=name == "web") for name in ("shop", "web", "job")],
        gaps=[Gap("AccessDeniedException", "no", "AWS::EKS::Cluster", *EAST, "eks:ListClusters")],
        pairs=[Pair(EAST, WEST)],
        images=ImageIndex({key: Listing((Image("sha256:" + "0" * 64, tags=("1",)),))}),
        scanned=[EAST, WEST],
        as_of=datetime(2026, 11, 1, tzinfo=UTC),
    )


def seen(findings, rule_id):
    return sorted((f.resource.id, f.status.value, f.message, str(f.evidence)) for f in findings if f.rule_id == rule_id)


MISBEHAVIOUR = {
    "raises": ("raise ValueError('no')", "ValueError: no"),
    "raises what has no text": ("class Odd(Exception):\n  def __str__(self): raise self\nraise Odd()", "Odd"),
    "raises what says too much": ("raise ValueError('x' * 10**7)", "ValueError: " + "x" * 500),
    "raises what never says it": (
        "class Odd(Exception):\n  def __str__(self):\n    while True: pass\nraise Odd()",
        "Odd",
    ),
    "raises what exits": ("class Odd(Exception):\n  def __str__(self): sys.exit(0)\nraise Odd()", "Odd"),
    "exits": ("sys.exit(0)", "SystemExit: 0"),
    "raises a BaseException": ("class Stop(BaseException): pass\nraise Stop('now')", "Stop: now"),
    "ends a generator": ("raise GeneratorExit", "GeneratorExit"),
    "recurses": ("def f(): return f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    "recurses into its subject": ("yield Evidence(a=subject)", "its evidence holds a Resource, which is no plain data"),
    "takes all memory": ("[0] * 10**17", "MemoryError"),
    "takes all memory as text": ("'x' * 10**17", "MemoryError"),
    "loops": ("while True: pass", "it took longer than 0.05 s"),
    "loops and survives exceptions": (
        "while True:\n  try:\n    while True: pass\n  except Exception: pass",
        "it took longer than 0.05 s",
    ),
    "loops in a generator": ("n = 0\nwhile True:\n  n += 1\n  if n < 0: yield Violation('Never.')", "it took longer"),
    "never stops talking": ("while True: yield Violation('Bad.')", "it said more than 100 things about one subject"),
    "yields text": ("yield 'Bad.'", "a check yields outcomes, not str"),
    "yields a class": ("yield Violation", "a check yields outcomes, not type"),
    "yields a number for a message": ("yield Violation(7)", "its message or pointer is no text"),
    "yields a number for a severity": ("yield Violation('Bad.', severity=7)", "its severity is no text"),
    "yields a number for a pointer": ("yield Undecided('Bad.', 7)", "its message or pointer is no text"),
    "relates text": ("yield Violation('Bad.', '', ('shop',))", "what it calls related are no resources"),
    "relates a list": ("yield Violation('Bad.', '', [subject])", "what it calls related are no resources"),
    "lies about its class": (
        "class Odd(Violation):\n  message = property(lambda self: 1 / 0)\n  def __init__(self): pass\nyield Odd()",
        "ZeroDivisionError",
    ),
    "gives evidence that is no data": ("yield Evidence(a={'b': [object()]})", "its evidence holds a object"),
    "gives evidence without end": ("a = []\na.append(a)\nyield Evidence(a=a)", "its evidence is nested too deeply"),
    "throws away what it was given": ("del subject.properties['Facts']", "TypeError: the model cannot be changed"),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_a_rule_that_misbehaves_is_unknown_and_named_and_alone(rule, good, name):
    body, reason = MISBEHAVIOUR[name]
    alone = engine.assess(model(), [good], Config())
    bad = rule(f"yield from ()\n{body}", "team-bad")
    assessed = engine.assess(model(), [bad, good], Config(), SHORT)
    assert seen(assessed.findings, "good") == seen(alone.findings, "good")
    verdicts = [finding for finding in assessed.findings if finding.rule_id == "team-bad"]
    assert [f.status for f in verdicts] == [Status.UNKNOWN] * 3
    assert all(f.message.startswith("Rule 'team-bad' failed: ") for f in verdicts)
    assert any(reason in f.message for f in verdicts)
    (broken,) = assessed.broken
    assert (broken.rule_id, broken.subjects) == ("team-bad", 3)
    assert reason in broken.reason
    assert len(broken.reason) < 600


@pytest.mark.parametrize("returned", ["7", "None", "True", "object()"])
def test_a_check_that_returns_no_outcomes_is_broken(rule, returned):
    assessed = engine.assess(model(), [rule(f"return {returned}")], Config())
    assert [f.status for f in assessed.findings] == [Status.UNKNOWN] * 3
    assert "is not iterable" in assessed.broken[0].reason


def test_well_behaved_rules_are_not_named(good):
    assert engine.assess(model(), [good], Config()).broken == ()


def test_evidence_may_be_any_plain_data(rule):
    body = "yield Evidence(a=[1, 2.5, None, True, ('x',)], b={'c': subject['Facts']}, c=model.as_of, d={1})"
    assessed = engine.assess(model(), [rule(body)], Config())
    assert (assessed.broken, assessed.findings[0].status) == ((), Status.PASS)


@pytest.mark.parametrize(
    "body",
    ["raise InsufficientData", "class Odd(InsufficientData):\n  def __str__(self): sys.exit(0)\nraise Odd()"],
)
def test_what_was_not_seen_may_have_no_name(rule, body):
    assessed = engine.assess(model(), [rule(body)], Config())
    assert {f.message for f in assessed.findings} == {"What it needed was not seen."}
    assert ({f.status for f in assessed.findings}, assessed.broken) == ({Status.UNKNOWN}, ())


def test_evidence_may_hold_what_was_not_seen(rule):
    whole = Model(
        [repository("shop", A=[Unknown("denied")], B={"c": Unknown("denied")}, C=Unknown("denied"))],
        images=ImageIndex(),
        as_of=datetime(2026, 11, 1, tzinfo=UTC),
    )
    (finding,) = engine.evaluate(whole, [rule("yield Evidence(whole=subject.properties)")], Config())
    assert finding.status is Status.PASS


def test_a_rule_that_never_ends_is_not_asked_again_and_again(rule):
    bad = rule("sys.asked = getattr(sys, 'asked', 0) + 1\nwhile True: pass")
    try:
        assessed = engine.assess(model(), [bad], Config(), SHORT)
        assert sys.asked == 2
    finally:
        del sys.asked
    messages = sorted(f.message for f in assessed.findings)
    assert messages == [
        "Rule 'made-up' failed: it took longer than 0.05 s.",
        "Rule 'made-up' failed: it took longer than 0.05 s.",
        "Rule 'made-up' failed: it was not asked, since it took longer than 0.05 s for others.",
    ]
    assert [(b.reason, b.subjects) for b in assessed.broken] == [("it took longer than 0.05 s", 3)]


def test_code_of_a_pack_may_not_take_forever_for_all_subjects_together(rule):
    slow = rule("return iter(())")
    assessed = engine.assess(model(), [slow], Config(), Limits(total=0))
    assert sorted(f.message for f in assessed.findings) == [
        "Repositories are judged.",
        *["Rule 'made-up' failed: it was not asked, since it took longer than 0 s altogether."] * 2,
    ]
    ours = replace(slow, foreign=False)
    assert engine.assess(model(), [ours], Config(), Limits(total=0)).broken == ()


def test_what_a_rule_found_before_it_ran_out_of_time_stands(rule):
    findings = engine.assess(model(), [rule("yield Violation('Bad.')\nwhile True: pass")], Config(), SHORT).findings
    assert [f.status for f in findings] == [Status.FAIL] * 2 + [Status.UNKNOWN] * 3


def test_rules_end_in_time_in_any_thread(rule):
    found = []
    bad = rule("while True: pass")
    thread = threading.Thread(target=lambda: found.append(engine.assess(model(), [bad], Config(), SHORT)))
    thread.start()
    thread.join()
    assert [f.status for f in found[0].findings] == [Status.UNKNOWN] * 3


def test_the_user_may_interrupt(rule):
    with pytest.raises(KeyboardInterrupt):
        engine.assess(model(), [rule("raise KeyboardInterrupt")], Config())


def test_the_collector_of_cycles_is_left_as_it_was(rule):
    before = gc.get_threshold()
    engine.assess(model(), [rule("raise ValueError")], Config())
    with pytest.raises(KeyboardInterrupt):
        engine.assess(model(), [rule("raise KeyboardInterrupt")], Config())
    assert gc.get_threshold() == before


class TestTimeLimit:
    def test_it_returns_what_the_call_returns(self):
        with TimeLimit(10) as limit:
            assert limit.call(max, 1, 2) == 2
            with pytest.raises(ZeroDivisionError):
                limit.call(lambda: 1 / 0)
            assert limit.call(max, 1, 2) == 2

    def test_it_ends_what_never_ends_and_goes_on(self):
        def forever():
            while True:
                pass

        with TimeLimit(0.02) as limit:
            for _ in range(5):
                with pytest.raises(OverTime):
                    limit.call(forever)
                assert limit.call(max, 1, 2) == 2

    def test_nothing_comes_late(self):
        """A call that ends just as its time does leaves nothing behind that would strike later."""
        with TimeLimit(0.001) as limit:
            ended = 0
            for n in range(300):
                try:
                    limit.call(sum, range(n * 300))
                except OverTime:
                    ended += 1
                sum(range(2000))  # would be struck, if anything were left
            assert ended <= 300

    def test_the_watching_thread_ends_with_it(self):
        with TimeLimit(0.01):
            pass
        for thread in threading.enumerate():
            if thread.name == "regionproof-time-limit":
                thread.join()


ORDINARY = [
    "subject.name = 'other'",
    "del subject.region",
    "subject.new = 1",
    "subject.tags['team'] = 'b'",
    "subject.tags.update(team='b')",
    "subject.locations['/x'] = None",
    "subject.locations.clear()",
    "subject.properties['Facts'] = []",
    "subject.properties.update(Facts=[])",
    "subject.properties.pop('Facts')",
    "subject.properties.popitem()",
    "subject.properties.setdefault('New', 1)",
    "subject.properties.new = 1",
    "p = subject.properties\np |= {'Facts': []}",
    "subject['Facts'].append(1)",
    "subject['Facts'].extend([1])",
    "subject['Facts'].insert(0, 1)",
    "subject['Facts'].sort()",
    "subject['Facts'].reverse()",
    "subject['Facts'].remove(subject['Facts'][0])",
    "subject['Facts'][0] = 1",
    "subject['Facts'][:] = []",
    "del subject['Facts'][0]",
    "f = subject['Facts']\nf += [1]",
    "f = subject['Facts']\nf *= 2",
    "subject['Facts'][0]['a'] = 2",
    "next(iter(dict.values(subject.properties))).append(1)",
    "subject.locations[''].line = 9",
    "subject.operations.append('x')",
    "model.pairs = ()",
    "model.pairs.append(1)",
    "model.pairs[0].dr_class = 'none'",
    "del model.pairs",
    "model.scanned.add(1)",
    "model.gaps.append(1)",
    "model.gaps[0].reason = 'none'",
    "model.images = None",
    "model.images._listings = {}",
    "model.images.new = 1",
    "del model.images._listings",
    "next(iter(model.images)).name = 'x'",
    "model.images.images(next(iter(model.images)))[0].digest = 'x'",
    "model.as_of = None",
    "model.new = 1",
    "model.twins(subject)[0].primary = None",
    "model.twins(subject)[0].new = 1",
    "parameters['limit'] = 2",
    "parameters['names'].append('x')",
    "parameters['names'][0] = 'x'",
]


@pytest.mark.parametrize("change", ORDINARY)
def test_ordinary_python_cannot_change_what_rules_are_given(rule, good, change):
    declared = (
        "parameters: {limit: {type: integer, default: 1, description: A limit.}, "
        "names: {type: array, default: [a], description: Names.}}"
    )
    whole = model()
    alone = engine.assess(model(), [good], Config()).findings
    bad = rule(f"{change}\nreturn iter(())", "bad", declared)
    assessed = engine.assess(whole, [bad, good], Config())
    assert {f.status for f in assessed.findings if f.rule_id == "bad"} == {Status.UNKNOWN}
    assert seen(assessed.findings, "good") == seen(alone, "good")
    assert assessed.model is whole  # nothing had to be mended
    assert (bad.parameters["limit"], bad.parameters["names"]) == (1, ["a"])


def test_an_unknown_value_stays_unknown():
    unknown = Unknown("denied")
    for change in (lambda: setattr(unknown, "reason", "x"), lambda: delattr(unknown, "reason")):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()


FORCE = [
    "object.__setattr__(subject, 'name', 'other')",
    "object.__setattr__(subject, 'properties', {})",
    "dict.__setitem__(subject.properties, 'Bad', True)",
    "dict.clear(subject.tags)",
    "dict.pop(subject.locations, '')",
    "list.append(subject['Facts'], 1)",
    "list.__setitem__(subject['Facts'], 0, object())",
    "dict.__setitem__(subject['Facts'][0], 'a', 2)",
    "list.append(subject['Facts'], subject['Facts'])",
    "dict.__setitem__(subject.properties, 'f', lambda: 1)",
    "model._by_type.clear()",
    "model._declared.popitem()",
    "model.__dict__['pairs'] = ()",
    "object.__setattr__(model, 'as_of', None)",
    "object.__setattr__(model.pairs[0], 'dr_class', 'none')",
    "object.__setattr__(model.gaps[0], 'reason', 'none')",
    "model.images._listings.clear()",
    "object.__setattr__(model.images.images(next(iter(model.images)))[0], 'status', 'ARCHIVED')",
]


@pytest.mark.parametrize("change", FORCE)
def test_what_a_rule_changes_by_force_is_found_and_undone(rule, good, change):
    alone = engine.assess(model(), [good], Config())
    bad = rule(f"{change}\nreturn iter(())", "bad")
    assessed = engine.assess(model(), [bad, good, replace(good, id="z-good")], Config())
    assert seen(assessed.findings, "good") == seen(alone.findings, "good")
    assert [row[:3] for row in seen(assessed.findings, "z-good")] == [row[:3] for row in seen(alone.findings, "good")]
    verdicts = [f for f in assessed.findings if f.rule_id == "bad"]
    assert {f.status for f in verdicts} == {Status.UNKNOWN}
    assert {f.message for f in verdicts} == {
        "Rule 'bad' failed: it changed the model, so nothing it says can be relied on."
    }
    assert [(b.rule_id, b.subjects) for b in assessed.broken] == [("bad", 3)]
    assert {f.resource.name for f in assessed.findings} == {"shop", "web", "job"}
    assert assessed.model.as_of == model().as_of
    assert assessed.model.pairs == model().pairs
    assert [r.name for r in assessed.model.of_type(REPOSITORY)] == ["shop", "web", "job"]


def test_built_in_rules_are_judged_as_without_the_rule_that_changes(rule):
    mine = [r for r in load_rules() if REPOSITORY in r.resource]
    alone = engine.evaluate(model(), mine, Config())
    bad = rule("object.__setattr__(subject, 'name', 'x')\ndict.clear(subject.properties)\nreturn iter(())", "a-bad")
    together = engine.assess(model(), [bad, *mine], Config()).findings
    for each in mine:
        assert seen(together, each.id) == seen(alone, each.id)


def test_a_restored_model_answers_as_the_first_did(good):
    import pickle

    first = model()
    second = pickle.loads(pickle.dumps(first))
    assert engine.evaluate(second, [good], Config())[0].message == engine.evaluate(first, [good], Config())[0].message
    assert second.hidden("AWS::EKS::Cluster", EAST) == first.hidden("AWS::EKS::Cluster", EAST)
    assert second.pairs_of(EAST) == first.pairs_of(EAST)
    with pytest.raises(TypeError, match="cannot be changed"):
        second.pairs = ()
    with pytest.raises(FrozenInstanceError):
        next(second.of_type(REPOSITORY)).name = "x"


def test_an_example_of_unknown_does_not_hold_because_the_rule_fails(rule):
    for body, held in (("raise InsufficientData('nobody looked')", True), ("raise ValueError('no')", False)):
        assert testing.holds(rule(body), Status.UNKNOWN, {"RepositoryName": "web"}) is held


class TestThroughTheCommandLine:
    @pytest.fixture
    def scan(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("scanner.engine.Limits", lambda: SHORT)
        template = "Resources: {web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: web}}}\n"
        Path("web.yaml").write_text(template)

        def run(body, *arguments):
            Path("mine/team").mkdir(parents=True)
            lines = "\n".join(f"    {line}" for line in body.splitlines())
            text = f'"""\n{HEADER.format(more="")}"""\n{IMPORTS}def check(subject, model, parameters):\n{lines}\n'
            Path("mine/team/bad.py").write_text(text)
            with pytest.raises(SystemExit) as stop:
                main(["scan", "web.yaml", "--rules", "mine", *arguments])
            return stop.value.code, capsys.readouterr().out

        return run

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("while True: pass", "it took longer than 0.05 s"),
            ("sys.exit(0)", "SystemExit: 0"),
            ("object.__setattr__(subject, 'name', 'x')\nreturn iter(())", "it changed the model"),
        ],
    )
    def test_every_report_names_the_rule(self, scan, body, reason):
        code, out = scan(body, "--format", "json", "--select", "team-bad")
        report = json.loads(out)
        assert code == 0
        assert report["broken_rules"][0]["rule_id"] == "team-bad"
        assert reason in report["broken_rules"][0]["reason"]
        assert report["findings"][0]["status"] == "unknown"
        assert report["findings"][0]["resource"]["name"] == "web"

    def test_the_scan_is_incomplete(self, scan):
        code, out = scan("1 / 0", "--select", "team-bad", "--fail-on-incomplete")
        assert code == 3
        assert "Broken rules (1 failed" in out
        assert "team-bad" in out

    def test_other_rules_still_fail_the_scan(self, scan):
        code, out = scan(
            "raise SystemExit(0)", "--format", "sarif", "--select", "team-bad,workload", "--fail-on", "info"
        )
        (run,) = json.loads(out)["runs"]
        notices = run["invocations"][0]["toolExecutionNotifications"]
        assert [notice["descriptor"]["id"] for notice in notices] == ["rule-failed"]
        assert notices[0]["associatedRule"]["id"] == "team-bad"
        assert code == 0
