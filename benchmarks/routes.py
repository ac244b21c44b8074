"""Which operation a request is that names it by its path or in a form: the REST-JSON and the query protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

_PATHS = [
    (re.compile(pattern), service, operation)
    for pattern, service, operation in (
        (r"/clusters", "eks", "ListClusters"),
        (r"/clusters/(?P<name>[^/]+)", "eks", "DescribeCluster"),
        (r"/clusters/(?P<name>[^/]+)/node-groups", "eks", "ListNodegroups"),
        (r"/clusters/(?P<name>[^/]+)/node-groups/(?P<nodegroupName>[^/]+)", "eks", "DescribeNodegroup"),
        (r"/clusters/(?P<name>[^/]+)/addons", "eks", "ListAddons"),
        (r"/clusters/(?P<name>[^/]+)/fargate-profiles", "eks", "ListFargateProfiles"),
        (r"/clusters/(?P<name>[^/]+)/pod-identity-associations", "eks", "ListPodIdentityAssociations"),
        (
            r"/clusters/(?P<name>[^/]+)/pod-identity-associations/(?P<associationId>[^/]+)",
            "eks",
            "DescribePodIdentityAssociation",
        ),
        (r"/cluster-versions", "eks", "DescribeClusterVersions"),
        (r"/2015-03-31/functions/?", "lambda", "ListFunctions"),
        (r"/schedules", "scheduler", "ListSchedules"),
        (r"/v1/describejobdefinitions", "batch", "DescribeJobDefinitions"),
        (r"/listRegions", "account", "ListRegions"),
        (r"/", "s3", "ListBuckets"),
    )
]


@cache
def routed(service: str, target: str, body: bytes) -> tuple[str, Mapping[str, Any]]:
    """Return operation and parameters of a request of the REST-JSON or the query protocol."""
    path, _, query = target.partition("?")
    form = {key: values[-1] for key, values in parse_qs(query).items()}
    for pattern, owner, operation in _PATHS:
        match = pattern.fullmatch(path)
        if match and owner == service:
            inside = json.loads(body) if body.startswith(b"{") else {}
            return operation, {**form, **inside, **{key: unquote(value) for key, value in match.groupdict().items()}}
    fields = {key: values[-1] for key, values in parse_qs(body.decode("latin-1")).items()}
    return fields.get("Action", path), fields
