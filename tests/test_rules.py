"""Every rule in rules/: complete, true to its own examples, and never sure of what nobody saw."""

import ast
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from scanner import testing
from scanner.assets import schema
from scanner.config import Config
from scanner.controls import frameworks
from scanner.engine import evaluate
from scanner.finding import Status
from scanner.model import InsufficientData, Items, Model, Properties, Unknown
from scanner.rule import load_rules
from scanner.vocabulary import definition, types
from scanner.workloads import WORKLOADS

RULES = load_rules()
FOLDER = Path(__file__).parents[1] / "rules"
ROOMS = {
    "buckets",
    "clusters",
    "duration",
    "events",
    "exposure",
    "images",
    "keys",
    "lifecycle",
    "model",
    "movable",
    "network",
    "platforms",
    "policy",
    "pushes",
    "recovery",
    "references",
    "regions",
    "releases",
    "replication",
    "roles",
    "rule",
    "scanning",
    "secrets",
    "starters",
    "workloads",
}
LIBRARY = {
    "__future__",
    "collections",
    "contextlib",
    "datetime",
    "fnmatch",
    "functools",
    "itertools",
    "json",
    "operator",
    "re",
    "weakref",
}

SENTENCE = r"(?:['A-Z0-9]|[a-z0-9_-]+[:./][A-Za-z]).*[.]"
"""A message begins with a capital, a quoted value, or the name of an operation, file or object; a period ends it."""

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
every_python_rule = pytest.mark.parametrize(
    "rule", [r for r in RULES if r.path.endswith(".py")], ids=lambda rule: rule.id
)


def cases():
    for rule in RULES:
        seen = Counter()
        for status, example in testing.examples(rule):
            seen[status] += 1
            yield pytest.param(rule, status, example, id=f"{rule.id}-{status.value}-{seen[status]}")


@pytest.mark.parametrize(("rule", "status", "example"), list(cases()))
def test_an_example_gets_the_verdict_it_stands_under(rule, status, example):
    findings = testing.run(rule, example)
    assert testing.holds(rule, status, example), [(f.status.value, f.message) for f in findings]
    for finding in findings:
        assert re.fullmatch(SENTENCE, finding.message, re.DOTALL), finding.message
        assert "  " not in finding.message
        assert not finding.message.endswith("..")
        top = finding.pointer.split("/")[1] if finding.pointer else None
        assert top is None or top in definition(finding.resource.type)["properties"], finding.pointer


def test_no_rule_is_left_out():
    files = [path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sorted(map(str, files)) == sorted(str(Path(rule.path)) for rule in RULES)


@every_rule
def test_the_id_is_the_path(rule):
    path = Path(rule.path).relative_to(FOLDER).with_suffix("")
    assert rule.id == "-".join(path.parts)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.id)


@every_rule
def test_the_header_is_complete(rule):
    Draft202012Validator(schema("rule")).validate(rule.header)
    assert set(rule.resource) <= set(types())
    assert set(rule.header.get("controls", {})) <= set(frameworks())
    assert rule.title[0].isupper()
    assert not rule.title.endswith(".")
    for declared in rule.header.get("parameters", {}).values():
        Draft202012Validator.check_schema(declared)
        Draft202012Validator(declared).validate(declared["default"])


@every_python_rule
def test_a_rule_imports_only_what_rules_may_see(rule):
    for node in ast.walk(tree(rule)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            package, _, room = name.partition(".")
            assert room in ROOMS if package == "scanner" else package in LIBRARY, name


@every_python_rule
def test_a_rule_copies_no_properties(rule):
    """A copy made by these holds unknown values unguarded."""
    for node in ast.walk(tree(rule)):
        assert not (isinstance(node, ast.Dict) and None in node.keys), f"line {node.lineno}: a dict with ** in it"
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            assert called not in ("copy", "deepcopy", "reversed"), f"line {node.lineno}: {called}"
            assert not (called == "dict" and node.args), f"line {node.lineno}: dict of something"
            assert not (called == "list" and is_property(node.args)), f"line {node.lineno}: list of a property"


def tree(rule):
    return ast.parse(Path(rule.path).read_text(encoding="utf-8"))


def is_property(arguments):
    return any(isinstance(argument, ast.Subscript) for argument in arguments)


@every_rule
def test_what_was_not_seen_never_makes_a_verdict(rule, monkeypatch):
    """Take away any one value of a passing example: no failure comes of it, and no pass if the rule asked for it."""
    read = []
    monkeypatch.setattr("scanner.guarded._seen", lambda value: recorded(value, read))
    for status, example in testing.examples(rule):
        if status is not Status.PASS:
            continue
        configured = rule.with_parameters(example.get("Parameters", {}), None)
        whole = testing.model(rule, example)
        resources = [resource for type in types() for resource in whole.of_type(type)]
        passes = Counter(finding.status for finding in evaluate(whole, [configured], Config()))[Status.PASS]
        for number, resource in enumerate(resources):
            for pointer, properties in without_each(resource.properties):
                changed = [*resources]
                changed[number] = replace(resource, properties=properties)
                read.clear()
                found = Counter(f.status for f in evaluate(like(whole, changed), [configured], Config()))
                assert found[Status.FAIL] == 0, f"{resource.id}{pointer}"
                assert not read or found[Status.PASS] < passes, f"{resource.id}{pointer} was read"


@pytest.mark.parametrize(("rule", "status", "example"), list(cases()))
def test_what_an_account_shows_is_judged_as_what_a_file_declares(rule, status, example):
    """The same resources without a file: the same verdict, or none where only the file gave the data."""
    whole = testing.model(rule, example)
    live = [replace(resource, locations={}) for type in types() for resource in whole.of_type(type)]
    configured = rule.with_parameters(example.get("Parameters", {}), None)
    found = {finding.status for finding in evaluate(like(whole, live), [configured], Config())}
    opposite = {Status.PASS: Status.FAIL, Status.FAIL: Status.PASS}.get(status)
    assert opposite not in found - {finding.status for finding in testing.run(rule, example)}


def recorded(value, read):
    if type(value) is Unknown:
        read.append(value)
        raise InsufficientData(value.reason)
    return value


def like(model, resources):
    pairs = None if model.pairs_derived else model.pairs
    return Model(resources, gaps=model.gaps, pairs=pairs, images=model.images, scanned=model.scanned, as_of=model.as_of)


def without_each(value, pointer=""):
    """Yield (pointer, guarded copy) for each value that is known, with that value unknown in the copy."""
    if isinstance(value, Properties):
        for key, item in value.raw():
            for at, changed in without(item, f"{pointer}/{key}"):
                yield at, Properties({k: changed if k == key else v for k, v in value.raw()})
    elif isinstance(value, Items):
        for number, item in enumerate(value.raw()):
            for at, changed in without(item, f"{pointer}/{number}"):
                yield at, Items(changed if n == number else v for n, v in enumerate(value.raw()))


def without(item, pointer):
    if type(item) is not Unknown:
        yield pointer, Unknown("it was taken away")
        yield from without_each(item, pointer)


def test_without_any_code_nothing_is_said_about_code():
    (rule,) = (rule for rule in RULES if rule.id == "standby-iac-present")
    whole = testing.model(rule, {"Resources": {"shop": {"Type": "AWS::EKS::Cluster", "Properties": {"Name": "shop"}}}})
    live = [replace(resource, locations={}) for resource in whole.of_type("AWS::EKS::Cluster")]
    (finding,) = evaluate(like(whole, live), [rule], Config())
    assert (finding.status, "no infrastructure code was scanned" in finding.message.lower()) == (Status.UNKNOWN, True)


def test_what_a_live_service_runs_but_nobody_saw_is_unknown():
    example = {
        "Cluster": "payments",
        "ServiceName": "api",
        "ContainerImages": {"Unknown": "ecs:DescribeTasks was denied"},
    }
    for rule in (
        rule
        for rule in RULES
        if rule.id in ("image-running-digest-in-standby", "image-replica-not-archived", "ecs-revision-digest-exists")
    ):
        whole = testing.model(rule, example)
        live = [replace(resource, locations={}) for resource in whole.of_type("AWS::ECS::Service")]
        assert [f.status for f in evaluate(like(whole, live), [rule], Config())] == [Status.UNKNOWN]


SERVICE = {"Cluster": "payments", "ServiceName": "api", "DesiredCount": 1, "Deployments": []}
UNSEEN = {"Unknown": "ecs:DescribeServices was throttled"}


@pytest.mark.parametrize(
    ("id", "type", "primary", "standby"),
    [
        ("ecs-cluster-in-standby", "AWS::ECS::Cluster", {"ClusterName": "a"}, {"ClusterName": "a", "Status": UNSEEN}),
        ("ecs-warm-standby-runs-tasks", "AWS::ECS::Service", SERVICE, {**SERVICE, "RunningCount": UNSEEN}),
        (
            "ecs-warm-standby-runs-tasks",
            "AWS::ECS::Service",
            SERVICE,
            {**SERVICE, "RunningCount": 1, "Deployments": UNSEEN},
        ),
        (
            "ecs-idle-service-pinned-by-digest",
            "AWS::ECS::Service",
            SERVICE,
            {**SERVICE, "DesiredCount": 0, "ContainerImages": UNSEEN},
        ),
        (
            "eks-addon-parity",
            "AWS::EKS::Addon",
            {"ClusterName": "a", "AddonName": "x", "AddonVersion": "v1.2.3"},
            {"ClusterName": "a", "AddonName": "x", "AddonVersion": "v1.2.3", "Status": UNSEEN},
        ),
        (
            "eks-cluster-version-parity",
            "AWS::EKS::Cluster",
            {"Name": "a", "Version": "1.33"},
            {"Name": "a", "Version": "1.33", "Status": UNSEEN},
        ),
    ],
)
def test_what_only_an_account_shows_and_nobody_saw_is_unknown(id, type, primary, standby):
    (rule,) = (rule for rule in RULES if rule.id == id)
    pairs = [{"primary": "us-east-1", "standby": "us-west-2", "dr_class": "warm-standby"}]
    sides = {"us-east-1": primary, "us-west-2": standby}
    template = {
        "Resources": {r: {"Type": type, "Region": r, "Properties": p} for r, p in sides.items()},
        "Pairs": pairs,
    }
    whole = testing.model(rule, template)
    live = [replace(resource, locations={}) for resource in whole.of_type(type)]
    findings = evaluate(like(whole, live), [rule], Config())
    assert Status.UNKNOWN in {finding.status for finding in findings}
    assert not {Status.PASS, Status.FAIL} & {finding.status for finding in findings}


def test_values_of_variables_are_in_no_finding():
    (rule,) = (rule for rule in RULES if rule.id == "ecs-no-primary-region-literals")
    secret = "postgres://admin:hunter2@db.us-east-1.rds.amazonaws.com"
    container = {
        "Name": "api",
        "Environment": [{"Name": "DATABASE_URL", "Value": secret}],
        "Command": ["--password=hunter2-us-east-1"],
        "LogConfiguration": {"LogDriver": "splunk", "Options": {"splunk-url": secret}},
    }
    task = {"Type": "AWS::ECS::TaskDefinition", "Region": "us-west-2"}
    task["Properties"] = {"Family": "api", "ContainerDefinitions": [container]}
    findings = testing.run(rule, {"Resources": {"task": task}})
    assert [finding.status for finding in findings] == [Status.FAIL] * 3
    assert all("us-east-1" in finding.message for finding in findings)
    assert not any("hunter2" in f"{finding.message} {dict(finding.evidence)}" for finding in findings)


def test_rules_about_what_runs_are_about_every_kind_of_workload():
    """A service, a task, a function and a pod are judged alike: no rule of images names some of them only."""
    for rule in RULES:
        if "AWS::ECS::Task" in rule.resource and rule.link != "definition":
            assert set(WORKLOADS) <= set(rule.resource), rule.id


def test_a_key_that_an_account_does_not_show_is_missing():
    (rule,) = (rule for rule in RULES if rule.id == "standby-kms-keys-usable")
    named = {"EncryptionType": "KMS", "KmsKey": "arn:aws:kms:us-west-2:111122223333:key/west"}
    properties = {"RepositoryName": "web", "EncryptionConfiguration": named}
    web = {"Type": "AWS::ECR::Repository", "Region": "us-west-2", "Properties": properties}
    whole = testing.model(rule, {"Resources": {"web": web}})
    live = [replace(resource, locations={}) for resource in whole.of_type("AWS::ECR::Repository")]
    (finding,) = evaluate(like(whole, live), [rule], Config())
    assert (finding.status, "does not exist" in finding.message) == (Status.FAIL, True)


def test_a_repository_that_neither_the_code_nor_the_live_estate_under_it_has_keeps_no_tag():
    (rule,) = (rule for rule in RULES if rule.id == "ecs-idle-service-pinned-by-digest")
    example = next(one for status, one in testing.examples(rule) if status is Status.UNKNOWN)
    whole = testing.model(rule, example)
    resources = [resource for type in types() for resource in whole.of_type(type)]
    given = {name: getattr(whole, name) for name in ("pairs", "images", "scanned", "as_of")}
    laid_over = Model(resources, planned=True, **given)
    (finding,) = (one for one in evaluate(laid_over, [rule], Config()) if one.status is Status.FAIL)
    assert "no such repository exists" in finding.message


def test_whether_a_live_repository_is_a_cache_has_to_be_seen():
    """Of one that code declares it need not be: a cache makes its own."""
    (rule,) = (rule for rule in RULES if rule.id == "repository-tag-mutability-parity")
    denied = {"Unknown": "ecr:DescribePullThroughCacheRules was denied"}
    repositories = {"us-east-1": "IMMUTABLE", "us-west-2": "MUTABLE"}
    template = {
        f"repository {region}": {
            "Type": "AWS::ECR::Repository",
            "Region": region,
            "Properties": {"RepositoryName": "hub/nginx", "ImageTagMutability": mutability},
        }
        for region, mutability in repositories.items()
    }
    template |= {
        f"registry {region}": {
            "Type": "AWS::ECR::Registry",
            "Region": region,
            "Properties": {"PullThroughCacheRules": denied},
        }
        for region in repositories
    }
    whole = testing.model(rule, {"Resources": template})
    everything = [one for type in ("AWS::ECR::Repository", "AWS::ECR::Registry") for one in whole.of_type(type)]
    found = {}
    for door, locations in (("live", lambda one: {}), ("file", lambda one: one.locations)):
        placed = [replace(one, locations=locations(one)) for one in everything]
        (found[door],) = {f.status for f in evaluate(like(whole, placed), [rule], Config())} - {Status.NOT_APPLICABLE}
    assert found == {"live": Status.UNKNOWN, "file": Status.FAIL}


def test_a_filter_that_covers_nothing_fails_where_an_account_showed_all_there_is():
    (rule,) = (rule for rule in RULES if rule.id == "registry-replication-rules-effective")
    destinations = [{"Region": "us-west-2", "RegistryId": "111122223333"}]
    rules = [{"Destinations": destinations, "RepositoryFilters": [{"Filter": "shop/"}, {"Filter": "gone/"}]}]
    template = {
        "registry": {"Type": "AWS::ECR::Registry", "Properties": {"ReplicationConfiguration": {"Rules": rules}}},
        "web": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "shop/web"}},
    }
    whole = testing.model(rule, {"Resources": template})
    (code,), web = whole.of_type("AWS::ECR::Registry"), whole.of_type("AWS::ECR::Repository")
    live = replace(code, locations={}, operations=("ecr:DescribeRegistry",))
    (finding,) = evaluate(like(whole, [live, *web]), [rule], Config())
    assert (finding.status, finding.severity.value, "'gone/'" in finding.message) == (Status.FAIL, "low", True)
    assert [found.status for found in testing.run(rule, {"Resources": template})] == [Status.PASS]


def test_code_that_declares_a_live_registry_twice_is_told():
    (rule,) = (rule for rule in RULES if rule.id == "registry-declared-once")
    once = {"Type": "AWS::ECR::RegistryPolicy", "Properties": {"PolicyText": {"Statement": []}}}
    (code,) = testing.model(rule, {"Resources": {"one": once, "two": once}}).of_type("AWS::ECR::Registry")
    whole = testing.model(rule, {"RegistryId": "111122223333"})
    live = [replace(one, locations={}) for one in whole.of_type("AWS::ECR::Registry")]
    assert live[0].id == code.id
    assert [one.status for one in evaluate(like(whole, [*live, code]), [rule], Config())] == [Status.FAIL]
    assert [one.status for one in evaluate(like(whole, live), [rule], Config())] == [Status.NOT_APPLICABLE]


def test_evidence_is_plain_json():
    for rule in RULES:
        for _, example in testing.examples(rule):
            for finding in testing.run(rule, example):
                json.dumps(finding.evidence)
