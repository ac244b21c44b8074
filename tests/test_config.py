"""regionproof.yaml: what it may say, and how it complains."""

from datetime import date, timedelta

import pytest

from scanner.config import IacMapping, read
from scanner.errors import ConfigError
from scanner.finding import Severity
from scanner.model import Pair, Place

WHOLE = """\
version: 1
accounts: ["111122223333"]
regions: [us-east-1, us-west-2]
pairs:
  - {primary: us-east-1, standby: us-west-2, dr_class: warm-standby, rpo: 1h, rto: 30m}
  - {primary: {account: "111122223333", region: eu-west-1}, standby: {account: "444455556666", region: eu-central-1},
     image_distribution: dual-push}
scope: {repositories: ["prod/*"]}
rules:
  paths: [rules]
  select: [image, repository-*]
  ignore: [repository-tag-divergence]
  severity: {repository-tag-mutability-parity: low}
  parameters: {repository-images-replicated: {grace: 60m}}
exemptions:
  - {rule: repository-images-replicated, resource: "arn:aws:ecr:us-east-1:*:repository/sandbox/*",
     reason: scratch, owner: platform, expires: 2027-03-01}
iac:
  - {path: infra/primary, region: us-east-1}
  - {path: "*.west.yaml", account: "444455556666", region: us-west-2}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "regionproof.yaml"
        path.write_text(text)
        return path

    return write


def test_reads_everything(written, tmp_path):
    config = read(written(WHOLE))
    assert config.pairs == (
        Pair(
            Place(None, "us-east-1"), Place(None, "us-west-2"), "warm-standby", timedelta(hours=1), timedelta(0, 1800)
        ),
        Pair(
            Place("111122223333", "eu-west-1"),
            Place("444455556666", "eu-central-1"),
            image_distribution="dual-push",
        ),
    )
    assert config.severity == {"repository-tag-mutability-parity": Severity.LOW}
    assert config.parameters == {"repository-images-replicated": {"grace": "60m"}}
    assert config.exemptions[0].expires == date(2027, 3, 1)
    assert config.exemptions[0].location.line == 16
    assert config.rule_paths == (str(tmp_path / "rules"),)


def test_no_pairs_means_derive_them(written):
    assert read(written("version: 1\n")).pairs is None


def test_places_of_templates(written):
    config = read(written(WHOLE))
    assert config.places("infra/primary/web.yaml") == [("111122223333", "us-east-1")]
    assert config.places("a.west.yaml") == [("444455556666", "us-west-2")]
    assert config.places("elsewhere.yaml") == []


@pytest.mark.parametrize(
    ("path", "reached"),
    [
        (".", {"main.tf", "infra/main.tf"}),
        ("./", {"main.tf", "infra/main.tf"}),
        ("./main.tf", {"main.tf", "infra/main.tf"}),
        ("./infra/", {"infra/main.tf"}),
        (".infra", set()),
        ("../infra", set()),
    ],
)
def test_a_path_of_iac_may_begin_with_the_folder_itself(written, path, reached):
    config = read(written(f"version: 1\niac:\n  - {{path: {path}, region: us-east-1}}\n"))
    assert {each for each in ("main.tf", "infra/main.tf") if config.deployments(each)} == reached


def test_an_entry_of_iac_may_say_the_account_alone(written):
    """Providers of Terraform mostly name their Region, and seldom their account."""
    config = read(written("version: 1\niac:\n  - {path: infra, account: '111122223333'}\n"))
    assert config.places("infra/main.tf") == [("111122223333", None)]


def test_how_root_modules_are_deployed(written):
    text = (
        "version: 1\naccounts: ['111122223333']\niac:\n  - {path: infra, var_files: [env/dr.tfvars], workspace: dr}\n"
    )
    found = read(written(text)).deployments("infra/main.tf")
    assert found == [IacMapping("infra", "111122223333", None, var_files=("env/dr.tfvars",), workspace="dr")]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("version: 1\nregoins: []\n", ":2: unknown key 'regoins'", "Did you mean 'regions'?"),
        (
            "version: 1\npairs:\n  - {primary: us-east-1, standby: us-west-2, rpoo: 1h}\n",
            ":3: unknown key 'rpoo'",
            "rpo",
        ),
        ("version: 1\nversion: 1\n", ":2:1: duplicate key 'version'", ""),
        ("version: 2\n", ":1: version: 1 was expected", "version"),
        ("accounts: []\n", "'version' is a required property", ""),
        ("version: 1\naccounts: [111122223333]\n", ":2: accounts.0: text was expected, not 111122223333", "quotes"),
        ("version: 1\nregions: [us-east]\n", ":2: regions.0: 'us-east'", "Region such as"),
        (
            "version: 1\npairs: [{primary: us-east-1, standby: us-west-2, rpo: soon}]\n",
            "pairs.0.rpo: 'soon' is not a duration",
            "30m",
        ),
        (
            "version: 1\nexemptions: [{rule: a, resource: b, reason: c, owner: d, expires: 2027-02-30}]\n",
            "'2027-02-30' is not a date",
            "YYYY-MM-DD",
        ),
        ("version: 1\nexemptions: [{rule: a, resource: b, reason: c, owner: d}]\n", "'expires' is a required", ""),
        (
            "version: 1\npairs:\n  - {primary: us-east-1, standby: us-west-2}\n"
            "  - {primary: us-west-2, standby: us-west-2}\n",
            ":4: pairs.1: 'us-west-2' cannot be its own standby",
            "takes over",
        ),
        (
            "version: 1\npairs: [{primary: {account: '111122223333', region: us-east-1}, "
            "standby: {account: '111122223333', region: us-east-1}}]\n",
            ":2: pairs.0: 'us-east-1' cannot be its own standby",
            "takes over",
        ),
        ("", "regionproof.yaml: the file is empty", "schema config"),
        ("- version: 1\n", ":1: a mapping of keys was expected, not a list", "schema config"),
        ("version: 1\nrules: {select: security}\n", ":2: rules.select: a list was expected, not 'security'", "Only"),
        ("version: 1\nscope:\n  repositories:\n", ":3: scope.repositories: a list was expected, not nothing", ""),
        ("version: 1\n\tregions: []\n", ":2:1:", ""),
        ("version: !!python/object:os.system 1\n", "unknown tag", ""),
        ("version: 1\nrules: {severity: {a: urgent}}\n", "rules.severity.a: 'urgent' is not one of", ""),
    ],
)
def test_complains_with_place_and_next_step(written, text, message, hint):
    with pytest.raises(ConfigError) as caught:
        read(written(text))
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


def test_unreadable_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"version: 1 # \xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read(tmp_path / "latin.yaml")
