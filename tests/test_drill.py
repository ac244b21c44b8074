"""The drill: a loss, and what becomes of each workload that goes with it."""

import pytest

from scanner.cli import main
from scanner.config import read
from scanner.errors import ConfigError


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return stop.value.code


TIERS = """\
version: 1
scope:
  workloads:
    web: {services: [web], depends_on: [%s]}
    data: {services: [data], depends_on: [%s]}
    mail: {services: [mail]}
"""


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        (("dta", "mail"), "regionproof.yaml:4: tier 'web' depends on 'dta', which is none"),
        (("data", "web"), "tiers depend on each other in a circle: web -> data -> web"),
        (("web", "mail"), "tiers depend on each other in a circle: web -> web"),
    ],
)
def test_tiers_depend_on_tiers_that_there_are_and_in_no_circle(tmp_path, needs, message):
    path = tmp_path / "regionproof.yaml"
    path.write_text(TIERS % needs)

    with pytest.raises(ConfigError) as error:
        read(path)

    assert message in str(error.value)


def test_what_a_tier_depends_on_is_read(tmp_path):
    path = tmp_path / "regionproof.yaml"
    path.write_text(TIERS % ("data", "mail"))

    assert [list(tier["DependsOn"]) for tier in read(path).tiers] == [["data"], ["mail"], []]
