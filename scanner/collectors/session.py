"""Who asks AWS: the credentials of a run, its identity, and clients."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from scanner import __version__
from scanner.collectors.scheduler import IN_FLIGHT, Limits
from scanner.errors import CredentialsError, RegionproofError

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
        self._lock = threading.Lock()  # boto3 makes clients in one thread at a time
        with explained("finding credentials"):
            core = botocore.session.Session(session_vars=_NO_FILES if credentials else None)
            self._session: Any = boto3.Session(botocore_session=core, profile_name=profile, **(credentials or {}))
        self._config = Config(
            connect_timeout=self.limits.connect_timeout,
            read_timeout=self.limits.read_timeout,
            retries={"mode": "standard", "total_max_attempts": self.limits.max_attempts},
            max_pool_connections=IN_FLIGHT,
            proxies={} if credentials else None,
        )
        # The scheduler tries again, and what is asked is written down in CALLS, and tested.
        self._once = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            parameter_validation=False,
            user_agent=f"regionproof/{__version__} Boto3/{boto3.__version__} Botocore/{botocore.__version__}",
        )

    @property
    def region(self) -> str | None:
        """Return the Region of the profile or the environment, if there is one."""
        name: str | None = self._session.region_name
        return name

    @property
    def credentials(self) -> Any:
        """Return botocore's credentials of the run, None if there are none."""
        return self._session.get_credentials()

    def identity(self, region: str) -> Identity:
        """Return who asks; raise `CredentialsError`, or `RegionproofError` if AWS cannot be reached."""
        with explained("asking AWS who we are (sts:GetCallerIdentity)"):
            answer = self.client("sts", region).get_caller_identity()
            _, partition, _, _, account, _ = answer["Arn"].split(":", 5)
            return Identity(account or answer["Account"], partition, answer["Arn"])

    def client(self, service: str, region: str, credentials: dict[str, str] | None = None) -> Any:
        """Return a new client, which tries again by itself; `credentials` are those of a role, None the run's."""
        return self._made(service, region, self._config, credentials)

    def once(self, service: str, region: str) -> Any:
        """Return a new client, each of whose calls is one request."""
        return self._made(service, region, self._config.merge(self._once), None)

    def _made(self, service: str, region: str, config: Any, credentials: dict[str, str] | None) -> Any:
        with self._lock:
            return self._session.client(
                service, region_name=region, endpoint_url=self._endpoint_url, config=config, **(credentials or {})
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
def explained(doing: str, hint: str = "Check the network, the proxy and --endpoint-url.") -> Iterator[None]:
    """Turn what botocore raises into errors a user can act on; `hint` is for an endpoint that cannot be reached."""
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
        # The text of a parser's error quotes the body of the answer, which is nobody's business.
        text = "the answer could not be parsed" if type(error).__name__ == "ResponseParserError" else error
        raise RegionproofError(f"{doing}: {type(error).__name__}: {text}", hint) from None
    except (KeyError, ValueError, ResponseParserError) as error:
        raise RegionproofError(f"{doing}: the answer makes no sense: {error}", hint) from None
