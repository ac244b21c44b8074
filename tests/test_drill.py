"""The drill: a loss, and what becomes of each workload that goes with it."""

import json

import pytest
import yaml

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


@pytest.fixture
def here(demo, monkeypatch):
    """Work in the folder of the demo, where its configuration is found."""
    monkeypatch.chdir(demo)
    return demo


def drilled(capsys, *arguments):
    """Return the exit code of a drill, and what it says of each workload: its verdict and the link that is named."""
    code = run("drill", "snapshot", *arguments, "--format", "json")
    out, err = capsys.readouterr()
    assert code in (0, 1), err
    told = json.loads(out)
    return code, {one["workload"]["name"]: one for one in told["recoveries"]}


def verdict(recoveries, name):
    return recoveries[name]["outcome"]


@pytest.mark.usefixtures("here")
class TestWhatIsLost:
    """Each kind of loss takes the workloads that run there, and those that pull from there."""

    def test_a_cluster(self, capsys):
        code, found = drilled(capsys, "--lose", "cluster:arn:aws:eks:us-east-1:111122223333:cluster/analytics")

        assert code == 0
        assert {name.partition("/")[0] for name in found} == {"analytics"}

    def test_an_account_and_what_pulls_from_it(self, capsys):
        code, found = drilled(capsys, "--lose", "account:444455556666")

        assert code == 1
        assert set(found) == {
            "identity/document-check",
            "ledger/authorizer",
            "ledger/settlement",
            "reporting/statement-builder",
        }
        # Its standby is in the account that is lost, too.
        region = found["identity/document-check"]["links"][1]
        assert (region["state"], region["reason"]) == ("broken", "The standby '444455556666/us-west-2' is lost too.")

    @pytest.mark.parametrize(
        ("loss", "names"),
        [
            ("repository:arn:aws:ecr:us-east-1:111122223333:repository/shop/basket", {"storefront/basket"}),
            ("registry:444455556666/us-east-1", {"ledger/authorizer", "ledger/settlement"}),
        ],
    )
    def test_what_pulls_from_a_registry_or_a_repository(self, loss, names, capsys):
        assert set(drilled(capsys, "--lose", loss)[1]) == names

    @pytest.mark.parametrize(
        ("loss", "message"),
        [
            ("eu-north-1", "no workload that was seen goes with it\n  Regions that were seen: eu-west-1, us-east-1"),
            ("mars", "'mars' is nothing that can be lost"),
            ("repository:arn:aws:ecr:us-east-1:111122223333:repository/shop/none", "Check how it is written"),
        ],
    )
    def test_nothing(self, loss, message, capsys):
        assert run("drill", "snapshot", "--lose", loss) == 2
        assert message in capsys.readouterr().err


@pytest.mark.usefixtures("here")
class TestWhatIf:
    """The drill of an estate that is not so, or not yet."""

    def test_images_are_assumed_to_be_replicated(self, capsys):
        loss = ("--lose", "us-east-1")
        _, before = drilled(capsys, *loss)
        _, after = drilled(capsys, *loss, "--assume", "replicated:tools/*", "--assume", "replicated:shop/checkout")

        def broken(found, name):
            return {link["link"] for link in found[name]["links"] if link["state"] == "broken"}

        assert broken(before, "nightly-thumbnails") == {"definition", "repository", "digest"}
        assert broken(after, "nightly-thumbnails") == {"definition"}
        assert "digest" not in broken(after, "storefront/checkout")
        assert "definition" in broken(after, "storefront/checkout")  # the standby's service still runs another release

    def test_code_is_laid_over_the_estate(self, capsys):
        _, before = drilled(capsys, "--lose", "us-east-1")
        _, after = drilled(capsys, "--lose", "us-east-1", "--with", "infra")

        def first(found):
            return next(link["link"] for link in found["storefront/cart"]["links"] if link["state"] == "broken")

        assert first(before) == "reference"
        assert all(
            link["link"] != "reference" or link["state"] == "holds" for link in after["storefront/cart"]["links"]
        )

    def test_pairs_are_turned_round(self, capsys):
        _, found = drilled(capsys, "--lose", "us-west-2", "--fail-back")

        assert found["storefront/basket"]["standby"] == {"account_id": "111122223333", "region": "us-east-1"}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--assume", "shop/*"), "'shop/*' is nothing that can be assumed"),
            (("--assume", "replicated:none/*"), "no repository that was seen has such a name"),
            (("--with", "nowhere"), "nowhere: no such file or folder"),
        ],
    )
    def test_what_cannot_be_meant(self, arguments, message, capsys):
        assert run("drill", "snapshot", "--lose", "us-east-1", *arguments) == 2
        assert message in capsys.readouterr().err

    def test_a_standby_that_is_lost_alone_has_what_waits_there(self, capsys):
        assert run("drill", "snapshot", "--lose", "us-west-2") == 1
        assert "statement-builder" in capsys.readouterr().out


NEEDS = """\
rules: {parameters: {standby-quota-parity: {peak: {fargate/L-3032A538: 24}}}}
scope:
  workloads:
    front: {services: [storefront/basket], depends_on: [back]}
    back: {services: [%s]}
"""


@pytest.mark.parametrize(
    ("back", "outcome", "reason"),
    [
        (
            "storefront/cart",
            "does not recover",
            "It depends on tier 'back', of which 'storefront/cart' does not recover.",
        ),
        (
            "storefront/recommender",
            "cannot tell",
            "It depends on tier 'back', of which 'storefront/recommender' may not recover.",
        ),
        ("of-nobody", "cannot tell", "It depends on tier 'back', of which nothing was seen."),
        ("analytics/dashboards/dashboards", "recovers after actions", "Scale 'storefront/basket' up by 2 to 3 tasks."),
    ],
)
def test_a_workload_recovers_no_better_than_what_it_depends_on(here, tmp_path, back, outcome, reason, capsys):
    config = tmp_path / "regionproof.yaml"
    head = (here / "regionproof.yaml").read_text().partition("scope:")[0]
    config.write_text(head + NEEDS % back)

    found = drilled(capsys, "--lose", "us-east-1", "--config", str(config))[1]["storefront/basket"]

    assert (found["outcome"], found["reason"]) == (outcome, reason)


@pytest.mark.usefixtures("here")
class TestTheRecord:
    """`--record` makes evidence of a drill: of one on paper, or of a game day by its log."""

    def test_of_a_drill_on_paper_is_a_tabletop(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795132800")
        path = tmp_path / "drill.yaml"

        run("drill", "snapshot", "--lose", "us-east-1", "--record", str(path))

        [record] = yaml.safe_load(path.read_text())["drills"]
        assert (str(record["date"]), record["scenario"], record["outcome"]) == ("2026-11-20", "tabletop", "partial")
        assert record["scope"]["tiers"] == ["tier-0", "tier-1", "tier-2"]
        assert "hourly-prices" in record["scope"]["workloads"]
        assert any(issue.startswith("storefront/cart does not recover: ") for issue in record["issues"])
        assert "name it under `evidence`" in capsys.readouterr().err

    def test_is_never_written_over(self, tmp_path, capsys):
        path = tmp_path / "drill.yaml"
        path.write_text("mine")

        assert run("drill", "snapshot", "--lose", "us-east-1", "--record", str(path)) == 2
        assert path.read_text() == "mine"
        assert "exists already" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--record", "new.yaml", "--log", "none.jsonl"), "none.jsonl cannot be read"),
            (("--record", "new.yaml", "--log", "regionproof.yaml"), "is not the log of a game day"),
            (("--log", "x.jsonl", "snapshot", "--lose", "us-east-1"), "--log: without --serve or --record"),
            (("snapshot", "--lose", "us-east-1", "--serve", "--record", "x"), "--record: of a game day without a log"),
            (("snapshot", "infra", "--lose", "us-east-1", "--serve"), "--serve: takes one snapshot"),
            (("snapshot", "--lose", "us-east-1", "--serve", "--fail-back"), "--serve: takes no --with, --assume"),
            (("snapshot", "--lose", "us-east-1", "--serve", "--format", "json"), "--serve: takes no --with, --assume"),
            (("snapshot",), "give a snapshot and what is lost"),
            (("--lose", "us-east-1"), "give a snapshot and what is lost"),
            (("snapshot", "--lose", "us-east-1", "--format", "pdf"), "unknown format 'pdf'"),
            (("snapshot", "--lose", "us-east-1", "--record", ""), "--record: no name"),
        ],
    )
    def test_what_cannot_be_meant(self, arguments, message, capsys):
        assert run("drill", *arguments) == 2
        assert message in capsys.readouterr().err
