"""Starts the load server and the contenders, each in its own process, and reads what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.estate import Estate

ROOT = Path(__file__).resolve().parent.parent
_TIMEOUT = 1800


def environment() -> dict[str, str]:
    """Return an environment with invented credentials, and without anything else of AWS, proxies or profiles."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and not k.lower().endswith("_proxy")}
    return {
        **kept,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PYTHONPATH": str(ROOT),
    }


class Server:
    """A running load server."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.url, self._counters = urls["endpoint"], urls["counters"]

    def counters(self) -> dict[str, Any]:
        """Return what was counted since it was started."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self._counters, timeout=30) as answer:
            counted: dict[str, Any] = json.load(answer)
        return counted


@contextmanager
def serving(estate: Estate, *, latency: float = 0, quota: float = 0) -> Iterator[Server]:
    """Serve an estate; `latency` is in milliseconds, `quota` in requests a second."""
    command = [sys.executable, "-m", "benchmarks.server", *estate.options()]
    command += [f"--latency={latency}", f"--quota={quota}"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError("the load server did not start")
            yield Server(json.loads(line))
        finally:
            process.terminate()


def contend(name: str, server: Server, estate: Estate, **settings: Any) -> dict[str, Any]:
    """Run a contender to its end, and return what it measured of itself."""
    command = [sys.executable, "-m", "benchmarks.contender", name]
    given = json.dumps({"url": server.url, "accounts": estate.account_ids, **settings})
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*command, given, folder],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured
