"""The engine: every subject gets one honest verdict, whatever a rule does."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from scanner import engine
from scanner.config import Config
from scanner.finding import Exemption, ExemptionState, Severity, Status
from scanner.images import ImageIndex
from scanner.model import Gap, Location, Model, Pair, Place, Resource, Unknown, guard
from scanner.rule import load_rule

ACCOUNT = "111122223333"
EAST, WEST = Place(ACCOUNT, "us-east-1"), Place(ACCOUNT, "us-west-2")
REPOSITORY = "AWS::ECR::Repository"
DECLARED = (Pair(EAST, WEST),)

HEADER = """\
title: Repositories are judged
severity: high
resource: {resource}
{more}
rationale: A rule made up to try the engine.
remediation: Nothing to do.
references: [https://example.com/]
examples: {{pass: [{{}}], fail: [{{}}], unknown: [{{}}]}}
"""
IMPORTS = """\
from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
"""


@pytest.fixture
def python_rule(tmp_path):
    """Write a rule whose check has the given body."""

    def write(body, more="", resource=REPOSITORY, name="made-up"):
        path = tmp_path / f"{name}.py"
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        header = HEADER.format(more=more, resource=resource)
        path.write_text(f'"""\n{header}"""\n{IMPORTS}def check(subject, model, parameters):\n{lines}\n')
        return load_rule(name, path)

    return write


@pytest.fixture
def yaml_rule(tmp_path):
    def write(test, more="", resource=REPOSITORY):
        path = tmp_path / "made-up.yaml"
        path.write_text(HEADER.format(more=more, resource=resource) + f"assert: {json.dumps(test)}\nmessage: Bad.\n")
        return load_rule("made-up", path)

    return write


def repository(name="shop", place=EAST, line=3, **properties):
    id = f"arn:aws:ecr:{place.region}:{place.account}:repository/{name}"
    locations = {"": Location("infra/shop.yaml", line)}
    return Resource(REPOSITORY, id, name, place.account, place.region, guard(properties), locations=locations)


def model(*resources, gaps=(), pairs=DECLARED, scanned=(EAST, WEST)):
    as_of = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    return Model(resources, gaps=gaps, pairs=pairs, images=ImageIndex(), scanned=scanned, as_of=as_of)


def judge(rule, *resources, config=None, **more):
    return engine.evaluate(model(*resources, **more), [rule], config or Config())


def statuses(findings):
    return [finding.status.value for finding in findings]


SHOP = repository()


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("return iter(())", "pass", "Repositories are judged."),
        ("yield Violation('Bad.')", "fail", "Bad."),
        ("yield Undecided('Perhaps.')", "unknown", "Perhaps."),
        ("yield NotApplicable('No.')", "not_applicable", "No."),
        ("yield Evidence(count=1)", "pass", "Repositories are judged."),
        ("raise InsufficientData('nobody looked')", "unknown", "Nobody looked."),
        ("yield from ()\nraise InsufficientData('nobody looked')", "unknown", "Nobody looked."),
        ("1 / 0", "unknown", "Rule 'made-up' failed: ZeroDivisionError: division by zero."),
        (
            "yield from ()\nraise RecursionError('too deep')",
            "unknown",
            "Rule 'made-up' failed: RecursionError: too deep.",
        ),
        ("pass", "unknown", "Rule 'made-up' failed: TypeError: 'NoneType' object is not iterable."),
        ("return [1, 2][subject['Bad']]", "unknown", "It was denied."),
        ("return subject.properties.missing", "unknown", None),
        pytest.param("yield 'Bad.'", "unknown", None),
        pytest.param("yield Violation", "unknown", None),
        pytest.param("yield True", "unknown", None),
    ],
)
def test_whatever_a_rule_does_there_is_one_verdict(python_rule, body, status, message):
    findings = judge(python_rule(body), repository(Bad=Unknown("it was denied")))
    assert statuses(findings) == [status]
    assert message is None or findings[0].message == message


def test_each_violation_is_a_finding_and_what_could_not_be_judged_another(python_rule):
    rule = python_rule("yield Violation('A.', '/A')\nyield Violation('B.', '/B')\nyield Undecided('C.', '/C')")
    assert [(f.status, f.pointer) for f in judge(rule, SHOP)] == [("fail", "/A"), ("fail", "/B"), ("unknown", "/C")]


@pytest.mark.parametrize(
    ("own", "rule", "severity"),
    [
        ("'low'", "high", "low"),
        ("'info'", "high", "info"),
        ("None", "high", "high"),
        ("'high'", "high", "high"),
        ("'critical'", "high", "high"),  # never worse than its rule
        ("'medium'", "low", "low"),  # nor than what regionproof.yaml makes of the rule
    ],
)
def test_a_failure_may_be_less_severe_than_its_rule(python_rule, own, rule, severity):
    judged = python_rule(f"yield Violation('Bad.', severity={own})").with_parameters({}, Severity(rule))
    assert [finding.severity for finding in judge(judged, SHOP)] == [severity]


def test_a_severity_that_there_is_not_is_no_verdict(python_rule):
    (finding,) = judge(python_rule("yield Violation('Bad.', severity='awful')"), SHOP)
    assert (finding.status, "severity 'awful'" in finding.message) == ("unknown", True)


@pytest.mark.parametrize("stop", ["raise InsufficientData('nobody looked')", "1 / 0"])
def test_what_was_found_before_a_rule_stopped_stands(python_rule, stop):
    assert statuses(judge(python_rule(f"yield Violation('A.')\n{stop}"), SHOP)) == ["fail", "unknown"]


def test_a_rule_that_fails_on_one_subject_judges_the_others(python_rule):
    rule = python_rule("if subject.name == 'web': 1 / 0\nreturn iter(())")
    findings = judge(rule, SHOP, repository("web"))
    assert [(f.resource.name, f.status) for f in findings] == [("web", "unknown"), ("shop", "pass")]


def test_evidence_goes_with_every_verdict_about_the_subject(python_rule):
    rule = python_rule("yield Evidence(a=1)\nyield Violation('A.')\nyield Evidence(b=2)\nyield Undecided('B.')")
    assert [finding.evidence for finding in judge(rule, SHOP)] == [{"a": 1, "b": 2}] * 2


@pytest.mark.parametrize(
    ("test", "properties", "status"),
    [
        ("Good == 'x'", {"Good": "x"}, "pass"),
        ("Good == 'y'", {"Good": "x"}, "fail"),
        ("Good", {}, "fail"),
        ("Good", {"Good": []}, "fail"),
        ("Good", {"Good": 0}, "pass"),
        ("Good == 'x'", {"Good": Unknown("denied")}, "unknown"),
        ("Good == `null`", {"Good": Unknown("denied")}, "unknown"),
        ("!Good", {"Good": Unknown("denied")}, "unknown"),
        ("Good[0]", {"Good": [Unknown("denied")]}, "unknown"),
        ("length(Good)", {"Good": 7}, "unknown"),
        pytest.param("reverse(Good)[0]", {"Good": [Unknown("denied")]}, "unknown"),
        pytest.param("merge(@).Good", {"Good": Unknown("denied")}, "unknown"),
    ],
)
def test_an_expression_gives_a_verdict_or_says_that_it_cannot(yaml_rule, test, properties, status):
    assert statuses(judge(yaml_rule(test), repository(**properties))) == [status]


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ({"On": True}, "fail"),
        ({"On": False}, "not_applicable"),
        ({}, "not_applicable"),
        ({"On": Unknown("no")}, "unknown"),
    ],
)
def test_when_decides_whether_a_rule_applies(yaml_rule, properties, status):
    assert statuses(judge(yaml_rule("Good", "when: On"), repository(**properties))) == [status]


class TestGaps:
    GAP = Gap("AccessDeniedException", "no", REPOSITORY, ACCOUNT, "us-east-1", "ecr:DescribeRepositories")

    def test_one_unknown_for_each_rule_and_gap(self, yaml_rule):
        other = replace(self.GAP, operation="ecr:DescribeImages")
        findings = judge(yaml_rule("Good"), repository(Good=1), gaps=[self.GAP, other])
        assert statuses(findings) == ["unknown", "unknown", "pass"]
        assert len({finding.fingerprint for finding in findings}) == 3
        assert "ecr:DescribeRepositories" in findings[0].message + findings[1].message

    def test_none_for_a_rule_about_something_else(self, yaml_rule):
        assert judge(yaml_rule("Good", resource="AWS::ECS::Service"), gaps=[self.GAP]) == ()

    @pytest.mark.parametrize(("region", "count"), [("us-east-1", 1), ("us-west-2", 0), ("eu-west-1", 0), (None, 1)])
    def test_a_rule_across_regions_misses_subjects_in_primaries_only(self, yaml_rule, region, count):
        rule = yaml_rule("standby", "across: standby")
        assert len(judge(rule, gaps=[replace(self.GAP, region=region)])) == count

    def test_a_gap_in_the_standby_makes_the_comparison_unknown(self, yaml_rule):
        rule = yaml_rule("standby", "across: standby")
        (finding,) = judge(rule, SHOP, gaps=[replace(self.GAP, region="us-west-2")])
        assert finding.status is Status.UNKNOWN
        assert finding.counterpart.exists is None


class TestAcross:
    @pytest.fixture
    def rule(self, yaml_rule):
        return yaml_rule("standby", "across: standby")

    def test_without_a_pair_it_does_not_apply(self, rule):
        assert statuses(judge(rule, repository(place=WEST))) == ["not_applicable"]

    def test_with_unknown_pairs_it_is_unknown(self, rule):
        denied = Gap("AccessDeniedException", "no", "AWS::ECR::Registry", ACCOUNT, "us-east-1", "ecr:DescribeRegistry")
        assert statuses(judge(rule, SHOP, pairs=None, gaps=[denied])) == ["unknown"]

    def test_with_replication_rules_of_which_a_part_is_unknown_it_is_unknown(self, rule):
        configuration = guard({"ReplicationConfiguration": {"Rules": Unknown("it is a parameter")}})
        registry = Resource("AWS::ECR::Registry", "registry", "registry", *EAST, configuration)
        assert statuses(judge(rule, SHOP, registry, pairs=None)) == ["unknown"]

    def test_with_an_unknown_place_it_is_unknown(self, rule):
        assert statuses(judge(rule, replace(SHOP, region=None))) == ["unknown"]

    def test_each_standby_is_a_finding(self, rule):
        eu = Place(ACCOUNT, "eu-west-1")
        pairs, scanned = [Pair(EAST, WEST), Pair(EAST, eu)], [EAST, WEST, eu]
        findings = judge(rule, SHOP, repository(place=WEST, Good=1), pairs=pairs, scanned=scanned)
        compared = [(f.status, f.counterpart and (f.counterpart.region, f.counterpart.exists)) for f in findings]
        assert compared == [("fail", ("eu-west-1", False)), ("pass", ("us-west-2", True)), ("not_applicable", None)]
        assert len({finding.fingerprint for finding in findings}) == 3


def test_repositories_out_of_scope_are_not_judged(yaml_rule):
    findings = judge(yaml_rule("Good"), SHOP, repository("sandbox/x"), config=Config(repositories=("sh*",)))
    assert [(f.resource.name, f.status) for f in findings] == [("shop", "fail"), ("sandbox/x", "not_applicable")]


@pytest.mark.parametrize(
    "change",
    [
        "subject.properties['Good'] = 2",
        "subject.properties.update(Good=2)",
        "subject.properties['List'].append(2)",
        "subject.name = 'other'",
        "del subject.region",
        "model.scanned.add(1)",
        "model.gaps.append(1)",
        pytest.param("parameters['limit'] = 2"),
    ],
)
def test_a_rule_cannot_change_what_the_next_one_sees(python_rule, yaml_rule, change):
    declared = "parameters: {limit: {type: integer, default: 1, description: A limit.}}"
    bad = python_rule(f"{change}\nreturn iter(())", declared)
    reads = python_rule("yield Evidence(limit=parameters['limit'])", declared, name="reads")
    whole = model(SHOP, repository("web", Good=1, List=[1]))
    before = engine.evaluate(whole, [yaml_rule("Good == `1` && List == `[1]`"), reads], Config())
    changing = engine.evaluate(whole, [bad], Config())
    assert set(statuses(changing)) == {"unknown"}
    assert engine.evaluate(whole, [yaml_rule("Good == `1` && List == `[1]`"), reads], Config()) == before
    assert bad.parameters["limit"] == 1


class TestFingerprints:
    def of(self, rule, *resources):
        return [finding.fingerprint for finding in judge(rule, *resources)]

    def test_a_moved_line_or_a_new_neighbour_changes_nothing(self, python_rule):
        rule = python_rule("yield Violation('Bad.', '/A')")
        (first,) = self.of(rule, repository(line=3))
        assert self.of(rule, repository(line=300)) == [first]
        assert first in self.of(rule, repository("a"), repository(line=4), repository("z"))

    def test_neither_does_the_message(self, python_rule):
        first, second = (python_rule(f"yield Violation('Bad since {n} days.')") for n in (1, 2))
        assert self.of(first, SHOP) == self.of(second, SHOP)

    def test_a_worse_failure_of_the_same_subject_is_a_new_one(self, python_rule):
        low = "yield Violation('Old.', severity='low')"
        (known,) = self.of(python_rule(low), SHOP)
        new, again = self.of(python_rule(f"yield Violation('New.')\n{low}"), SHOP)
        assert again == known != new

    def test_rule_subject_place_and_pointer_tell_findings_apart(self, python_rule):
        body = "yield Violation('Bad.', '/A')\nyield Violation('Bad.', '/B')"
        subjects = [SHOP, repository("web"), repository(place=WEST), replace(SHOP, type="AWS::ECS::Cluster", id="c")]
        both = f"[{REPOSITORY}, AWS::ECS::Cluster]"
        rules = [python_rule(body, resource=both), python_rule(body, resource=both, name="other")]
        findings = engine.evaluate(model(*subjects), rules, Config())
        assert len({finding.fingerprint for finding in findings}) == len(findings) == 16

    def test_two_findings_that_are_alike_stay_apart_and_in_order(self, python_rule):
        rule = python_rule("yield Violation('Bad.')", resource="AWS::ECS::TaskDefinition")
        family = [
            Resource(
                "AWS::ECS::TaskDefinition",
                f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/api:{n}",
                "api",
                *EAST,
                guard({}),
            )
            for n in (1, 2, 3)
        ]
        assert len(set(self.of(rule, *family))) == 3
        assert self.of(rule, *family) == self.of(rule, *reversed(family))

    @pytest.mark.parametrize("pointer", ["", "/Value"])
    def test_a_verdict_on_what_is_live_changes_none_on_what_a_file_says(self, python_rule, pointer):
        """Both are of one name and place; whichever is worse is reported first."""
        rule = python_rule(f"if resource['Value'] == 'bad':\n    yield Violation('Bad.', '{pointer}')")

        def file_of(value):
            live = replace(repository(Value=value), id="z-live", locations={})
            findings = judge(rule, live, replace(repository(Value="good"), id="a.yaml#Web"))
            assert len({finding.fingerprint for finding in findings}) == 2
            return next(finding.fingerprint for finding in findings if finding.resource.locations)

        assert len({file_of(value) for value in ("good", "bad", Unknown("denied"))}) == 1

    def test_they_are_32_hex_digits(self, python_rule):
        (fingerprint,) = self.of(python_rule("yield Violation('Bad.')"), repository("\udcff"))
        assert len(bytes.fromhex(fingerprint)) == 16


def test_findings_come_worst_first(python_rule):
    body = "if subject.name == '{}': yield Violation('Bad.')\nif subject.name == 'lost': raise InsufficientData('x')"
    high = python_rule(body.format("shop"), name="b-high")
    low = python_rule(body.format("web"), name="a-low").with_parameters({}, Severity.LOW)
    findings = engine.evaluate(model(SHOP, repository("web"), repository("lost")), [low, high], Config())
    assert [(f.status, f.severity, f.resource.name) for f in findings] == [
        ("fail", "high", "shop"),
        ("fail", "low", "web"),
        ("unknown", "high", "lost"),
        ("unknown", "low", "lost"),
        ("pass", "high", "web"),
        ("pass", "low", "shop"),
    ]


class TestExemptions:
    @pytest.fixture
    def findings(self, python_rule):
        return judge(python_rule("yield Violation('Bad.')\nyield Undecided('Perhaps.')"), SHOP, repository("web"))

    def exempt(self, findings, *exemptions):
        covered, states = engine.exempt(findings, exemptions, model().as_of)
        assert [replace(finding, exemption=None) for finding in covered] == list(findings)
        used = [(f.resource.name, f.status.value) for f in covered if f.exemption]
        return used, [state for _, state in states]

    def exemption(self, rule="made-up", resource="*:repository/shop", expires=date(2026, 11, 1)):
        return Exemption(rule, resource, "planned", "platform", expires)

    def test_an_active_one_covers_failures_and_nothing_else(self, findings):
        assert self.exempt(findings, self.exemption()) == ([("shop", "fail")], [ExemptionState.ACTIVE])

    def test_it_holds_to_the_end_of_its_last_day_and_no_longer(self, findings):
        yesterday = self.exemption(expires=date(2026, 10, 31))
        assert self.exempt(findings, yesterday) == ([], [ExemptionState.EXPIRED])

    @pytest.mark.parametrize(
        "other", [{"rule": "made"}, {"rule": "made-up-2"}, {"resource": "shop"}, {"resource": "*:repository/sho"}]
    )
    def test_one_that_covers_nothing_is_unused(self, findings, other):
        assert self.exempt(findings, self.exemption(**other)) == ([], [ExemptionState.UNUSED])

    def test_each_is_accounted_for(self, findings):
        expired = self.exemption(resource="*web", expires=date(2026, 1, 1))
        used, states = self.exempt(findings, expired, self.exemption("other"), self.exemption(resource="*"))
        assert used == [("shop", "fail"), ("web", "fail")]
        assert states == [ExemptionState.EXPIRED, ExemptionState.UNUSED, ExemptionState.ACTIVE]


def test_rules_are_selected_by_id_glob_and_group(python_rule):
    rules = [python_rule("return iter(())", name=name) for name in ("image-a", "image-b", "imagery-c", "ecs-d")]

    def chosen(**more):
        return [rule.id for rule in engine.selected(rules, Config(**more))]

    assert chosen() == ["image-a", "image-b", "imagery-c", "ecs-d"]
    assert chosen(select=("image",)) == ["image-a", "image-b"]
    assert chosen(select=("image*",), ignore=("*-b",)) == ["image-a", "imagery-c"]
    assert chosen(ignore=("ecs-d",)) == ["image-a", "image-b", "imagery-c"]
    patterns = {"rules.select": ("image", "images"), "rules.ignore": ("ecs-?",)}
    assert engine.unmatched(patterns, rules) == [("rules.select", "images")]


def test_an_optional_rule_is_off_unless_it_is_selected(python_rule):
    rules = [
        python_rule("return iter(())", name="image-a"),
        python_rule("return iter(())", "optional: true", name="image-b"),
    ]

    def chosen(**more):
        return [rule.id for rule in engine.selected(rules, Config(**more))]

    assert chosen() == chosen(ignore=("image-c",)) == ["image-a"]
    assert chosen(select=("image",)) == ["image-a", "image-b"]
    assert chosen(select=("image",), ignore=("image-b",)) == ["image-a"]


def test_configuration_sets_severities_and_parameters(python_rule):
    declared = "parameters: {limit: {type: integer, default: 1, description: A limit.}}"
    rule = python_rule("yield Evidence(limit=parameters['limit'])\nyield Violation('Bad.')", declared)
    config = Config(severity={"made-up": Severity.INFO}, parameters={"made-up": {"limit": 7}})
    (finding,) = engine.evaluate(model(SHOP), engine.selected([rule], config), config)
    assert (finding.severity, finding.evidence) == (Severity.INFO, {"limit": 7})
