"""Who asks AWS, and where: credentials, identity, Regions, and one client for each service of a target."""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from scanner.collectors.scheduler import IN_FLIGHT, Limits
from scanner.errors import CredentialsError, RegionproofError, UsageError
from scanner.model import Place
from scanner.recorded import Target

_NO_FILES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
_SIGN_IN = "Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in again: aws sso login."


@dataclass(frozen=True)
class Identity:
    """Who the credentials of a run are: `arn` of the user or role, its account, and the partition."""

    account: str
    partition: str
    arn: str


class Sessions:
    """Makes clients.  boto3 is loaded here, and nowhere before."""

    def __init__(
        self,
        *,
        profile: str | None = None,
        endpoint_url: str | None = None,
        credentials: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Raise `CredentialsError` if there is no such profile.

        `endpoint_url` serves every service; `credentials` (boto3's `aws_access_key_id` and so on) keep the ambient
        ones, and profiles and proxies, out of it.
        """
        import boto3
        import botocore.session
        from botocore.config import Config

        self.limits = limits or Limits()
        self.botocore_version: str = botocore.__version__
        self._endpoint_url = endpoint_url
        self._entered: dict[Place, Any] = {}
        self._lock = threading.Lock()  # boto3 makes clients in one thread at a time
        with _explained("finding credentials"):
            core = botocore.session.Session(session_vars=_NO_FILES if credentials else None)
            self._session: Any = boto3.Session(botocore_session=core, profile_name=profile, **(credentials or {}))
        self._config = Config(
            connect_timeout=self.limits.connect_timeout,
            read_timeout=self.limits.read_timeout,
            retries={"mode": "standard", "total_max_attempts": 1},  # the scheduler tries again
            max_pool_connections=IN_FLIGHT,
            parameter_validation=False,  # ours are written down in CALLS, and tested
            proxies={} if credentials else None,
        )

    def identity(self, region: str) -> Identity:
        """Return who asks; raise `CredentialsError`, or `RegionproofError` if AWS cannot be reached."""
        with _explained("asking AWS who we are (sts:GetCallerIdentity)"):
            answer = self.client("sts", region).get_caller_identity()
            _, partition, _, _, account, _ = answer["Arn"].split(":", 5)
            return Identity(account or answer["Account"], partition, answer["Arn"])

    def client(self, service: str, region: str, credentials: dict[str, str] | None = None) -> Any:
        """Return a new client; `credentials` are those of an assumed role, None for those of the run."""
        with self._lock:
            return self._session.client(
                service,
                region_name=region,
                endpoint_url=self._endpoint_url,
                config=self._config,
                **(credentials or {}),
            )

    def enter(self, target: Target) -> None:
        """Assume the role of a target, if it has one; raise what sts:AssumeRole raises."""
        if target.role_arn:
            self._entered[target.place] = self._assume(target)

    def credentials(self, target: Target) -> Any:
        """Return the credentials of the role that was assumed for a target, None for those of the run."""
        return self._entered.get(target.place)

    def regions(self) -> dict[str, str]:
        """Return the partition of every Region that this botocore knows."""
        return {
            region: partition
            for partition in self._session.get_available_partitions()
            for service in ("ecr", "ecs", "eks", "sts")
            for region in self._session.get_available_regions(service, partition_name=partition)
        }

    def _assume(self, target: Target) -> Any:
        from botocore.credentials import Credentials

        client = self.client("sts", target.region)
        granted = client.assume_role(RoleArn=target.role_arn, RoleSessionName="regionproof")["Credentials"]
        return Credentials(granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"])


def plan(
    sessions: Sessions,
    *,
    regions: Sequence[str],
    services: Sequence[str],
    accounts: Sequence[str] = (),
    role_name: str | None = None,
) -> tuple[Target, ...]:
    """Return what to collect: each Region of each account; no accounts means the one the credentials are in.

    Other accounts are entered by the role `role_name`.  Raises `UsageError` for a Region that botocore does not know
    or that is in another partition, for an account that is none, and for other accounts without a role.
    """
    known = sessions.regions()
    for region in regions:
        if region not in known:
            raise _unknown_region(region, known)
    identity = sessions.identity(regions[0])
    for region in regions:
        if known[region] != identity.partition:
            raise UsageError(f"{region} is in partition {known[region]}, {identity.arn} is not", "Leave it out.")
    others = sorted(set(accounts) - {identity.account})
    if others and not role_name:
        raise UsageError(f"no role to enter account {others[0]} with", "Name one: --role-name RegionproofReadOnly.")
    targets = []
    for account in sorted(set(accounts) or {identity.account}):
        own = account == identity.account
        role_arn = None if own else f"arn:{identity.partition}:iam::{account}:role/{role_name}"
        for region in sorted(set(regions)):
            try:
                targets.append(Target(account, region, identity.partition, role_arn, tuple(sorted(set(services)))))
            except ValueError as error:
                raise UsageError(str(error)) from None
    return tuple(targets)


def _unknown_region(region: str, known: dict[str, str]) -> UsageError:
    near = difflib.get_close_matches(region, known, n=5, cutoff=0.5)
    near.sort(key=lambda name: sorted(name) != sorted(region))  # swapped letters are the likeliest slip
    hint = f"Did you mean {near[0]}? " if near else ""
    return UsageError(
        f"'{region}' is not a Region that this boto3 knows",
        f"{hint}If it is a newer Region, upgrade boto3.",
    )


_CREDENTIALS = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "SSOError",
    "RefreshWithMFAUnsupportedError",
    "InvalidConfigError",
    "InfiniteLoopConfigError",
)


@contextmanager
def _explained(doing: str) -> Iterator[None]:
    """Turn what botocore raises into errors a user can act on."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        code, message = error.response["Error"].get("Code"), error.response["Error"].get("Message")
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400) >= 500:
            raise RegionproofError(f"{doing}: AWS answered {code}: {message}", "Try again later.") from None
        raise CredentialsError(f"AWS does not accept these credentials: {code}: {message}", _SIGN_IN) from None
    except BotoCoreError as error:
        if {kind.__name__ for kind in type(error).__mro__} & set(_CREDENTIALS):
            raise CredentialsError(f"{doing}: {error}", _SIGN_IN) from None
        hint = "Check the network, the proxy and --endpoint-url."
        # The text of a parser's error quotes the body of the answer, which is nobody's business.
        text = "the answer could not be parsed" if type(error).__name__ == "ResponseParserError" else error
        raise RegionproofError(f"{doing}: {type(error).__name__}: {text}", hint) from None
    except (KeyError, ValueError, ResponseParserError) as error:
        raise RegionproofError(f"{doing}: the answer makes no sense: {error}", "Check --endpoint-url.") from None
