"""How a repository is scanned, by the rules of its registry."""

from datetime import UTC, datetime

import pytest

from scanner.images import ImageIndex
from scanner.model import InsufficientData, Location, Model, Place, Resource, guard
from scanner.scanning import frequency

HERE = Place("111122223333", "us-west-2")
FILE = {"": Location("a.yaml", 1)}


def rule(frequency, *filters, kind="WILDCARD"):
    return {"ScanFrequency": frequency, "RepositoryFilters": [{"Filter": f, "FilterType": kind} for f in filters]}


def found(rules, *, type="BASIC", on_push=False, **properties):
    registry = guard({"ScanningConfiguration": {"ScanType": type, "Rules": rules}})
    given = guard({"ImageScanningConfiguration": {"ScanOnPush": on_push}, **properties})
    repository = Resource("AWS::ECR::Repository", "arn:web", "shop/web", *HERE, given, locations=FILE)
    model = Model(
        [repository, Resource("AWS::ECR::Registry", "r", "registry", *HERE, registry, locations=FILE)],
        pairs=(),
        images=ImageIndex({}),
        scanned=[HERE],
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return frequency(model, repository)


@pytest.mark.parametrize(
    ("rules", "given", "expected"),
    [
        ([], {}, "MANUAL"),
        ([], {"on_push": True}, "SCAN_ON_PUSH"),
        ([], {"on_push": True, "type": "ENHANCED"}, "MANUAL"),
        ([rule("SCAN_ON_PUSH", "*")], {}, "SCAN_ON_PUSH"),
        ([rule("SCAN_ON_PUSH", "shop/*")], {}, "SCAN_ON_PUSH"),
        ([rule("SCAN_ON_PUSH", "web")], {}, "SCAN_ON_PUSH"),  # without an asterisk, a part of the name
        ([rule("SCAN_ON_PUSH", "api*")], {}, "MANUAL"),
        ([rule("SCAN_ON_PUSH", "web*")], {}, "MANUAL"),
        ([rule("SCAN_ON_PUSH")], {}, "MANUAL"),
        ([rule("SCAN_ON_PUSH", "*"), rule("CONTINUOUS_SCAN", "shop*")], {"type": "ENHANCED"}, "CONTINUOUS_SCAN"),
        ([rule("MANUAL", "*")], {"on_push": True}, "MANUAL"),
        ([], {"ScanFrequency": "CONTINUOUS_SCAN"}, "CONTINUOUS_SCAN"),
    ],
)
def test_the_effective_frequency(rules, given, expected):
    assert found(rules, **given) == expected


@pytest.mark.parametrize(
    ("rules", "given"),
    [
        ([rule("SCAN_ON_PUSH", "*", kind="REGEX")], {}),
        ([rule("HOURLY", "*")], {}),
        ([], {"ScanFrequency": "HOURLY"}),
    ],
)
def test_what_is_not_understood_is_unknown(rules, given):
    with pytest.raises(InsufficientData):
        found(rules, **given)
