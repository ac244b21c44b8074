"""Who is asked: the accounts of an organization, the roles that enter them, and the Regions they have enabled."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace

import pytest
from stub_aws import ACCOUNT, error, serve, sts_error

from scanner.collectors import read
from scanner.collectors.organization import Account, Members, members
from scanner.collectors.roles import Entry, Roles, keys
from scanner.collectors.session import Limits, Sessions
from scanner.collectors.targets import Asker, call_error, known_partitions, plan
from scanner.config import Organization
from scanner.config import read as read_config
from scanner.errors import ConfigError, RegionproofError, UsageError
from scanner.images import ImageIndex
from scanner.init import Replication, draft, look
from scanner.model import InsufficientData, Model, Pair, Place
from scanner.recorded import Target
from scanner.regions import check, partition_of, status_of_ec2
from scanner.snapshot import SnapshotWriter

OTHER, THIRD = "222233334444", "333344445555"
HOME, EAST, WEST, MILAN = "us-east-1", "us-east-1", "us-west-2", "eu-south-1"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DENIED = error(403, "AccessDeniedException", "not authorized")
ROLE = f"arn:aws:iam::{OTHER}:role/Reader"


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture(scope="module")
def endpoint():
    with serve() as stub:
        yield stub


@pytest.fixture
def stub(endpoint):
    endpoint.reset()
    return endpoint


@cache
def sessions(url: str, attempts: int = 1) -> Sessions:
    """Return sessions that are made once, with keys of their own: loading the SDK's models takes longer than a test."""
    ambient = {"aws_access_key_id": "AKIAAMBIENT", "aws_secret_access_key": "secret"}
    return Sessions(endpoint_url=url, credentials=ambient, limits=Limits(20, 20, attempts))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def granting(hours: float = 1, *, clock=None, then=None):
    """Return a script whose AssumeRole grants keys that name the role and how often it was assumed."""
    granted: dict[str, int] = {}

    def script(operation, parameters):
        if operation != "sts:AssumeRole":
            return then(operation, parameters) if then else None
        role = parameters["RoleArn"].split(":", 4)[4].replace(":role/", "-").upper()
        granted[role] = granted.get(role, 0) + 1
        expiry = ((clock() if clock else datetime.now(UTC)) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        given = f"<AccessKeyId>ASIA-{role}-{granted[role]}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        given += f"<SessionToken>t</SessionToken><Expiration>{expiry}</Expiration>"
        return (
            200,
            f"<AssumeRoleResponse><AssumeRoleResult><Credentials>{given}</Credentials></AssumeRoleResult></AssumeRoleResponse>",
        )

    return script


def target(account: str = OTHER, region: str = WEST, role: str | None = "Reader") -> Target:
    return Target(account, region, "aws", f"arn:aws:iam::{account}:role/{role}" if role else None, ("ecr",))


class Signed:
    """Makes clients as `Sessions` does, and notes who signed each request, and where it would have gone."""

    def __init__(self, url: str, attempts: int = 1) -> None:
        self._sessions, self.by, self.made = sessions(url, attempts), [], []

    def __call__(self, service, region, credentials):
        client = self._sessions.client(service, region, credentials)
        self.made.append(service)
        client.meta.events.register("before-send", lambda request, **_: self.note(service, request))
        return client

    def note(self, service, request) -> None:
        scope = request.headers["Authorization"].decode().split("Credential=")[1].split(",")[0].split("/")
        self.by.append((service, scope[0], scope[2]))


def roles(stub, entry: Entry, *, clock=None) -> tuple[Roles, Signed]:
    client_for = Signed(stub.url)
    return Roles(entry, client_for, home=HOME, clock=clock or (lambda: datetime.now(UTC))), client_for


# --- Regions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "partition", "home"),
    [
        ("ap-southeast-5", "aws", "us-east-1"),
        ("cn-north-1", "aws-cn", "cn-northwest-1"),
        ("us-gov-east-1", "aws-us-gov", "us-gov-west-1"),
        ("eusc-de-east-1", "aws-eusc", "eusc-de-east-1"),
    ],
)
def test_a_partition_and_where_its_global_services_are(region, partition, home):
    found = partition_of(region, known_partitions())
    assert (found.id, found.home) == (partition, home)
    assert home in found.regions
    assert not any(name.endswith("-global") for name in found.regions)
    from botocore.session import get_session

    client = get_session().create_client(
        "organizations", region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
    )
    assert f"organizations.{home}." in client.meta.endpoint_url  # botocore knows it, whatever Region is named


def test_sts_is_asked_at_a_regional_endpoint():
    client = Sessions(credentials={"aws_access_key_id": "a", "aws_secret_access_key": "b"}).client("sts", HOME)
    assert client.meta.endpoint_url == "https://sts.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("region", "message", "hint"),
    [
        ("us-esat-1", "'us-esat-1' is not a Region that this boto3 knows", "Did you mean us-east-1?"),
        ("aws-global", "is not a Region", "upgrade boto3"),
        ("cn-north-1", "cn-north-1 is in partition aws-cn, the credentials are in aws", "Leave it out"),
    ],
)
def test_a_region_that_cannot_be_meant(region, message, hint):
    with pytest.raises(UsageError, match=message) as caught:
        check([EAST, region], "aws", known_partitions())
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("opt-in-not-required", "ENABLED_BY_DEFAULT"),
        ("opted-in", "ENABLED"),
        ("not-opted-in", "DISABLED"),
        ("perhaps", None),
        (["opted-in"], None),
    ],
    ids=str,
)
def test_what_ec2_calls_a_status(said, status):
    assert status_of_ec2(said) == status


# --- the accounts of an organization --------------------------------------------------------------------------------


def account(number: int, **more) -> dict:
    return {"Id": f"{number:012}", "Name": f"team {number}", "State": "ACTIVE", "Status": "ACTIVE", **more}


def listed(stub, script, *, attempts: int = 1, **rest) -> Members:
    stub.script = script
    return members(sessions(stub.url, attempts).client("organizations", HOME), **rest)


def ids(found: Members) -> list[int]:
    return [int(one.id) for one in found.accounts]


def test_every_page_of_twenty_is_read(stub):
    everyone = [account(number) for number in range(45)]

    def pages(operation, parameters):
        assert (operation, parameters["MaxResults"]) == ("organizations:ListAccounts", 20)
        start = int(parameters.get("NextToken", 0))
        if start == 20 and not parameters["NextToken"].startswith("0"):
            return {"Accounts": [], "NextToken": "020"}  # Organizations may answer with a page that is empty
        more = {"NextToken": str(start + 20)} if start + 20 < len(everyone) else {}
        return {"Accounts": everyone[start : start + 20], **more}

    assert ids(listed(stub, pages)) == list(range(45))
    assert stub.count("organizations:ListAccounts") == 4


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (account(1), None),
        (account(1, State="SUSPENDED", Status="ACTIVE"), "SUSPENDED"),
        (account(1, State="ACTIVE", Status="SUSPENDED"), None),
        (account(1, State="PENDING_ACTIVATION"), "PENDING_ACTIVATION"),
        (account(1, State="CLOSED", Status="SUSPENDED"), "CLOSED"),
        ({"Id": "000000000001", "Status": "PENDING_CLOSURE"}, "PENDING_CLOSURE"),
        ({"Id": "000000000001", "Status": "ACTIVE"}, None),
        (account(7), "excluded"),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_which_accounts_are_collected_from(stub, entry, reason):
    found = listed(stub, lambda *_: {"Accounts": [entry, account(2)]}, exclude=("000000000007",))
    assert (reason is None) == (len(found.accounts) == 2)
    assert list(found.left_out.values()) == ([reason] if reason else [])


def test_an_account_without_a_state_is_not_left_out_in_silence(stub):
    (found,) = listed(stub, lambda *_: {"Accounts": [{"Id": OTHER}]}).accounts
    assert found == Account(OTHER, "", "") or not found.state


TREE = {
    "r-root": (["ou-root-prod0000", "ou-root-test0000"], [1]),
    "ou-root-prod0000": (["ou-root-shop0000"], [2, 3]),
    "ou-root-shop0000": ([], [4]),
    "ou-root-test0000": ([], [5]),
}


def tree(operation, parameters):
    units, accounts = TREE[parameters["ParentId"]]
    if operation == "organizations:ListOrganizationalUnitsForParent":
        return {"OrganizationalUnits": [{"Id": unit} for unit in units]}
    assert operation == "organizations:ListAccountsForParent"
    return {"Accounts": [account(number) for number in accounts]}


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (["r-root"], [1, 2, 3, 4, 5]),
        (["ou-root-prod0000"], [2, 3, 4]),
        (["ou-root-shop0000", "ou-root-prod0000"], [2, 3, 4]),
        (["ou-root-test0000", "ou-root-shop0000"], [4, 5]),
    ],
    ids=str,
)
def test_units_are_followed_down(stub, units, expected):
    assert ids(listed(stub, tree, include_ous=units)) == expected
    asked = [parameters["ParentId"] for operation, parameters in stub.asked if operation.endswith("AccountsForParent")]
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (DENIED, "organizations:ListAccounts: AccessDeniedException: not authorized", "delegated_role"),
        (error(400, "AWSOrganizationsNotInUseException", "no"), "AWSOrganizationsNotInUse", "in no organization"),
        (error(400, "TooManyRequestsException", "slow down"), "TooManyRequestsException: slow down", "Try again later"),
        ({"Accounts": [{"Id": "12"}]}, "'12' is no account id", "--endpoint-url"),
        ({"Accounts": [{"Name": "x"}]}, "an entry without Id", "--endpoint-url"),
        ({}, "it has no Accounts", "--endpoint-url"),
        ((200, "<html>hunter2</html>"), "it has no Accounts", "--endpoint-url"),
        ({"Accounts": [], "NextToken": "again"}, "PaginationError", "--endpoint-url"),
        ((0, ""), "organizations:ListAccounts: ", "network"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
def test_a_list_that_cannot_be_read_says_what_and_what_next(stub, answer, message, hint):
    with pytest.raises(RegionproofError) as caught:
        listed(stub, lambda *_: answer)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert "hunter2" not in str(caught.value)
    assert caught.value.exit_code == 4


def test_an_error_names_the_unit(stub):
    denied_below = lambda o, p: DENIED if p["ParentId"] == "ou-root-shop0000" else tree(o, p)  # noqa: E731
    with pytest.raises(RegionproofError, match="ListAccountsForParent of ou-root-shop0000: AccessDenied"):
        listed(stub, denied_below, include_ous=["r-root"])
    gone = error(400, "ParentNotFoundException", "no such unit")
    with pytest.raises(RegionproofError) as caught:
        listed(stub, lambda *_: gone, include_ous=["ou-root-gone0000"])
    assert "include_ous" in caught.value.hint


@pytest.mark.parametrize("failures", [2, 5], ids=["recovers", "goes on"])
def test_throttling_is_waited_out(stub, monkeypatch, failures):
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    throttled = error(400, "TooManyRequestsException", "slow down")

    def script(*_):
        return throttled if len(stub.asked) <= failures else {"Accounts": [account(1)]}

    if failures == 2:
        assert ids(listed(stub, script, attempts=3)) == [1]
    else:
        with pytest.raises(RegionproofError, match=r"asked 3 times"):
            listed(stub, script, attempts=3)
    assert len(stub.asked) == 3


# --- roles ----------------------------------------------------------------------------------------------------------


def test_what_the_role_is_told(stub):
    entry = Entry("Reader", "ext-1", {"team": "dr", "run": "nightly"}, '{"Version":"2012-10-17","Statement":[]}')
    stub.script = granting()
    door, signed = roles(stub, entry)
    assert keys(door.credentials(target()))["aws_access_key_id"] == f"ASIA-{OTHER}-READER-1"
    ((_, said),) = stub.asked
    assert {name: value for name, value in said.items() if name not in ("Action", "Version")} == {
        "RoleArn": ROLE,
        "RoleSessionName": "regionproof",
        "ExternalId": "ext-1",
        "Policy": '{"Version":"2012-10-17","Statement":[]}',
        "Tags.member.1.Key": "run",
        "Tags.member.1.Value": "nightly",
        "Tags.member.2.Key": "team",
        "Tags.member.2.Value": "dr",
    }
    assert signed.by == [("sts", "AKIAAMBIENT", HOME)]


def test_what_is_not_configured_is_not_sent(stub):
    stub.script = granting()
    roles(stub, Entry("Reader"))[0].credentials(target())
    assert set(stub.asked[0][1]) == {"Action", "Version", "RoleArn", "RoleSessionName"}


def test_ones_own_account_needs_no_role(stub):
    assert roles(stub, Entry("Reader"))[0].credentials(target(ACCOUNT, role=None)) is None
    assert stub.asked == []


def test_an_account_is_entered_once_for_all_regions_and_threads(stub):
    stub.script = granting()
    door, _ = roles(stub, Entry("Reader"))
    together = threading.Barrier(8)

    def enter(number):
        together.wait(20)
        return door.credentials(target((OTHER, THIRD)[number % 2], (EAST, WEST)[number // 4]))

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(enter, range(8)))
    assert stub.count("sts:AssumeRole") == 2
    assert len({id(credentials) for credentials in found}) == 2


def test_a_role_that_cannot_be_assumed_is_asked_for_once(stub):
    from botocore.exceptions import ClientError

    stub.script = lambda *_: sts_error(403, "AccessDenied", "not authorized to perform sts:AssumeRole")
    door, _ = roles(stub, Entry("Reader"))
    for region in (EAST, WEST, MILAN):
        with pytest.raises(ClientError) as caught:
            door.credentials(target(region=region))
        said = call_error(caught.value)
        assert (said.code, said.status) == ("AccessDenied", 403)
        assert "sts:AssumeRole" in said.message
    assert stub.count("sts:AssumeRole") == 1


def test_members_are_entered_from_the_delegated_role(stub):
    delegate = f"arn:aws:iam::{THIRD}:role/org/Delegate"
    entry = Entry("Reader", "ext-1", {"team": "dr"}, '{"Version":"2012-10-17","Statement":[]}', delegate)
    stub.script = granting()
    door, signed = roles(stub, entry)
    door.credentials(target())
    door.credentials(target("444455556666"))
    asked = [parameters for _, parameters in stub.asked]
    assert [said["RoleArn"] for said in asked] == [delegate, ROLE, "arn:aws:iam::444455556666:role/Reader"]
    assert ["Policy" in said for said in asked] == [False, True, True]
    first = f"ASIA-{THIRD}-ORG/DELEGATE-1"
    assert [key for _, key, *_ in [(s, k) for s, k, _ in signed.by]][:1] == ["AKIAAMBIENT"]
    assert len(signed.by) == 3
    assert keys(door.delegated())["aws_access_key_id"] == first
    assert stub.count("sts:AssumeRole") == 3


def test_a_delegated_role_that_cannot_be_assumed_keeps_us_out_of_every_account(stub):
    from botocore.exceptions import ClientError

    stub.script = lambda *_: sts_error(403, "AccessDenied", "no")
    door, _ = roles(stub, Entry("Reader", delegated_role=f"arn:aws:iam::{THIRD}:role/Delegate"))
    for number in range(3):
        with pytest.raises(ClientError):
            door.credentials(target(f"44445555666{number}"))
    assert stub.count("sts:AssumeRole") == 1


def test_credentials_are_refreshed_before_they_expire(stub):
    clock = Clock()
    stub.script = granting(clock=clock)
    door, _ = roles(stub, Entry("Reader", delegated_role=f"arn:aws:iam::{THIRD}:role/Delegate"), clock=clock)
    credentials = door.credentials(target())
    clock.now += timedelta(minutes=44)
    assert keys(credentials)["aws_access_key_id"] == f"ASIA-{OTHER}-READER-1"
    clock.now += timedelta(minutes=7)  # 9 minutes are left
    assert keys(credentials)["aws_access_key_id"] == f"ASIA-{OTHER}-READER-2"
    assert stub.count("sts:AssumeRole") == 4  # the delegated role's were as old
    assert door.credentials(target(region=EAST)) is credentials


def test_a_refresh_that_fails_is_an_error_of_the_request(stub):
    from botocore.exceptions import ClientError

    clock = Clock()
    stub.script = granting(clock=clock)
    door, _ = roles(stub, Entry("Reader"), clock=clock)
    credentials = door.credentials(target())
    stub.script = lambda *_: sts_error(403, "AccessDenied", "the role is gone")
    clock.now += timedelta(minutes=48)
    assert keys(credentials)["aws_access_key_id"] == f"ASIA-{OTHER}-READER-1"  # still good for 12 minutes
    clock.now += timedelta(minutes=5)
    with pytest.raises(ClientError) as caught:
        keys(credentials)
    assert call_error(caught.value).message == "the role is gone"
    stub.script = granting(clock=clock)
    assert keys(credentials)["aws_access_key_id"] == f"ASIA-{OTHER}-READER-1"  # a first grant of the new script


# --- the Regions of each account ------------------------------------------------------------------------------------

STATUSES = {EAST: "ENABLED_BY_DEFAULT", WEST: "ENABLED", MILAN: "DISABLED", "ap-east-1": "ENABLING"}


def regions(statuses=STATUSES) -> dict:
    return {"Regions": [{"RegionName": name, "RegionOptStatus": status} for name, status in statuses.items()]}


def described(statuses) -> tuple[int, str]:
    rows = "".join(
        f"<item><regionName>{name}</regionName><optInStatus>{status}</optInStatus></item>"
        for name, status in statuses.items()
    )
    return 200, f"<DescribeRegionsResponse><regionInfo>{rows}</regionInfo></DescribeRegionsResponse>"


EC2 = described({EAST: "opt-in-not-required", WEST: "opted-in", MILAN: "not-opted-in", "ap-east-1": "not-opted-in"})
EC2_DENIED = (
    403,
    "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>",
)


def answering(**answers):
    def script(operation, parameters):
        name = operation.partition(":")[2]
        answer = answers.get(name)
        return answer(parameters) if callable(answer) else answer

    return granting(then=script)


def planned(stub, accounts=(ACCOUNT,), *, entry=None, attempts=1, **rest):
    entry = entry or Entry("Reader")
    client_for = Signed(stub.url, attempts)
    clock = lambda: NOW  # noqa: E731
    door = Roles(entry, client_for, home=HOME, clock=lambda: datetime.now(UTC))
    asker = Asker(ACCOUNT, "aws", HOME, client_for, door, clock)
    return plan(asker, entry, accounts, services=("ecr",), **rest), client_for


def snapshot_of(found, path):
    writer = SnapshotWriter(path / "s")
    for one in found.targets:
        writer.write(
            one, found.calls_of(one), {}, started_at="2026-03-01T12:00:00Z", finished_at="2026-03-01T12:00:01Z"
        )
    return writer.finish(found.targets)


def region_resources(found, path) -> dict[tuple[str, str], object]:
    resources = [r for r in read(snapshot_of(found, path))[0] if r.type == "AWS::Account::Region"]
    assert len({r.id for r in resources}) == len(resources)
    return {(r.account, r.region): r for r in resources}


@pytest.mark.parametrize("wanted", [(), (EAST, WEST, MILAN), (EAST,)], ids=["all", "some", "one"])
@pytest.mark.parametrize("source", ["account", "ec2"])
def test_only_enabled_regions_are_targets_and_every_region_is_known(stub, tmp_path, source, wanted):
    answers = {"ListRegions": regions()} if source == "account" else {"ListRegions": DENIED, "DescribeRegions": EC2}
    stub.script = answering(**answers)
    found, signed = planned(stub, (OTHER, ACCOUNT), regions=wanted)
    enabled = [region for region in (EAST, WEST) if region in (wanted or (EAST, WEST))]
    assert [(one.account, one.region, one.role_arn) for one in found.targets] == [
        (name, region, role) for name, role in ((ACCOUNT, None), (OTHER, ROLE)) for region in enabled
    ]
    statuses = {place.region: status for place, status in found.not_enabled.items() if place.account == OTHER}
    enabling = "ENABLING" if source == "account" else "DISABLED"  # EC2 has no word for it
    left = {MILAN: "DISABLED", "ap-east-1": enabling}
    assert statuses == {region: status for region, status in left.items() if region in (wanted or left)}
    assert found.refused == {}
    operation = "account:ListRegions" if source == "account" else "ec2:DescribeRegions"
    for (name, region), resource in region_resources(found, tmp_path).items():
        expected = STATUSES[region] if region in (EAST, WEST) else left[region]
        assert (resource["RegionName"], resource["RegionOptStatus"]) == (region, expected), name
        assert resource.operations == (operation,)
    assert {("account", key) for service, key, _ in signed.by if service == "account"} == {
        ("account", "AKIAAMBIENT"), ("account", f"ASIA-{OTHER}-READER-1"),
    }  # fmt: skip


def test_pages_of_fifty_are_followed_and_recorded(stub):
    def paged(parameters):
        assert parameters["MaxResults"] == 50
        first = {"Regions": regions()["Regions"][:2], "NextToken": "t"}
        return {"Regions": regions()["Regions"][2:]} if parameters.get("NextToken") else first

    stub.script = answering(ListRegions=paged)
    found, _ = planned(stub)
    assert [(call.operation, call.page, call.error) for call in found.answers[ACCOUNT]] == [
        ("ListRegions", 0, None), ("ListRegions", 1, None),
    ]  # fmt: skip
    assert all("NextToken" not in call.response for call in found.answers[ACCOUNT])
    assert len(found.not_enabled) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (DENIED, "AccessDeniedException"),
        (error(429, "TooManyRequestsException", "slow"), "TooManyRequestsException"),
        (error(500, "InternalServerException", "oops"), "InternalServerException"),
        ((404, "<html/>"), "404"),
        ((200, "not json"), "MalformedResponse"),
        ((200, "{}"), "MalformedResponse"),
        ({"Regions": [], "NextToken": "again"}, "PaginationLoop"),
        ((0, ""), "ConnectionClosedError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_nobody_could_tell_is_unknown_and_still_asked(stub, tmp_path, answer, code):
    stub.script = answering(ListRegions=answer, DescribeRegions=EC2_DENIED)
    found, _ = planned(stub, regions=(EAST, MILAN))
    assert [one.region for one in found.targets] == [MILAN, EAST]  # nobody knows better
    assert found.not_enabled == {}
    errors = [(call.operation, call.error.code, call.error.attempts) for call in found.answers[ACCOUNT] if call.error]
    assert errors == [("ListRegions", code, 1), ("DescribeRegions", "UnauthorizedOperation", 1)]
    snapshot = snapshot_of(found, tmp_path)
    known, _ = read(snapshot)
    for resource in known:
        if resource.type == "AWS::Account::Region":
            with pytest.raises(InsufficientData, match=r"account:ListRegions.*ec2:DescribeRegions"):
                resource["RegionOptStatus"]
    rows = {row.operation: row for row in snapshot.coverage()}
    assert rows["ec2:DescribeRegions"].status == "failed"
    assert dict(rows["account:ListRegions"].errors) == {code: 1}


def test_attempts_are_counted(stub, monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    stub.script = answering(ListRegions=error(429, "TooManyRequestsException", "slow"), DescribeRegions=EC2)
    found, _ = planned(stub, attempts=3, regions=(EAST,))
    assert found.answers[ACCOUNT][0].error.attempts == 3
    assert found.answers[ACCOUNT][1].error is None


def test_a_list_that_breaks_off_counts_as_far_as_it_goes(stub):
    def paged(parameters):
        return (
            DENIED
            if parameters.get("NextToken")
            else {**regions({EAST: "ENABLED", MILAN: "DISABLED"}), "NextToken": "t"}
        )

    stub.script = answering(ListRegions=paged, DescribeRegions=EC2_DENIED)
    found, _ = planned(stub, regions=(EAST, WEST, MILAN))
    assert [one.region for one in found.targets] == [EAST, WEST]
    assert found.not_enabled == {Place(ACCOUNT, MILAN): "DISABLED"}
    everywhere, _ = planned(stub)  # what stands on the page that was not read is not left out
    assert {WEST, "eu-west-1"} < {one.region for one in everywhere.targets}
    assert everywhere.not_enabled == found.not_enabled


@pytest.mark.parametrize("status", ["PAUSED", 7, None, ["ENABLED"]], ids=str)
def test_a_status_that_is_not_known_is_no_fact(stub, tmp_path, status):
    stub.script = answering(ListRegions=regions({EAST: "ENABLED", WEST: status}), DescribeRegions=EC2_DENIED)
    found, _ = planned(stub, regions=(EAST, WEST))
    there = region_resources(found, tmp_path)
    assert there[ACCOUNT, EAST]["RegionOptStatus"] == "ENABLED"
    with pytest.raises(InsufficientData):
        there[ACCOUNT, WEST]["RegionOptStatus"]
    assert len(found.targets) == 2


def test_one_client_of_a_service_signs_for_every_account(stub):
    """Pins the key of the signing context by which it does."""
    accounts = [ACCOUNT, *(f"{number:012}" for number in range(1, 30))]
    stub.script = answering(ListRegions=DENIED, DescribeRegions=EC2)
    _, signed = planned(stub, accounts)
    assert sorted(signed.made) == ["account", "ec2", "sts"]
    for service in ("account", "ec2"):
        keys = sorted(key for asked, key, _ in signed.by if asked == service)
        assert keys == sorted(["AKIAAMBIENT", *(f"ASIA-{account}-READER-1" for account in accounts[1:])])


def test_names_that_are_no_regions_are_nobodys_place(stub, tmp_path):
    answer = regions({EAST: "ENABLED", "../../etc": "ENABLED", "": "ENABLED"})
    answer["Regions"] += [{"RegionName": 7, "RegionOptStatus": "ENABLED"}, {}]
    stub.script = answering(ListRegions=answer)
    found, _ = planned(stub)
    assert [one.region for one in found.targets] == [EAST]
    assert set(region_resources(found, tmp_path)) == {(ACCOUNT, EAST)}


@pytest.mark.parametrize(
    ("wanted", "places"), [((EAST, WEST), [EAST, WEST]), ((), [HOME])], ids=["named", "none named"]
)
def test_an_account_that_cannot_be_entered_stays_a_target(stub, wanted, places):
    refused = sts_error(403, "AccessDenied", "not authorized to perform sts:AssumeRole")

    def script(operation, parameters):
        return refused if operation == "sts:AssumeRole" else regions() if operation == "account:ListRegions" else None

    stub.script = script
    found, _ = planned(stub, (ACCOUNT, OTHER), regions=wanted)
    assert [one.region for one in found.targets if one.account == OTHER] == places
    assert {name: said.code for name, said in found.refused.items()} == {OTHER: "AccessDenied"}
    assert found.answers[OTHER] == ()
    assert stub.count("sts:AssumeRole") == 1


def test_every_region_is_asked_when_none_is_named_and_none_is_known(stub):
    stub.script = answering(ListRegions=DENIED, DescribeRegions=EC2_DENIED)
    found, _ = planned(stub)
    assert {one.region for one in found.targets} == set(partition_of(HOME, known_partitions()).regions)


@pytest.mark.parametrize(
    ("accounts", "entry", "wanted", "message"),
    [
        ((OTHER,), Entry(), (EAST,), f"no role to enter account {OTHER}"),
        (("../etc",), Entry("Reader"), (EAST,), "not an account id"),
        ((), Entry(), ("us-esat-1",), "not a Region"),
        ((), Entry(), ("cn-north-1",), "partition aws-cn"),
    ],
    ids=["role", "account", "region", "partition"],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(stub, accounts, entry, wanted, message):
    with pytest.raises(UsageError, match=message):
        planned(stub, accounts, entry=entry, regions=wanted)
    assert stub.asked == []


def test_a_region_that_nobody_asked_is_found_but_not_judged(stub, tmp_path):
    stub.script = answering(ListRegions=regions())
    found, _ = planned(stub, regions=(EAST,))
    snapshot = snapshot_of(found, tmp_path)
    resources, gaps = read(snapshot)
    pairs = [Pair(Place(None, EAST), Place(None, MILAN))]
    places = [one.place for one in snapshot.targets]
    model = Model(
        resources, gaps=gaps, pairs=pairs, images=ImageIndex(), scanned=places, asked=places, as_of=snapshot.as_of
    )
    (region,) = model.of_type("AWS::Account::Region")
    (twin,) = model.twins(region)
    assert (twin.standby.region, twin.standby["RegionOptStatus"]) == (MILAN, "DISABLED")
    with pytest.raises(InsufficientData, match="was not scanned"):
        model.find("AWS::ECR::Repository", "team/api", Place(ACCOUNT, MILAN))


def test_a_region_that_nobody_asked_leaves_what_code_declares_there(stub, tmp_path):
    from scanner.parsers.cloudformation import resources as parse

    stub.script = answering(ListRegions=regions())
    found, _ = planned(stub, regions=(EAST,))
    snapshot = snapshot_of(found, tmp_path)
    template = {"Resources": {"R": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "team/api"}}}}
    declared, _ = parse(template, "t.json", ACCOUNT, WEST)
    live, gaps = read(snapshot)
    asked = [one.place for one in snapshot.targets]
    scanned = [*asked, Place(ACCOUNT, WEST)]
    model = Model(
        [*live, *declared], gaps=gaps, pairs=(), images=ImageIndex(), scanned=scanned, asked=asked, as_of=snapshot.as_of
    )
    assert model.find("AWS::ECR::Repository", "team/api", Place(ACCOUNT, WEST)) is not None
    assert {one.region for one in model.of_type("AWS::Account::Region")} == {EAST, WEST}


# --- regionproof.yaml -----------------------------------------------------------------------------------------------

BLOCK = """\
version: 1
organization:
  role_name: RegionproofReadOnly
  external_id: "0042"
  session_tags: {team: dr}
  session_policy:
    Version: 2012-10-17
    Statement: [{Effect: Allow, Action: "ecr:Describe*", Resource: "*"}]
  delegated_role: arn:aws:iam::222233334444:role/audit/Delegate
  exclude: ["333344445555"]
  include_ous: [r-abcd, ou-abcd-12345678]
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "regionproof.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_organization_block_is_read(written):
    config = read_config(written(BLOCK))
    assert config.organization.role_name == "RegionproofReadOnly"
    policy = json.loads(config.organization.session_policy)
    assert policy["Version"] == "2012-10-17"
    assert replace(config.organization, session_policy=None) == Organization(
        role_name="RegionproofReadOnly",
        external_id="0042",
        session_tags={"team": "dr"},
        delegated_role="arn:aws:iam::222233334444:role/audit/Delegate",
        exclude=(THIRD,),
        include_ous=("r-abcd", "ou-abcd-12345678"),
    )
    assert read_config(written("version: 1\n")).organization is None


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("role_nmae: R", ":3: unknown key 'role_nmae'", "Did you mean 'role_name'?"),
        ("role_name: a/b", ":3: organization.role_name: 'a/b'", "without its path"),
        ("external_id: 42", ":3: organization.external_id: text was expected, not 42", "as text"),
        ("external_id: a b", ":3: organization.external_id", "external id"),
        ("session_tags: {cost: 7}", ":3: organization.session_tags.cost: text was expected, not 7", "quotes"),
        ("session_tags: [a]", ":3: organization.session_tags", "key to value"),
        ("session_policy: policy.json", ":3: organization.session_policy", "IAM policy"),
        ("session_policy: {Statement: []}", ":3: organization.session_policy: 'Version' is a required", "Version"),
        ("delegated_role: Audit", ":3: organization.delegated_role: 'Audit'", "ARN"),
        ("exclude: [333344445555]", ":3: organization.exclude.0", "quotes"),
        ("include_ous: [prod]", ":3: organization.include_ous.0: 'prod'", "ou-"),
        (
            f"session_policy: {{Version: 2012-10-17, Statement: [{{Sid: {'x' * 2048}}}]}}",
            ":3: organization.session_policy: it has 2097 characters, STS takes 2048",
            "wildcards",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_the_organization_block_complains_with_its_line(written, line, message, hint):
    with pytest.raises(ConfigError) as caught:
        read_config(written(f"version: 1\norganization:\n  {line}\n"))
    assert message in str(caught.value)
    assert hint in caught.value.hint


# --- the draft ------------------------------------------------------------------------------------------------------

HOSTILE = 'x"\nversion: 2\n# \u2028 {a: *b} \ud83d\ude00 \x00 \x85'


def test_a_draft_of_one_account_reads_back(written):
    replication = Replication(
        {
            EAST: (Place(ACCOUNT, WEST), Place(ACCOUNT, WEST), Place(OTHER, "eu-west-1"), Place(OTHER, EAST)),
            WEST: (Place(ACCOUNT, HOSTILE), Place(HOSTILE, EAST), Place(None, EAST)),
        },
        {MILAN: HOSTILE},
    )
    text = draft(ACCOUNT, replication)
    config = read_config(written(text))
    assert config.accounts == (ACCOUNT,)
    assert config.regions == ("eu-west-1", EAST, WEST)
    assert config.pairs == (
        Pair(Place(None, EAST), Place(None, WEST)),
        Pair(Place(ACCOUNT, EAST), Place(OTHER, "eu-west-1")),
    )
    assert f"# not seen in {MILAN}" in text


def test_a_draft_without_replication_leaves_pairs_to_be_declared(written):
    text = draft(ACCOUNT, Replication({EAST: ()}))
    assert read_config(written(text)).pairs is None
    uncommented = "\n".join(
        line.removeprefix("# ") if "pairs:" in line or "primary" in line else line for line in text.splitlines()
    )
    assert "- {primary: us-east-1, standby: us-west-2" in uncommented


def test_a_draft_of_an_organization_reads_back(written):
    found = Members(
        (Account(ACCOUNT, "shop", "ACTIVE"), Account(OTHER, HOSTILE, "ACTIVE")),
        {Account(THIRD, HOSTILE, "ACTIVE"): "excluded", Account("444455556666", "old", "CLOSED"): "CLOSED"},
    )
    text = draft(ACCOUNT, Replication({EAST: (Place(ACCOUNT, WEST),)}), members=found, role_name="Reader")
    config = read_config(written(text))
    assert config.accounts == ()
    assert config.organization == Organization(role_name="Reader", exclude=(THIRD,))
    assert config.pairs == (Pair(Place(ACCOUNT, EAST), Place(ACCOUNT, WEST)),)
    for id in (ACCOUNT, OTHER, THIRD, "444455556666"):
        assert id in text
    assert "CLOSED" in text


def test_looking_at_the_registries(stub):
    rules = [{"destinations": [{"region": WEST, "registryId": ACCOUNT}]}]

    def script(operation, parameters):
        return {"registryId": ACCOUNT, "replicationConfiguration": {"rules": rules}}

    stub.script = script
    found = look(Signed(stub.url), [WEST, EAST])
    assert found == Replication({EAST: (Place(ACCOUNT, WEST),), WEST: (Place(ACCOUNT, WEST),)}, {})
    stub.script = lambda *_: DENIED
    assert "AccessDenied" in look(Signed(stub.url), [EAST]).unread[EAST]
    stub.script = lambda *_: {"registryId": ACCOUNT}
    assert look(Signed(stub.url), [EAST]).unread.keys() == {EAST}
