"""A moto server, in its own process, as an organization of several accounts that somebody else has made."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

pytest.importorskip("moto.server", reason="moto is not installed")

import boto3

from scanner.collectors import read
from scanner.collectors.organization import members
from scanner.collectors.roles import Entry, Roles, keys
from scanner.collectors.session import Limits, Sessions
from scanner.collectors.targets import Asker, plan
from scanner.init import draft, look
from scanner.snapshot import SnapshotWriter

MANAGEMENT = "123456789012"  # moto's own
HOME, STANDBY, DISABLED = "us-east-1", "us-west-2", "ca-west-1"
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


@pytest.fixture(scope="module")
def moto():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            assert server.poll() is None, "moto ended"
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def organization(moto):
    """Create 25 accounts, more than a page: two in a unit below a unit, one of them closed."""
    client = boto3.client("organizations", region_name=HOME, endpoint_url=moto, **KEYS)
    client.create_organization(FeatureSet="ALL")
    (root,) = client.list_roots()["Roots"]
    made = [
        client.create_account(AccountName=f"team-{number}", Email=f"{number}@example.com")["CreateAccountStatus"]
        for number in range(25)
    ]
    ids = [status["AccountId"] for status in made]
    unit = client.create_organizational_unit(ParentId=root["Id"], Name="prod")["OrganizationalUnit"]["Id"]
    inner = client.create_organizational_unit(ParentId=unit, Name="shop")["OrganizationalUnit"]["Id"]
    for id in ids[:2]:
        client.move_account(AccountId=id, SourceParentId=root["Id"], DestinationParentId=inner)
    client.close_account(AccountId=ids[1])
    return ids, unit


@pytest.fixture
def sessions(moto):
    return Sessions(endpoint_url=moto, credentials=KEYS, limits=Limits(max_attempts=1, max_throttles=1, paced=False))


def test_the_accounts_of_the_organization(organization, sessions):
    ids, unit = organization
    client = sessions.client("organizations", HOME)
    found = members(client, exclude=[ids[2]])
    assert {account.id for account in found.accounts} == {MANAGEMENT, ids[0], *ids[3:]}
    assert {account.id: reason for account, reason in found.left_out.items()} == {
        ids[1]: "SUSPENDED",
        ids[2]: "excluded",
    }
    below = members(client, include_ous=[unit])
    assert [account.id for account in below.accounts] == [ids[0]]
    assert [account.id for account in below.left_out] == [ids[1]]


def test_members_are_entered_and_tell_their_regions(organization, sessions, tmp_path):
    ids, _ = organization
    roles = Roles(Entry("Reader"), sessions.client, home=HOME, clock=lambda: datetime.now(UTC))
    asker = Asker(MANAGEMENT, "aws", HOME, sessions.client, roles, lambda: datetime.now(UTC))
    found = plan(asker, Entry("Reader"), [MANAGEMENT, ids[0]], regions=[HOME, STANDBY, DISABLED], services=["ecr"])
    assert {(one.account, one.region) for one in found.targets} == {
        (account, region) for account in (MANAGEMENT, ids[0]) for region in (HOME, STANDBY)
    }
    assert {(place.account, place.region) for place in found.not_enabled} == {
        (account, DISABLED) for account in (MANAGEMENT, ids[0])
    }
    for account in (MANAGEMENT, ids[0]):
        listed, described = found.answers[account]  # moto has no account:ListRegions
        assert (listed.operation, listed.error.status) == ("ListRegions", 404)
        assert (described.operation, described.error) == ("DescribeRegions", None)
    for one in found.targets:
        inside = sessions.client("sts", one.region, keys(roles.credentials(one)))
        assert inside.get_caller_identity()["Account"] == one.account
    writer = SnapshotWriter(tmp_path / "s")
    for one in found.targets:
        at = asker.now()
        writer.write(one, found.calls_of(one), {}, started_at=at, finished_at=at)
    resources, _ = read(writer.finish(found.targets))
    statuses = {
        (resource.account, resource.region): resource["RegionOptStatus"]
        for resource in resources
        if resource.type == "AWS::Account::Region"
    }
    assert statuses[ids[0], HOME] == "ENABLED_BY_DEFAULT"
    assert statuses[ids[0], DISABLED] == "DISABLED"


def test_a_draft_follows_the_replication_rules(sessions):
    ecr = sessions.client("ecr", HOME)
    destination = {"region": STANDBY, "registryId": MANAGEMENT}
    ecr.put_replication_configuration(replicationConfiguration={"rules": [{"destinations": [destination]}]})
    text = draft(MANAGEMENT, look(sessions.client, [HOME, STANDBY]))
    assert f"- {{primary: {HOME}, standby: {STANDBY}}}" in text
