"""The demo estate, collected once: a real snapshot for the tests that need one."""

from pathlib import Path

import pytest

from scanner import demo as demo_estate
from scanner.serve import serve


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
