# terraform-aws-modules/eks/aws: version 21 dropped the prefix cluster_ of most inputs.
# Whether the endpoint is public if nothing is said hangs on the version, so it is not known here.

variable "create" { default = true }
variable "region" { default = null }
variable "name" { default = "" }
variable "cluster_name" { default = "" }
variable "kubernetes_version" { default = null }
variable "cluster_version" { default = null }
variable "subnet_ids" { default = [] }
variable "control_plane_subnet_ids" { default = [] }
variable "endpoint_public_access" { default = null }
variable "cluster_endpoint_public_access" { default = null }
variable "endpoint_private_access" { default = null }
variable "cluster_endpoint_private_access" { default = null }
variable "endpoint_public_access_cidrs" { default = null }
variable "cluster_endpoint_public_access_cidrs" { default = null }
variable "enabled_log_types" { default = null }
variable "cluster_enabled_log_types" { default = null }
variable "encryption_config" { default = {} }
variable "deletion_protection" { default = null }
variable "cluster_encryption_config" { default = null }
variable "compute_config" { default = null }
variable "cluster_compute_config" { default = null }
variable "upgrade_policy" { default = null }
variable "cluster_upgrade_policy" { default = null }
variable "addons" { default = {} }
variable "cluster_addons" { default = {} }
variable "bootstrap_self_managed_addons" { default = null }
variable "eks_managed_node_groups" { default = {} }
variable "eks_managed_node_group_defaults" { default = {} }
variable "fargate_profiles" { default = {} }
variable "fargate_profile_defaults" { default = {} }

data "regionproof_unseen" "cluster" {}

locals {
  version = try(coalesce(var.kubernetes_version, var.cluster_version), data.regionproof_unseen.cluster.version)
  public  = try(coalesce(var.endpoint_public_access, var.cluster_endpoint_public_access), data.regionproof_unseen.cluster.endpoint_public_access)
  private = try(coalesce(var.endpoint_private_access, var.cluster_endpoint_private_access), data.regionproof_unseen.cluster.endpoint_private_access)
  addons  = var.create ? merge(var.cluster_addons == null ? {} : var.cluster_addons, var.addons == null ? {} : var.addons) : {}
  groups  = var.create && var.eks_managed_node_groups != null ? var.eks_managed_node_groups : {}
  default = var.eks_managed_node_group_defaults
}

resource "aws_eks_cluster" "this" {
  count                     = var.create ? 1 : 0
  region                    = var.region
  name                      = try(coalesce(var.name, var.cluster_name), "")
  version                   = local.version
  role_arn                  = data.regionproof_unseen.cluster.role_arn
  enabled_cluster_log_types = try(coalesce(var.enabled_log_types, var.cluster_enabled_log_types), ["api", "audit", "authenticator"])

  vpc_config {
    subnet_ids              = try(coalescelist(var.control_plane_subnet_ids, var.subnet_ids), [])
    endpoint_public_access  = local.public
    endpoint_private_access = local.private
    public_access_cidrs     = try(coalesce(var.endpoint_public_access_cidrs, var.cluster_endpoint_public_access_cidrs), data.regionproof_unseen.cluster.public_access_cidrs)
  }

  deletion_protection = var.deletion_protection

  # An empty object in the version that has the prefix, and null in the other, mean that nothing is encrypted.
  dynamic "encryption_config" {
    for_each = var.encryption_config == null || try(length(var.cluster_encryption_config) == 0, false) ? [] : [1]
    content {
      resources = ["secrets"]
      provider {
        key_arn = data.regionproof_unseen.cluster.key_arn
      }
    }
  }

  dynamic "upgrade_policy" {
    for_each = try([coalesce(var.upgrade_policy, var.cluster_upgrade_policy)], [])
    content {
      support_type = try(upgrade_policy.value.support_type, null)
    }
  }

  dynamic "compute_config" {
    for_each = try([coalesce(var.compute_config, var.cluster_compute_config)], [])
    content {
      enabled    = try(compute_config.value.enabled, null)
      node_pools = try(compute_config.value.node_pools, null)
    }
  }
}

resource "aws_eks_addon" "this" {
  for_each      = local.addons
  region        = var.region
  cluster_name  = aws_eks_cluster.this[0].name
  addon_name    = try(coalesce(each.value.name), each.key)
  addon_version = try(coalesce(each.value.addon_version), data.regionproof_unseen.cluster.addon_version)
}

resource "aws_eks_node_group" "this" {
  for_each        = local.groups
  region          = var.region
  cluster_name    = aws_eks_cluster.this[0].name
  node_group_name = try(each.value.use_name_prefix, local.default.use_name_prefix, true) ? data.regionproof_unseen.cluster.node_group_name : try(coalesce(each.value.name), each.key)
  version         = try(coalesce(each.value.cluster_version), coalesce(each.value.kubernetes_version), local.version)
  ami_type        = try(coalesce(each.value.ami_type), coalesce(local.default.ami_type), data.regionproof_unseen.cluster.ami_type)
  instance_types  = try(coalesce(each.value.instance_types), coalesce(local.default.instance_types), data.regionproof_unseen.cluster.instance_types)
  capacity_type   = try(coalesce(each.value.capacity_type), coalesce(local.default.capacity_type), "ON_DEMAND")
  node_role_arn   = data.regionproof_unseen.cluster.node_role_arn
  subnet_ids      = try(coalesce(each.value.subnet_ids), coalesce(local.default.subnet_ids), var.subnet_ids)

  scaling_config {
    min_size     = try(coalesce(each.value.min_size), coalesce(local.default.min_size), data.regionproof_unseen.cluster.min_size)
    max_size     = try(coalesce(each.value.max_size), coalesce(local.default.max_size), data.regionproof_unseen.cluster.max_size)
    desired_size = data.regionproof_unseen.cluster.desired_size
  }
}

resource "aws_eks_fargate_profile" "this" {
  for_each               = var.create && var.fargate_profiles != null ? var.fargate_profiles : {}
  region                 = var.region
  cluster_name           = aws_eks_cluster.this[0].name
  fargate_profile_name   = try(coalesce(each.value.name), each.key)
  pod_execution_role_arn = data.regionproof_unseen.cluster.pod_execution_role_arn
  subnet_ids             = try(coalesce(each.value.subnet_ids), var.subnet_ids)

  dynamic "selector" {
    for_each = try(each.value.selectors, [])
    content {
      namespace = try(selector.value.namespace, null)
      labels    = try(selector.value.labels, null)
    }
  }
}

output "cluster_endpoint" { value = try(aws_eks_cluster.this[0].endpoint, null) }
output "cluster_certificate_authority_data" { value = try(aws_eks_cluster.this[0].certificate_authority[0].data, null) }
output "cluster_id" { value = data.regionproof_unseen.cluster.cluster_id }
output "cluster_arn" { value = try(aws_eks_cluster.this[0].arn, null) }
output "cluster_name" { value = try(aws_eks_cluster.this[0].name, "") }
output "cluster_version" { value = local.version }
