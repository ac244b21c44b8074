# terraform-aws-modules/ecs/aws//modules/cluster: version 5 has cluster_name and cluster_settings, 6 name and setting.

variable "create" { default = true }
variable "region" { default = null }
variable "name" { default = "" }
variable "cluster_name" { default = "" }
variable "setting" { default = null }
variable "cluster_settings" { default = null }
variable "configuration" { default = null }
variable "cluster_configuration" { default = null }
variable "service_connect_defaults" { default = null }
variable "cluster_service_connect_defaults" { default = null }
variable "capacity_providers" { default = null }
variable "cluster_capacity_providers" { default = null }
variable "fargate_capacity_providers" { default = null }
variable "default_capacity_provider_strategy" { default = null }
variable "default_capacity_provider_use_fargate" { default = null }

locals {
  settings = try(coalesce(var.setting, var.cluster_settings), [{ name = "containerInsights", value = "enabled" }])
}

data "regionproof_unseen" "cluster" {}

resource "aws_ecs_cluster" "this" {
  count  = var.create ? 1 : 0
  region = var.region
  name   = try(coalesce(var.name, var.cluster_name), "")

  dynamic "setting" {
    for_each = can(local.settings.name) ? [local.settings] : local.settings
    content {
      name  = setting.value.name
      value = setting.value.value
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  count              = var.create ? 1 : 0
  region             = var.region
  cluster_name       = aws_ecs_cluster.this[0].name
  capacity_providers = data.regionproof_unseen.cluster.capacity_providers

  default_capacity_provider_strategy {
    capacity_provider = data.regionproof_unseen.cluster.default_capacity_provider
  }
}

output "arn" { value = try(aws_ecs_cluster.this[0].arn, null) }
output "id" { value = try(aws_ecs_cluster.this[0].id, null) }
output "name" { value = try(aws_ecs_cluster.this[0].name, null) }
