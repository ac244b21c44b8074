"""A Terraform repository as platform teams have them: made by a rule, so that every machine measures the same.

What costs evaluators time is not bytes but references: so the module of services takes every setting of a service as an
object with optional attributes, and passes it on through nested `dynamic` blocks, twice, as terraform-aws-ecs does (the
second is the service whose task definition others deploy).

Each team has a root module for each of two Regions, which calls shared modules of a registry, a cluster and services.
The modules are written as the widely used public ones are: objects with optional attributes, `for_each`, `count` that
depends on inputs, nested `dynamic` blocks, `jsonencode`, and locals that merge and look up.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

CONFIG = """version: 1
accounts: ["111122223333"]
pairs: [{primary: us-east-1, standby: us-west-2, dr_class: warm-standby}]
"""
REGIONS = ("us-east-1", "us-west-2")
SERVICES = 4

REGISTRY = """
variable "repositories" {
  type = map(object({
    mutability = optional(string, "IMMUTABLE")
    scan       = optional(bool, true)
    keep       = optional(number, 30)
    tags       = optional(map(string), {})
  }))
}
variable "destinations" {
  type    = list(object({ region = string, registry_id = string }))
  default = []
}
variable "prefixes" {
  type    = list(string)
  default = []
}
variable "tags" { default = {} }
locals {
  repositories = { for name, each in var.repositories : name => merge(each, { tags = merge(var.tags, each.tags) }) }
}
resource "aws_ecr_repository" "this" {
  for_each             = local.repositories
  name                 = each.key
  image_tag_mutability = each.value.mutability
  image_scanning_configuration { scan_on_push = each.value.scan }
  dynamic "encryption_configuration" {
    for_each = lookup(each.value.tags, "tier", "none") == "0" ? [1] : []
    content { encryption_type = "KMS" }
  }
  tags = each.value.tags
}
resource "aws_ecr_lifecycle_policy" "this" {
  for_each   = local.repositories
  repository = aws_ecr_repository.this[each.key].name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = each.value.keep }
      action       = { type = "expire" }
    }]
  })
}
resource "aws_ecr_replication_configuration" "this" {
  count = length(var.destinations) > 0 ? 1 : 0
  replication_configuration {
    dynamic "rule" {
      for_each = length(var.destinations) > 0 ? [var.destinations] : []
      content {
        dynamic "destination" {
          for_each = rule.value
          content {
            region      = destination.value.region
            registry_id = destination.value.registry_id
          }
        }
        dynamic "repository_filter" {
          for_each = var.prefixes
          content {
            filter      = repository_filter.value
            filter_type = "PREFIX_MATCH"
          }
        }
      }
    }
  }
}
output "urls" { value = { for name, each in aws_ecr_repository.this : name => each.repository_url } }
"""

SERVICE = """
variable "name" {}
variable "cluster" {}
variable "create" { default = true }
variable "cpu" { default = 512 }
variable "memory" { default = 1024 }
variable "desired_count" { default = 2 }
variable "subnets" { default = [] }
variable "tags" { default = {} }
variable "launch_type" { default = "FARGATE" }
variable "containers" {
  type = map(object({
    image       = string
    essential   = optional(bool, true)
    port        = optional(number)
    environment = optional(map(string), {})
    secrets     = optional(map(string), {})
    log_group   = optional(string)
  }))
}
variable "load_balancers" {
  type    = map(object({ target_group = string, container = string, port = number }))
  default = {}
}
data "aws_region" "this" {}
data "aws_caller_identity" "this" {}
locals {
  tags = merge({ Name = var.name, ManagedBy = "terraform" }, var.tags)
  containers = [
    for name, each in var.containers : {
      name         = name
      image        = each.image
      essential    = each.essential
      portMappings = each.port == null ? [] : [{ containerPort = each.port, protocol = "tcp" }]
      environment  = [for key, value in each.environment : { name = key, value = value }]
      secrets      = [for key, value in each.secrets : { name = key, valueFrom = value }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-region        = data.aws_region.this.name
          awslogs-group         = coalesce(each.log_group, "/ecs/${var.name}")
          awslogs-stream-prefix = name
        }
      }
    }
  ]
}
resource "aws_iam_role" "execution" {
  count = var.create ? 1 : 0
  name  = "${var.name}-execution"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]
  })
  tags = local.tags
}
resource "aws_iam_role_policy" "pull" {
  count = var.create ? 1 : 0
  role  = aws_iam_role.execution[0].name
  name  = "pull"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Resource = "*"
    }]
  })
}
resource "aws_cloudwatch_log_group" "this" {
  for_each          = { for name, each in var.containers : name => each if each.log_group == null }
  name              = "/ecs/${var.name}/${each.key}"
  retention_in_days = 30
}
resource "aws_ecs_task_definition" "this" {
  count                    = var.create ? 1 : 0
  family                   = var.name
  requires_compatibilities = [var.launch_type]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution[0].arn
  container_definitions    = jsonencode(local.containers)
  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "LINUX"
  }
  tags = local.tags
}
resource "aws_ecs_service" "this" {
  count           = var.create ? 1 : 0
  name            = var.name
  cluster         = var.cluster
  task_definition = aws_ecs_task_definition.this[0].arn
  desired_count   = var.desired_count
  launch_type     = var.launch_type
  dynamic "network_configuration" {
    for_each = length(var.subnets) > 0 ? [1] : []
    content {
      subnets          = var.subnets
      assign_public_ip = false
    }
  }
  dynamic "load_balancer" {
    for_each = var.load_balancers
    content {
      target_group_arn = load_balancer.value.target_group
      container_name   = load_balancer.value.container
      container_port   = load_balancer.value.port
    }
  }
  tags = local.tags
}
output "service" { value = try(aws_ecs_service.this[0].name, null) }
"""

SETTINGS: dict[str, tuple[str, ...]] = {
    "alarms": ("alarm_names", "enable", "rollback"),
    "capacity_provider_strategy": ("base", "capacity_provider", "weight"),
    "deployment_circuit_breaker": ("enable", "rollback"),
    "deployment_controller": ("type",),
    "ordered_placement_strategy": ("field", "type"),
    "placement_constraints": ("expression", "type"),
    "service_registries": ("container_name", "container_port", "port", "registry_arn"),
    "vpc_lattice_configurations": ("role_arn", "target_group_arn", "port_name"),
}
NESTED: dict[str, tuple[tuple[str, ...], dict[str, tuple[str, ...]]]] = {
    "deployment_configuration": (
        ("strategy", "bake_time_in_minutes"),
        {"lifecycle_hook": ("hook_target_arn", "role_arn")},
    ),
    "service_connect_configuration": (
        ("enabled", "namespace"),
        {
            "log_configuration": ("log_driver", "options"),
            "service": ("port_name", "discovery_name", "ingress_port_override"),
        },
    ),
    "volume_configuration": (
        ("name",),
        {"managed_ebs_volume": ("role_arn", "encrypted", "file_system_type", "iops", "kms_key_id", "size_in_gb")},
    ),
}
"""Blocks of aws_ecs_service, and blocks inside of them, by their attributes."""


def settings() -> str:
    """Return the variables and the second service of the module."""
    return "\n".join([*(_variable(name) for name in (*SETTINGS, *NESTED)), *map(_service, ("managed", "deployed"))])


def _variable(name: str) -> str:
    attributes, inner = NESTED.get(name, (SETTINGS.get(name, ()), {}))
    lines = [f"    {each} = optional(any)" for each in attributes]
    for block, each in inner.items():
        within = ", ".join(f"{attribute} = optional(any)" for attribute in each)
        lines.append(f"    {block} = optional(list(object({{ {within} }})), [])")
    return "\n".join([f'variable "{name}" {{', "  type = list(object({", *lines, "  }))", "  default = []", "}"])


def _service(name: str) -> str:
    blocks = [_dynamic(block, attributes, {}) for block, attributes in SETTINGS.items()]
    blocks += [_dynamic(block, *inside) for block, inside in NESTED.items()]
    count = "var.create && length(var.alarms) > 0" if name == "managed" else "var.create && length(var.alarms) > 1"
    head = [
        f'resource "aws_ecs_service" "{name}" {{',
        f"  count = {count} ? 1 : 0",
        '  name = "${var.name}-' + name + '"',
    ]
    common = [
        "  cluster = var.cluster",
        "  task_definition = aws_ecs_task_definition.this[0].arn",
        "  desired_count = var.desired_count",
        "  launch_type = length(var.capacity_provider_strategy) > 0 ? null : var.launch_type",
        "  tags = merge(local.tags, { managed = length(var.deployment_controller) > 0 })",
    ]
    return "\n".join([*head, *common, *blocks, "}"])


def _dynamic(name: str, attributes: tuple[str, ...], inner: dict[str, tuple[str, ...]], within: str = "var") -> str:
    values = [f"{each} = try({name}.value.{each}, null)" for each in attributes]
    values += [_dynamic(block, each, {}, f"{name}.value") for block, each in inner.items()]
    body = "\n".join(values)
    return f'dynamic "{name}" {{\nfor_each = {within}.{name}\ncontent {{\n{body}\n}}\n}}'


ROOT = """
terraform {{
  backend "s3" {{
    bucket = "acme-state-{region}"
    key    = "{team}/{region}.tfstate"
    region = "{region}"
  }}
}}
provider "aws" {{
  region              = var.region
  allowed_account_ids = ["111122223333"]
}}
variable "region" {{ default = "{region}" }}
variable "desired" {{ default = {desired} }}
locals {{
  registry = "111122223333.dkr.ecr.${{var.region}}.amazonaws.com"
  tags     = {{ team = "{team}", tier = "1" }}
}}
resource "aws_ecs_cluster" "this" {{
  name = "{team}"
}}
module "registry" {{
  source       = "../../../modules/registry"
  repositories = {{ {repositories} }}
  destinations = {destinations}
  prefixes     = ["team"]
  tags         = local.tags
}}
"""

CALL = """
module "{name}" {{
  source        = "../../../modules/service"
  name          = "{team}-{name}"
  cluster       = aws_ecs_cluster.this.name
  desired_count = var.desired
  subnets       = ["subnet-0a", "subnet-0b"]
  tags          = local.tags
  containers = {{
    app = {{
      image       = "${{local.registry}}/{team}/{name}@sha256:{digest}"
      port        = 8080
      environment = {{ LOG_LEVEL = "info", REGION = var.region }}
    }}
    proxy = {{ image = "${{local.registry}}/{team}/proxy:1.4.2", essential = false }}
  }}
  deployment_circuit_breaker = [{{ enable = true, rollback = true }}]
  capacity_provider_strategy = [{{ capacity_provider = "FARGATE", weight = 1, base = 1 }}]
  service_connect_configuration = [{{
    enabled   = true
    namespace = "{team}"
    service   = [{{ port_name = "http", discovery_name = "{name}" }}]
  }}]
  load_balancers = {{ web = {{ target_group = "tg-{name}", container = "app", port = 8080 }} }}
}}
"""


class Size(NamedTuple):
    """How much there is to read."""

    files: int
    bytes: int


def write(folder: Path, teams: int) -> Size:
    """Write the repository of so many teams below `infra`."""
    files = {"modules/registry/main.tf": REGISTRY, "modules/service/main.tf": SERVICE + settings()}
    for number in range(teams):
        team = f"team{number:02}"
        for region in REGIONS:
            files[f"teams/{team}/{region}/main.tf"] = _root(team, region)
            for at in range(SERVICES):
                call = CALL.format(team=team, name=f"service{at}", digest=f"{number:02}{at}".ljust(64, "0"))
                files[f"teams/{team}/{region}/service{at}.tf"] = call
    for name, text in files.items():
        path = folder / "infra" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Size(len(files), sum(map(len, files.values())))


def _root(team: str, region: str) -> str:
    names = [*(f"service{at}" for at in range(SERVICES)), "proxy"]
    primary = region == REGIONS[0]
    there = f'[{{ region = "{REGIONS[1]}", registry_id = "111122223333" }}]'
    repositories = ", ".join(f'"{team}/{name}" = {{}}' for name in names)
    return ROOT.format(
        team=team,
        region=region,
        desired=2 if primary else 0,
        repositories=repositories,
        destinations=there if primary and team == "team00" else "[]",
    )
