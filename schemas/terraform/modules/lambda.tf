# terraform-aws-modules/lambda/aws: a function; its role is the module's own unless another is given.

variable "create" { default = true }
variable "create_function" { default = true }
variable "create_layer" { default = false }
variable "region" { default = null }
variable "function_name" { default = "" }
variable "package_type" { default = "Zip" }
variable "image_uri" { default = null }
variable "architectures" { default = null }
variable "create_role" { default = true }
variable "lambda_role" { default = "" }
variable "vpc_subnet_ids" { default = null }
variable "vpc_security_group_ids" { default = null }

data "regionproof_unseen" "function" {}

resource "aws_lambda_function" "this" {
  count         = var.create && var.create_function && !var.create_layer ? 1 : 0
  region        = var.region
  function_name = var.function_name
  package_type  = var.package_type
  image_uri     = var.package_type == "Image" ? var.image_uri : null
  architectures = var.architectures
  role          = var.create_role ? data.regionproof_unseen.function.role : var.lambda_role

  dynamic "vpc_config" {
    for_each = var.vpc_subnet_ids != null && var.vpc_security_group_ids != null ? [1] : []
    content {
      subnet_ids         = var.vpc_subnet_ids
      security_group_ids = var.vpc_security_group_ids
    }
  }
}

output "lambda_function_arn" { value = try(aws_lambda_function.this[0].arn, "") }
output "lambda_function_name" { value = try(aws_lambda_function.this[0].function_name, "") }
