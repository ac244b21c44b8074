"""The door of Terraform."""
