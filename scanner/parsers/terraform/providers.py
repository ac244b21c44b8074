"""Providers: which account and Region the configurations of `aws` are for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scanner.model import Unknown
from scanner.parsers.terraform import nodes
from scanner.parsers.terraform.instances import steps
from scanner.parsers.terraform.syntax import Attr

DEFAULT = "aws"
CLOUD_CONTROL = "awscc"

_OF_ROLE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/.+")
_DECLARE = "declare it under 'iac:' in regionproof.yaml"
CREDENTIALS = (
    "access_key",
    "assume_role",
    "assume_role_with_web_identity",
    "profile",
    "shared_credentials_files",
    "shared_credentials_file",
    "token",
)
"""Arguments by which a configuration of `aws` gets another account than the rest, or may get it."""


@dataclass(frozen=True)
class Provider:
    """What the configuration of a provider says for certain; `own` tells that it has credentials of its own."""

    account: str | Unknown
    region: str | Unknown
    own: bool = False


@dataclass(frozen=True)
class Fallback:
    """What `regionproof.yaml` says of a root module's account and Region, where the code says nothing for certain.

    `cluster` is the EKS cluster there that providers speak to of which the code does not say it.
    """

    account: str | None = None
    region: str | None = None
    cluster: str | None = None


def known(provider: Provider) -> tuple[str | None, str | None]:
    """Return the account and the Region of a provider, None for what is not known."""
    account, region = provider.account, provider.region
    return account if isinstance(account, str) else None, region if isinstance(region, str) else None


def configured(name: str, values: Mapping[str, Any], default: Provider | None, fallback: Fallback) -> Provider:
    """Return what a configuration is for: `name` is `aws` or `aws.<alias>`, `default` what `aws` is for, if not itself.

    The environment, which Terraform takes the rest from, is not read.  An alias is for the account of the default
    configuration if neither has credentials of its own.  What the fallback says of the Region is not meant for an alias
    that says it itself, in ways that nobody could follow.
    """
    own = any(isinstance(given := values.get(key), Unknown) or bool(given) for key in CREDENTIALS)
    return Provider(_account(name, values, default, fallback, own=own), _region(name, values, default, fallback), own)


def _account(
    name: str, values: Mapping[str, Any], default: Provider | None, fallback: Fallback, *, own: bool
) -> str | Unknown:
    of_role = _assumed(values)
    if isinstance(of_role, str):
        return of_role
    allowed = values.get("allowed_account_ids")
    if isinstance(allowed, list) and len(allowed) == 1 and not isinstance(allowed[0], Unknown):
        account = str(allowed[0]).zfill(12)  # a number loses its zeros
        if re.fullmatch(r"[0-9]{12}", account):
            return account
    if default is None and fallback.account:
        return fallback.account
    if default is not None and not own and not default.own:
        return default.account
    if of_role is not None:
        return of_role
    how = _DECLARE if default is None else "set allowed_account_ids in its block"
    return Unknown(f"nothing says which account provider '{name}' is for: {how}")


def _assumed(values: Mapping[str, Any]) -> str | Unknown | None:
    """Return the account of the role that is assumed, the last of a chain; None if none is."""
    for key in ("assume_role", "assume_role_with_web_identity"):
        roles = values.get(key)
        if isinstance(roles, Unknown):
            return roles
        last = roles[-1] if isinstance(roles, list) and roles else roles
        arn = last.get("role_arn") if isinstance(last, dict) else last
        if isinstance(arn, Unknown):
            return arn
        if isinstance(arn, str) and (found := _OF_ROLE.fullmatch(arn)):
            return found[1]
    return None


def _region(name: str, values: Mapping[str, Any], default: Provider | None, fallback: Fallback) -> str | Unknown:
    region = values.get("region")
    if isinstance(region, str) and region:
        return region
    if default is None:
        if fallback.region:
            return fallback.region
        return region if isinstance(region, Unknown) else Unknown(f"provider '{name}' has no region: {_DECLARE}")
    if isinstance(region, Unknown):
        return region
    return Unknown(f"provider '{name}' has no region: set it in its block")


def passed(attribute: Attr | None) -> Iterator[tuple[str, str]]:
    """Yield what `providers` of a call names: the name in the called module, and that in the calling one."""
    expression = attribute.expression if attribute is not None else None
    for key, value in expression.items if isinstance(expression, nodes.Object) else ():
        yield named(key), named(value)


def named(expression: nodes.Expr) -> str:
    """Return the name of a configuration, `aws` or `aws.standby`, as it is referred to; empty if it is no reference."""
    return ".".join(map(str, steps(expression)))
