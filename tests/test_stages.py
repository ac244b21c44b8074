"""Workloads before images: what nobody needs is not asked for, says so, and never reads as empty."""

import re
from datetime import UTC, datetime

import pytest
from test_fault_file import HOME, KINDS, ONCE, decided, repository, service

from scanner.collectors.live import collect_targets
from scanner.collectors.session import Sessions
from scanner.collectors.wanted import Mentioned, Scope
from scanner.config import Config
from scanner.demo import NOBODY
from scanner.demo.estate import tell
from scanner.images import ImageIndex, RepositoryKey
from scanner.model import InsufficientData, Pair, Place
from scanner.recorded import Call, to_line
from scanner.references import Mention, mentions
from scanner.reporters.coverage import table
from scanner.rule import load_rules
from scanner.scan import scan
from scanner.serve import serve
from scanner.serve.faults import Fault, Faults
from scanner.snapshot import SnapshotWriter

AT = datetime(2026, 11, 20, 6, tzinfo=UTC)
EAST, WEST = f"{HOME}/us-east-1", f"{HOME}/us-west-2"
USED = Scope(every=False)
ESTATE = tell(
    {
        "at": AT,
        "places": {
            EAST: {
                "replication": [{"to": WEST, "prefixes": ["a"]}],
                "repositories": {"app": repository(), "aux": repository(), "prod/batch": repository()},
                "ecs": {"shop": {"services": {"app": service("app")}}},
            },
            WEST: {
                "repositories": {
                    "app": {"replica_of": EAST, "lacks": ["2"]},
                    "aux": {"replica_of": EAST},
                    "lone": repository(),
                },
                "ecs": {"shop": {"services": {"app": service("app")}}},
            },
        },
    }
)
CONFIG = Config(pairs=(Pair(Place(None, "us-east-1"), Place(None, "us-west-2")),))
EVERY = load_rules()
WORKLOADS = [
    rule
    for rule in EVERY
    if rule.id.startswith(("image-", "ecs-", "workload-")) and "AWS::ECR::Repository" not in rule.resource
]


class Heard(Faults):
    """Faults, and the requests in the order they came."""

    def __init__(self, *faults):
        super().__init__(faults)
        self.heard = []

    def due(self, question):
        self.heard.append((question.place.region, question.operation))
        return super().due(question)


def run(path, *faults, scope=None, resume=False):
    """Collect the estate; return the snapshot, and what was asked."""
    heard = Heard(*faults)
    with serve(ESTATE, faults=heard) as endpoint:
        sessions = Sessions(endpoint_url=endpoint.url, credentials=NOBODY, limits=ONCE)
        writer = SnapshotWriter(path, resume=resume)
        return collect_targets(ESTATE.targets, writer, sessions, lambda: AT, scope=scope), heard.heard


def listed(snapshot):
    return {(key.region, key.name) for key in snapshot.images()}


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        (USED, {"app"}),
        (Scope(False, ("lone",)), {"app"}),
        (Scope(True, ("prod/*",)), {"app", "prod/batch"}),
        (Scope(True, ("*x", "lo?e")), {"app", "aux", "lone"}),
        (Scope(), {"app", "aux", "lone", "prod/batch"}),
    ],
    ids=["in use", "scope without a rule", "a folder in scope", "globs", "everything"],
)
def test_images_are_listed_of_what_is_in_use_anywhere_or_in_scope(tmp_path, scope, names):
    snapshot, heard = run(tmp_path / "s", scope=scope)
    east, west = names & {"app", "aux", "prod/batch"}, names & {"app", "aux", "lone"}
    assert listed(snapshot) == {("us-east-1", name) for name in east} | {("us-west-2", name) for name in west}
    assert sum(operation == "DescribeImages" for _, operation in heard) == len(east) + len(west)
    left_out = {row.region: row.left_out for row in snapshot.coverage() if row.left_out}
    expected = {"us-east-1": 3 - len(east), "us-west-2": 3 - len(west)}
    assert left_out == {region: count for region, count in expected.items() if count}


def test_no_image_is_listed_before_every_workload_is_known(tmp_path):
    _, heard = run(tmp_path / "s", scope=USED)
    operations = [operation for _, operation in heard]
    assert set(operations[operations.index("DescribeImages") :]) == {"DescribeImages"}


def test_what_was_left_out_is_not_seen_and_never_empty(tmp_path):
    snapshot, _ = run(tmp_path / "s", scope=USED)
    index = ImageIndex(snapshot.images())
    aux = RepositoryKey(HOME, "us-east-1", "aux")
    for question in (
        index.images,
        lambda key: index.tagged(key, "1"),
        lambda key: index.get(key, "sha256:" + "0" * 64),
    ):
        with pytest.raises(InsufficientData, match="were not listed"):
            question(aux)
    report = scan([tmp_path / "s"], EVERY, CONFIG, AT)
    found = [f for f in report.findings if f.rule_id == "repository-images-replicated" and f.resource.name == "aux"]
    assert {finding.status for finding in found if finding.resource.region == "us-east-1"} == {"unknown"}
    assert report.complete  # all that was asked was answered


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    path = tmp_path_factory.mktemp("all") / "s"
    run(path)
    return path


def test_workloads_are_judged_as_if_everything_had_been_listed(tmp_path, everything):
    run(tmp_path / "used", scope=USED)
    used, whole = (decided(scan([path], WORKLOADS, CONFIG, AT)) for path in (tmp_path / "used", everything))
    assert used == whole
    assert {status for _, status in used.values()} >= {"pass", "fail"}


@pytest.mark.parametrize("operation", ["ListClusters", "DescribeServices", "DescribeServiceRevisions"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("delay", "loop")])
def test_a_workload_that_was_not_seen_costs_verdicts_and_makes_none_wrong(tmp_path, everything, kind, operation):
    """Its images may be left out; then whatever hangs on them is unknown."""
    faults = [Fault(kind, "ecs", name, **KINDS[kind]) for name in (operation, "ListTasks", "DescribeTaskDefinition")]
    snapshot, _ = run(tmp_path / "used", *faults, scope=USED)
    before = decided(scan([everything], EVERY, CONFIG, AT))
    after = decided(scan([tmp_path / "used"], EVERY, CONFIG, AT))
    assert {key: found for key, found in after.items() if before.get(key) != found} == {}
    assert len(after) < len(before)
    assert any(row.missed for row in snapshot.coverage())


def test_the_closing_table_says_what_was_left_out_and_why(tmp_path):
    snapshot, _ = run(tmp_path / "s", scope=USED)
    text = " ".join(table(snapshot.coverage(), 200).split())
    why = "no workload that was seen names them, and no enabled rule reads the images of all"
    assert f"left out: ecr:DescribeImages x4, since {why}" in text
    assert "2 of 2 accounts x Regions were answered in full" in text


def test_nothing_is_asked_again_when_only_images_are_missing(tmp_path):
    whole, _ = run(tmp_path / "s", scope=USED)
    (tmp_path / "s" / "snapshot.json").unlink()
    part = tmp_path / "s" / "targets" / HOME / "us-west-2" / "images.jsonl.gz"
    part.write_bytes(part.read_bytes()[:-1])
    again, heard = run(tmp_path / "s", scope=USED, resume=True)
    assert heard == [("us-west-2", "DescribeImages")]
    assert again == whole


def test_a_registry_without_anything_in_use_lists_nothing(tmp_path):
    snapshot, heard = run(tmp_path / "s", Fault("deny", "ecs", "ListClusters"), scope=USED)
    assert "DescribeImages" not in {operation for _, operation in heard}
    rows = [row for row in snapshot.coverage() if row.operation == "ecr:DescribeImages"]
    assert [(row.status, row.calls, row.left_out) for row in rows] == [("complete", 0, 3), ("complete", 0, 3)]


HOST = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{HOST}/team/api:v1", [Mention("team/api", "v1")]),
        (f'{{"image":"{HOST}/team/api","x":1}}', [Mention("team/api", "latest")]),
        (f"docker-pullable://{HOST}/team/api@{DIGEST}", [Mention("team/api")]),
        (f"{HOST}/team/api:v1@{DIGEST}", [Mention("team/api")]),
        (f"{HOST}:443/a/b-c.d__e:1", [Mention("a/b-c.d__e", "1")]),
        (f"{HOST}/a:1 and {HOST.replace('dkr.ecr', 'dkr-ecr').replace('amazonaws.com', 'on.aws')}/b:2",
         [Mention("a", "1"), Mention("b", "2")]),
        (f"arn:aws-cn:ecr:cn-north-1:111122223333:repository/team/api/{DIGEST}", [Mention("team/api")]),
        ("arn:aws:ecr:us-east-1:111122223333:repository/team/sha256", [Mention("team/sha256")]),
        ("public.ecr.aws/nginx/nginx:1", []),
        ("nginx:1.27", []),
        ("111122223333.dkr.ecr.us-east-1.example.com/x:1", []),
    ],
)  # fmt: skip
def test_repositories_are_found_in_any_text(text, found):
    assert list(mentions(text)) == found


def test_a_registry_does_not_name_itself():
    answer = {"repositories": [{"repositoryArn": "arn:aws:ecr:us-east-1:111122223333:repository/aux"}]}
    place = (HOME, "us-east-1", 0)
    calls = [
        Call("ecr", "DescribeRepositories", {}, *place, answer, None, None, "2026-11-20"),
        Call("ecs", "DescribeTasks", {}, *place, {"service": "ecr", "i": f"{HOST}/app:1"}, None, None, "2026-11-20"),
        Call("inspector2", "ListCoverage", {}, *place, {"r": f"x/{DIGEST}"}, None, 3, "2026-11-20", "0" * 64),
    ]
    seen = Mentioned()
    seen.read(to_line(call).encode("ascii") + b"\n" for call in calls)
    assert seen == Mentioned({"app"}, {("app", "1")}, {DIGEST})


def test_the_reason_is_a_clause():
    for scope in (USED, Scope(True, ("a*",))):
        assert re.fullmatch(r"[a-z][^.]*(?:scope\.repositories)?", scope.reason)
