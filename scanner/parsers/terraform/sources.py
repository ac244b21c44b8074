"""Data sources whose answer the code, or the place they are read in, already holds; all others are unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scanner.model import Unknown
from scanner.parsers.terraform import remote
from scanner.parsers.terraform.computed import computed
from scanner.parsers.terraform.evaluate import evaluate
from scanner.parsers.terraform.providers import Provider, known
from scanner.parsers.terraform.syntax import parse_template
from scanner.parsers.terraform.variables import Nothing
from scanner.resource import Location

_OF_ACCOUNT = {"aws_caller_identity"}
_OF_REGION = {"aws_region", "aws_partition"}


def read(type: str, name: str, get: Callable[[str], Any], place: Provider, address: str) -> Any:
    """Return an attribute of a data source that is not written in it; `Unknown` if only a run of Terraform can say it.

    `get` gives its arguments, None for one that is not set.
    """
    if type == remote.UNSEEN:
        module = address.partition(".data.")[0]
        return Unknown(f"what '{module}' makes of its {name} is in the module, which is not among the scanned files")
    if type == "terraform_remote_state":
        return Unknown(f"'{address}' is the state of other code, which is not read")
    if type == "template_file" and name == "rendered":
        return _rendered(get("template"), get("vars"))
    account, region = known(place)
    if type == "aws_region" and (asked := get("name")) is not None:
        region = asked if isinstance(asked, str) else None
    made = computed(f"data.{type}", name, get, account, region)
    if made is not None:
        return made
    if type in _OF_ACCOUNT and isinstance(place.account, Unknown):
        return place.account
    if type in _OF_REGION and isinstance(place.region, Unknown):
        return place.region
    return Unknown(f"'{address}.{name}' is known only when Terraform runs")


class _Vars(Nothing):
    """The scope of a template: the values it is given."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def lookup(self, name: str) -> Any:
        """Return one of the values."""
        return self._names[name]


def _rendered(template: Any, names: Any) -> Any:
    if not isinstance(template, str):
        return template
    if isinstance(names, Unknown):
        return names
    return evaluate(parse_template(template, Location("", 1)), _Vars(names if isinstance(names, dict) else {}))
