"""`init` and `collect --dry-run` at a stub: what they ask, print and write."""

import pytest
import yaml
from stub_aws import ACCOUNT, error, serve

from scanner.cli import main
from scanner.permissions import actions
from scanner.rule import load_rules

ASKED_FIRST = {"sts:GetCallerIdentity", "account:ListRegions", "ec2:DescribeRegions"}
RULES = {"rules": [{"destinations": [{"region": "us-west-2", "registryId": ACCOUNT}]}]}
MEMBERS = {"Accounts": [{"Id": "222233334444", "Name": "shop: {a}", "State": "ACTIVE"}]}


@pytest.fixture(scope="module")
def endpoint():
    with serve() as stub:
        yield stub


@pytest.fixture
def stub(endpoint, monkeypatch, tmp_path):
    endpoint.reset()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    return endpoint


@pytest.fixture
def run(stub, capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([*arguments, "--endpoint-url", stub.url])
        done = capsys.readouterr()
        return stop.value.code, done.out, done.err

    return call


def enabling(folder, *rules, more=""):
    """Write a configuration that enables some rules, so that no test depends on how many there are."""
    (folder / "regionproof.yaml").write_text(f"version: 1\nrules: {{select: [{', '.join(rules)}]}}\n{more}\n")


def answering(operation, parameters):
    told = {"ecr:DescribeRegistry": {"registryId": ACCOUNT, "replicationConfiguration": RULES}}
    return {**told, "organizations:ListAccounts": MEMBERS}.get(operation)


def test_a_draft_names_the_account_and_the_pair(stub, run):
    stub.script = answering
    code, out, _ = run("init")
    drafted = yaml.safe_load(out)
    assert code == 0
    assert drafted["accounts"] == [ACCOUNT]
    assert {"primary": "us-east-1", "standby": "us-west-2"} in drafted["pairs"]
    assert {operation for operation, _ in stub.asked} <= ASKED_FIRST | {"ecr:DescribeRegistry"}


def test_an_organization_is_listed_and_not_entered(stub, run):
    stub.script = answering
    code, out, _ = run("init", "--organization", "--role-name", "Reader")
    assert code == 0
    assert yaml.safe_load(out)["organization"] == {"role_name": "Reader"}
    assert '222233334444 "shop: {a}"' in out
    assert stub.count("sts:AssumeRole") == 0


def test_what_was_not_seen_is_said_in_the_draft(stub, run):
    refusal = error(400, "AccessDeniedException", "no")
    stub.script = lambda operation, _: refusal if operation == "ecr:DescribeRegistry" else None
    code, out, _ = run("init")
    assert code == 0
    assert "# not seen in us-east-1:" in out


def test_a_draft_never_takes_the_place_of_a_file(stub, run, tmp_path):
    stub.script = answering
    (tmp_path / "mine.yaml").write_text("version: 1\n")
    code, _, err = run("init", "-o", "mine.yaml")
    assert (code, stub.asked) == (2, [])
    assert "mine.yaml: there is something already" in err
    assert (tmp_path / "mine.yaml").read_text() == "version: 1\n"
    assert run("init", "-o", "new.yaml")[0] == 0
    assert yaml.safe_load((tmp_path / "new.yaml").read_text())["accounts"] == [ACCOUNT]


def test_a_dry_run_prints_the_plan_and_asks_for_nothing_else(stub, run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    enabling(tmp_path, "registry-replication-to-standby", "repository-images-replicated")
    code, out, _ = run("collect", "--dry-run", "--regions", "us-east-1,us-west-2")
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines() if line.strip()}
    assert code == 0
    assert rows[ACCOUNT] == "us-east-1, us-west-2"
    assert rows["ecr:DescribeRegistry"] == "1; for every enabled rule"
    assert rows["ecr:GetAccountSetting"] == "3; for every enabled rule"
    assert rows["ecr:GetRepositoryPolicy"].startswith("1 per repository; for ")
    assert rows["ecr:DescribeImages"].startswith("1 per repository, paged; for ")
    assert "eks:ListAddons" not in rows
    assert "12 x 2 = 24 requests are known beforehand" in out
    assert {operation for operation, _ in stub.asked} <= ASKED_FIRST
    assert [entry.name for entry in tmp_path.iterdir()] == ["regionproof.yaml"]


@pytest.mark.parametrize(
    ("rule", "scope", "often", "why"),
    [
        (
            "repository-images-replicated",
            "scope: {repositories: ['prod/*']}",
            "1 per repository in scope or in use, paged; ",
            "not in scope.repositories",
        ),
        (
            "image-running-digest-in-standby",
            "",
            "1 per repository in use, paged; ",
            "no enabled rule reads the images of all",
        ),
        ("standby-stack-healthy", "", "", ""),
    ],
)
def test_a_dry_run_says_whose_images_are_left_out(stub, run, tmp_path, monkeypatch, rule, scope, often, why):
    monkeypatch.setenv("COLUMNS", "200")
    enabling(tmp_path, rule, more=scope)
    _, out, _ = run("collect", "--dry-run", "--regions", "us-east-1")
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines() if line.strip()}
    assert rows.get("ecr:DescribeImages", "").startswith(often)
    assert ("are left out: no workload that was seen names them" in out) == bool(why)
    assert why in out


def test_a_dry_run_of_named_services_says_what_no_rule_needs(stub, run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    enabling(tmp_path, "registry-replication-to-standby")
    _, out, _ = run("collect", "--dry-run", "--regions", "us-east-1", "--services", "eks,kms")
    assert "kms:ListKeys" in out
    assert "no enabled rule, but --services" in out
    assert "ecr:" not in out


@pytest.mark.parametrize("width", [80, 100])
def test_a_dry_run_of_all_services_fits_the_terminal(stub, run, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    services = "events,ecs,lambda,cloudformation,ec2,codepipeline,s3,arc-region-switch,ecr,iam"
    _, out, _ = run("collect", "--dry-run", "--regions", "us-east-1", "--services", services)
    _, _, table = out.partition("what for\n")
    assert "iam:GetRolePolicy" in table
    assert max(map(len, out.splitlines())) <= width
    rows = [line for line in table.splitlines() if line.startswith("  ")]
    assert len(rows) < 4 * sum(":" in row for row in rows), "the last column has no room"


@pytest.mark.parametrize("command", ["collect -o s", "collect --dry-run", "permissions"])
@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("{select: [registri]}", "rules.select: no rule 'registri'\n  Did you mean 'registry'?"),
        ("{ignore: [image-runs]}", "rules.ignore: no rule 'image-runs'\n  Did you mean 'image'?"),
        ("{severity: {image: low}}", "rules.severity: no rule 'image'\n  Did you mean 'image-"),
        ("{parameters: {nonsense: {a: 1}}}", "rules.parameters: no rule 'nonsense'\n  `regionproof rules list`"),
    ],
)
def test_what_names_no_rule_is_refused_before_anything_is_asked(stub, capsys, tmp_path, command, rules, message):
    (tmp_path / "regionproof.yaml").write_text(f"version: 1\nrules: {rules}\n")
    with pytest.raises(SystemExit) as stop:
        main(command.split() + ["--endpoint-url", stub.url] * command.startswith("collect"))
    done = capsys.readouterr()
    assert (stop.value.code, done.out, stub.asked) == (2, "", [])
    assert message in done.err


def test_collecting_asks_for_what_the_rules_need(stub, run, tmp_path):
    enabling(tmp_path, "image-running-digest-in-standby")
    code, _, _ = run("collect", "-o", "s", "--regions", "us-east-1")
    assert code == 0
    assert stub.count("eks:DescribeCluster") == 1
    assert stub.count("eks:ListAddons") == 0
    allowed = actions(next(rule.needs for rule in load_rules() if rule.id == "image-running-digest-in-standby"))
    assert {operation for operation, _ in stub.asked} - {"sts:GetCallerIdentity"} <= set(allowed)  # that needs no leave
    services = {operation.partition(":")[0] for operation, _ in stub.asked}
    assert services == {"sts", "account", "ecr", "ecs", "eks", "events", "lambda", "scheduler", "states"}


def test_without_a_folder_nothing_is_collected(stub, run):
    code, _, err = run("collect", "--regions", "us-east-1")
    assert (code, stub.asked) == (2, [])
    assert "-o snapshot" in err
