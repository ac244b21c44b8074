"""Plans and states of Terraform, as `terraform show -json` and state files have them."""

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from terraform_cases import ACCOUNT, CASES, REGION, expected, summary

from scanner.config import Config, IacMapping
from scanner.model import Unknown, plain
from scanner.parsers import parse
from scanner.parsers.terraform import plan
from scanner.parsers.terraform.declared import Attribute
from scanner.parsers.terraform.sections import sections

PROVIDER = {"aws": {"name": "aws", "expressions": {"region": {"constant_value": REGION}}}}
WEB = {"address": "aws_ecr_repository.web", "values": {"name": "web"}}


def make(*resources, modules=(), calls=None, provider=None, variables=None, **more):
    """Return a plan; each resource has address, values, and what is unknown, secret and configured."""
    root = {"resources": [_shown(each) for each in resources], "child_modules": list(modules)}
    configured = {"resources": [_configured(each) for each in resources], "module_calls": calls or {}}
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": root},
        "resource_changes": [_change(each["address"], each["unknown"]) for each in resources if "unknown" in each],
        "configuration": {"provider_config": provider or PROVIDER, "root_module": configured},
        "variables": {name: {"value": value} for name, value in (variables or {}).items()},
        "complete": True,
        "errored": False,
        **more,
    }


def _bare(address):
    """Return the type and the name in an address."""
    return re.sub(r'\[("[^"]*"|\d+)\]', "", address).split(".")[-2:]


def _shown(each):
    type, name = _bare(each["address"])
    shown = {"mode": "managed", "type": type, "name": name, "values": {}, **each}
    return {key: value for key, value in shown.items() if key not in ("unknown", "expressions", "key")}


def _change(address, unknown):
    return {
        "address": address,
        "type": _bare(address)[0],
        "change": {"actions": ["create"], "after_unknown": unknown},
    }


def _configured(each):
    address = ".".join(_bare(each["address"]))
    expressions = each.get("expressions", {name: {} for name in each.get("values") or ()})
    return {"address": address, "provider_config_key": each.get("key", "aws"), "expressions": expressions}


def read(document, tmp_path, places=(), name="plan.json"):
    """Return what is parsed of a document; text is written as it is."""
    at = tmp_path / name
    at.write_text(document if isinstance(document, str) else json.dumps(document))
    return parse(at, lambda _: list(places))


def found(document, tmp_path, places=((ACCOUNT, None),)):
    return {each.id: each for each in read(document, tmp_path, places).resources}


def properties(document, tmp_path, type):
    (made,) = [each for each in found(document, tmp_path).values() if each.type == type]
    return plain(made.properties)


def _split(value):
    """Return a value as a plan has it: what is known, what is unknown, and the expressions."""
    if isinstance(value, Attribute):
        return None, True, {"references": [f"{value.address}.{value.attribute}", value.address]}
    if isinstance(value, Unknown):
        return None, True, {"references": ["local.x"]}
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        parts = [_split(each) for each in value]
        return tuple([part[number] for part in parts] for number in range(3))
    if isinstance(value, dict):
        parts = {name: _split(each) for name, each in value.items()}
        return tuple({name: part[number] for name, part in parts.items()} for number in range(3))
    return value, False, {"constant_value": value}


@pytest.mark.parametrize("case", CASES)
def test_a_plan_says_what_a_template_says(case, tmp_path):
    declared, bodies = CASES[case]
    resources = []
    for address, values in declared:
        known, unknown, expressions = _split(values)
        resources.append({"address": address, "values": known, "unknown": unknown, "expressions": expressions})
    made = [
        each
        for each in read(make(*resources), tmp_path, [(ACCOUNT, None)]).resources
        if each.type in bodies
        or (each.type == "AWS::ECR::Registry" and not set(bodies) <= {each.type for each in expected(bodies)})
    ]
    assert summary(made) == summary(expected(bodies))


@pytest.mark.parametrize(
    "case",
    [
        name
        for name, (declared, _) in CASES.items()
        if not any("Attribute" in repr(each) or "Unknown" in repr(each) or "known" in repr(each) for each in declared)
    ],
)
def test_a_state_says_what_a_template_says(case, tmp_path):
    declared, bodies = CASES[case]
    state = make_state(
        *(
            {"type": address.split(".")[0], "name": address.split(".")[1], "attributes": values}
            for address, values in declared
        )
    )
    made = [
        each
        for each in read(state, tmp_path, [(ACCOUNT, REGION)], "terraform.tfstate").resources
        if each.type in bodies
        or (each.type == "AWS::ECR::Registry" and not set(bodies) <= {each.type for each in expected(bodies)})
    ]
    assert summary(made) == summary(expected(bodies))


def make_state(*resources, **more):
    return {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": 1,
        "lineage": "l",
        "outputs": {},
        "resources": [
            {
                "mode": "managed",
                "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
                "instances": [{"attributes": each["attributes"], **each.get("instance", {})}],
                **{key: value for key, value in each.items() if key not in ("attributes", "instance")},
            }
            for each in resources
        ],
        **more,
    }


# What is known after apply, and what is secret.


def test_what_apply_will_tell_is_unknown_and_what_aws_chooses_is_its_default(tmp_path):
    task = {
        "address": "aws_ecs_task_definition.t",
        "values": {"family": "t", "container_definitions": None},
        "unknown": {"container_definitions": True, "arn": True, "network_mode": True, "runtime_platform": True},
        "expressions": {"family": {}, "container_definitions": {"references": ["local.containers"]}},
    }
    made = properties(make(task), tmp_path, "AWS::ECS::TaskDefinition")
    reason = "'aws_ecs_task_definition.t.container_definitions' is known only after apply"
    assert made["ContainerDefinitions"] == {"unknown": reason}
    assert "NetworkMode" not in made  # nobody wrote it
    assert "unknown" in made["RuntimePlatform"]  # a dynamic block may have


def test_blocks_that_a_plan_does_not_show_the_expressions_of_stay_unknown(tmp_path):
    rule = {"destination": [{"registry_id": ACCOUNT}]}
    replication = {
        "address": "aws_ecr_replication_configuration.r",
        "values": {"replication_configuration": [{"rule": [rule]}]},
        "unknown": {"replication_configuration": [{"rule": [{"destination": [{"region": True}]}]}]},
        "expressions": {"replication_configuration": [{}]},  # its rules are dynamic
    }
    made = properties(make(replication), tmp_path, "AWS::ECR::Registry")
    (destination,) = made["ReplicationConfiguration"]["Rules"][0]["Destinations"]
    assert destination["RegistryId"] == ACCOUNT
    assert destination["Region"]["unknown"].endswith("destination.0.region' is known only after apply")


def test_secrets_are_not_read(tmp_path):
    task = {"family": "t", "container_definitions": '[{"name": "SECRET"}]', "volume": [{"name": "SECRET"}]}
    sensitive = {"container_definitions": True, "volume": [{"name": True}]}
    shown = make({"address": "aws_ecs_task_definition.t", "values": task, "sensitive_values": sensitive})
    steps = [
        {"type": "get_attr", "value": "volume"},
        {"type": "index", "value": 0},
        {"type": "get_attr", "value": "name"},
    ]
    stored = make_state(
        {
            "type": "aws_ecs_task_definition",
            "name": "t",
            "attributes": task,
            "instance": {"sensitive_attributes": [[{"type": "get_attr", "value": "container_definitions"}], steps]},
        },
        {"type": "aws_ssm_parameter", "name": "p", "attributes": {"name": "p", "value": "SECRET"}},
    )
    for document in (shown, stored):
        (tmp_path / "x").mkdir(exist_ok=True)
        resources = read(document, tmp_path / "x").resources
        assert "SECRET" not in json.dumps([plain(each.properties) for each in resources])
        (made,) = [plain(each.properties) for each in resources if each.type == "AWS::ECS::TaskDefinition"]
        assert made["ContainerDefinitions"]["unknown"].endswith("is sensitive, so it is not read")
        assert made["Volumes"][0]["Name"]["unknown"].endswith("volume.0.name' is sensitive, so it is not read")
        assert made["Family"] == "t"


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        (["volume", 0, "name"], "unknown"),
        (["volume", {"name": "SECRET"}], "unknown"),  # an element of a set
        (["volume", 7], "unknown"),
        (["volume"], "unknown"),
        (["elsewhere"], "SECRET"),
        ([], "unknown"),
    ],
)
def test_a_secret_of_a_state_hides_all_that_it_may_be_in(steps, name, tmp_path):
    paths = [[{"type": "get_attr", "value": step} for step in steps]]
    values = {"family": "t", "volume": [{"name": "SECRET"}]}
    instance = {"sensitive_attributes": paths}
    state = make_state({"type": "aws_ecs_task_definition", "name": "t", "attributes": values, "instance": instance})
    made = properties(state, tmp_path, "AWS::ECS::TaskDefinition")
    assert name in json.dumps(made["Volumes"])


@pytest.mark.parametrize("whole", [{"unknown": True}, {"sensitive_values": True}, {"values": None}])
def test_a_resource_of_which_nothing_is_known_has_no_property_that_is_known_to_be_absent(whole, tmp_path):
    web = {"address": "aws_ecr_repository.web", "values": {"name": "web"}, **whole}
    made = properties(make(web), tmp_path, "AWS::ECR::Repository")
    assert all("unknown" in made[name] for name in ("RepositoryName", "ImageTagMutability", "EncryptionConfiguration"))


# References.


def service(references, **more):
    expressions = {"name": {}, "cluster": {"references": references}}
    values = {"name": "s", **more.pop("values", {})}
    return {
        "address": "aws_ecs_service.s",
        "values": values,
        "unknown": {"cluster": True},
        "expressions": expressions,
        **more,
    }


CLUSTER = {"address": "aws_ecs_cluster.c", "values": {}, "unknown": {"name": True}}


@pytest.mark.parametrize(
    ("references", "cluster"),
    [
        (["aws_ecs_cluster.c.id", "aws_ecs_cluster.c"], "aws_ecs_cluster.c"),
        (["aws_ecs_cluster.c"], "aws_ecs_cluster.c"),
        (["aws_ecs_cluster.c.id", "aws_ecs_cluster.c", "var.suffix"], None),
        (["aws_ecs_cluster.c.id", "aws_ecs_cluster.c.name", "aws_ecs_cluster.c"], None),
        (["aws_ecs_cluster.gone.id", "aws_ecs_cluster.gone"], None),
        (["local.cluster"], None),
        (["var.cluster"], None),
        ([], None),
        ("aws_ecs_cluster.c.id", None),
    ],
)
def test_a_reference_names_a_resource_of_the_plan(references, cluster, tmp_path):
    made = found(make(service(references), CLUSTER), tmp_path)
    value = plain(made["plan.json#aws_ecs_service.s"].properties)["Cluster"]
    assert value == f"plan.json#{cluster}" if cluster else "unknown" in value


@pytest.mark.parametrize(
    ("references", "index", "cluster"),
    [
        (['aws_ecs_cluster.c["a"].id', 'aws_ecs_cluster.c["a"]', "aws_ecs_cluster.c"], "", 'aws_ecs_cluster.c["a"]'),
        (["aws_ecs_cluster.c", "each.key"], '["b"]', 'aws_ecs_cluster.c["b"]'),
        (["aws_ecs_cluster.c", "each.key"], '["z"]', None),
        (["aws_ecs_cluster.c", "each.value"], '["b"]', None),
        (["aws_ecs_cluster.c[0].id", "aws_ecs_cluster.c[0]", "aws_ecs_cluster.c"], "", None),
    ],
)
def test_a_reference_names_one_of_many(references, index, cluster, tmp_path):
    clusters = [{**CLUSTER, "address": f'aws_ecs_cluster.c["{key}"]'} for key in ("a", "b")]
    one = {**service(references), "address": f"aws_ecs_service.s{index}"}
    value = plain(found(make(one, *clusters), tmp_path)[f"plan.json#aws_ecs_service.s{index}"].properties)["Cluster"]
    assert value == f"plan.json#{cluster}" if cluster else "unknown" in value


def test_references_lead_through_modules(tmp_path):
    """A module makes the cluster, another one takes its id, and is nested in a third."""
    address = 'module.outer["a.b"].module.app[0].aws_ecs_service.s'
    app = {
        "address": 'module.outer["a.b"].module.app[0]',
        "resources": [_shown({"address": address, "values": {"name": "s"}})],
    }
    cluster = {"address": "module.base", "resources": [_shown({"address": "module.base.aws_ecs_cluster.c"})]}
    inner = {"resources": [_configured(service(["var.cluster"]))], "variables": {"cluster": {}}}
    calls = {
        "base": {
            "module": {
                "resources": [{"address": "aws_ecs_cluster.c", "provider_config_key": "aws", "expressions": {}}],
                "outputs": {"id": {"expression": {"references": ["aws_ecs_cluster.c.id", "aws_ecs_cluster.c"]}}},
            }
        },
        "outer": {
            "expressions": {"cluster": {"references": ["module.base.id", "module.base"]}},
            "module": {
                "module_calls": {"app": {"expressions": {"cluster": {"references": ["var.cluster"]}}, "module": inner}}
            },
        },
    }
    outer = {"address": 'module.outer["a.b"]', "child_modules": [app]}
    document = make(modules=[cluster, outer], calls=calls)
    document["resource_changes"] = [_change(address, {"cluster": True})]
    value = found(document, tmp_path)[f"plan.json#{address}"]["Cluster"]
    assert value == "plan.json#module.base.aws_ecs_cluster.c"


DEPLOYMENT = {
    "address": "kubernetes_deployment.api",
    "values": {"metadata": [{"name": "api", "namespace": "web"}], "spec": []},
    "key": "kubernetes",
}


@pytest.mark.parametrize(
    ("configuration", "region", "name"),
    [
        ({"host": {"references": ["aws_eks_cluster.west.endpoint", "aws_eks_cluster.west"]}}, "us-west-2", "shop"),
        ({"exec": [{"args": {"references": ["aws_eks_cluster.west.name"]}}]}, "us-west-2", "shop"),
        ({"host": {"references": ["data.aws_eks_cluster.west.endpoint"]}}, None, None),
        ({"host": {"references": ["aws_ecr_repository.web.arn"]}}, None, None),
        (
            {
                "host": {"references": ["aws_eks_cluster.west.endpoint"]},
                "token": {"references": ["aws_eks_cluster.east.endpoint"]},
            },
            None,
            None,
        ),
        ({}, None, None),
    ],
)
def test_the_cluster_of_a_workload_is_one_of_the_plan(configuration, region, name, tmp_path):
    provider = PROVIDER | {
        "aws.west": {"name": "aws", "alias": "west", "expressions": {"region": {"constant_value": "us-west-2"}}},
        "kubernetes": {"name": "kubernetes", "expressions": configuration},
    }
    clusters = [
        {"address": "aws_eks_cluster.west", "values": {"name": "shop"}, "key": "aws.west"},
        {"address": "aws_eks_cluster.east", "values": {"name": "shop"}},
    ]
    parsed = read(make(DEPLOYMENT, *clusters, WEB, provider=provider), tmp_path, ((ACCOUNT, None),))
    (one,) = [each for each in parsed.resources if each.type == "Kubernetes::Deployment"]
    assert (one.region, one.name) == (region, name and f"{name}/web/api")
    if name is None:
        assert "under 'iac:' in regionproof.yaml" in str(dict(one.properties.raw())["Cluster"].reason)


def test_the_configuration_names_the_cluster_that_a_plan_does_not_show(tmp_path):
    (tmp_path / "plan.json").write_text(json.dumps(make(DEPLOYMENT)))
    config = Config(iac=(IacMapping("plan.json", ACCOUNT, REGION, "shop"),))
    parsed = parse(tmp_path, config.places, deployments=config.deployments)
    (one,) = [each for each in parsed.resources if each.type == "Kubernetes::Deployment"]
    assert one.id == f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/shop/web/Deployment/api"
    config = Config(iac=(*config.iac, IacMapping("plan.json", ACCOUNT, REGION, "other")))
    parsed = parse(tmp_path, config.places, deployments=config.deployments)
    ids = [each.id for each in parsed.resources if each.type == "Kubernetes::Deployment"]
    assert not any(":cluster/" in id for id in ids), ids  # of two clusters it is in nobody knows which
    assert ids


def test_variables_that_name_each_other_end(tmp_path):
    calls = {"m": {"expressions": {"v": {"references": ["module.m.o", "module.m"]}}, "module": {}}}
    calls["m"]["module"] = {
        "resources": [_configured(service(["var.v"]))],
        "outputs": {"o": {"expression": {"references": ["var.v"]}}},
    }
    address = "module.m.aws_ecs_service.s"
    modules = [{"address": "module.m", "resources": [_shown({"address": address})]}]
    document = make(modules=modules, calls=calls)
    document["resource_changes"] = [_change(address, {"cluster": True})]
    assert "unknown" in plain(found(document, tmp_path)[f"plan.json#{address}"].properties)["Cluster"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_plan_may_be_what_a_shell_of_windows_has_redirected(encoding, tmp_path):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "plan.json").write_bytes((mark + json.dumps(make(WEB), indent=1)).encode(encoding))
    (web,) = (one for one in parse(tmp_path, lambda _: []).resources if one.type == "AWS::ECR::Repository")
    assert (web.name, web.locations[""].line > 1) == ("web", True)


def test_a_plan_of_windows_that_was_cut_off_is_a_gap(tmp_path):
    (tmp_path / "plan.json").write_bytes(json.dumps(make(WEB)).encode("utf-16")[:-1])
    (gap,) = parse(tmp_path, lambda _: []).gaps
    assert gap.path == "plan.json"


# Where resources are.

ARN = f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/web"


def aws(**expressions):
    return {"aws": {"name": "aws", "expressions": expressions}}


@pytest.mark.parametrize(
    ("values", "provider", "variables", "place"),
    [
        ({}, aws(region={"constant_value": "us-west-2"}), {}, (None, "us-west-2")),
        ({}, aws(region={"references": ["var.region"]}), {"region": "us-west-2"}, (None, "us-west-2")),
        ({}, aws(region={"references": ["var.r.dr", "var.r"]}), {"r": {"dr": "us-west-2"}}, (None, "us-west-2")),
        ({}, aws(region={"references": ["var.r[1]", "var.r"]}), {"r": ["a", "us-west-2"]}, (None, "us-west-2")),
        ({}, aws(region={"references": ["var.region"]}), {"region": "not a region"}, (None, None)),
        ({}, aws(region={"references": ["var.a", "var.b"]}), {"a": "us-west-2"}, (None, None)),
        ({}, aws(region={"references": ["local.region"]}), {}, (None, None)),
        ({}, aws(), {}, (None, None)),
        ({"region": "us-west-2"}, aws(region={"constant_value": "us-east-1"}), {}, (None, "us-west-2")),
        ({"arn": ARN, "region": "us-west-2"}, aws(), {}, (ACCOUNT, "eu-west-1")),
        (
            {},
            aws(assume_role=[{"role_arn": {"constant_value": f"arn:aws:iam::{ACCOUNT}:role/x"}}]),
            {},
            (ACCOUNT, None),
        ),
        ({}, aws(allowed_account_ids={"constant_value": [ACCOUNT]}), {}, (ACCOUNT, None)),
        ({}, aws(allowed_account_ids={"constant_value": [ACCOUNT, "444455556666"]}), {}, (None, None)),
    ],
)
def test_the_place_of_a_resource(values, provider, variables, place, tmp_path):
    web = {**WEB, "values": {"name": "web", **values}}
    parsed = read(make(web, provider=provider, variables=variables), tmp_path)
    made = next(each for each in parsed.resources if each.type == "AWS::ECR::Repository")
    assert (made.account, made.region) == place


def test_the_arn_of_one_resource_tells_the_place_of_others_of_its_provider(tmp_path):
    role = {"address": "aws_iam_role.r", "values": {"name": "r", "arn": f"arn:aws:iam::{ACCOUNT}:role/r"}}
    old = {"address": "aws_ecr_repository.old", "values": {"name": "old", "arn": ARN.replace("web", "old")}}
    other = {"address": "aws_ecr_repository.other", "values": {"name": "other"}, "key": "aws.other"}
    made = read(make(WEB, role, old, other, provider=aws()), tmp_path).resources
    places = {each.name: (each.account, each.region) for each in made if each.type == "AWS::ECR::Repository"}
    known = (ACCOUNT, "eu-west-1")
    assert places == {"web": known, "old": known, "other": (None, None)}


@pytest.mark.parametrize(
    ("default", "alias", "place"),
    [
        ({}, {"region": {"references": ["local.dr"]}}, (ACCOUNT, None)),
        ({}, {"region": {"constant_value": "us-west-2"}}, (ACCOUNT, "us-west-2")),
        ({}, {"assume_role": [{"role_arn": {"references": ["local.role"]}}]}, (None, None)),
        ({"profile": {"constant_value": "main"}}, {"region": {"constant_value": "us-west-2"}}, (None, "us-west-2")),
        ({"allowed_account_ids": {"constant_value": ["444455556666"]}}, {}, ("444455556666", None)),
    ],
)
def test_what_the_configuration_says_is_not_meant_for_an_alias(default, alias, place, tmp_path):
    provider = {"aws": {"name": "aws", "expressions": default}, "aws.dr": {"name": "aws", "expressions": alias}}
    replica = {"address": "aws_ecr_repository.dr", "values": {"name": "replica"}, "key": "aws.dr"}
    parsed = read(make(WEB, replica, provider=provider), tmp_path, [(ACCOUNT, "us-east-1")])
    made = {each.name: each for each in parsed.resources if each.type == "AWS::ECR::Repository"}
    assert (made["replica"].account, made["replica"].region) == place
    assert made["web"].region == "us-east-1"


def test_the_configuration_fills_in_what_the_plan_does_not_say(tmp_path):
    places = [("444455556666", "us-west-2"), (ACCOUNT, "us-west-2")]
    parsed = read(make(WEB), tmp_path, places)
    assert {each.id for each in parsed.resources if each.type == "AWS::ECR::Repository"} == {
        f"arn:aws:ecr:{REGION}:{account}:repository/web" for account, _ in places
    }
    known = {**WEB, "values": {"name": "web", "arn": ARN}}
    parsed = read(make(known), tmp_path, places)
    assert {each.id for each in parsed.resources if each.type == "AWS::ECR::Repository"} == {ARN}


def test_a_child_module_has_the_region_of_the_provider_that_it_is_given(tmp_path):
    provider = {
        "module.dr:aws": {
            "name": "aws",
            "module_address": "module.dr",
            "expressions": {"region": {"references": ["var.region"]}},
        }
    }
    calls = {
        "dr": {
            "expressions": {"region": {"constant_value": "us-west-2"}},
            "module": {"resources": [_configured({**WEB, "key": "module.dr:aws"})]},
        }
    }
    modules = [{"address": "module.dr", "resources": [_shown({**WEB, "address": "module.dr.aws_ecr_repository.web"})]}]
    made = found(make(modules=modules, calls=calls, provider=provider), tmp_path)
    assert f"arn:aws:ecr:us-west-2:{ACCOUNT}:repository/web" in made


# States.


def test_a_state_is_read_with_its_modules_and_instances(tmp_path):
    state = make_state(
        {
            "type": "aws_ecs_cluster",
            "name": "c",
            "module": 'module.m["x"]',
            "attributes": {"name": "a"},
            "instance": {"index_key": "k"},
        },
        {"type": "aws_ecs_cluster", "name": "d", "attributes": {"name": "b"}, "instance": {"index_key": 1}},
        {"type": "aws_ecs_cluster", "name": "e", "attributes": {"name": "c"}, "instance": {"deposed": "0123"}},
        {"type": "aws_ecs_cluster", "name": "f", "attributes": {"name": "d"}, "mode": "data"},
    )
    made = read(state, tmp_path, name="terraform.tfstate")
    assert [each.id for each in made.resources if each.type == "AWS::ECS::Cluster"] == [
        'terraform.tfstate#module.m["x"].aws_ecs_cluster.c["k"]',
        "terraform.tfstate#aws_ecs_cluster.d[1]",
    ]


def test_a_shown_state_is_read(tmp_path):
    shown = make({**WEB, "values": {"name": "web", "arn": ARN}})
    document = {"format_version": "1.0", "terraform_version": "1.11.4", "values": shown["planned_values"]}
    assert ARN in {each.id for each in read(document, tmp_path).resources}


def test_the_network_of_a_state_has_its_ids(tmp_path):
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/subnet-1"
    state = make_state(
        {"type": "aws_subnet", "name": "a", "attributes": {"id": "subnet-1", "arn": arn, "vpc_id": "vpc-1"}}
    )
    (subnet,) = [each for each in read(state, tmp_path).resources if each.type == "AWS::EC2::Subnet"]
    assert (subnet.id, subnet["SubnetId"], subnet.account) == (arn, "subnet-1", ACCOUNT)


@pytest.mark.parametrize("indent", [None, 2])
def test_findings_lead_to_the_resource_in_the_plan(indent, tmp_path):
    address = 'module.m["a\\"b"].aws_ecr_repository.web'
    modules = [{"address": 'module.m["a\\"b"]', "resources": [_shown({**WEB, "address": address})]}]
    text = json.dumps(
        make({"address": "aws_ecr_repository.api", "values": {"name": "api"}}, modules=modules), indent=indent
    )
    made = found(text, tmp_path)[f"plan.json#{address}"].locate("/RepositoryName")
    written = text.splitlines()[made.line - 1][made.column - 1 :]
    assert written.startswith(f'"address": {json.dumps(address)}')


def test_findings_lead_to_the_resource_in_the_state(tmp_path):
    state = make_state(
        {"module": "module.m", "mode": "managed", "type": "aws_ecs_cluster", "name": "c", "attributes": {"name": "a"}},
        {
            "mode": "managed",
            "type": "aws_ecs_cluster",
            "name": "c",
            "attributes": {"name": "b"},
            "instance": {"index_key": 0},
        },
    )
    state["resources"] = [
        dict(sorted(each.items(), key=lambda item: ORDER.index(item[0]))) for each in state["resources"]
    ]
    text = json.dumps(state, indent=2)
    for one in read(text, tmp_path, name="terraform.tfstate").resources:
        if one.type == "AWS::ECS::Cluster":
            module, place = "module.m" in one.id, one.locate("")
            assert ('"module"' if module else '"mode"') in text.splitlines()[place.line - 1]


ORDER = ["module", "mode", "type", "name", "provider", "instances"]


# What a plan leaves open, and what is no plan.


@pytest.mark.parametrize(
    ("more", "type", "message"),
    [
        ({"errored": True}, None, "plan.json: Terraform failed while it made the plan"),
        ({"complete": False}, None, "plan.json: the plan leaves out a part of the changes"),
        (
            {
                "complete": False,
                "deferred_changes": [
                    {
                        "reason": "x",
                        "resource_change": {"address": "aws_ecr_repository.d", "type": "aws_ecr_repository"},
                    }
                ],
            },
            "AWS::ECR::Repository",
            "plan.json: 'aws_ecr_repository.d' is deferred to a later plan",
        ),
    ],
)
def test_what_a_plan_leaves_open_is_a_gap(more, type, message, tmp_path):
    parsed = read(make(WEB, **more), tmp_path)
    assert [(gap.type, gap.message) for gap in parsed.gaps] == [(type, message)]
    assert parsed.files == [("plan.json", "partial", message)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("plan.json", '{"format_version": "1.2", "terraform_version": "1"', "not JSON: expected '}' at character"),
        ("plan.json", '{"format_version": "1.2", "terraform_version": "1", "values": NaN}', "not JSON: NaN is not"),
        ("plan.json", '{"format_version": "1.2", "terraform_version": "1", "values": {}} x', "not JSON: there is more"),
        ("plan.json", '{"format_version": "2.0", "terraform_version": "3", "values": {}}', "the format version 2.0"),
        ("terraform.tfstate", '{"terraform_version": "1"', "not JSON: "),
        (
            "terraform.tfstate",
            '{"terraform_version": "0.9", "version": 3, "lineage": "l", "resources": []}',
            "the version 3",
        ),
        (
            "terraform.tfstate",
            json.dumps(make_state({"type": "aws_ecr_repository", "name": "w", "attributes": None})),
            "'aws_ecr_repository.w' is recorded as Terraform 0.11 did",
        ),
        (
            "plan.json",
            '{"format_version": "1.2", "terraform_version": "1", "values": ' + "[" * 100_000,
            "not JSON: it is nested",
        ),
    ],
)
def test_a_broken_plan_is_a_failed_file(name, text, message, tmp_path):
    parsed = read(text, tmp_path, name=name)
    (file,) = parsed.files
    assert file[:2] == (name, "failed")
    assert file[2].startswith(f"{name}: {message}")
    assert parsed.resources == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '["terraform_version"]',
        '{"terraform_version": "1"}',
        '{"terraform_version"',
        '{"a": "\\"terraform_version\\""}',
    ],
)
def test_other_json_is_left_to_others(text, tmp_path):
    assert read(text, tmp_path).files == []


def test_a_plan_that_is_too_large_is_a_failed_file(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "MAX_BYTES", 100)
    (file,) = read(make(WEB), tmp_path).files
    assert file == ("plan.json", "failed", "plan.json: larger than 100 bytes")


@pytest.mark.parametrize("chunk", [1, 7, 30])
def test_a_plan_is_recognised_wherever_its_mark_is(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "_CHUNK", chunk)
    assert read(make(WEB), tmp_path).files == [("plan.json", "complete", "")]


def test_the_value_of_a_key_that_is_there_twice_is_the_last():
    assert list(sections(' { "a" : 1 , "a" : [ ] } ')) == [("a", 1), ("a", [])]
    assert list(sections("{}")) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_plan_with_anything_anywhere_does_not_crash(data):
    """Some part of a plan, or of a state, is something else."""
    document = data.draw(
        st.sampled_from(
            [
                make(service(["aws_ecs_cluster.c.id"]), CLUSTER, WEB),
                make_state({"type": "aws_ecr_repository", "name": "w", "attributes": {"name": "w"}}),
            ]
        )
    )
    document = at = json.loads(json.dumps(document))
    for _ in range(data.draw(st.integers(1, 9))):
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], (dict, list)) or not data.draw(st.booleans()):
            at[key] = data.draw(JSON)
            break
        at = at[key]
    try:
        document = {key: plan.lean(key, value) for key, value in document.items()}
        recorded = plan.planned(document) if "format_version" in document else plan.stored(document)
    except ValueError:
        return
    places = plan.Places(recorded, document)
    for made in plan.resources(plan.declared(recorded, places, {}, "plan.json", (None, None)), ""):
        if hasattr(made, "properties"):
            plain(made.properties)


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_what_terraform_itself_writes_is_understood(tmp_path):
    (tmp_path / "main.tf").write_text('resource "terraform_data" "a" { input = "x" }\n')

    def terraform(*words):
        return subprocess.run(["terraform", *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    terraform("init", "-input=false")
    terraform("plan", "-out=p", "-input=false")
    (tmp_path / "plan.json").write_text(terraform("show", "-json", "p"))
    terraform("apply", "-input=false", "p")
    (tmp_path / "state.json").write_text(terraform("show", "-json"))
    files = parse(tmp_path, lambda _: []).files
    assert files == [(name, "complete", "") for name in ("main.tf", "plan.json", "state.json", "terraform.tfstate")]
