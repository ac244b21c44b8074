# terraform-aws-modules/ecs/aws: a cluster, and services in it.

variable "create" { default = true }
variable "region" { default = null }
variable "cluster_name" { default = "" }
variable "cluster_setting" { default = null }
variable "cluster_settings" { default = null }
variable "cluster_configuration" { default = null }
variable "cluster_service_connect_defaults" { default = null }
variable "cluster_capacity_providers" { default = null }
variable "capacity_providers" { default = null }
variable "fargate_capacity_providers" { default = null }
variable "default_capacity_provider_strategy" { default = null }
variable "default_capacity_provider_use_fargate" { default = null }
variable "services" { default = {} }

module "cluster" {
  source           = "terraform-aws-modules/ecs/aws//modules/cluster"
  create           = var.create
  region           = var.region
  cluster_name     = var.cluster_name
  setting          = var.cluster_setting
  cluster_settings = var.cluster_settings
}

module "service" {
  source   = "terraform-aws-modules/ecs/aws//modules/service"
  for_each = var.create && var.services != null ? var.services : {}

  create                         = try(each.value.create, true)
  create_service                 = try(each.value.create_service, true)
  create_task_definition         = try(each.value.create_task_definition, true)
  region                         = var.region
  name                           = try(coalesce(each.value.name), each.key)
  family                         = try(each.value.family, null)
  cluster_arn                    = module.cluster.arn
  task_definition_arn            = try(each.value.task_definition_arn, null)
  container_definitions          = try(each.value.container_definitions, {})
  container_definition_defaults  = try(each.value.container_definition_defaults, {})
  cpu                            = try(each.value.cpu, 1024)
  memory                         = try(each.value.memory, 2048)
  network_mode                   = try(each.value.network_mode, "awsvpc")
  requires_compatibilities       = try(each.value.requires_compatibilities, ["FARGATE"])
  runtime_platform               = try(each.value.runtime_platform, {})
  launch_type                    = try(each.value.launch_type, "FARGATE")
  platform_version               = try(each.value.platform_version, null)
  scheduling_strategy            = try(each.value.scheduling_strategy, null)
  capacity_provider_strategy     = try(each.value.capacity_provider_strategy, null)
  desired_count                  = try(each.value.desired_count, 1)
  ignore_task_definition_changes = try(each.value.ignore_task_definition_changes, false)
  subnet_ids                     = try(each.value.subnet_ids, [])
  assign_public_ip               = try(each.value.assign_public_ip, false)
  create_task_exec_iam_role      = try(each.value.create_task_exec_iam_role, true)
  task_exec_iam_role_arn         = try(each.value.task_exec_iam_role_arn, null)
  create_tasks_iam_role          = try(each.value.create_tasks_iam_role, true)
  tasks_iam_role_arn             = try(each.value.tasks_iam_role_arn, null)
}

output "cluster_arn" { value = module.cluster.arn }
output "cluster_id" { value = module.cluster.id }
output "cluster_name" { value = module.cluster.name }
output "services" { value = module.service }
