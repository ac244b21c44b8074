"""Kubernetes code: manifests, Kustomize overlays and Helm charts, read as they are written; none of it is executed.

All three give objects (`objects`), of which the workloads become the resources that the collectors make of live ones.
What reading leaves open `helm` and `kustomize` settle where they are installed and whoever scans allows it (`settled`).
"""
