# terraform-aws-modules/ecr/aws: a repository and, if it is asked for, the settings of the registry.

variable "create" { default = true }
variable "region" { default = null }
variable "repository_type" { default = "private" }
variable "create_repository" { default = true }
variable "repository_name" { default = "" }
variable "repository_image_tag_mutability" { default = "IMMUTABLE" }
variable "repository_image_tag_mutability_exclusion_filter" { default = null }
variable "repository_encryption_type" { default = null }
variable "repository_kms_key" { default = null }
variable "repository_image_scan_on_push" { default = true }
variable "attach_repository_policy" { default = true }
variable "create_repository_policy" { default = true }
variable "repository_policy" { default = null }
variable "repository_read_access_arns" { default = [] }
variable "repository_read_write_access_arns" { default = [] }
variable "create_lifecycle_policy" { default = true }
variable "repository_lifecycle_policy" { default = "" }
variable "create_registry_policy" { default = false }
variable "registry_policy" { default = null }
variable "registry_pull_through_cache_rules" { default = {} }
variable "manage_registry_scanning_configuration" { default = false }
variable "registry_scan_type" { default = "ENHANCED" }
variable "registry_scan_rules" { default = [] }
variable "create_registry_replication_configuration" { default = false }
variable "registry_replication_rules" { default = [] }

locals {
  private = var.create && var.create_repository && var.repository_type == "private"
}

data "regionproof_unseen" "repository" {}

resource "aws_ecr_repository" "this" {
  count                = local.private ? 1 : 0
  region               = var.region
  name                 = var.repository_name
  image_tag_mutability = var.repository_image_tag_mutability

  dynamic "image_tag_mutability_exclusion_filter" {
    for_each = var.repository_image_tag_mutability_exclusion_filter == null ? [] : var.repository_image_tag_mutability_exclusion_filter
    content {
      filter      = image_tag_mutability_exclusion_filter.value.filter
      filter_type = image_tag_mutability_exclusion_filter.value.filter_type
    }
  }

  encryption_configuration {
    encryption_type = var.repository_encryption_type
    kms_key         = var.repository_kms_key
  }

  image_scanning_configuration {
    scan_on_push = var.repository_image_scan_on_push
  }
}

resource "aws_ecr_repository_policy" "this" {
  count      = local.private && var.attach_repository_policy ? 1 : 0
  region     = var.region
  repository = aws_ecr_repository.this[0].name
  policy     = var.create_repository_policy ? data.regionproof_unseen.repository.policy : var.repository_policy
}

resource "aws_ecr_lifecycle_policy" "this" {
  count      = local.private && var.create_lifecycle_policy ? 1 : 0
  region     = var.region
  repository = aws_ecr_repository.this[0].name
  policy     = var.repository_lifecycle_policy
}

resource "aws_ecr_registry_policy" "this" {
  count  = var.create && var.create_registry_policy ? 1 : 0
  region = var.region
  policy = var.registry_policy
}

resource "aws_ecr_pull_through_cache_rule" "this" {
  for_each              = var.create ? var.registry_pull_through_cache_rules : {}
  region                = var.region
  ecr_repository_prefix = each.value.ecr_repository_prefix
  upstream_registry_url = each.value.upstream_registry_url
  credential_arn        = try(each.value.credential_arn, null)
}

resource "aws_ecr_registry_scanning_configuration" "this" {
  count     = var.create && var.manage_registry_scanning_configuration ? 1 : 0
  region    = var.region
  scan_type = var.registry_scan_type

  dynamic "rule" {
    for_each = var.registry_scan_rules == null ? [] : var.registry_scan_rules
    content {
      scan_frequency = rule.value.scan_frequency

      dynamic "repository_filter" {
        for_each = can(rule.value.filter[0].filter) ? rule.value.filter : [{ filter = rule.value.filter }]
        content {
          filter      = repository_filter.value.filter
          filter_type = try(repository_filter.value.filter_type, "WILDCARD")
        }
      }
    }
  }
}

resource "aws_ecr_replication_configuration" "this" {
  count  = var.create && var.create_registry_replication_configuration ? 1 : 0
  region = var.region

  replication_configuration {
    dynamic "rule" {
      for_each = var.registry_replication_rules == null ? [] : var.registry_replication_rules
      content {
        dynamic "destination" {
          for_each = rule.value.destinations
          content {
            region      = destination.value.region
            registry_id = destination.value.registry_id
          }
        }
        dynamic "repository_filter" {
          for_each = try(rule.value.repository_filters, null) == null ? [] : rule.value.repository_filters
          content {
            filter      = repository_filter.value.filter
            filter_type = repository_filter.value.filter_type
          }
        }
      }
    }
  }
}

output "repository_name" { value = try(aws_ecr_repository.this[0].name, null) }
output "repository_arn" { value = try(aws_ecr_repository.this[0].arn, null) }
output "repository_registry_id" { value = try(aws_ecr_repository.this[0].registry_id, null) }
output "repository_url" { value = try(aws_ecr_repository.this[0].repository_url, null) }
