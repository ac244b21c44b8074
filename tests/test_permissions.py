"""The roles to deploy allow what is asked, and nothing that writes or reads what is kept in a store."""

import json
import re
from fnmatch import fnmatchcase

import hcl2
import pytest
import yaml

from scanner.cli import main
from scanner.collectors import COLLECTORS, ecr, needs, organization, targets
from scanner.errors import UsageError
from scanner.permissions import MOST_CHARACTERS, Role, actions, cloudformation, member, terraform
from scanner.rule import load_rules

NEEDED = frozenset().union(*(rule.needs for rule in load_rules() if not rule.optional))
READS = re.compile(r"[a-z0-9-]+:(?:List|Describe|Get|BatchGet|Search)[A-Za-z]*")
CONTENT = (
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "secretsmanager:*GetSecretValue",
    "ssm:GetParameter*",
    "lambda:GetLayerVersion*",
    "s3:GetObject*",
    "kms:Decrypt",
)
NEWER = "W3037: 'listreplicationbackfills' is not one of"
"""An action that cfn-lint does not know yet."""
FULL = Role("Reader", "111122223333", "shop-7", tagged=True)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["permissions", *arguments])
        done = capsys.readouterr()
        return stop.value.code, done.out, done.err

    return call


@pytest.mark.parametrize("action", sorted({*actions(None), *organization.ACTIONS}))
def test_no_action_writes_or_reads_what_is_kept(action):
    assert READS.fullmatch(action)
    assert not any(fnmatchcase(action, pattern) for pattern in CONTENT)


@pytest.mark.parametrize("needed", [None, NEEDED, frozenset({"AWS::KMS::Key"})], ids=["all", "rules", "kms"])
def test_everything_that_is_asked_is_allowed_and_nothing_else(needed):
    asked = {
        action
        for service in needs.services(needed)
        for ask in needs.asks(service, needed)
        for action in ask.actions or (f"{service}:{ask.operation}",)
    }
    assert set(actions(needed)) == asked | set(targets.ACTIONS)


def test_a_rule_needs_no_more_than_what_it_reads():
    (rule,) = (rule for rule in load_rules() if rule.id == "registry-replication-to-standby")
    allowed = actions(rule.needs)
    assert {action.partition(":")[0] for action in allowed} == {"account", "ec2", "ecr"}
    assert "ecr:DescribeRegistry" in allowed
    assert "ecr:DescribeImages" not in allowed


def test_services_that_are_named_are_allowed_whole():
    assert set(actions(None, ["eks"])) == {f"eks:{a.operation}" for a in COLLECTORS["eks"].CALLS} | set(targets.ACTIONS)
    with pytest.raises(UsageError, match="'lamda' is not a service"):
        actions(None, ["lamda"])


def test_a_policy_that_is_too_long_is_split():
    assert len(member(actions(None))) == 1
    many = [f"ecr:Describe{number:04}" for number in range(700)]
    documents = member(many)
    assert len(documents) > 1
    assert [action for document in documents for action in document["Statement"][0]["Action"]] == many
    assert all(len(json.dumps(document, separators=(",", ":"))) <= MOST_CHARACTERS for document in documents)


@pytest.mark.parametrize("role", [FULL, Role()], ids=["full", "open"])
@pytest.mark.parametrize("needed", [NEEDED, None], ids=["rules", "all"])
def test_the_template_is_one_that_cloudformation_takes(role, needed):
    from cfnlint import lint_all

    text = cloudformation.template(role, member(actions(needed)))
    found = [f"{match.rule.id}: {match.message}" for match in lint_all(text) if not match.rule.id.startswith("I")]
    assert [match for match in found if NEWER not in match] == []
    body = yaml.safe_load(text)
    assert body["Parameters"]["Principal"].get("Default") == role.principal
    assert body["Resources"]["ReadPolicy1"]["Properties"]["PolicyDocument"] == member(actions(needed))[0]


def test_terraform_reads_the_configuration():
    found = hcl2.loads(terraform.configuration(FULL, member(actions(NEEDED))))
    text = json.dumps(found)
    assert all(action in text for action in actions(NEEDED))
    for word in ("aws_iam_role", "sts:TagSession", "sts:ExternalId", "shop-7", "111122223333", "Reader"):
        assert word in text


@pytest.mark.parametrize(
    "given", [{"name": "a${b}"}, {"principal": "*"}, {"principal": "arn:aws:iam::1:root"}, {"external_id": 'x"\n}'}]
)
def test_what_iam_would_refuse_is_refused(given):
    with pytest.raises(UsageError):
        Role(**given)


def test_the_command_prints_the_policy_of_the_rules(run):
    code, out, _ = run()
    assert code == 0
    assert json.loads(out) == member(actions(NEEDED))[0]
    assert json.loads(run("--services", "eks")[1]) == member(actions(None, ["eks"]))[0]


def test_only_who_collects_may_list_accounts_and_enter_them(run, tmp_path):
    (tmp_path / "regionproof.yaml").write_text("version: 1\norganization: {role_name: R, session_tags: {team: dr}}\n")
    list_, enter = json.loads(run("--central")[1])["Statement"]
    assert list_["Action"] == sorted(organization.ACTIONS)
    assert enter["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert enter["Resource"] == "arn:*:iam::*:role/R"
    assert "organizations:" not in run()[1]
    assert "sts:TagSession" in run("--format", "cloudformation")[1]


def test_rules_that_are_left_out_need_nothing(run, tmp_path):
    (tmp_path / "regionproof.yaml").write_text(
        "version: 1\nrules: {select: [eks-addon-parity, eks-cluster-version-parity]}\n"
    )
    assert "ecs:" not in run()[1]
    assert "eks:DescribeCluster" in run("--format", "terraform")[1]
    assert run("--central", "--format", "terraform")[0] == 2


def test_what_is_asked_of_single_images_is_no_part_of_it_unless_a_rule_names_it():
    afterwards = {f"ecr:{ask.operation}" for ask in ecr.AFTERWARDS}
    assert not afterwards & set(actions(None))
    assert afterwards & set(actions(frozenset({ecr.STATUS}))) == {"ecr:DescribeImageReplicationStatus"}
    assert afterwards & set(actions(frozenset({ecr.MANIFEST}))) == {"ecr:BatchGetImage"}
    assert "ecr:GetDownloadUrlForLayer" not in actions(frozenset({ecr.STATUS, ecr.MANIFEST}))


def test_the_api_that_pulls_has_a_statement_that_says_what_it_is_for():
    (document,) = member(actions(frozenset({ecr.MANIFEST})))
    read, pull = document["Statement"]
    assert (pull["Sid"], pull["Action"]) == ("ManifestsOfIndexesNoLayers", ["ecr:BatchGetImage"])
    assert "ecr:DescribeImages" in read["Action"]
    assert all(len(each["Statement"]) == 1 for each in member(actions(None)))
    text = json.dumps(hcl2.loads(terraform.configuration(Role(), [document])))
    assert text.index("DescribeImages") < text.index("ManifestsOfIndexesNoLayers") < text.index("ecr:BatchGetImage")
