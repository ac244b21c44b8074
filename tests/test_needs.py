"""What a rule says it needs is what it reads; what the rules need, and nothing else, is asked."""

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest
import stub_aws
import test_collect_compute
import test_collect_services
import yaml

from scanner import testing
from scanner.cli import main
from scanner.collectors import AFTERWARDS, COLLECTORS, Answers, Ask, kubernetes, needs
from scanner.model import Resource, plain
from scanner.parsers.user_data import HOLDERS
from scanner.recorded import Call, Target, redacted
from scanner.recovery import DECLARED
from scanner.rule import load_rule, load_rules

RULES = load_rules()
TYPE = re.compile(r"AWS::[A-Za-z0-9]+::[A-Za-z0-9]+")

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


@every_rule
def test_no_rule_reads_a_type_that_it_does_not_declare(rule):
    assert testing.undeclared(rule) == frozenset()


@every_rule
def test_no_rule_declares_more_than_it_may_read(rule):
    """What the header needs beside the subjects is read in one of the examples: else it would be asked for nothing."""
    alone = replace(rule, needs=frozenset())
    read = testing.undeclared(alone)
    assert set(rule.header.get("needs", ())) <= read
    assert not set(rule.header.get("needs", ())) & set(rule.resource)


@every_rule
def test_types_that_the_code_names_are_declared(rule):
    if not rule.path.endswith(".py"):
        return
    code = ast.parse(Path(rule.path).read_text(encoding="utf-8")).body[1:]
    named = {
        node.value
        for statement in code
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and TYPE.fullmatch(node.value)
    }
    assert named <= rule.needs


@pytest.fixture
def forgetful(tmp_path):
    """A folder with a rule that does not say what it needs."""
    text = Path(next(rule.path for rule in RULES if rule.id == "ecs-service-in-standby")).read_text(encoding="utf-8")
    (tmp_path / "ecs").mkdir()
    (tmp_path / "ecs" / "copy.py").write_text(re.sub("^needs: .*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    return tmp_path


def test_a_type_that_is_not_declared_is_found(forgetful):
    (copy,) = (rule for rule in load_rules([forgetful]) if rule.id == "ecs-copy")
    assert testing.undeclared(copy) == {"AWS::ECS::TaskDefinition", "AWS::ECR::Image"}


@pytest.mark.parametrize(
    ("expression", "read"),
    [("ReplicationStatuses", True), ("ReplicationStatuses[?Status=='FAILED']", True), ("PolicyText", False)],
)
def test_whoever_reads_the_replication_of_single_images_has_to_say_so(tmp_path, expression, read):
    text = Path(next(rule.path for rule in RULES if rule.id == "security-ecr-lifecycle-policy")).read_text("utf-8")
    header = yaml.safe_load(text)
    header |= {"resource": "AWS::ECR::Registry", "assert": f"!({expression})", "message": "It failed."}
    header |= {"examples": {"pass": [{"ReplicationStatuses": [], "PolicyText": None}], "fail": [], "unknown": []}}
    for key in ("across", "property", "traps", "when"):
        header.pop(key, None)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "r.yaml").write_text(yaml.safe_dump(header), encoding="utf-8")
    rule = load_rule("mine-r", tmp_path / "mine" / "r.yaml", trusted=True)
    assert testing.undeclared(rule) == ({"AWS::ECR::ReplicationStatus"} if read else set())


def test_rules_test_says_which_type_is_missing(forgetful, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["rules", "test", str(forgetful)])
    assert stop.value.code == 1
    assert "reads AWS::ECR::Image, AWS::ECS::TaskDefinition; name it under `needs`" in capsys.readouterr().out


EVERY = [ask for collector in COLLECTORS.values() for ask in collector.CALLS]
SERVICE_OF = {id(ask): service for service, collector in COLLECTORS.items() for ask in collector.CALLS}
TYPES = sorted({type for ask in EVERY for type in (*ask.types, *ask.fills)})
ALONE = frozenset(type for asks in AFTERWARDS.values() for ask in asks for type in ask.fills)
"""What is only asked for if a rule names it."""
HERE = Target(stub_aws.ACCOUNT, stub_aws.REGION, "aws", None, tuple(COLLECTORS))
HEALTHY = {
    f"{service}:{name}": answer
    for service, told in test_collect_services.HEALTHY.items()
    for name, answer in told.items()
}
HEALTHY |= {
    f"{service}:{name}": answer for service, told in test_collect_compute.ANSWERS.items() for name, _, answer in told
}
HEALTHY |= stub_aws.HEALTHY

every_ask = pytest.mark.parametrize("ask", EVERY, ids=lambda ask: f"{SERVICE_OF[id(ask)]}:{ask.operation}")
every_type = pytest.mark.parametrize("type", TYPES)


def chosen(needed) -> set[int]:
    return {id(ask) for service in needs.services(needed) for ask in needs.asks(service, needed)}


def followed(ask: Ask) -> list[Ask]:
    """Return the asks whose answers `ask.each` reads: every one that its code, and what that calls, can name."""
    found: dict[int, Ask] = {}
    seen: set[int] = set()
    waiting: list[object] = [ask.each]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Ask):
            found[id(value)] = value
        elif isinstance(value, FunctionType) and value.__module__.startswith("scanner.collectors"):
            waiting += [cell.cell_contents for cell in value.__closure__ or ()]
            waiting += named(value.__code__, value.__globals__)
    return list(found.values())


def named(code: CodeType, names: dict) -> Iterator[object]:
    values = [names[name] for name in code.co_names if name in names]
    modules = [value for value in values if isinstance(value, ModuleType)]
    yield from values
    yield from (vars(module)[name] for module in modules for name in code.co_names if name in vars(module))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from named(constant, names)


@every_ask
def test_whatever_an_ask_follows_from_is_asked_too(ask):
    for type in (*ask.types, *ask.fills):
        assert id(ask) in chosen([type])
        assert {id(other) for other in followed(ask)} <= chosen([type])


def test_asks_that_follow_from_others_are_found():
    """The test above proves nothing unless it sees what is followed."""
    found = {ask.operation: sorted(other.operation for other in followed(ask)) for ask in EVERY if ask.per}
    assert found["DescribeServices"] == ["ListServices"]
    assert found["DescribeTaskDefinition"] == [
        "DescribeServices",
        "DescribeStateMachine",
        "DescribeTasks",
        "GetSchedule",
        "ListTargetsByRule",
    ]
    assert found["DescribeKey"] == [
        "DescribeParameters",
        "DescribeRepositories",
        "DescribeRepositoryCreationTemplates",
        "ListSecrets",
    ]
    assert found["DescribeSecret"] == ["DescribeTaskDefinition", "ListSecrets"]
    assert all(found.values())


@every_ask
def test_an_ask_tells_of_a_type_and_how_often_it_is_made(ask):
    assert ask.types or ask.fills
    beforehand = list(ask.each(Answers(HERE, SERVICE_OF[id(ask)], [])))
    assert bool(ask.per) == (not beforehand)
    others = {SERVICE_OF[id(other)] for other in followed(ask)} - {SERVICE_OF[id(ask)]}
    assert {service for service, c in COLLECTORS.items() if set(c.TYPES) & set(ask.reads)} == others


def collected(needed) -> dict[str, dict]:
    """Return what the asks for the types show, by type and id."""
    asked: dict[str, Answers] = {}
    shown: dict[str, dict] = {}
    for service in needs.services(needed):
        calls: list[Call] = []
        for ask in needs.asks(service, needed):
            for parameters in ask.each(Answers(HERE, service, calls, asked)):
                answer = copy.deepcopy(HEALTHY[f"{service}:{ask.operation}"])
                for number, page in enumerate(answer if isinstance(answer, list) else [answer]):
                    given = {**ask.parameters, **parameters}
                    place = (HERE.account, HERE.region, number)
                    calls.append(redacted(Call(service, ask.operation, given, *place, page, None, None, "2026-11-20")))
        asked[service] = Answers(HERE, service, calls, dict(asked))
        for item in COLLECTORS[service].resources(asked[service]):
            if isinstance(item, Resource):
                shown.setdefault(item.type, {})[item.id] = plain(item.properties)
    return shown


@every_type
def test_a_type_that_is_asked_for_alone_is_seen_as_if_all_were(type):
    alone, whole = collected([type]), collected(None)
    assert alone.get(type) == whole.get(type)
    assert type == "AWS::ECR::Image" or whole[type]


def test_what_one_rule_reads_is_all_that_is_asked_for_it():
    (rule,) = (rule for rule in RULES if rule.id == "registry-replication-to-standby")
    assert needs.services(rule.needs) == ("ecr",)
    assert "DescribeImages" not in [ask.operation for ask in needs.asks("ecr", rule.needs)]
    assert needs.asks("kms", rule.needs) == ()


def test_all_rules_need_all_of_ecr():
    needed = frozenset().union(*(rule.needs for rule in RULES))
    assert needs.asks("ecr", needed - ALONE) == COLLECTORS["ecr"].CALLS


@every_rule
def test_somebody_tells_of_every_type_that_a_rule_needs(rule):
    declared = {
        type for type in rule.needs if type.startswith(DECLARED) or type in HOLDERS
    }  # nobody asks AWS for these
    assert rule.needs - declared <= {*TYPES, *ALONE, *kubernetes.TYPES, "AWS::Account::Region"}


def test_one_rule_alone_needs_little():
    (rule,) = (rule for rule in RULES if rule.id == "eks-cluster-version-parity")
    assert needs.services(rule.needs) == ("eks", "ecr")
    (rule,) = (rule for rule in RULES if rule.id == "repository-tag-mutability-parity")
    assert "DescribeImages" not in {ask.operation for ask in needs.asks("ecr", rule.needs)}


STARTERS = ("events", "scheduler", "stepfunctions")


def test_services_come_with_those_whose_answers_they_read():
    assert needs.services(["AWS::KMS::Alias"]) == ("kms",)
    assert needs.services(["AWS::KMS::Key"]) == (*STARTERS, "ecs", "secretsmanager", "ssm", "ecr", "kms")
    assert needs.services(["AWS::SecretsManager::Secret"]) == (*STARTERS, "ecs", "secretsmanager")
    assert needs.services(["Kubernetes::Deployment"]) == ("eks",)
    assert needs.services(["Kubernetes::Pod"]) == ("eks",)
    assert needs.services([]) == ()
    assert needs.services(None) == tuple(COLLECTORS)
