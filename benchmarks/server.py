"""A load server: an AWS endpoint on loopback whose answers cost it next to nothing.

    python -m benchmarks.server --accounts 100 --repositories 20 --images 1000 --latency 40 --quota 10

It prints one line of JSON with its two URLs: the endpoint, and the counters.  It ends when its parent does, after
`--max-seconds`, or after `--max-requests`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from benchmarks.answers import FORBIDDEN, NO_REGION, THROTTLED, Answers
from benchmarks.estate import Estate, account_id, account_number
from benchmarks.replies import response
from benchmarks.routes import routed

_SCOPE = re.compile(rb"Credential=([A-Z0-9]+)/\d+/([a-z0-9-]+)/([a-z0-9-]+)/")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"x-amz-target: *[\w.]*?\.?(\w+)\r", re.IGNORECASE)
_SERVICES = {"elasticloadbalancing": "elbv2", "servicequotas": "service-quotas", "states": "stepfunctions"}
"""Services that sign with another name."""
_UNKNOWN = b"HTTP/1.1 404 "
_UNLIMITED = ("sts", "organizations", "account")


class Counters:
    """What was asked: by operation, by second since the first request, throttled, unknown here, and most at once."""

    def __init__(self) -> None:
        self.operations: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.seconds: Counter[int] = Counter()
        self.throttled_seconds: Counter[int] = Counter()
        self.in_flight = self.most_in_flight = self.requests = 0
        self.started: float | None = None

    def second(self) -> int:
        """Return how many whole seconds ago the first limited request came."""
        now = time.monotonic()
        if self.started is None:
            self.started = now
        return int(now - self.started)

    def shown(self) -> bytes:
        """Return the counters as JSON."""
        members = {key: value for key, value in vars(self).items() if key != "started"}
        return json.dumps(members).encode()


class Quota:
    """A token bucket for each account, Region and service."""

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._buckets: dict[tuple[str, str, str], tuple[float, float]] = {}

    def allows(self, key: tuple[str, str, str]) -> bool:
        """Take a token; tell whether there was one."""
        now = time.monotonic()
        tokens, at = self._buckets.get(key, (self._rate, now))
        tokens = min(self._rate, tokens + (now - at) * self._rate)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        return allowed


class Load:
    """What all connections share."""

    def __init__(self, estate: Estate, *, latency: float, quota: float, max_requests: int) -> None:
        self.estate, self.latency, self.max_requests = estate, latency, max_requests
        self.answers, self.counters = Answers(estate), Counters()
        self.quota = Quota(quota) if quota else None
        self.loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()

    def answer(self, head: bytes, body: bytes) -> bytes:
        """Return the response to a request."""
        counters = self.counters
        counters.requests += 1
        if counters.requests >= self.max_requests:
            self.ended.set()
        scope = _SCOPE.search(head)
        if scope is None:
            return response(403, b'{"__type":"MissingAuthenticationToken"}')
        key, region, service = (part.decode() for part in scope.groups())
        service = _SERVICES.get(service, service)
        account = key[4:] if key.startswith("ASIA") else account_id(0)
        target = _TARGET.search(head)
        if target:
            operation, parameters = target[1].decode(), json.loads(body or b"{}")
        else:
            operation, parameters = routed(service, head.split(b" ", 2)[1].decode(), body)
        name = f"{service}:{operation}"
        counters.operations[name] += 1
        answer = self._refused(account, region, service, name)
        answer = answer or self.answers.get(account, region, service, operation, parameters)
        counters.unknown[name] += answer.startswith(_UNKNOWN)
        return answer

    def _refused(self, account: str, region: str, service: str, name: str) -> bytes | None:
        if service in _UNLIMITED:
            return None
        counters, number = self.counters, account_number(account)
        second = counters.second()
        counters.seconds[second] += 1
        if self.estate.is_opted_out(number, region):
            return NO_REGION
        always = name == "ecs:DescribeClusters" and self.estate.is_throttled(number)
        if always or (self.quota and not self.quota.allows((account, region, service))):
            counters.throttled[name] += 1
            counters.throttled_seconds[second] += 1
            return THROTTLED
        return FORBIDDEN if name == "secretsmanager:ListSecrets" and self.estate.is_forbidden(number) else None


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive; one request of a connection at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[: end + 2]
        length = _LENGTH.search(head)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(self._received) < size:
            return
        body, self._received = self._received[end + 4 : size], b""
        load, counters = self._load, self._load.counters
        answer = load.answer(head, body)
        if load.latency:
            counters.in_flight += 1
            counters.most_in_flight = max(counters.most_in_flight, counters.in_flight)
            load.loop.call_later(load.latency, self._late, answer)
        else:
            self._transport.write(answer)

    def _late(self, answer: bytes) -> None:
        self._load.counters.in_flight -= 1
        if not self._transport.is_closing():
            self._transport.write(answer)


class Show(asyncio.Protocol):
    """Answers every request with the counters."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        body = self._counters.shown()
        self._transport.write(response(200, body, "application/json", "Connection: close\r\n"))
        self._transport.close()


async def _serve(load_options: dict[str, Any], estate: Estate, max_seconds: float) -> None:
    load = Load(estate, **load_options)
    endpoint = await load.loop.create_server(lambda: Connection(load), "127.0.0.1", 0, backlog=1024)
    counters = await load.loop.create_server(lambda: Show(load.counters), "127.0.0.1", 0)
    urls = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in (endpoint, counters)]
    print(json.dumps(dict(zip(("endpoint", "counters"), urls, strict=True))), flush=True)
    parent, ends = os.getppid(), time.monotonic() + max_seconds
    while os.getppid() == parent and time.monotonic() < ends and not load.ended.is_set():
        await asyncio.sleep(0.5)


def main(arguments: list[str]) -> None:
    """Serve until the parent ends."""
    parser = ArgumentParser("python -m benchmarks.server", description=__doc__)
    Estate.add_options(parser)
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="added to each request")
    parser.add_argument("--quota", type=float, default=0, metavar="N", help="requests a second of each bucket")
    parser.add_argument("--max-seconds", type=float, default=1800)
    parser.add_argument("--max-requests", type=int, default=5_000_000)
    options = parser.parse_args(arguments)
    load = {"latency": options.latency / 1000, "quota": options.quota, "max_requests": options.max_requests}
    asyncio.run(_serve(load, Estate.of(options), options.max_seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
