"""The API door: asks the Kubernetes API of an EKS cluster for lists, with nothing but GET.

The bearer token is a presigned request that tells the cluster who asks.  It goes to the endpoint that AWS named, behind
a certificate of the cluster's own authority, and nowhere else: no redirect and no proxy.
"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from scanner.collectors.ask import MALFORMED
from scanner.collectors.scheduler import Limits
from scanner.kubernetes_objects import KINDS, NOT_SERVED, Cluster, Kind, call, load, reduced
from scanner.recorded import Call, CallError

if TYPE_CHECKING:
    from urllib3 import HTTPSConnectionPool

MAX_PAGES = 10_000
"""A list that is longer is taken for one that never ends."""
_LARGEST = 128 * 2**20
_DEADLINE = 120.0
_EXPIRES = 60
_AGAIN = (429, 500, 502, 503, 504)
_UNREACHABLE = ("ConnectTimeoutError", "NameResolutionError", "NewConnectionError")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_AWS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
)
_REFUSED = {
    401: ("Unauthorized", "the cluster does not know who asks; give the role an access entry"),
    403: ("Forbidden", "the role may not list this in all namespaces; bind the ClusterRole of docs/kubernetes.md"),
    410: ("Expired", "the list changed faster than it could be read, twice"),
}


class _Refused(Exception):
    """A list that was not answered."""

    def __init__(self, code: str, message: str, status: int | None = None, attempts: int = 1) -> None:
        super().__init__(message)
        self.error = CallError(code, message, status, attempts)


class _NotServed(_Refused):
    """A kind that the cluster does not know: nobody installed the operator that brings it."""


class _Closed(_Refused):
    """The cluster cannot be talked to, so asking it for more is in vain."""


def calls(
    cluster: Mapping[str, Any],
    credentials: Any,
    region: str,
    partition: str,
    now: Callable[[], str],
    limits: Limits | None = None,
) -> list[Call]:
    """Return what a cluster answers to all lists; what goes wrong becomes the error of a call.

    `cluster` is what eks:DescribeCluster answered, before redaction masks its certificate authority.  `credentials`
    are botocore's, `now` gives the time in RFC 3339.  Raises `ValueError` if the cluster shows no ARN.
    """
    asked = Cluster.of(cluster.get("arn"))
    limits = limits or Limits()
    made: list[Call] = []
    closed: CallError | None = None
    try:
        door = _Door(cluster, lambda: _token(asked.name, credentials, region, partition), limits)
    except _Closed as refused:
        door, closed = None, refused.error
    for kind in KINDS.values():
        at, error = now(), closed
        pages: list[list[Any]] = []
        if door and not closed:
            try:
                door.read(kind, pages)
            except _NotServed as absent:
                error = absent.error
            except _Refused as refused:
                error = refused.error
                closed = error if isinstance(refused, _Closed) else None
        made += [call(asked, kind, page, at, items, None) for page, items in enumerate(pages)]
        if error:
            made.append(call(asked, kind, len(pages), at, None, error))
    return made


def _token(cluster: str, credentials: Any, region: str, partition: str) -> str:
    """Return the bearer token that tells a cluster of a Region who asks."""
    from botocore.hooks import HierarchicalEmitter
    from botocore.model import ServiceId
    from botocore.signers import RequestSigner

    events = HierarchicalEmitter()  # the signer itself does not keep it alive
    signer = RequestSigner(ServiceId("sts"), region, "sts", "v4", credentials, events)
    request = {
        "method": "GET",
        "url": f"https://sts.{region}.{_dns_suffix(partition)}/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {"x-k8s-aws-id": cluster},
        "context": {},
    }
    url = signer.generate_presigned_url(request, region_name=region, expires_in=_EXPIRES, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


@cache
def _dns_suffix(partition: str) -> str:
    from botocore.loaders import Loader

    known = Loader().load_data("partitions")["partitions"]
    suffixes: dict[str, str] = {each["id"]: each["outputs"]["dnsSuffix"] for each in known}
    return suffixes[partition]


class _Door:
    """The API server of one cluster."""

    def __init__(self, cluster: Mapping[str, Any], token: Callable[[], str], limits: Limits) -> None:
        """Raise `_Closed` if the cluster shows no endpoint and certificate authority that can be used."""
        self._token, self._limits = token, limits
        self._pool = _pool(cluster, limits)
        vpc = cluster.get("resourcesVpcConfig")
        self._private = isinstance(vpc, Mapping) and vpc.get("endpointPublicAccess") is False

    def read(self, kind: Kind, pages: list[list[Any]]) -> None:
        """Add the items of each page; a list whose continuation expires is begun once more.  Raise `_Refused`.

        A kind that an operator brings is looked for in each version that it may be served in.
        """
        for path in kind.paths:
            try:
                self._list(kind, path, pages)
            except _Refused as refused:
                if not (kind.optional and refused.error.status == 404):
                    raise
            else:
                return
        raise _NotServed(NOT_SERVED, "the cluster does not know this kind of object", 404)

    def _list(self, kind: Kind, path: str, pages: list[list[Any]]) -> None:
        try:
            self._pages(kind, path, pages)
        except _Refused as refused:
            if refused.error.status != 410:
                raise
            pages.clear()
            self._pages(kind, path, pages)

    def _pages(self, kind: Kind, path: str, pages: list[list[Any]]) -> None:
        following = ""
        seen: set[str] = set()
        while True:
            items, following = self._page(kind, path, following)
            pages.append([reduced(kind, item) for item in items])
            if not following:
                return
            if following in seen or len(pages) >= MAX_PAGES:
                raise _Refused("PaginationLoop", "the list has no end")
            seen.add(following)

    def _page(self, kind: Kind, path: str, following: str) -> tuple[list[Any], str]:
        query = urlencode({"limit": 500, **({"continue": following} if following else {})})
        text = self._get(f"{path}?{query}")
        try:
            body = load(text.decode())
        except (ValueError, RecursionError) as error:
            raise _Refused(MALFORMED, f"the body is not JSON: {type(error).__name__}", 200) from None
        if not isinstance(body, dict) or body.get("kind") != f"{kind.name}List":
            raise _Refused(MALFORMED, f"the answer is not a {kind.name}List", 200)
        items = body.get("items", "missing")
        items = [] if items is None else items  # an empty list may be null in Go's JSON
        metadata = body.get("metadata")
        token = metadata.get("continue") if isinstance(metadata, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise _Refused(MALFORMED, f"the answer is a {kind.name}List without a list of objects", 200)
        if not isinstance(token, (str, type(None))):
            raise _Refused(MALFORMED, "'continue' is not a string", 200)
        return items, token or ""

    def _get(self, path: str) -> bytes:
        from urllib3.exceptions import HTTPError

        deadline = time.monotonic() + _DEADLINE
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self._made_token()}"}
        try:
            response = self._pool.urlopen("GET", path, headers=headers, redirect=False, preload_content=False)
            try:
                attempts = 1 + len(response.retries.history if response.retries else ())
                if response.status != 200:
                    raise _refused(response.status, attempts)
                return _body(response, deadline)
            finally:
                response.close()
        except (HTTPError, OSError) as error:
            reason = getattr(error, "reason", None)
            raise self._broken(reason if isinstance(reason, Exception) else error) from None

    def _made_token(self) -> str:
        try:
            return self._token()
        except Exception as error:  # noqa: BLE001 - credentials fail in many ways, and their words are not for reports
            raise _Closed(type(error).__name__, "no token could be made from the credentials") from None

    def _broken(self, error: Exception) -> _Refused:
        """Return what a failed connection means.  urllib3's own words name the URL, so they are not repeated."""
        code = type(error).__name__
        if code in _UNREACHABLE:
            public = "it may be open to some networks only (publicAccessCidrs)"
            why = "it is private: ask from inside its VPC, or give a file" if self._private else public
            return _Closed(code, f"the API endpoint of the cluster cannot be reached; {why}")
        if code == "SSLError":
            return _Closed(code, "the endpoint shows no certificate of the cluster's own certificate authority")
        if code == "ReadTimeoutError":
            return _Refused(code, f"no answer within {self._limits.read_timeout:g} seconds")
        return _Refused(code, "the connection broke")


def _refused(status: int, attempts: int) -> _Refused:
    if 300 <= status < 400:
        return _Refused("Redirect", "the endpoint redirects, and the token is for nobody else", status, attempts)
    code, message = _REFUSED.get(status, (str(status), "the API server did not answer"))
    return _Refused(code, message, status, attempts)


def _body(response: Any, deadline: float) -> bytes:
    parts, size = [], 0
    while part := response.read1(2**16, decode_content=False):
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            raise _Refused(MALFORMED, f"the body is larger than {_LARGEST} bytes", 200)
        if time.monotonic() > deadline:
            raise _Refused("ReadTimeoutError", f"the body did not end within {_DEADLINE:g} seconds")
    return b"".join(parts)


def _pool(cluster: Mapping[str, Any], limits: Limits) -> HTTPSConnectionPool:
    from urllib3 import HTTPSConnectionPool, Retry, Timeout

    host, port = _host(cluster.get("endpoint"))
    retries = Retry(
        total=limits.max_attempts - 1,
        connect=min(1, limits.max_attempts - 1),
        read=min(1, limits.max_attempts - 1),
        other=0,  # a certificate that is wrong once is wrong again
        status_forcelist=_AGAIN,
        backoff_factor=0.5,
        respect_retry_after_header=False,  # it may ask for hours
        raise_on_status=False,
    )
    timeout = Timeout(connect=limits.connect_timeout, read=limits.read_timeout)
    context = _context(cluster.get("certificateAuthority"))
    return HTTPSConnectionPool(host, port, ssl_context=context, retries=retries, timeout=timeout)


def _host(endpoint: Any) -> tuple[str, int]:
    try:
        url = urlsplit(endpoint if isinstance(endpoint, str) else "")
        host, port = url.hostname or "", url.port or 443
    except ValueError:
        raise _Closed("InvalidEndpoint", "the cluster's endpoint is no URL") from None
    if not endpoint:
        raise _Closed("NoEndpoint", "the cluster has no endpoint yet, or not any more")
    plain = url.path in ("", "/") and not (url.query or url.fragment or "@" in url.netloc)
    if url.scheme != "https" or not plain or not (host.endswith(_AWS) or host in _LOOPBACK):
        raise _Closed("InvalidEndpoint", "the cluster's endpoint is not an HTTPS address of AWS")
    return host, port


def _context(authority: Any) -> ssl.SSLContext:
    """Return a context that trusts the cluster's own certificate authority alone.

    It is not `ssl.create_default_context`: that trusts everybody where no authority is given, and demands from
    Python 3.13 on a key identifier that the authorities of older EKS clusters lack.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=base64.b64decode(authority["data"], validate=True).decode("ascii"))
    except (KeyError, TypeError, ValueError, ssl.SSLError):
        raise _Closed("InvalidCertificateAuthority", "the cluster shows no certificate authority") from None
    return context
