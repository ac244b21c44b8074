"""Event patterns, by EventBridge's own documentation: they match, they do not, or nobody can tell."""

import pytest

from scanner.events import ANY, matches
from scanner.model import Unknown, guard

EVENT = {
    "source": "aws.ecr",
    "detail-type": "ECR Replication Action",
    "resources": [ANY],
    "detail": {"result": "FAILED", "repository-name": ANY, "count": 3},
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"source": ["aws.ecr"]}, True),
        ({"source": ["aws.ecs", "aws.ecr"]}, True),
        ({"source": ["aws.ecs"]}, False),
        ({"source": ["aws.ecr"], "detail": {"result": ["SUCCESS"]}}, False),
        ({"source": ["aws.ecr"], "detail": {"result": ["FAILED", "SUCCESS"]}}, True),
        ({"detail": {"count": [3]}}, True),
        ({"detail": {"count": ["3"]}}, False),
        ({"detail": {"reason": ["x"]}}, False),
        ({"absent": {"inner": ["x"]}}, False),
        ({"source": [{"prefix": "aws."}]}, True),
        ({"source": [{"prefix": "acme."}]}, False),
        ({"source": [{"prefix": {"equals-ignore-case": "AWS."}}]}, True),
        ({"source": [{"prefix": 3}]}, None),
        ({"source": [{"suffix": ".ecr"}]}, True),
        ({"source": [{"suffix": ".ecs"}]}, False),
        ({"source": [{"suffix": {"equals-ignore-case": ".ECR"}}]}, True),
        ({"source": [{"suffix": []}]}, None),
        ({"source": [{"equals-ignore-case": "AWS.ECR"}]}, True),
        ({"source": [{"equals-ignore-case": "AWS.ECS"}]}, False),
        ({"source": [{"equals-ignore-case": 1}]}, None),
        ({"source": [{"wildcard": "aws.*"}]}, True),
        ({"source": [{"wildcard": "aws.e?r"}]}, False),  # a question mark is itself
        ({"source": [{"wildcard": "[a]ws.ecr"}]}, False),
        ({"source": [{"wildcard": "aws\\*"}]}, None),
        ({"source": [{"anything-but": "aws.ecs"}]}, True),
        ({"source": [{"anything-but": ["aws.ecr", "x"]}]}, False),
        ({"source": [{"anything-but": {"prefix": "aws."}}]}, False),
        ({"source": [{"anything-but": {"prefix": "x."}}]}, True),
        ({"source": [{"anything-but": {"novel": "x."}}]}, None),
        ({"source": [{"exists": True}]}, True),
        ({"source": [{"exists": False}]}, False),
        ({"absent": [{"exists": False}]}, True),
        ({"absent": [{"exists": True}]}, False),
        ({"absent": ["x", {"exists": False}]}, True),
        ({"detail": {"count": [{"numeric": [">", 1]}]}}, None),  # not understood, so not decided
        ({"source": [{"novel": "x"}, "aws.ecr"]}, True),
        ({"source": [{"novel": "x"}, "aws.ecs"]}, None),
        ({"source": [{"prefix": "x", "suffix": "y"}]}, None),
        ({"source": [{"novel": "x"}], "detail": {"result": ["SUCCESS"]}}, False),  # whatever the novel operator says
        ({"resources": ["arn:one"]}, None),
        ({"resources": [{"exists": True}]}, True),
        ({"detail": {"repository-name": [{"prefix": ""}]}}, True),
        ({"detail": {"repository-name": [{"wildcard": "*"}]}}, True),
        ({"detail": {"repository-name": [{"prefix": "prod/"}]}}, None),
        ({"detail": {"repository-name": ["prod/web"]}}, None),
        ({"$or": [{"source": ["aws.ecs"]}, {"source": ["aws.ecr"]}]}, True),
        ({"$or": [{"source": ["aws.ecs"]}, {"detail": {"result": ["x"]}}]}, False),
        ({"$or": [{"source": ["aws.ecs"]}, "x"]}, None),
        ({"source": "aws.ecr"}, None),  # EventBridge takes lists only
        ({"source": []}, None),
        ({}, None),
        (None, None),
        (["source"], None),
        ({"source": Unknown("denied")}, None),
        ({"source": [Unknown("denied")]}, None),
        ({"source": [Unknown("denied"), "aws.ecr"]}, True),
        ({"source": Unknown("denied"), "detail": {"result": ["SUCCESS"]}}, False),
    ],
)
def test_patterns(pattern, expected):
    assert matches(guard(pattern), EVENT) is expected
