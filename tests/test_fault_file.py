"""Whatever goes wrong with a call, and however: the snapshot is right, or it says what is missing."""

import socket
import threading
from datetime import UTC, datetime

import pytest

from scanner.collectors.discovery import find
from scanner.collectors.live import collect_targets
from scanner.collectors.scheduler import Limits
from scanner.collectors.session import Sessions
from scanner.config import Config, Organization
from scanner.demo.estate import tell
from scanner.engine import selected
from scanner.errors import RegionproofError, UsageError
from scanner.finding import Status
from scanner.model import Pair, Place
from scanner.rule import load_rules
from scanner.scan import scan
from scanner.serve import serve
from scanner.serve.faults import Fault, Faults, read
from scanner.serve.wire import Question
from scanner.snapshot import SnapshotWriter

HOME, OTHER = "111122223333", "444455556666"
CALLER = {"aws_access_key_id": "AKIAFAULTFAULTFAULT1", "aws_secret_access_key": "never-to-be-shown-of-the-caller"}
GRANTED = "never-to-be-shown-of-the-role"
SECRETS = ("never-to-be-shown", CALLER["aws_access_key_id"], f"ASIA{OTHER}")
AT = datetime(2026, 11, 20, 6, tzinfo=UTC)
HOUR = datetime(2026, 11, 1, 6, tzinfo=UTC)
ONCE, HASTY = Limits(max_attempts=1, max_throttles=1, paced=False), Limits(read_timeout=0.5, max_attempts=1)
AGAIN = Limits(max_attempts=2, max_throttles=2, paced=False)

KINDS = {
    "deny": {},
    "throttle": {},
    "expired-token": {},
    "5xx": {"status": 500},
    "delay": {"delay": 60},
    "truncate": {},
    "drop": {},
    "reset": {},
    "wrong-json": {},
    "not-json": {},
    "empty": {},
    "loop": {},
}
OPERATIONS = [
    [("ecr", "DescribeRepositories"), ("ecs", "ListClusters")],
    [("ecr", "DescribeRegistry"), ("ecr", "GetLifecyclePolicy"), ("ecs", "ListServices"), ("eks", "ListNodegroups")],
    [("ecr", "DescribeImages"), ("ecs", "DescribeServices"), ("eks", "DescribeCluster"), ("sts", "AssumeRole")],
]
"""Each class: lists, a registry, each repository, images, batches, REST, and the way into an account.

Those of a row are broken in one run; none of them follows from another one.
"""
UNPAGED = {"DescribeRegistry", "GetLifecyclePolicy", "DescribeServices", "DescribeCluster", "AssumeRole"}


def repository(**described):
    return {"mutability": "IMMUTABLE", "releases": {"1": HOUR, "2": HOUR}, **described}


def service(name):
    return {"revision": 1, "desired": 1, "since": HOUR, "containers": {name: f"{name}:2"}}


def cluster(version):
    groups = {"general": {"release": f"{version}.1-20261104", "size": [1, 1, 2]}}
    return {"version": version, "platform": "eks.1", "nodegroups": groups, "addons": {"coredns": "v1.12.4-eksbuild.6"}}


ESTATE = tell(
    {
        "at": AT,
        "places": {
            f"{HOME}/us-east-1": {
                "replication": [{"to": f"{HOME}/us-west-2", "prefixes": ["a"]}],
                "repositories": {"app": repository(), "aux": repository(mutability="MUTABLE")},
                "ecs": {"shop": {"services": {"app": service("app")}}},
                "eks": {"data": cluster("1.33")},
            },
            f"{HOME}/us-west-2": {
                "repositories": {"app": {"replica_of": f"{HOME}/us-east-1", "lacks": ["2"]}},
                "ecs": {"shop": {"services": {"app": service("app")}}},
                "eks": {"data": cluster("1.32")},
            },
            f"{OTHER}/us-east-1": {"repositories": {"far": repository(mutability="MUTABLE")}},
        },
    }
)


class Switched(Faults):
    """Faults that one endpoint has for one test after the other."""

    def switch(self, *faults):
        super().__init__(faults)


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    config = Config(pairs=(Pair(Place(None, "us-east-1"), Place(None, "us-west-2")),))
    rules = selected(load_rules(), config)
    faults = Switched([])
    with serve(ESTATE, faults=faults) as endpoint:

        def collect_and_scan(*given, limits=ONCE):
            faults.switch(*given)
            path = tmp_path_factory.mktemp("faults") / "snapshot"
            sessions = Sessions(endpoint_url=endpoint.url, credentials=CALLER, limits=limits)
            snapshot = collect_targets(ESTATE.targets, SnapshotWriter(path), sessions, lambda: AT)
            faults.close()
            return snapshot, scan([path], rules, config, AT)

        yield collect_and_scan


@pytest.fixture(scope="module")
def baseline(collected):
    return collected()


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    """Make the credentials of the assumed role as secret as real ones."""
    from scanner.serve import sts

    granted = sts._granted

    def with_secrets(*arguments):
        answer = granted(*arguments)
        answer["Credentials"] |= {"SecretAccessKey": GRANTED, "SessionToken": GRANTED}
        return answer

    monkeypatch.setattr(sts, "_granted", with_secrets)


def decided(report):
    statuses = (Status.PASS, Status.FAIL, Status.NOT_APPLICABLE)
    return {f.fingerprint: (f.rule_id, f.status) for f in report.findings if f.status in statuses}


def texts(snapshot, report, caplog, capfd):
    """Return everything that somebody might read."""
    out, err = capfd.readouterr()
    calls = [str(call) for call in snapshot.calls()]
    listings = [str(listing.incomplete) for listing in snapshot.images().values()]
    return "\n".join([caplog.text, out, err, *calls, *listings, str(report)])


def test_the_baseline_decides_and_is_complete(baseline):
    snapshot, report = baseline
    assert report.complete
    assert {status for _, status in decided(report).values()} == {Status.PASS, Status.FAIL, Status.NOT_APPLICABLE}
    asked = {(call.service, call.operation) for call in snapshot.calls()}
    assert asked >= {operation for row in OPERATIONS for operation in row} - {("sts", "AssumeRole")}


@pytest.mark.parametrize("operations", OPERATIONS, ids=lambda row: "+".join(operation for _, operation in row))
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_costs_verdicts_and_is_named(collected, baseline, caplog, capfd, kind, operations):
    faults = [Fault(kind, service, operation, **KINDS[kind]) for service, operation in operations]
    snapshot, report = collected(*faults, limits=HASTY if kind == "delay" else ONCE)
    before = decided(baseline[1])
    assert {key: found for key, found in decided(report).items() if before.get(key) != found} == {}
    assert not report.complete
    for operation in operations:
        rows = [row for row in report.coverage if row.operation == ":".join(operation)]
        if kind == "loop" and operation[1] in UNPAGED:
            assert [row for row in rows if row.status != "complete"] == []
        else:
            assert rows, operation
            assert {row.status for row in rows} <= {"failed", "partial"}, operation
    text = texts(snapshot, report, caplog, capfd)
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize("kind", ["throttle", "5xx", "reset"])
def test_what_passes_is_asked_again(collected, baseline, kind):
    snapshot, report = collected(Fault(kind, "ecr", "DescribeRepositories", times=1), limits=AGAIN)
    assert snapshot == baseline[0]
    assert decided(report) == decided(baseline[1])


def test_a_fault_in_one_region_leaves_the_other_alone(collected):
    snapshot, _ = collected(Fault("deny", region="us-west-2"))
    failed = {row.region for row in snapshot.coverage() if row.status != "complete"}
    assert failed == {"us-west-2"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("delay", "loop")])
def test_a_run_whose_caller_cannot_be_known_ends_with_an_error_that_says_so(kind, caplog):
    with serve(ESTATE, faults=Faults([Fault(kind, "sts", "GetCallerIdentity")])) as endpoint:
        sessions = Sessions(endpoint_url=endpoint.url, credentials=CALLER, limits=ONCE)
        with pytest.raises(RegionproofError, match=r"GetCallerIdentity|credentials") as error:
            find(sessions, lambda: AT, regions=["us-east-1"], organization=Organization())
    assert error.value.hint
    assert [secret for secret in SECRETS if secret in f"{error.value}{caplog.text}"] == []


QUESTION = Question(Place(HOME, "us-east-1"), "ecr", "DescribeImages")


def test_requests_are_counted_for_each_account_region_and_operation():
    faults = Faults([Fault("throttle", after=1, times=2), Fault("delay", delay=2.0, times=1), Fault("reset", after=4)])
    due = [faults.due(QUESTION) for _ in range(5)]
    assert [(delay, fault and fault.kind) for delay, fault in due] == [
        (2.0, None),
        (0, "throttle"),
        (0, "throttle"),
        (0, None),
        (0, "reset"),
    ]
    for other in (Place(HOME, "us-west-2"), Place(OTHER, "us-east-1")):
        assert faults.due(QUESTION._replace(place=other)) == (2.0, None)
    assert faults.due(QUESTION._replace(operation="ListImages")) == (2.0, None)


def test_threads_share_one_count():
    faults = Faults([Fault("throttle", times=500)])
    hits = []
    threads = [
        threading.Thread(target=lambda: hits.extend(faults.due(QUESTION)[1] for _ in range(200))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(hit is not None for hit in hits) == 500


def test_a_closing_endpoint_does_not_wait_for_a_delay():
    with serve(ESTATE, faults=Faults([Fault("delay", delay=300)])) as endpoint:
        sessions = Sessions(endpoint_url=endpoint.url, credentials=CALLER, limits=HASTY)
        with pytest.raises(RegionproofError, match="ReadTimeout"):
            sessions.identity("us-east-1")


def test_a_reset_is_a_reset():
    head = "Credential=AKIA/20261120/us-east-1/ecr/aws4_request"
    request = (
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
        "X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.DescribeRegistry\r\n"
        f"Authorization: AWS4-HMAC-SHA256 {head}\r\n\r\n{{}}"
    )
    with serve(ESTATE, faults=Faults([Fault("reset")])) as endpoint:
        address = ("127.0.0.1", int(endpoint.url.rpartition(":")[2]))
        with socket.create_connection(address, 10) as client:
            client.sendall(request.encode())
            with pytest.raises(ConnectionResetError):
                client.recv(1)


def test_a_file_is_read(tmp_path):
    path = tmp_path / "faults.yaml"
    path.write_text(
        "- {kind: throttle, service: ecr, operation: DescribeImages, times: 3, after: 1}\n"
        f"- kind: 5xx\n  status: 500\n  account: '{OTHER}'\n  region: eu-west-1\n  delay: 0.5\n"
    )
    faults = read(path)
    assert [faults.due(QUESTION)[1] is not None for _ in range(5)] == [False, True, True, True, False]
    there = Question(Place(OTHER, "eu-west-1"), "sts", "AssumeRole")
    assert faults.due(there) == (0.5, Fault("5xx", account=OTHER, region="eu-west-1", delay=0.5, status=500))


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("- kind: deny\n- kind: dney\n", r"faults.yaml:2: 'dney' is not one of", "One of deny"),
        ("- kind: deny\n  oparation: X\n", r"faults.yaml:2: unknown key 'oparation'", "'operation'"),
        ("kind: deny\n", r"faults.yaml:1: a list was expected, not a mapping", "schema faults"),
        ("", r"faults.yaml: the file is empty", "schema faults"),
        ("- kind: deny\n  account: 111122223333\n", r"faults.yaml:2: text was expected, not 111122223333", "in quotes"),
        ("- kind: delay\n", r"faults.yaml:1: 'delay' is a required property", ""),
        ("- kind: delay\n  delay: 301\n", r"faults.yaml:2: 301 is greater", "at most 300"),
        ("- kind: throttle\n  times: 0\n", r"faults.yaml:2: 0 is less", "all of them"),
        ("- kind: deny\n  status: 503\n", r"faults.yaml:2: status 503 with another kind", "Only a 5xx"),
        ("- kind: deny\n  operation: ListImages\n", r"faults.yaml:1: 'service' is a dependency of 'operation'", ""),
        ("- kind: deny\n  service: eccr\n", r"faults.yaml:2: AWS has no service 'eccr'", "'ecr'"),
        (
            "- kind: deny\n  service: ecr\n  operation: DescribeImage\n",
            r"faults.yaml:3: ecr has no operation 'DescribeImage'",
            "'DescribeImages'",
        ),
        ("- kind: [\n", r"faults.yaml:2", ""),
        ("- kind: !!python/object:os.system x\n", r"faults.yaml:1.*unknown tag", ""),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path, text, message, hint):
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as error:
        read(path)
    assert hint in error.value.hint


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no\.yaml: cannot be read"):
        read(tmp_path / "no.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8"):
        read(tmp_path / "b.yaml")
