"""Paths for readers that want a file: those of files, and synthetic ones of what lives in an account and has none."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote

from scanner.regions import partition_by_name

_LONGEST_PATH = 512
_PLAIN = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


def synthetic_path(id: str, type: str, account: str | None, region: str | None) -> str:
    """Return `aws/<account|_>/<region|global>/<service>/<resource path>`, percent-encoded."""
    if id.startswith("arn:") and id.count(":") >= 5:
        _, partition, service, arn_region, arn_account, rest = id.split(":", 5)
        return _path(partition, arn_account or account, arn_region or region, service, rest.replace(":", "/"))
    service, _, kind = type.lower().removeprefix("aws::").partition("::")
    rest = kind if id.startswith("aws://") else f"{kind}/{id}"
    return _path(partition_of(region), account, region, service, rest)


def coverage_path(account: str, region: str, service: str) -> str:
    """Return the synthetic path of what was asked of one service in one account and Region."""
    return _path(partition_of(region), account, region, service, "coverage")


def partition_of(region: str | None) -> str:
    """Return the partition a Region is in, by its prefix; `aws` where the Region is not known."""
    return partition_by_name(region or "")[0]


def encoded(path: str) -> str:
    """Return a path as a relative URI reference: never absolute, never upwards, never longer than consumers bear."""
    if _PLAIN.fullmatch(path) and len(path) <= _LONGEST_PATH:
        return path
    if len(path) > _LONGEST_PATH:
        path = f"long/{hashlib.sha256(path.encode('utf-8', 'surrogatepass')).hexdigest()}"
    segments = [segment for segment in path.split("/") if segment not in ("", ".")]
    return "/".join(quote("_" if s == ".." else s, safe="", errors="replace") for s in segments) or "_"


def _path(partition: str, account: str | None, region: str | None, service: str, rest: str) -> str:
    place = f"{partition}/{account or '_'}/{region or 'global'}"
    if place.count("/") != 2 or not _PLAIN.fullmatch(place):
        place = "/".join(
            quote(each, safe="", errors="replace") for each in (partition, account or "_", region or "global")
        )
    return f"{place}/{encoded(f'{service}/{rest}')}"
