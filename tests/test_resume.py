"""A run that is killed is finished by another one, to the same snapshot; a full disk ends it in good order."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scanner.demo.estate import tell
from scanner.errors import SnapshotError
from scanner.recorded import Stage
from scanner.serve import serve
from scanner.serve.faults import Faults
from scanner.snapshot import Snapshot, SnapshotWriter

KILLS = 4
"""How often a process is killed, wherever it is: in the middle of a write, too.  Between any two, see `Disk`."""
ACCOUNT = "111122223333"
REGIONS = ("eu-west-1", "us-east-1", "us-west-2")
PUSHED = datetime(2026, 11, 1, 6, tzinfo=UTC)
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    "AWS_ACCESS_KEY_ID": "REPLAYREPLAYREPLAY",
    "AWS_SECRET_ACCESS_KEY": "replay",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "SOURCE_DATE_EPOCH": "1795154400",
}
"""The clock stands still, so that equal snapshots are equal in every member."""


def estate(images):
    """Return an estate with so many images in the repository of each Region."""
    builds = {region: {"prefix": "b-", "count": images[region], "first": PUSHED, "every": "1m"} for region in REGIONS}
    places = {f"{ACCOUNT}/{region}": {"repositories": {"app": {"builds": builds[region]}}} for region in REGIONS}
    return tell({"at": datetime(2026, 11, 20, 6, tzinfo=UTC), "places": places})


class Counted(Faults):
    """No faults, but a count of requests, and an event when it comes to `reached`."""

    def __init__(self):
        super().__init__([])
        self.requests, self.reached, self.event = 0, 0, threading.Event()
        self.counting = threading.Lock()

    def watch(self, reached):
        self.requests, self.reached, self.event = 0, reached, threading.Event()

    def due(self, question):
        with self.counting:
            self.requests += 1
            if self.requests == self.reached:
                self.event.set()
        return super().due(question)


def in_use():
    """Return an estate in which one of three repositories of each Region is in use, in another Region."""
    used = dict(zip(REGIONS, (*REGIONS[1:], REGIONS[0]), strict=True))

    def service(name):
        return {"revision": 1, "desired": 1, "since": PUSHED, "containers": {name: f"{name}:1"}}

    places = {
        f"{ACCOUNT}/{region}": {
            "repositories": {
                name: {"releases": {"1": PUSHED, "2": PUSHED}} for name in (f"of-{region}", f"of-{other}", "x")
            },
            "ecs": {"shop": {"services": {"web": service(f"of-{other}")}}},
        }
        for region, other in used.items()
    }
    return tell({"at": datetime(2026, 11, 20, 6, tzinfo=UTC), "places": places})


def collecting(url, path, *options, services=("--services", "ecr"), **settings):
    command = [sys.executable, "-m", "scanner", "collect", "-o", str(path), "--endpoint-url", url, *services]
    return subprocess.Popen(
        [*command, "--regions", ",".join(REGIONS), *options],
        env=ENVIRONMENT,
        cwd=path.parent,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


RULES = "version: 1\nscope: {repositories: [of-us-*]}\nrules: {select: [image, repository-images-replicated]}\n"
"""So that the images of what is in use, or in scope, are listed when everything else is known of every Region."""


CASES = pytest.mark.parametrize(
    ("told", "rules"), [(estate(dict.fromkeys(REGIONS, 5)), ""), (in_use(), RULES)], ids=["all images", "those in use"]
)


@CASES
def test_wherever_the_power_is_cut_the_run_resumes_to_the_same_snapshot(tmp_path, told, rules, request):
    """Each attempt goes on from what the one before it left, and dies before a change to the disk that none had met.

    In a process of its own: what dies there leaves threads behind, which is nobody else's business.
    """
    if rules:
        (tmp_path / "regionproof.yaml").write_text(rules)
    script = Path(__file__).with_name("power_cut.py")
    done = subprocess.run(
        [sys.executable, str(script), request.node.callspec.id],
        env=ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 15


@CASES
def test_a_killed_run_resumes_to_the_same_snapshot(tmp_path, told, rules):
    choice, faults = random.Random(3), Counted()
    if rules:
        (tmp_path / "regionproof.yaml").write_text(rules)
    options = {"services": ()} if rules else {}
    with serve(told, faults=faults) as endpoint:
        process = collecting(endpoint.url, tmp_path / "whole", **options)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        whole, requests = Snapshot.open(tmp_path / "whole"), faults.requests
        assert sum(row.left_out for row in whole.coverage()) == (3 if rules else 0)
        kills = rounds = 0
        while kills < KILLS:
            path = tmp_path / str(rounds)
            finished = False
            while not finished:
                faults.watch(choice.randint(1, requests) if kills < KILLS else 0)
                process = collecting(endpoint.url, path, "--resume", **options)
                finished = ended(process, faults.event, choice.random() * 0.05)
                kills += not finished
                if not finished:
                    untrue(path)
            assert Snapshot.open(path) == whole
            rounds += 1


def ended(process, event, pause):
    """Kill a process a moment after an event; tell whether it had ended by itself, which it must do well."""
    while not event.wait(0.02) and process.poll() is None:
        pass
    try:
        _, said = process.communicate(timeout=pause)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), said
    return process.returncode == 0


def untrue(path):
    """A killed run leaves nothing that can be taken for a whole snapshot, unless it is one."""
    if not (path / "snapshot.json").exists():
        with pytest.raises(SnapshotError, match=r"unfinished|no snapshot|is not a snapshot"):
            Snapshot.open(path)


IMAGES = {"eu-west-1": 5, "us-east-1": 5, "us-west-2": 20_000}


@pytest.fixture(scope="module")
def large():
    with serve(estate(IMAGES)) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def begun(large, tmp_path_factory):
    """Return a snapshot that lacks its third target, and the targets it should have."""
    path = tmp_path_factory.mktemp("begun") / "snapshot"
    process = collecting(large.url, path)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    targets = Snapshot.open(path).targets
    (path / "snapshot.json").unlink()
    shutil.rmtree(path / "targets" / ACCOUNT / "us-west-2")
    return path, targets


# The rows of the large Region take 6143 KiB, and their Parquet file another 870 KiB.
@pytest.fixture(params=["512k", "6700k"], ids=["no room for the rows", "room for the rows only"])
def disk(tmp_path, request):
    """Return a folder on a disk of its own with little space, if we may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(options, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a file system takes more rights than this run has")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def resumed(begun, url, path, **settings):
    """Resume a copy, which must end for want of space: it says so, and what was done before stays."""
    unfinished, targets = begun
    shutil.copytree(unfinished, path)
    process = collecting(url, path, "--resume", **settings)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 4, said
    assert said.startswith("error: ")
    assert "regionproof crashed" not in said
    assert "Free some space" in said
    assert "Traceback" not in said
    assert not (path / "snapshot.json").exists()
    writer = SnapshotWriter(path, resume=True)
    assert [target.region for target in targets if writer.done(target, Stage.IMAGES)] == ["eu-west-1", "us-east-1"]
    assert all(writer.done(target, Stage.CALLS) for target in targets)  # what there was room for stays, too


def test_a_full_disk_ends_a_run_in_good_order(begun, large, disk):
    resumed(begun, large.url, disk / "snapshot")


def test_a_file_that_may_not_grow_ends_a_run_in_good_order(begun, large, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    resumed(begun, large.url, tmp_path / "snapshot", preexec_fn=limit)
