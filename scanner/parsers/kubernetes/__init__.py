"""Kubernetes code: manifests, Kustomize overlays and Helm charts, read as they are written; nothing is executed.

All three give objects (`objects`), of which the workloads become the resources that the collectors make of live ones.
"""
