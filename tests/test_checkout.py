"""The repository that code is in: what git says of it, and what of that may stand in a report."""

import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import reports

from scanner import console
from scanner.checkout import checkout, https
from scanner.cli import main
from scanner.errors import UsageError
from scanner.finding import Checkout
from scanner.inventory import read
from scanner.reporters import REPORTERS

REMOTES = """
git@github.com:acme/estate.git                        https://github.com/acme/estate
github.com:acme/estate                                https://github.com/acme/estate
ssh://git@git.example.com:2222/acme/estate.git        https://git.example.com/acme/estate
git://git.example.com/acme/estate                     https://git.example.com/acme/estate
http://git.example.com:8080/acme/estate               https://git.example.com/acme/estate
https://github.com/acme/estate.git                    https://github.com/acme/estate
https://user:s3cret@github.com/acme/estate            https://github.com/acme/estate
https://s3cret@github.com/acme/estate.git?s3cret#s3cret https://github.com/acme/estate
codecommit::us-east-1://s3cret@estate                 https://git-codecommit.us-east-1.amazonaws.com/v1/repos/estate
https://GitHub.com/acme/../a%20b                      https://github.com/acme/a%20b
codecommit://estate                                   -
/srv/git/estate.git                                   -
../estate                                             -
C:/git/estate                                         -
file:///srv/git/estate                                -
ext::sh                                               -
https://[::1                                          -
https://github.com                                    -
https://<script>/x                                    -
"""


@pytest.mark.parametrize("row", REMOTES.strip().splitlines())
def test_a_remote_is_an_https_address_without_secrets(row):
    remote, expected = row.split()
    assert https(remote) == (None if expected == "-" else expected)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "estate"
    (folder / "infra" / "live").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    monkeypatch.chdir(folder)
    return folder


def git(folder, *arguments):
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder):
    (folder / "a").write_text("a")
    git(folder, "add", "a")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "a")


def test_a_repository_is_told_as_far_as_it_goes(repository):
    assert checkout([Path("infra")]) == Checkout("", None, None, "main")
    git(repository, "remote", "add", "origin", "https://token@github.com/acme/estate.git")
    commit(repository)
    revision = git(repository, "rev-parse", "HEAD")
    assert checkout([Path("infra"), Path("a")]) == Checkout("", "https://github.com/acme/estate", revision, "main")
    git(repository, "checkout", "-q", "--detach")
    assert checkout([Path("infra")]).branch is None


def test_the_base_is_where_the_paths_of_a_report_begin(repository, monkeypatch):
    assert checkout([repository / "infra" / "live"]).base == "infra/live/"
    assert checkout([repository / "infra" / "live", repository / "infra"]) is None
    monkeypatch.chdir(repository / "infra")
    assert checkout([Path("live"), Path()]).base == "infra/"
    assert checkout([Path("../infra/live")]).base == "infra/live/"


def test_an_inventory_is_told_from_the_root_wherever_the_scan_is(repository, monkeypatch, tmp_path):
    (repository / "dr").mkdir()
    (repository / "dr" / "inventory.txt").write_text("A::B c\n")
    monkeypatch.chdir(repository / "infra")
    assert read(Path("../dr/inventory.txt")).path == "dr/inventory.txt"
    monkeypatch.chdir(tmp_path)
    assert read(repository / "dr" / "inventory.txt").path == "dr/inventory.txt"
    (tmp_path / "inventory.txt").write_text("A::B c\n")
    assert read(tmp_path / "inventory.txt").path == "inventory.txt"


def test_an_inventory_that_is_in_no_repository_is_a_mistake(repository, monkeypatch, tmp_path):
    (tmp_path / "inventory.txt").write_text("A::B c\n")
    monkeypatch.chdir(repository)
    with pytest.raises(UsageError, match="is in no repository"):
        console.of_formats((), "rule", "step", "github", None, "../inventory.txt")


CONFIG = """
version: 1
accounts: ["111122223333"]
pairs: [{primary: us-east-1, standby: us-west-2}]
iac: [{path: web.yaml, region: us-east-1}, {path: west.yaml, region: us-west-2}]
exemptions:
  - {rule: repository-exists-in-standby, resource: "*", reason: r, owner: o, expires: 2099-01-01}
  - {rule: repository-exists-in-standby, resource: gone, reason: r, owner: o, expires: 2099-01-01}
"""


@pytest.mark.parametrize(
    ("config", "uri"),
    [
        ("ci.yml", "infra/ci.yml"),
        ("{root}/infra/ci.yml", "infra/ci.yml"),
        ("../infra/ci.yml", "infra/ci.yml"),
        ("../ci.yml", "ci.yml"),
        ("{root}/ci.yml", "ci.yml"),
        ("../../ci.yml", None),
        ("{outside}/ci.yml", None),
    ],
)
def test_a_configuration_is_a_file_of_the_repository_or_none(config, uri, repository, monkeypatch, tmp_path):
    for folder in (tmp_path, repository, repository / "infra"):
        (folder / "ci.yml").write_text(CONFIG)
    web = "Resources: {web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: web}}}\n"
    (repository / "infra" / "web.yaml").write_text(web)
    west = "AWSTemplateFormatVersion: '2010-09-09'\nResources: {}\n"
    (repository / "infra" / "west.yaml").write_text(west)
    monkeypatch.chdir(repository / "infra")
    config = config.format(root=repository, outside=tmp_path)
    arguments = ["scan", "web.yaml", "west.yaml", "--config", config, "--select", "repository-exists-in-standby"]
    with pytest.raises(SystemExit):
        main([*arguments, "--format", "sarif=o.sarif,json=o.json", "--sarif-profile", "full"])
    text = Path("o.sarif").read_text()
    (run,) = json.loads(text)["runs"]
    (notice,) = run["invocations"][0]["toolConfigurationNotifications"]
    ((suppression,),) = [each["suppressions"] for each in run["results"] if each["suppressions"]]
    for location in (notice.get("locations", [None])[0], suppression.get("location")):
        assert (location and location["physicalLocation"]["artifactLocation"]["uri"]) == uri
    assert str(tmp_path) not in text + Path("o.json").read_text()


def test_no_repository_and_no_git_are_no_errors(repository, monkeypatch, tmp_path):
    assert checkout([tmp_path]) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checkout([Path("infra")]) == Checkout("")


def runs(checkout):
    out = io.StringIO()
    REPORTERS["sarif"].write(replace(reports.sample(), checkout=checkout), out)
    return json.loads(out.getvalue())["runs"]


def test_code_says_which_revision_of_what_and_paths_begin_at_its_root():
    live, iac = runs(Checkout("ops/", "https://github.com/acme/estate", "0f" * 20, "main"))
    assert "versionControlProvenance" not in live
    assert iac["versionControlProvenance"] == [
        {
            "repositoryUri": "https://github.com/acme/estate",
            "revisionId": "0f" * 20,
            "branch": "main",
            "mappedTo": {"uriBaseId": "SRCROOT"},
        }
    ]
    uris = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in iac["results"]]
    assert uris == ["ops/infra/stacks/ecr%20%231.yaml", "ops/infra/broken.yaml"]
    assert live["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].startswith("aws/")
    (notice,) = (each for each in live["invocations"][0]["toolConfigurationNotifications"] if "locations" in each)
    assert notice["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "ops/regionproof.yaml"


def test_without_an_address_nothing_is_claimed():
    assert "versionControlProvenance" not in runs(Checkout("", None, "0f" * 20, "main"))[1]
