"""The commands that ask AWS: collect, init, permissions."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scanner import console
from scanner.errors import UsageError

if TYPE_CHECKING:
    from scanner.collectors.wanted import Scope
    from scanner.config import Config
    from scanner.rule import Rule

OK = 0


@click.command()
@click.argument("shards", nargs=-1, metavar="[SHARD...]")
@click.option("-o", "--output", metavar="SNAPSHOT", help="The folder, or s3://BUCKET/PREFIX, to write the snapshot to.")
@click.option("--dry-run", is_flag=True, help="Find accounts and Regions, print what would be asked, and stop.")
@console.config_option
@click.option("--accounts", metavar="A,B", help="Account ids; default: the account of the credentials.")
@click.option("--organization", "whole", is_flag=True, help="All accounts of the AWS organization.")
@click.option("--regions", metavar="R,..", help="Regions; default: the configuration's, else every enabled one.")
@click.option("--role-name", metavar="N", help="Role to assume in accounts other than one's own.")
@click.option("--services", metavar="S,..", help="These services, whole; default: what the enabled rules need.")
@click.option("--profile", metavar="P", help="Profile of the AWS configuration.")
@click.option("--endpoint-url", metavar="U", help="Ask this endpoint instead of AWS.")
@click.option("--resume", is_flag=True, help="Finish an interrupted snapshot; what it holds is not asked again.")
@click.option("--since", metavar="SNAPSHOT", help="Reuse what can never change from this earlier snapshot.")
@click.option("--kubernetes", "files", multiple=True, metavar="ARN=FILE", help="What kubectl wrote of an EKS cluster.")
@click.option("--kubernetes-api", is_flag=True, help="Ask the API of each EKS cluster what runs in it.")
@console.rules_options
@click.option("--max-rate", type=click.FloatRange(0, min_open=True), metavar="N", help="Most requests a second.")
@console.executor_option
@click.option("--shard", metavar="I/N", help="Only the accounts of part I of N, counted from 0.")
@click.option("--merge", is_flag=True, help="Ask nothing: make one snapshot of all the parts that --shard wrote.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def collect(
    shards: tuple[str, ...],
    output: str | None,
    dry_run: bool,
    config_path: str | None,
    accounts: str | None,
    whole: bool,
    regions: str | None,
    role_name: str | None,
    services: str | None,
    profile: str | None,
    endpoint_url: str | None,
    resume: bool,
    since: str | None,
    files: tuple[str, ...],
    kubernetes_api: bool,
    rule_paths: tuple[str, ...],
    no_python_rules: bool,
    max_rate: float | None,
    executor: str,
    shard: str | None,
    merge: bool,
    log_format: str,
) -> int:
    """Ask AWS, read-only, and write a snapshot.  No other command asks about the estate.

    `--shard 0/8` to `--shard 7/8`, on as many machines, write the parts of one; `--merge` puts them together.
    """
    from scanner.collectors.live import collect as collect_live
    from scanner.collectors.since import PARTS
    from scanner.collectors.wanted import Scope
    from scanner.reporters.progress import narrator
    from scanner.split import Shard

    console.must_be_named({"--output": output})
    if merge or shards:
        return _merge(shards, output, merge)
    part = Shard.parse(shard) if shard is not None else None
    if whole and accounts:
        raise UsageError("--organization and --accounts exclude each other", "Leave one of them out.")
    config = console.read_config(config_path)
    rules = console.chosen_rules(config, rule_paths, python=not no_python_rules)
    asked: dict[str, Any] = {
        "organization": config.organization,
        "role_name": role_name,
        "accounts": () if whole else console.listed(accounts) or config.accounts,
        "regions": console.listed(regions) or console.regions(config),
        "whole": whole,
        "services": console.listed(services),
        "needed": None if services else _needed(rules),
    }
    # A shard does not know what workloads of others name, so it lists the images of everybody.
    scope = Scope() if services or part else _scope(rules, config)
    if dry_run:
        return _dry_run(rules, scope, profile, endpoint_url, **asked)
    if output is None:
        raise UsageError("no folder to write the snapshot to", "Name one: -o snapshot.")
    storage = console.storage(config, profile)
    path, mirror = storage.mirrored(output)
    narrates = narrator(log_format, sys.stderr, console.now)
    with console.executor(executor) as runs:
        collected = collect_live(
            path,
            **asked,
            scope=scope,
            pairs=config.pairs,
            profile=profile,
            endpoint_url=endpoint_url,
            resume=resume,
            clock=console.now,
            config_sha256=config.sha256,
            max_rate=max_rate,
            mirror=mirror,
            earlier=storage.snapshot(since, only=PARTS) if since else None,
            kubernetes_files=_by_cluster(files),
            ask_clusters=kubernetes_api,
            executor=runs,
            shard=part,
            progress=narrates,
        )
    left_out = {account.id: reason for account, reason in collected.left_out.items()}
    narrates.close(output, collected.snapshot.coverage(), left_out, console.width())
    return OK


@click.command()
@click.option("--organization", is_flag=True, help="List the accounts of the organization, too.")
@click.option(
    "--role-name", default="RegionproofReadOnly", metavar="N", show_default=True, help="Role in each account."
)
@click.option("--profile", metavar="P", help="Profile of the AWS configuration.")
@click.option("--endpoint-url", metavar="U", help="Ask this endpoint instead of AWS.")
@click.option("-o", "--output", metavar="FILE", help="A new file; default: standard output.")
def init(organization: bool, role_name: str, profile: str | None, endpoint_url: str | None, output: str | None) -> int:
    """Draft regionproof.yaml from what the account shows.

    That is its Regions, and where its registries replicate to.
    """
    from scanner.collectors.session import Sessions
    from scanner.init import survey

    console.must_be_named({"--output": output})
    console.must_be_here(output or "")
    if output and os.path.lexists(output):
        raise UsageError(f"{output}: there is something already", "Name another file, or move that one away.")
    sessions = Sessions(profile=profile, endpoint_url=endpoint_url)
    text = survey(sessions, console.now, organization=organization, role_name=role_name)
    if output is None:
        click.echo(text, nl=False)
        return OK
    try:
        with Path(output).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{output}: there is something already", "Name another file.") from None
    click.echo(f"Drafted {output}; `regionproof schema config` describes every key.", err=True)
    return OK


@click.command()
@click.option("--format", type=click.Choice(["json", "terraform", "cloudformation"]), default="json", show_default=True)
@console.config_option
@console.rules_options
@click.option("--services", metavar="S,..", help="These services, whole; default: what the enabled rules need.")
@click.option("--role-name", metavar="N", help="Name of the role; default: the configuration's.")
@click.option("--external-id", metavar="X", help="External id; default: the configuration's.")
@click.option("--principal", metavar="ARN|ACCOUNT", help="Who may assume the role.")
@click.option("--central", is_flag=True, help="The policy of who collects, as JSON, and not that of the role.")
def permissions(
    format: str,
    config_path: str | None,
    rule_paths: tuple[str, ...],
    no_python_rules: bool,
    services: str | None,
    role_name: str | None,
    external_id: str | None,
    principal: str | None,
    central: bool,
) -> int:
    """Print the policy, or the role, that collecting needs.

    It allows what the enabled rules need, and no more.
    """
    import json

    from scanner import permissions as iam
    from scanner.config import Organization
    from scanner.permissions import cloudformation, terraform

    if central and format != "json":
        raise UsageError("--central prints a policy document", "Leave --format out.")
    config = console.read_config(config_path)
    entry = config.organization or Organization()
    role = iam.Role(
        role_name or entry.role_name or iam.ROLE_NAME,
        principal,
        external_id or entry.external_id,
        bool(entry.session_tags),
    )
    needed = None if services else _needed(console.chosen_rules(config, rule_paths, python=not no_python_rules))
    policies = iam.member(iam.actions(needed, console.listed(services)))
    if format == "terraform":
        text = terraform.configuration(role, policies)
    elif format == "cloudformation":
        text = cloudformation.template(role, policies)
    else:
        documents = [iam.central(role)] if central else policies
        text = json.dumps(documents[0] if len(documents) == 1 else documents, indent=2) + "\n"
    click.echo(text, nl=False)
    return OK


def _merge(shards: Sequence[str], output: str | None, asked: bool) -> int:
    from scanner.merging import merge
    from scanner.parts import kept

    if not asked:
        raise UsageError(f"'{shards[0]}' is not expected", "To put shards together, add --merge.")
    if not shards:
        raise UsageError("--merge: no shards are named", "Name all of them: --merge shard-0 shard-1 -o snapshot.")
    if output is None:
        raise UsageError("no folder to write the snapshot to", "Name one: -o snapshot.")
    storage = console.storage()
    path, mirror = storage.mirrored(output)
    copies = [storage.snapshot(shard) for shard in shards]
    if mirror:
        mirror.begin(resume=True)
    merged = merge(copies, path, mirror.keep if mirror else kept)
    click.echo(f"Merged {len(shards)} shards with {len(merged.targets)} accounts x Regions into {output}.", err=True)
    return OK


def _by_cluster(options: Sequence[str]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for option in options:
        arn, equals, path = option.partition("=")
        if not equals or not path:
            raise UsageError(f"'{option}' is not CLUSTER_ARN=FILE", "docs/kubernetes.md shows how to make the file.")
        files.setdefault(arn, []).append(Path(path))
    return files


def _dry_run(rules: Sequence[Rule], scope: Scope, profile: str | None, endpoint_url: str | None, **asked: Any) -> int:
    from scanner.collectors.discovery import find
    from scanner.collectors.session import Sessions
    from scanner.dry_run import text

    sessions = Sessions(profile=profile, endpoint_url=endpoint_url)
    found = find(sessions, console.now, **asked)
    click.echo(text(found, asked["needed"], rules, scope, console.width()), nl=False)
    return OK


def _needed(rules: Sequence[Rule]) -> frozenset[str]:
    """Return the resource types that rules read."""
    return frozenset[str]().union(*(rule.needs for rule in rules))


def _scope(rules: Sequence[Rule], config: Config) -> Scope:
    """Return whose images are listed: everybody's in scope if a rule about registries or repositories reads images."""
    from scanner.collectors import ecr
    from scanner.collectors.wanted import Scope

    whose = {ecr.REPOSITORY, ecr.REGISTRY}
    every = any(ecr.IMAGE in rule.needs and not whose.isdisjoint(rule.resource) for rule in rules)
    return Scope(every, config.repositories)
