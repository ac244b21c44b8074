"""What a pull request brings, and at which of its lines that is told: one repository, many changes."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from scanner.config import Config
from scanner.config import read as configured
from scanner.finding import Status
from scanner.reporters import github
from scanner.rule import load_rules
from scanner.scan import Change, scan

ACCOUNT = "111122223333"
RULES = (
    "ecs-cluster-in-standby",
    "ecs-service-in-standby",
    "eks-manifests-render-for-standby",
    "registry-filters-cover-workloads",
    "registry-replication-to-standby",
    "repository-exists-in-standby",
    "repository-tag-mutability-parity",
    "standby-iac-present",
    "workload-image-not-pinned-to-primary",
    "workload-image-pinned-by-digest",
    "workload-region-has-standby",
)
CONFIG = f"""\
version: 1
accounts: ["{ACCOUNT}"]
pairs:
  - {{primary: us-east-1, standby: us-west-2, dr_class: pilot-light}}
iac:
  - {{path: k8s/overlays/us-east-1, region: us-east-1, cluster: shop}}
  - {{path: k8s/overlays/us-west-2, region: us-west-2, cluster: shop}}
  - {{path: chart/values-us-east-1.yaml, region: us-east-1, cluster: shop, namespace: web, release: cart}}
  - {{path: chart/values-us-west-2.yaml, region: us-west-2, cluster: shop, namespace: web, release: cart}}
"""
MAIN = f"""\
provider "aws" {{
  region              = "us-east-1"
  allowed_account_ids = ["{ACCOUNT}"]
}}

provider "aws" {{
  alias  = "west"
  region = "us-west-2"
}}

variable "release" {{ type = string }}

module "shop_east" {{
  source  = "./modules/shop"
  release = var.release
  region  = "us-east-1"
}}

module "shop_west" {{
  source    = "./modules/shop"
  release   = var.release
  region    = "us-west-2"
  providers = {{ aws = aws.west }}
}}
"""
ALIAS = 'provider "aws" {\n  alias  = "west"\n  region = "us-west-2"\n}\n\n'
REPOSITORIES = """\
resource "aws_ecr_repository" "api" {
  name                 = "shop/api"
  image_tag_mutability = "IMMUTABLE"
}

resource "aws_ecr_repository" "web" {
  name                 = "shop/web"
  image_tag_mutability = "IMMUTABLE"
}

"""
REPLICATION = f"""\
resource "aws_ecr_replication_configuration" "this" {{
  replication_configuration {{
    rule {{
      destination {{
        region      = "us-west-2"
        registry_id = "{ACCOUNT}"
      }}
      repository_filter {{
        filter      = "shop/"
        filter_type = "PREFIX_MATCH"
      }}
    }}
  }}
}}
"""
SHOP = f"""\
variable "release" {{ type = string }}
variable "region" {{ type = string }}

module "service" {{
  source = "../service"
  name   = "api"
  image  = "{ACCOUNT}.dkr.ecr.${{var.region}}.amazonaws.com/shop/api:${{var.release}}"
}}
"""
SERVICE = """\
variable "name" { type = string }
variable "image" { type = string }

resource "aws_ecs_cluster" "this" {
  name = "shop"
}

resource "aws_ecs_task_definition" "this" {
  family = var.name
  container_definitions = jsonencode([{
    name  = var.name
    image = var.image
  }])
}

resource "aws_ecs_service" "this" {
  name            = var.name
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = 1
}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: %s
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: web
          image: %s
"""
OVERLAY = f"""\
resources: [../../base]
namespace: web
images:
  - name: shop/web
    newName: {ACCOUNT}.dkr.ecr.%s.amazonaws.com/shop/web
"""
REGISTRY_VALUE = f"registry: {ACCOUNT}.dkr.ecr.%s.amazonaws.com\n"


def stack(region, mutability="IMMUTABLE"):
    image = f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/shop/pay:1"
    resources = {
        "Pay": {"Type": "AWS::ECS::TaskDefinition"},
        "Images": {"Type": "AWS::ECR::Repository"},
    }
    resources["Pay"]["Properties"] = {"Family": "pay", "ContainerDefinitions": [{"Name": "pay", "Image": image}]}
    resources["Images"]["Properties"] = {"RepositoryName": "shop/pay", "ImageTagMutability": mutability}
    return json.dumps({"Resources": resources}, indent=1)


def assembly(**names):
    artifacts = {
        name: {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{ACCOUNT}/{region}",
            "properties": {"templateFile": names.get(name, f"{name}.template.json")},
        }
        for name, region in (("East", "us-east-1"), ("West", "us-west-2"))
    }
    return json.dumps({"version": "36.0.0", "artifacts": artifacts}, indent=1)


FILES = {
    "regionproof.yaml": CONFIG,
    "terraform/main.tf": MAIN,
    "terraform/registry.tf": REPOSITORIES + REPLICATION,
    "terraform/terraform.tfvars": 'release = "1.2"\n',
    "terraform/modules/shop/main.tf": SHOP,
    "terraform/modules/service/main.tf": SERVICE,
    "k8s/base/kustomization.yaml": "resources: [web.yaml]\n",
    "k8s/base/web.yaml": DEPLOYMENT % ("web", "shop/web:1"),
    "k8s/overlays/us-east-1/kustomization.yaml": OVERLAY % "us-east-1",
    "k8s/overlays/us-west-2/kustomization.yaml": OVERLAY % "us-west-2",
    "chart/Chart.yaml": "{apiVersion: v2, name: cart, version: 1.0.0}\n",
    "chart/values.yaml": "registry: none\ntag: '1'\n",
    "chart/values-us-east-1.yaml": REGISTRY_VALUE % "us-east-1",
    "chart/values-us-west-2.yaml": REGISTRY_VALUE % "us-west-2",
    "chart/templates/all.yaml": DEPLOYMENT % ("cart", "{{ .Values.registry }}/shop/cart:{{ .Values.tag }}"),
    "cdk.out/manifest.json": assembly(),
    "cdk.out/East.template.json": stack("us-east-1"),
    "cdk.out/West.template.json": stack("us-west-2"),
}


def git(folder, *arguments):
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder):
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "x")


def write(folder, files):
    """Write files by their texts; None is a file, or a folder, that is gone."""
    for name, text in files.items():
        path = folder / name
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    write(folder, FILES)
    git(folder, "init", "-q")
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def rules():
    return [rule for rule in load_rules() if rule.id in RULES]


@pytest.fixture
def bring(repository, rules, monkeypatch):
    """Return a function that makes a change and tells what is shown of it: the finding, and the line of its cause."""
    monkeypatch.chdir(repository)
    start = git(repository, "rev-parse", "HEAD")

    def call(change, before=None, paths=(".",)):
        if before:
            write(repository, before)
            commit(repository)
        write(repository, change)
        git(repository, "add", "-A")  # so that git sees what was renamed
        report = scan(
            [Path(path) for path in paths],
            rules,
            configured(Path("regionproof.yaml")) if Path("regionproof.yaml").exists() else Config(),
            datetime(2026, 11, 1, tzinfo=UTC),
            Change(since="HEAD"),
        )
        call.report = report
        shown = [one for one in report.findings if one.status in (Status.FAIL, Status.UNKNOWN) and not one.exemption]
        return {
            f"{one.status.value} {one.rule_id} {one.resource.name} {one.resource.region}": f"{at.path}:{at.line}"
            for one in shown
            if (at := one.cause or one.location)
        }

    yield call
    git(repository, "reset", "-q", "--hard", start)
    git(repository, "clean", "-fdq")


def edited(name, old, new):
    assert old in FILES[name], (name, old)
    return {name: FILES[name].replace(old, new)}


def moved(old, new):
    """Return the files below a path under another one."""
    made = {new + name.removeprefix(old): text for name, text in FILES.items() if name.startswith(old)}
    return {old: None, **made}


def reformatted(text):
    return text.replace("  ", "    ").replace(" = ", "   =   ")


PINNED, RENDERED = "workload-image-not-pinned-to-primary", "eks-manifests-render-for-standby"
BY_DIGEST, EXISTS, CODE = "workload-image-pinned-by-digest", "repository-exists-in-standby", "standby-iac-present"
EXEMPTION = "  # regionproof:ignore=workload-image-pinned-by-digest until=2027-03-01 reason=soon owner=web\n"
EXEMPTED = (OVERLAY % "us-east-1").replace("  - name", f"{EXEMPTION}  - name")
ACCEPTED = CONFIG + (
    'exemptions:\n  - {rule: workload-image-pinned-by-digest, resource: "*/Deployment/*", reason: soon, owner: web, '
    "expires: 2027-03-01}\n"
)

NOTHING = {
    "comments": edited("terraform/registry.tf", '"web" {\n', '"web" {\n  # the site\n')
    | edited("k8s/base/web.yaml", "kind:", "# runs the site\nkind:")
    | edited("chart/values-us-west-2.yaml", "registry", "# of the standby\nregistry"),
    "reformatted": {name: reformatted(text) for name, text in FILES.items() if name.endswith(".tf")}
    | {name: json.dumps(json.loads(text)) for name, text in FILES.items() if name.endswith(".json")},
    "a file has another name": {"terraform/registry.tf": None, "terraform/ecr.tf": REPOSITORIES + REPLICATION},
    "a module has another name": moved("terraform/modules/service", "terraform/modules/ecs")
    | edited("terraform/modules/shop/main.tf", "../service", "../ecs"),
    "the root has another name": moved("terraform", "infra"),
    "a base has another name": moved("k8s/base/web.yaml", "k8s/base/site.yaml")
    | edited("k8s/base/kustomization.yaml", "web", "site"),
    "a template has another name": moved("cdk.out/West.template.json", "cdk.out/w.json")
    | {"cdk.out/manifest.json": assembly(West="w.json")},
    "folders that the configuration names": moved("k8s/overlays", "k8s/clusters")
    | edited("regionproof.yaml", "k8s/overlays", "k8s/clusters"),
    "a file is split": {"terraform/registry.tf": REPOSITORIES, "terraform/replication.tf": REPLICATION},
    "a repository is renamed with moved": edited("terraform/registry.tf", '"web" {', '"site" {')
    | {"terraform/moved.tf": "moved {\n  from = aws_ecr_repository.web\n  to   = aws_ecr_repository.site\n}\n"},
    "blocks change places": {"terraform/registry.tf": REPLICATION + "\n" + REPOSITORIES},
    "what somebody accepts from now on": {"k8s/overlays/us-east-1/kustomization.yaml": EXEMPTED},
    "what the configuration accepts": {"regionproof.yaml": ACCEPTED},
    "a comment in the configuration": {"regionproof.yaml": "# ours\n" + CONFIG},
}  # fmt: skip


@pytest.mark.parametrize("change", NOTHING.values(), ids=NOTHING)
def test_what_says_the_same_brings_nothing(bring, change):
    assert bring(change) == {}


LOST = {
    f"fail {EXISTS} shop/api us-east-1": "terraform/registry.tf:10",
    f"fail {EXISTS} shop/web us-east-1": "terraform/registry.tf:10",
    "unknown registry-filters-cover-workloads registry us-east-1": "terraform/registry.tf:10",
    "unknown registry-replication-to-standby registry us-east-1": "terraform/registry.tf:10",
}
UNPLACED = {
    f"unknown {rule} {name} {region}": "terraform/main.tf:5"
    for rule, name in (
        ("ecs-cluster-in-standby", "shop"),
        ("ecs-service-in-standby", "shop/api"),
        (CODE, "shop"),
        (CODE, "shop/api"),
    )
    for region in (None, "us-east-1")
}
BROUGHT = {
    "the replication rule is deleted": ({"terraform/registry.tf": REPOSITORIES}, LOST),
    "a filter is narrowed": (
        edited("terraform/registry.tf", '"shop/"', '"shop/api"'),
        {
            f"fail {EXISTS} shop/web us-east-1": "terraform/registry.tf:19",
            "unknown registry-filters-cover-workloads registry us-east-1": "terraform/registry.tf:11",  # it is touched
        },
    ),
    "a variable that flows into a tag through two modules": (
        edited("terraform/terraform.tfvars", "1.2", "1.3"),
        {f"unknown {BY_DIGEST} shop/api us-east-1": "terraform/terraform.tfvars:1"},
    ),
    "that variable, beside others and in another file": (
        edited("terraform/terraform.tfvars", "1.2", "1.3")
        | {"RELEASES.md": "release: 1.3\n"}
        | edited("k8s/base/kustomization.yaml", "resources", "namePrefix: x-\nresources"),
        {
            f"unknown {BY_DIGEST} shop/api us-east-1": "terraform/terraform.tfvars:1",
            f"fail {BY_DIGEST} shop/web/x-web us-east-1": "k8s/base/kustomization.yaml:1",
        },
    ),
    "the standby gets another release": (
        edited("terraform/main.tf", "release   = var.release", 'release   = "1.1"'),
        {"unknown ecs-service-in-standby shop/api us-east-1": "terraform/main.tf:21"},
    ),
    "the base that both overlays use": (
        edited("k8s/base/web.yaml", "shop/web:1", "shop/web:2"),
        {f"fail {BY_DIGEST} shop/web/web us-east-1": "k8s/base/web.yaml:11"},
    ),
    "the overlay of the standby names the primary": (
        {"k8s/overlays/us-west-2/kustomization.yaml": OVERLAY % "us-east-1"},
        {f"fail {PINNED} shop/web/web us-west-2": "k8s/overlays/us-west-2/kustomization.yaml:5"},
    ),
    "the values of the standby name the primary": (
        {"chart/values-us-west-2.yaml": REGISTRY_VALUE % "us-east-1"},
        {f"fail {PINNED} shop/web/cart us-west-2": "chart/values-us-west-2.yaml:1"},
    ),
    "the values of the standby have another tag": (
        {"chart/values-us-west-2.yaml": REGISTRY_VALUE % "us-west-2" + "tag: '2'\n"},
        {f"unknown {RENDERED} shop/web/cart us-east-1": "chart/values-us-west-2.yaml:2"},
    ),
    "the alias of the standby is deleted": (
        edited("terraform/main.tf", ALIAS, ""),
        UNPLACED
        | {
            f"unknown {PINNED} api None": "terraform/main.tf:5",
            f"unknown {BY_DIGEST} shop/api None": "terraform/main.tf:5",
        },
    ),
    "the module of the standby is deleted": (
        {"terraform/main.tf": MAIN.partition('\nmodule "shop_west"')[0]},
        {key.replace("unknown", "fail"): "terraform/main.tf:17" for key in UNPLACED if "us-east-1" in key},
    ),
    "an overlay is deleted": (
        {"k8s/overlays/us-west-2": None},
        {f"fail {RENDERED} shop/web/web us-east-1": "k8s/base/web.yaml:4"},  # no line is left that says it
    ),
    "a stack of the CDK names the primary": (
        {"cdk.out/West.template.json": stack("us-east-1")},
        {f"fail {PINNED} pay us-west-2": "cdk.out/West.template.json:10"},
    ),
    "a stack of the CDK lets tags move": (
        {"cdk.out/West.template.json": stack("us-west-2", "MUTABLE")},
        {"fail repository-tag-mutability-parity shop/pay us-east-1": "cdk.out/West.template.json:19"},
    ),
    "a workload for the primary alone": (
        edited("k8s/overlays/us-east-1/kustomization.yaml", "[../../base]", "[../../base, job.yaml]")
        | {"k8s/overlays/us-east-1/job.yaml": DEPLOYMENT % ("job", "shop/web:1")},
        {
            f"fail {RENDERED} shop/web/job us-east-1": "k8s/overlays/us-east-1/job.yaml:4",
            f"fail {BY_DIGEST} shop/web/job us-east-1": "k8s/overlays/us-east-1/job.yaml:1",
        },
    ),
    "the configuration no longer says what an overlay is for": (
        {"regionproof.yaml": "".join(line for line in CONFIG.splitlines(True) if "overlays/us-west-2" not in line)},
        {f"unknown {rule} None None": "regionproof.yaml:6" for rule in (PINNED, RENDERED, BY_DIGEST)}
        | {f"unknown {RENDERED} shop/web/web us-east-1": "regionproof.yaml:6"},
    ),
}


@pytest.mark.parametrize(("change", "expected"), BROUGHT.values(), ids=BROUGHT)
def test_what_a_change_brings_is_told_at_its_line(bring, change, expected):
    assert bring(change) == expected


POLICY = """\
resource "aws_ecr_registry_policy" "this" {
  policy = jsonencode({ Version = "2012-10-17", Statement = [] })
}
"""


def test_what_one_file_no_longer_says_of_a_registry_is_told_there(bring):
    """The registry is declared by another file still."""
    found = bring({"terraform/registry.tf": REPOSITORIES}, {"terraform/a.tf": POLICY})
    assert found == LOST


def test_annotations_stand_at_lines_that_the_change_shows(bring):
    bring({"terraform/main.tf": MAIN.partition('\nmodule "shop_west"')[0]})
    out = StringIO()
    github.write(bring.report, out)
    places = re.findall(r"^::(?:error|warning) file=([^,]*),line=(\d+),", out.getvalue(), re.MULTILINE)
    assert set(places) == {("terraform/main.tf", "17")}


def test_a_pair_that_the_configuration_changes_brings_its_findings(bring):
    found = bring(edited("regionproof.yaml", "standby: us-west-2", "standby: eu-west-1"))
    assert "fail workload-region-has-standby region us-west-2" in found
    assert f"fail {CODE} shop/api us-east-1" in found
    assert set(found.values()) == {"regionproof.yaml:4"}


def test_a_configuration_that_is_gone_brings_what_nobody_knows_without_it(bring):
    found = bring({"regionproof.yaml": None})
    assert f"unknown {EXISTS} shop/pay us-west-2" in found


def test_the_configuration_counts_where_it_is_beside_what_is_scanned(bring):
    found = bring(edited("regionproof.yaml", "standby: us-west-2", "standby: eu-west-1"), paths=("terraform",))
    assert found[f"fail {CODE} shop/api us-east-1"] == "regionproof.yaml:4"


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            {"k8s/overlays/us-east-1/kustomization.yaml": EXEMPTED},
            {"k8s/overlays/us-east-1/kustomization.yaml": OVERLAY % "us-east-1"},
            "k8s/overlays/us-east-1/kustomization.yaml:3",
        ),
        ({"regionproof.yaml": ACCEPTED}, {"regionproof.yaml": CONFIG}, "regionproof.yaml:9"),
    ],
    ids=["inline", "configured"],
)
def test_what_is_no_longer_accepted_is_brought(bring, before, after, line):
    found = bring(after, before)
    assert found[f"fail {BY_DIGEST} shop/web/web us-east-1"] == line
    assert {key.partition(" us-")[0].rpartition(" ")[0] for key in found} == {f"fail {BY_DIGEST}"}
