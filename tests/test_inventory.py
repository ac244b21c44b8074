"""The inventory: what it lists, what it leaves out, and that findings point at its lines."""

import io
import json

import pytest
import reports

from scanner.cli import main
from scanner.errors import UsageError
from scanner.inventory import HEAD, Inventory, entry, read, write
from scanner.model import Location
from scanner.reporters import REPORTERS


@pytest.mark.parametrize(
    ("type", "id", "line"),
    [
        ("AWS::ECR::Repository", "arn:aws:ecr:r:1:repository/a", "AWS::ECR::Repository arn:aws:ecr:r:1:repository/a"),
        (
            "AWS::ECS::TaskDefinition",
            "arn:aws:ecs:r:1:task-definition/api:97",
            "AWS::ECS::TaskDefinition arn:aws:ecs:r:1:task-definition/api",
        ),
        (
            "AWS::Lambda::Function",
            "arn:aws:lambda:r:1:function:f:97",
            "AWS::Lambda::Function arn:aws:lambda:r:1:function:f:97",
        ),
        ("AWS::ECS::Task", "arn:aws:ecs:r:1:task/c/0f", None),
        ("Kubernetes::Pod", "x", None),
        ("Regionproof::Recovery::Tier", "tier-0", None),
        ("AWS::ECR::Repository", "a\nAWS::ECR::Repository b", None),
        ("AWS::ECR::Repository", "a\u202eb", None),
        ("AWS::ECR::Repository", "\udc80", None),
        ("AWS::ECR::Repository", "x" * 3000, None),
    ],
)
def test_a_line_is_what_stays_of_a_resource(type, id, line):
    assert entry(type, id) == line


def test_live_resources_are_listed_once_and_sorted():
    out = io.StringIO()
    found = [
        reports.repository("b"),
        reports.service("a"),
        reports.repository("b"),
        reports.templated("c", "t.yaml", 1),
    ]
    assert write(found, out) == 2
    assert out.getvalue() == (
        f"{HEAD}AWS::ECR::Repository {reports.repository('b').id}\nAWS::ECS::Service {reports.service('a').id}\n"
    )


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "inventory.txt"
    with path.open("w") as out:
        write([reports.service("a"), reports.repository("b")], out)
    inventory = read(path)
    resource = reports.service("a")
    assert inventory.find(resource.type, resource.id) == (3, len(f"{resource.type} {resource.id}"))
    assert inventory.find("AWS::ECR::Repository", resource.id) is None


def test_comments_blank_lines_and_other_line_ends_do_no_harm(tmp_path):
    path = tmp_path / "inventory.txt"
    path.write_bytes(b"# ours\r\n\r\nA::B c d\r\nA::B c d\r\n")
    assert read(path).lines == {"A::B c d": (3, 8)}


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read"), (b"\xff\xfe", "not UTF-8"), (b"# x\n{}\n", ":2: is no inventory"), (b"a b\n", ":1:")],
)
def test_what_is_no_inventory_is_refused(tmp_path, content, problem):
    path = tmp_path / "inventory.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=problem):
        read(path)


def listed(*resources):
    lines = {entry(each.type, each.id): (at, 80) for at, each in enumerate(resources, start=7)}
    return Inventory("ops/inventory.txt", lines)


def results(report, **options):
    out = io.StringIO()
    REPORTERS["sarif"].write(report, out, **options)
    return [result for run in json.loads(out.getvalue())["runs"] for result in run["results"]]


def test_a_live_finding_is_at_its_line_and_its_hash_is_left_to_github():
    first = reports.sample().findings[0]
    found = results(
        reports.sample(),
        inventory=listed(first.resource, *first.related, reports.repository("payments/api", reports.WEST)),
    )
    assert found[0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "ops/inventory.txt", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 7, "startColumn": 1, "endLine": 7, "endColumn": 81},
    }
    assert found[0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == first.resource.id
    assert found[0]["properties"]["regionproof/anchor"] == "inventory"
    assert list(found[0]["partialFingerprints"]) == ["regionproofFinding/v1"]
    assert found[0]["relatedLocations"][1]["physicalLocation"]["region"]["startLine"] == 8
    assert found[0]["message"]["text"].endswith("is not in 'us-west-2'. See [related resource](2).")
    present = next(each for each in found if each["ruleId"] == reports.PARITY_RULE.id)
    assert present["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "ops/inventory.txt"
    assert present["message"]["text"].endswith(". See [counterpart](1).")
    assert {each["properties"].get("regionproof/anchor") for each in found} == {"inventory", "synthetic", "iac", None}


def test_findings_of_one_rule_at_one_line_stay_apart():
    from dataclasses import replace

    first = reports.sample().findings[0]
    other = replace(first, pointer="/ContainerImages/1", fingerprint="ab" * 16)
    report = replace(reports.clean(), findings=(first, other))
    hashes = [each["partialFingerprints"] for each in results(report, inventory=listed(first.resource))]
    assert [each["primaryLocationLineHash"] for each in hashes] == [f"{first.fingerprint[:16]}:1", f"{'ab' * 8}:1"]
    line = replace(first.resource, locations={"": Location("t.yaml", 3)})
    report = replace(report, findings=tuple(replace(each, resource=line) for each in (first, other)))
    assert all("primaryLocationLineHash" in each["partialFingerprints"] for each in results(report))


def test_the_command_wants_something_live(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.yaml").write_text("Resources: {a: {Type: AWS::ECR::Repository, Properties: {RepositoryName: a}}}")
    with pytest.raises(SystemExit) as stop:
        main(["inventory", "t.yaml"])
    assert stop.value.code == 4
    assert "nothing live to list" in capsys.readouterr().err
