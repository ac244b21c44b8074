"""A collection in shards: every account in one of them, and a snapshot of all, or none."""

import json
import shutil
from collections import Counter

import pytest
from clones import HOME
from hypothesis import given
from hypothesis import strategies as st

from scanner.cli import main
from scanner.collectors.live import collect
from scanner.collectors.scheduler import Limits
from scanner.demo import estate
from scanner.errors import SnapshotError, UsageError
from scanner.merging import merge
from scanner.serve import serve
from scanner.snapshot import Snapshot
from scanner.split import Shard

accounts = st.from_regex(r"[0-9]{12}", fullmatch=True)


ESTATE = estate()


def clock():
    return ESTATE.at


@pytest.mark.parametrize("text", ["1", "8/8", "0/0", "-1/8", "1/8/2", "a/b", "", "1/", "٣/8", " 1/8", "1/8 "])
def test_a_shard_that_there_is_not_is_refused(text):
    with pytest.raises(UsageError, match="--shard"):
        Shard.parse(text)


@given(accounts, st.integers(1, 500))
def test_every_account_is_of_one_shard(account, of):
    assert [index for index in range(of) if Shard(index, of).holds(account)] == [
        index for index in range(of) if Shard.parse(f"{index}/{of}").holds(account)
    ]
    assert sum(Shard(index, of).holds(account) for index in range(of)) == 1


def test_shards_are_about_as_large_as_each_other():
    ids = [f"{number:012}" for number in range(100_000_000_000, 100_000_004_000)]
    counts = Counter(next(index for index in range(8) if Shard(index, 8).holds(id)) for id in ids)
    assert min(counts.values()) > 400 < 600 > max(counts.values())


OF = 4


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """Return the folders of the shards of the demo estate, and of the same as one snapshot."""
    folder = tmp_path_factory.mktemp("shards")
    with pytest.MonkeyPatch.context() as patch, serve(ESTATE) as endpoint:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for shard in (None, *(Shard(index, OF) for index in range(OF))):
            collect(
                folder / (f"shard-{shard.index}" if shard else "whole"),
                clock=clock,
                accounts=HOME,
                regions=["us-east-1", "us-west-2"],
                role_name="RegionproofReadOnly",
                services=["ecr"],
                endpoint_url=endpoint.url,
                limits=Limits(paced=False),
                shard=shard,
            )
    return folder


def shards(folder):
    return [folder / f"shard-{index}" for index in range(OF)]


@pytest.fixture
def mine(collected, tmp_path):
    """Return a copy of the shards, to be changed."""
    shutil.copytree(collected, tmp_path / "mine")
    return tmp_path / "mine"


def edit(shard, /, **changes):
    manifest = json.loads((shard / "snapshot.json").read_text())
    (shard / "snapshot.json").write_text(json.dumps(manifest | changes))


def test_merged_shards_are_what_one_run_collects(collected, tmp_path):
    merged = merge(shards(collected)[::-1], tmp_path / "merged")
    whole = Snapshot.open(collected / "whole")
    assert merged == whole
    assert (merged.shard, {target.account for target in merged.targets}) == (None, set(HOME))
    sizes = [len(Snapshot.open(shard).targets) for shard in shards(collected)]
    assert 0 in sizes  # nobody's mistake
    assert sum(sizes) == len(whole.targets)


def test_an_interrupted_merge_is_done_again(collected, tmp_path):
    source = next((collected / "whole" / "targets").iterdir())
    shutil.copytree(source, tmp_path / "merged" / "targets" / source.name)
    assert merge(shards(collected), tmp_path / "merged") == Snapshot.open(collected / "whole")
    with pytest.raises(UsageError, match="never overwritten"):
        merge(shards(collected), tmp_path / "merged")


def test_missing_shards_are_named(collected, tmp_path):
    with pytest.raises(UsageError, match=r"of 4 shards 2 are missing: 1/4, 3/4$"):
        merge([shards(collected)[2], shards(collected)[0]], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_shard_that_is_named_twice_is_refused(mine, tmp_path):
    shutil.copytree(mine / "shard-1", mine / "again")
    with pytest.raises(UsageError, match=r"again and .*shard-1 are both shard 1/4"):
        merge([*shards(mine), mine / "again"], tmp_path / "merged")


def test_a_whole_snapshot_is_no_shard(collected, tmp_path):
    with pytest.raises(UsageError, match="is a whole snapshot"):
        merge([collected / "whole"], tmp_path / "merged")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shard": {"index": 1, "of": 5}}, "another number of shards"),
        ({"tool": {"name": "regionproof", "version": "0"}}, "another version of regionproof"),
        ({"botocore_version": "0"}, "another version of botocore"),
    ],
)
def test_shards_of_different_collections_are_refused(mine, tmp_path, changes, message):
    edit(mine / "shard-1", **changes)
    with pytest.raises(UsageError, match=f"shard-1 was collected with {message} than .*shard-0"):
        merge(shards(mine), tmp_path / "merged")


def test_shards_of_two_configurations_are_refused(mine, tmp_path):
    for number, shard in enumerate(shards(mine)):
        edit(shard, config_sha256=str(number % 2) * 64)
    with pytest.raises(UsageError, match=r"shard-1 was collected with another configuration than .*shard-0"):
        merge(shards(mine), tmp_path / "merged")


def full(folder):
    return next(shard for shard in shards(folder) if Snapshot.open(shard).targets)


def test_shards_of_other_services_are_refused(mine, tmp_path):
    manifest = json.loads((full(mine) / "snapshot.json").read_text())
    edit(full(mine), targets=[target | {"services": ["ecs"]} for target in manifest["targets"]])
    with pytest.raises(UsageError, match="other services"):
        merge(shards(mine), tmp_path / "merged")


def test_a_shard_without_the_configuration_of_the_others_is_refused(mine, tmp_path):
    for shard in shards(mine)[1:]:
        edit(shard, config_sha256="0" * 64)
    with pytest.raises(UsageError, match="some without"):
        merge(shards(mine), tmp_path / "merged")


def test_a_target_in_a_shard_that_is_not_its_own_is_refused(mine, tmp_path):
    shard = full(mine)
    number = Snapshot.open(shard).shard.index
    other = mine / f"shard-{(number + 1) % OF}"
    edit(shard, shard={"index": (number + 1) % OF, "of": OF})
    edit(other, shard={"index": number, "of": OF})
    with pytest.raises(UsageError, match="which is not of shard"):
        merge(shards(mine), tmp_path / "merged")


def test_a_damaged_shard_is_named(mine, tmp_path):
    part = next(full(mine).rglob("calls.jsonl.gz"))
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(SnapshotError, match="is damaged"):
        merge(shards(mine), tmp_path / "merged")


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    return stop.value.code


def test_the_command_line_merges(collected, tmp_path, capsys):
    assert run("collect", "--merge", *shards(collected), "-o", tmp_path / "merged") == 0
    assert "Merged 4 shards" in capsys.readouterr().err
    assert Snapshot.open(tmp_path / "merged") == Snapshot.open(collected / "whole")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--merge", "-o", "x"], "no shards are named"),
        (["--merge", "shard-0"], "no folder to write the snapshot to"),
        (["shard-0", "-o", "x"], "add --merge"),
        (["--shard", "8/8", "-o", "x"], "there is no shard 8/8"),
    ],
)
def test_the_command_line_says_what_is_wrong(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("collect", *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_shard_alone_is_not_scanned(collected, capsys):
    assert run("scan", full(collected)) == 2
    assert "Merge all of them first" in capsys.readouterr().err
