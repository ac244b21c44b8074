# cloudposse/ecr/aws: a repository for each of image_names, else one that is named as cloudposse/label/null does.

variable "enabled" { default = true }
variable "region" { default = null }
variable "namespace" { default = null }
variable "tenant" { default = null }
variable "environment" { default = null }
variable "stage" { default = null }
variable "name" { default = null }
variable "attributes" { default = [] }
variable "use_fullname" { default = true }
variable "image_names" { default = [] }
variable "image_tag_mutability" { default = "IMMUTABLE" }
variable "scan_images_on_push" { default = true }
variable "encryption_configuration" { default = null }
variable "enable_lifecycle_policy" { default = true }
variable "replication_configurations" { default = [] }

data "regionproof_unseen" "repository" {}

locals {
  on     = var.enabled == null ? true : var.enabled
  parts  = [var.namespace, var.tenant, var.environment, var.stage, var.name, join("-", var.attributes)]
  label  = lower(replace(join("-", [for part in local.parts : part if part != null && part != ""]), "/[^a-zA-Z0-9-]/", ""))
  single = var.use_fullname ? local.label : var.name
  names  = length(var.image_names) > 0 ? var.image_names : [local.single]
}

resource "aws_ecr_repository" "name" {
  for_each             = toset(local.on ? local.names : [])
  name                 = each.value
  image_tag_mutability = var.image_tag_mutability

  dynamic "encryption_configuration" {
    for_each = var.encryption_configuration == null ? [] : [var.encryption_configuration]
    content {
      encryption_type = encryption_configuration.value.encryption_type
      kms_key         = encryption_configuration.value.kms_key
    }
  }

  image_scanning_configuration {
    scan_on_push = var.scan_images_on_push
  }
}

resource "aws_ecr_lifecycle_policy" "name" {
  for_each   = toset(local.on && var.enable_lifecycle_policy ? local.names : [])
  repository = aws_ecr_repository.name[each.value].name
  policy     = data.regionproof_unseen.repository.lifecycle_policy
}

resource "aws_ecr_repository_policy" "name" {
  for_each   = toset(local.on ? local.names : [])
  repository = aws_ecr_repository.name[each.value].name
  policy     = data.regionproof_unseen.repository.policy
}

resource "aws_ecr_replication_configuration" "replication_configuration" {
  count = local.on && length(var.replication_configurations) > 0 ? 1 : 0

  dynamic "replication_configuration" {
    for_each = var.replication_configurations
    content {
      dynamic "rule" {
        for_each = replication_configuration.value.rules
        content {
          dynamic "destination" {
            for_each = rule.value.destinations
            content {
              region      = destination.value.region
              registry_id = destination.value.registry_id
            }
          }
          dynamic "repository_filter" {
            for_each = rule.value.repository_filters
            content {
              filter      = repository_filter.value.filter
              filter_type = repository_filter.value.filter_type
            }
          }
        }
      }
    }
  }
}

output "registry_id" { value = try(aws_ecr_repository.name[local.names[0]].registry_id, "") }
output "repository_name" { value = try(aws_ecr_repository.name[local.names[0]].name, "") }
output "repository_url" { value = try(aws_ecr_repository.name[local.names[0]].repository_url, "") }
output "repository_arn" { value = try(aws_ecr_repository.name[local.names[0]].arn, "") }
output "repository_url_map" { value = { for name, one in aws_ecr_repository.name : name => one.repository_url } }
output "repository_arn_map" { value = { for name, one in aws_ecr_repository.name : name => one.arn } }
