"""Terraform code, plans and states as resources of the model."""
