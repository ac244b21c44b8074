"""Into which cluster Terraform applies charts and objects: what its provider refers to says so, or nothing does."""

import pytest
from code_trees import unknown, workloads
from terraform_trees import ACCOUNT, reader

from scanner.config import IacMapping

TWO = f"""
provider "aws" {{
  region              = "us-east-1"
  allowed_account_ids = ["{ACCOUNT}"]
}}
provider "aws" {{
  alias  = "west"
  region = "us-west-2"
}}
variable "open" {{}}
resource "aws_eks_cluster" "east" {{
  name = "shop-east"
}}
data "aws_eks_cluster" "west" {{
  provider = aws.west
  name     = "shop"
}}
data "aws_eks_cluster_auth" "west" {{
  provider = aws.west
  name     = data.aws_eks_cluster.west.name
}}
locals {{
  endpoint = data.aws_eks_cluster.west.endpoint
  regions  = {{ us-west-2 = "shop" }}
}}
data "aws_eks_cluster" "each" {{
  for_each = local.regions
  region   = each.key
  name     = each.value
}}
data "aws_eks_cluster" "maybe" {{
  count    = var.open
  provider = aws.west
  name     = "shop"
}}
data "aws_eks_cluster" "half" {{
  provider = aws.west
  name     = "shop-${{var.open}}"
}}
module "eks" {{
  source    = "terraform-aws-modules/eks/aws"
  providers = {{ aws = aws.west }}
  name      = "shop"
}}
module "moved" {{
  source = "terraform-aws-modules/eks/aws"
  region = "us-west-2"
  name   = "shop"
}}
module "stranger" {{
  source = "example.com/some/eks/aws"
}}
"""
DEPLOYMENT = """
resource "kubernetes_deployment" "api" {
  metadata {
    name      = "api"
    namespace = "web"
  }
  spec {
    template {
      spec {
        container {
          name  = "api"
          image = "api:1"
        }
      }
    }
  }
}
"""
EAST, WEST = ("us-east-1", "shop-east"), ("us-west-2", "shop")
GET_TOKEN = 'exec {{\n command = "aws"\n args = ["eks", "get-token", {}]\n}}'
ARN = f"arn:aws:eks:us-west-2:{ACCOUNT}:cluster/shop"
SPELLED = 'host = "https://0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com"\n'


@pytest.fixture
def read(tmp_path, monkeypatch):
    return reader(tmp_path, monkeypatch)


def cluster(resource):
    """Return (Region, name of the cluster) of a workload, None for what is not known."""
    name = resource.name and resource.name.partition("/")[0]
    if name:
        assert resource.id.startswith(f"arn:aws:eks:{resource.region}:{ACCOUNT}:cluster/{name}/")
    else:
        assert "under 'iac:' in regionproof.yaml" in unknown(resource, "Cluster")
    return resource.region, name


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("host = data.aws_eks_cluster.west.endpoint", WEST),
        ("host = local.endpoint\n token = data.aws_eks_cluster_auth.west.token", WEST),
        ("host = aws_eks_cluster.east.endpoint", EAST),
        ('token = "${data.aws_eks_cluster_auth.west.token}"', WEST),
        ("host = module.eks.cluster_endpoint", WEST),
        ("host = module.moved.cluster_endpoint", WEST),  # the input of the module counts, not its provider
        ('host = data.aws_eks_cluster.each["us-west-2"].endpoint', WEST),
        (f"host = module.eks.cluster_endpoint\n {GET_TOKEN}".format('"--cluster-name", module.eks.cluster_name'), WEST),
        (GET_TOKEN.format('"--cluster-name", module.eks.cluster_name'), WEST),
        (GET_TOKEN.format('"--cluster-name", module.moved.cluster_name'), WEST),
        (GET_TOKEN.format('"--cluster-name", "shop", "--region", "us-west-2"'), WEST),
        (GET_TOKEN.format('"--cluster-name=shop", "--region=us-west-2"'), WEST),
        (SPELLED + GET_TOKEN.format('"--cluster-name", "shop"'), WEST),
        (f'config_path = "~/.kube/config"\n config_context = "{ARN}"', WEST),
        # It is not known.
        ("", (None, None)),
        ("host = var.open", (None, None)),
        (SPELLED, ("us-west-2", None)),
        ('config_path = "~/.kube/config"\n config_context = "prod"', (None, None)),
        ("host = module.stranger.cluster_endpoint", (None, None)),
        ("host = data.aws_eks_cluster.maybe[0].endpoint", (None, None)),
        ("host = one(data.aws_eks_cluster.maybe[*].endpoint)", (None, None)),
        (GET_TOKEN.format('"--cluster-name", "shop"'), (None, None)),
        (GET_TOKEN.format('"--cluster-name"'), (None, None)),
        # Its name is known in part, or not at all.
        ("host = data.aws_eks_cluster.half.endpoint", ("us-west-2", None)),
        (
            f"host = data.aws_eks_cluster.half.endpoint\n {GET_TOKEN}".format('"--cluster-name", "shop"'),
            ("us-west-2", None),
        ),
        (
            "host = data.aws_eks_cluster.half.endpoint\n token = data.aws_eks_cluster_auth.west.token",
            ("us-west-2", None),
        ),
        (GET_TOKEN.format('"--cluster-name", "shop-${var.open}", "--region", "us-west-2"'), ("us-west-2", None)),
        (GET_TOKEN.format('"--cluster-name", var.open, "--region", var.open'), (None, None)),
        (f'config_path = "~/.kube/config"\n config_context = "{ARN}-${{var.open}}"', (None, None)),
        ("exec {\n command = var.open\n args = var.open\n}", (None, None)),
        # Two clusters are named.
        ("host = aws_eks_cluster.east.endpoint\n token = data.aws_eks_cluster_auth.west.token", (None, None)),
        (f"host = module.eks.cluster_endpoint\n {GET_TOKEN}".format('"--cluster-name", "other"'), ("us-west-2", None)),
        (SPELLED + GET_TOKEN.format('"--cluster-name", "shop", "--region", "us-east-1"'), (None, None)),
        (
            f"host = module.stranger.endpoint\n {GET_TOKEN}".format('"--cluster-name", "shop", "--region", var.open'),
            (None, None),
        ),
        (f'host = aws_eks_cluster.east.endpoint\n config_context = "{ARN}"', EAST),
        (f'host = var.open\n config_context = "{ARN}"', (None, None)),
    ],
)
def test_the_cluster_follows_from_how_it_is_reached(read, configuration, expected):
    text = TWO + DEPLOYMENT + f'provider "kubernetes" {{\n {configuration}\n}}\n'
    (one,) = workloads(read({"live/main.tf": text})).values()
    assert cluster(one) == expected


CHART = {
    "live/chart/Chart.yaml": "{apiVersion: v2, name: api, version: 1.0.0}\n",
    "live/chart/values.yaml": "tag: '1'\n",
    "live/chart/templates/all.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec: {template: {spec: {containers: [{name: api, image: "api:{{ .Values.tag }}"}]}}}
""",
}
HELM = """
provider "helm" {
  kubernetes {
    host = aws_eks_cluster.east.endpoint
  }
}
provider "helm" {
  alias = "west"
  kubernetes = {
    host = data.aws_eks_cluster.west.endpoint
    exec = { args = ["eks", "get-token", "--cluster-name", "shop"] }
  }
}
"""
RELEASE = """
resource "helm_release" "%s" {
  name     = "%s"
  chart    = "./chart"
  provider = helm%s
}
"""


def releases(parsed):
    """Return the name of each release -> (Region, name of the cluster) of what it installs."""
    return {one.properties["Name"]: cluster(one) for one in workloads(parsed).values()}


def test_releases_in_two_clusters_are_told_apart_by_their_aliases(read):
    text = TWO + HELM + RELEASE % ("a", "a", "") + RELEASE % ("b", "b", ".west") + RELEASE % ("c", "c", ".gone")
    assert releases(read({**CHART, "live/main.tf": text})) == {
        "a": EAST,
        "b": WEST,
        "c": (None, None),
    }


MODULE = """
variable "name" { type = string }
resource "helm_release" "this" {
  name  = var.name
  chart = "./chart"
}
"""


def test_providers_of_calls_say_which_cluster_a_module_is_for(read):
    calls = """
module "here" {
  source = "./release"
  name   = "here"
}
module "there" {
  source    = "./release"
  name      = each.key
  for_each  = toset(["x", "y"])
  providers = { helm = helm.west }
}
"""
    files = {**CHART, "live/main.tf": TWO + HELM + calls, "live/release/main.tf": MODULE}
    assert releases(read(files)) == {"here": EAST, "x": WEST, "y": WEST}


def test_a_provider_through_two_modules_and_their_variables(read):
    """A module configures its own provider with an endpoint that it was given."""
    files = {
        **CHART,
        "live/main.tf": TWO + 'module "a" {\n source = "./a"\n endpoint = data.aws_eks_cluster.west.endpoint\n}\n',
        "live/a/main.tf": 'variable "endpoint" {}\nmodule "b" {\n source = "../b"\n endpoint = var.endpoint\n}\n',
        "live/b/main.tf": 'variable "endpoint" {}\nprovider "helm" {\n kubernetes {\n host = var.endpoint\n}\n}\n'
        + RELEASE % ("z", "z", ""),
    }
    assert releases(read(files)) == {"z": WEST}


@pytest.mark.parametrize(
    ("configuration", "iac", "expected"),
    [
        ("host = var.open", IacMapping("live", ACCOUNT, "us-west-2", "shop"), WEST),
        ("host = var.open", IacMapping("live", ACCOUNT, "us-west-2"), (None, None)),
        (SPELLED, IacMapping("live", ACCOUNT, "us-west-2", "shop"), WEST),
        (SPELLED, IacMapping("live", ACCOUNT, "us-east-1", "shop"), ("us-west-2", None)),  # it is about another one
        (
            "host = aws_eks_cluster.east.endpoint",
            IacMapping("live", ACCOUNT, "us-west-2", "x"),
            EAST,
        ),
    ],
)
def test_the_configuration_says_what_the_code_does_not(read, configuration, iac, expected):
    text = TWO + DEPLOYMENT + f'provider "kubernetes" {{\n {configuration}\n}}\n'
    (one,) = workloads(read({"live/main.tf": text}, iac=(iac,))).values()
    assert cluster(one) == expected
