"""The demo estate, collected once: a real snapshot for the tests that need one."""

import gc
import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from scanner import demo as demo_estate
from scanner import rule
from scanner.assets import asset
from scanner.parsers import reading
from scanner.serve import serve

settings.register_profile("untimed", deadline=None)  # how long an example takes says nothing about it
settings.load_profile("untimed")


_load, _kept = rule._load, cache(rule._load)


def _loaded(file, *, trusted):
    """Read a built-in rule once: commands that are run here read all of them each time, and they do not change."""
    return (_kept if trusted and str(asset("rules")) in file.path else _load)(file, trusted=trusted)


rule._load = _loaded


_STATM = Path("/proc/self/statm")
_GROWN = 100_000  # pages: 400 MB, where a page has 4 KiB
_held = [0]


@pytest.fixture(autouse=True)
def swept():
    """Free the clients of tests long past: each has cycles, and Python looks for those the less, the more there is."""
    yield
    if _STATM.exists() and _resident() > _held[0] + _GROWN:
        gc.collect()
        _held[0] = _resident()


def _resident():
    return int(_STATM.read_text().split()[1])


@pytest.fixture(autouse=True)
def crashes(monkeypatch):
    """Let tests see a parser crash, of which a scan makes a gap; give what does that."""
    gap = reading.crashed
    monkeypatch.setattr(reading, "crashed", _seen)
    return lambda: monkeypatch.setattr(reading, "crashed", gap)


def _seen(error):
    raise error


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    """Return the folder that `regionproof demo` begins with: snapshot, infra, regionproof.yaml."""
    folder = tmp_path_factory.mktemp("demo")
    demo_estate.run(folder)
    return folder


@pytest.fixture
def endpoint():
    """Return the demo estate as an AWS endpoint on loopback."""
    with serve(demo_estate.estate()) as running:
        yield running


@pytest.fixture
def credentials(monkeypatch, tmp_path):
    """Give the test keys of its own, and nothing else of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
