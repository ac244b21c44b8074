"""Trees of Terraform files for tests, and what was read of them."""

from pathlib import Path

from scanner.config import Config
from scanner.guarded import plain
from scanner.parsers import parse

ACCOUNT = "111122223333"
PROVIDER = f'provider "aws" {{\n  region = "us-east-1"\n  allowed_account_ids = ["{ACCOUNT}"]\n}}\n'
STANDBY = 'provider "aws" {\n  alias = "standby"\n  region = "us-west-2"\n}\n'
REPLICATION = 'resource "aws_ecr_replication_configuration" "this" {\n replication_configuration {\n%s\n }\n}\n'
REPOSITORY = 'resource "aws_ecr_repository" "this" {\n  name = %s\n}\n'


def reader(folder, monkeypatch):
    """Return a function that parses a tree of files, given by their texts, as `regionproof scan .` does."""
    monkeypatch.chdir(folder)

    def read(files, iac=(), at="."):
        for name, text in ({"main.tf": files} if isinstance(files, str) else files).items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        config = Config(iac=tuple(iac))
        return parse(Path(at), config.places, deployments=config.deployments)

    return read


def of_type(parsed, type):
    return [one for one in parsed.resources if one.type == type]


def repositories(parsed):
    """Return (name, account, Region) of the repositories."""
    return sorted(((r.name, r.account, r.region) for r in of_type(parsed, "AWS::ECR::Repository")), key=str)


def named(parsed):
    return sorted(name for name, _, _ in repositories(parsed))


def status(parsed):
    return {path: status for path, status, _ in parsed.files}


def messages(parsed):
    return [gap.message for gap in parsed.gaps]


def property(parsed, type, name):
    (one,) = of_type(parsed, type)
    return plain(dict(one.properties.raw())[name])


def unknown(text):
    return {"unknown": text}


def rules(parsed):
    (registry,) = [one for one in of_type(parsed, "AWS::ECR::Registry") if one.region == "us-east-1"]
    return plain(dict(registry.properties.raw())["ReplicationConfiguration"])


def call(name="m", arguments="", source="./m"):
    return f'module "{name}" {{\n source = "{source}"\n{arguments}\n}}\n'


MODULE = (
    'variable "name" {\n default = "web"\n}\n'
    + REPOSITORY % "var.name"
    + 'output "url" {\n value = aws_ecr_repository.this.repository_url\n}\n'
)
