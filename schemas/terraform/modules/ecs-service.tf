# terraform-aws-modules/ecs/aws//modules/service: the names in container definitions are snake_case in version 5.

variable "create" { default = true }
variable "create_service" { default = true }
variable "create_task_definition" { default = true }
variable "region" { default = null }
variable "name" { default = "" }
variable "family" { default = null }
variable "cluster_arn" { default = "" }
variable "task_definition_arn" { default = null }
variable "container_definitions" { default = {} }
variable "container_definition_defaults" { default = {} }
variable "cpu" { default = 1024 }
variable "memory" { default = 2048 }
variable "network_mode" { default = "awsvpc" }
variable "ipc_mode" { default = null }
variable "pid_mode" { default = null }
variable "requires_compatibilities" { default = ["FARGATE"] }
variable "runtime_platform" {
  default = {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
}
variable "launch_type" { default = "FARGATE" }
variable "platform_version" { default = null }
variable "scheduling_strategy" { default = null }
variable "capacity_provider_strategy" { default = null }
variable "load_balancer" { default = null }
variable "desired_count" { default = 1 }
variable "ignore_task_definition_changes" { default = false }
variable "subnet_ids" { default = [] }
variable "assign_public_ip" { default = false }
variable "create_task_exec_iam_role" { default = true }
variable "task_exec_iam_role_arn" { default = null }
variable "create_tasks_iam_role" { default = true }
variable "tasks_iam_role_arn" { default = null }
variable "volume" { default = null }
variable "ephemeral_storage" { default = null }
variable "skip_destroy" { default = null }
variable "track_latest" { default = null }

data "aws_region" "current" {
  region = var.region
}

data "regionproof_unseen" "service" {}

locals {
  defaults = var.container_definition_defaults
  containers = [
    for key, one in var.container_definitions : {
      name                   = try(coalesce(one.name), key)
      image                  = try(coalesce(one.image), local.defaults.image, null)
      essential              = try(one.essential, null)
      environment            = try(coalesce(one.environment), local.defaults.environment, [])
      secrets                = try(coalesce(one.secrets), local.defaults.secrets, [])
      command                = try(one.command, null)
      entryPoint             = try(one.entryPoint, one.entrypoint, null)
      user                   = try(one.user, null)
      memory                 = try(one.memory, null)
      privileged             = try(one.privileged, false)
      readonlyRootFilesystem = try(coalesce(one.readonlyRootFilesystem), coalesce(one.readonly_root_filesystem), true)
      logConfiguration = try(
        coalesce(one.logConfiguration),
        {
          logDriver = one.log_configuration.logDriver
          options   = try(one.log_configuration.options, {})
        },
        try(one.enable_cloudwatch_logging, true) ? {
          logDriver = "awslogs"
          options   = { "awslogs-region" = data.aws_region.current.region }
        } : null,
      )
      repositoryCredentials = try(one.repositoryCredentials, one.repository_credentials, null)
    } if try(one.create, true) != false
  ]
  strategy = var.capacity_provider_strategy == null ? {} : var.capacity_provider_strategy
}

resource "aws_ecs_task_definition" "this" {
  count                    = var.create && var.create_task_definition ? 1 : 0
  region                   = var.region
  family                   = try(coalesce(var.family, var.name), null)
  container_definitions    = jsonencode(local.containers)
  cpu                      = var.cpu
  memory                   = var.memory
  network_mode             = var.network_mode
  ipc_mode                 = var.ipc_mode
  pid_mode                 = var.pid_mode
  requires_compatibilities = var.requires_compatibilities
  execution_role_arn       = var.create_task_exec_iam_role ? data.regionproof_unseen.service.execution_role_arn : var.task_exec_iam_role_arn
  task_role_arn            = var.create_tasks_iam_role ? data.regionproof_unseen.service.task_role_arn : var.tasks_iam_role_arn

  dynamic "volume" {
    for_each = var.volume == null ? {} : var.volume
    content {
      name = try(coalesce(volume.value.name), volume.key)

      dynamic "efs_volume_configuration" {
        for_each = try(volume.value.efs_volume_configuration, null) == null ? [] : [volume.value.efs_volume_configuration]
        content {
          file_system_id = efs_volume_configuration.value.file_system_id
          root_directory = try(efs_volume_configuration.value.root_directory, null)
        }
      }
    }
  }

  runtime_platform {
    cpu_architecture        = try(coalesce(var.runtime_platform.cpu_architecture), "X86_64")
    operating_system_family = try(coalesce(var.runtime_platform.operating_system_family), "LINUX")
  }
}

resource "aws_ecs_service" "this" {
  count               = var.create && var.create_service && !var.ignore_task_definition_changes ? 1 : 0
  region              = var.region
  name                = var.name
  cluster             = var.cluster_arn
  task_definition     = var.create_task_definition ? aws_ecs_task_definition.this[0].arn : var.task_definition_arn
  desired_count       = var.desired_count
  launch_type         = length(local.strategy) > 0 ? null : var.launch_type
  platform_version    = var.platform_version
  scheduling_strategy = var.launch_type == "FARGATE" ? "REPLICA" : var.scheduling_strategy

  dynamic "capacity_provider_strategy" {
    for_each = local.strategy
    content {
      capacity_provider = capacity_provider_strategy.value.capacity_provider
      base              = try(capacity_provider_strategy.value.base, null)
      weight            = try(capacity_provider_strategy.value.weight, null)
    }
  }

  dynamic "load_balancer" {
    for_each = var.load_balancer == null ? {} : var.load_balancer
    content {
      target_group_arn = try(load_balancer.value.target_group_arn, null)
      elb_name         = try(load_balancer.value.elb_name, null)
      container_name   = try(load_balancer.value.container_name, null)
      container_port   = try(load_balancer.value.container_port, null)
    }
  }

  dynamic "network_configuration" {
    for_each = var.network_mode == "awsvpc" ? [1] : []
    content {
      subnets          = var.subnet_ids
      assign_public_ip = var.assign_public_ip
    }
  }

  lifecycle {
    ignore_changes = [desired_count]
  }
}

resource "aws_ecs_service" "ignore_task_definition" {
  count               = var.create && var.create_service && var.ignore_task_definition_changes ? 1 : 0
  region              = var.region
  name                = var.name
  cluster             = var.cluster_arn
  task_definition     = var.create_task_definition ? aws_ecs_task_definition.this[0].arn : var.task_definition_arn
  desired_count       = var.desired_count
  launch_type         = length(local.strategy) > 0 ? null : var.launch_type
  platform_version    = var.platform_version
  scheduling_strategy = var.launch_type == "FARGATE" ? "REPLICA" : var.scheduling_strategy

  lifecycle {
    ignore_changes = [capacity_provider_strategy, desired_count, load_balancer, network_configuration, task_definition]
  }
}

output "name" { value = var.name }
output "id" { value = try(aws_ecs_service.this[0].id, aws_ecs_service.ignore_task_definition[0].id, null) }
output "task_definition_arn" { value = try(aws_ecs_task_definition.this[0].arn, var.task_definition_arn) }
output "task_definition_family" { value = try(aws_ecs_task_definition.this[0].family, null) }
