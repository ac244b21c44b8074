"""The command that writes the inventory."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from scanner import console
from scanner.errors import RegionproofError


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@console.config_option
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to; default: standard output.")
def inventory(paths: tuple[str, ...], config_path: str | None, output: str) -> int:
    """List the live resources of snapshots, one a line, to be committed.

    `scan --sarif-anchor FILE` shows findings at these lines: code scanning shows nothing that has no line of a file.
    """
    from scanner.inventory import write
    from scanner.output import replacing
    from scanner.scan import resources

    found = resources([Path(path) for path in paths], console.read_config(config_path))
    if all(each.locations for each in found):
        raise RegionproofError(
            f"{', '.join(paths)}: nothing live to list", "Give a snapshot; `regionproof collect` makes one."
        )
    if output == "-":
        write(found, sys.stdout)
        return 0
    with replacing(Path(output)) as out:
        lines = write(found, out)
    click.echo(f"{lines:,} resources in {output}; commit it, and give it to scan --sarif-anchor.", err=True)
    return 0
