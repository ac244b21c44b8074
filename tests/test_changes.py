"""What git says differs: which lines, and how the code was."""

import subprocess

import pytest

from scanner.changes import before, since
from scanner.errors import UsageError
from scanner.model import Location


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "gitconfig").write_text("[user]\nname = t\nemail = t@example.com\n[diff]\nnoprefix = true\n")
    folder = tmp_path / "repository"
    (folder / "infra").mkdir(parents=True)
    git(folder, "init", "-q")
    return folder


def git(folder, *arguments):
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")


TEN = "".join(f"line {n}\n" for n in range(1, 11))


@pytest.mark.parametrize(
    ("text", "touched"),
    [
        (TEN, []),
        (TEN.replace("line 3\n", "line three\n"), [3]),
        (TEN.replace("line 3\n", "line 3\nmore\nmore\n"), [4, 5]),
        (TEN.replace("line 3\n", ""), [2, 3]),  # the lines between which something was
        (TEN.replace("line 1\n", ""), [1]),
        (TEN + "end", [11]),
        (TEN.replace("line 2\n", "2\n").replace("line 9\n", "9\n"), [2, 9]),
        (TEN.replace("\n", "\r\n"), list(range(1, 11))),
    ],
)
def test_lines_that_differ(repository, text, touched):
    commit(repository, {"infra/a.tf": TEN})
    (repository / "infra/a.tf").write_text(text, newline="")
    changes = since("HEAD", repository / "infra", "infra/")
    assert [n for n in range(1, 13) if changes.touches(Location("infra/a.tf", n))] == touched
    assert changes.touches(Location("infra/a.tf", 1, 1, 12, 1)) is bool(touched)
    assert not changes.touches(Location("infra/b.tf", 3))


def test_a_block_is_touched_by_a_line_inside_it_and_by_none_beside_it(repository):
    commit(repository, {"infra/a.tf": TEN})
    (repository / "infra/a.tf").write_text(TEN.replace("line 5\n", "five\n"))
    changes = since("HEAD", repository / "infra", "")
    ranges = {(1, 4): False, (1, 5): True, (4, 6): True, (5, 9): True, (6, 9): False}
    assert {(a, b): changes.touches(Location("a.tf", a, 1, b, 9)) for a, b in ranges} == ranges


def test_committed_staged_and_new_files_differ_from_a_branch(repository):
    commit(repository, {"infra/a.tf": "1\n", "infra/b.tf": "1\n", "other/c.tf": "1\n", ".gitignore": "*.bak\n"})
    git(repository, "branch", "base")
    commit(repository, {"infra/a.tf": "2\n", "other/c.tf": "2\n"})
    (repository / "infra/b.tf").write_text("2\n")
    git(repository, "add", "infra/b.tf")
    for name in ("new.tf", "ignored.bak", 'odd "näme"\t.tf'):
        (repository / "infra" / name).write_text("1\n")
    assert set(since("base", repository / "infra", "").lines) == {"a.tf", "b.tf", "new.tf", 'odd "näme"\t.tf'}
    assert set(since("base", repository, "").lines) >= {"infra/a.tf", "other/c.tf"}


def test_a_line_that_looks_like_the_header_of_a_file_is_none(repository):
    commit(repository, {"infra/a.tf": TEN, "infra/b.tf": TEN})
    text = "++ b/c.tf\n@@ -1 +1 @@\n-- a/c.tf\n" + TEN.replace("line 9\n", "nine\n")
    (repository / "infra/a.tf").write_text(text)
    (repository / "infra/b.tf").write_text("++ b/a.tf")  # no newline at its end
    found = since("HEAD", repository / "infra", "")
    assert found.lines == {"a.tf": [(1, 3), (12, 12)], "b.tf": [(1, 1)]}
    assert found.texts["a.tf"] == {1: "++ b/c.tf", 2: "@@ -1 +1 @@", 3: "-- a/c.tf", 12: "nine"}


def test_files_that_are_called_otherwise_or_are_gone(repository):
    commit(repository, {"infra/a.tf": TEN, "infra/b.tf": TEN[:30], "infra/c.tf": "c\n"})
    git(repository, "mv", "infra/a.tf", "infra/new.tf")
    (repository / "infra/new.tf").write_text(TEN + "more\n")
    (repository / "infra/b.tf").unlink()
    (repository / "infra/c.tf").rename(repository / "infra/same.tf")
    git(repository, "add", "-A")
    found = since("HEAD", repository / "infra", "x/")
    assert (found.lines, found.names) == ({"x/new.tf": [(11, 11)]}, {"x/a.tf": "x/new.tf", "x/b.tf": None})


def test_names_that_git_quotes(repository):
    commit(repository, {'infra/odd "näme"\t\\.tf': TEN})
    (repository / "infra" / 'odd "näme"\t\\.tf').write_text(TEN + "more\n")
    assert list(since("HEAD", repository / "infra", "x/").lines) == ['x/odd "näme"\t\\.tf']


def test_how_the_code_was(repository):
    commit(repository, {"infra/a.tf": "old\n", "infra/gone.tf": "gone\n", "infra/deep/b.tf": "b\n"})
    (repository / "infra" / "link.tf").symlink_to("/etc/hostname")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "link")
    commit(repository, {"infra/a.tf": "new\n"})
    (repository / "infra/gone.tf").unlink()
    with before("HEAD~1", repository / "infra") as copy:
        found = {path.relative_to(copy).as_posix(): path.read_text() for path in copy.rglob("*") if path.is_file()}
        assert found == {"a.tf": "old\n", "gone.tf": "gone\n", "deep/b.tf": "b\n"}
    assert not copy.exists()


def test_a_folder_that_was_not_there_held_nothing(repository):
    commit(repository, {"readme": "x"})
    commit(repository, {"infra/a.tf": "x"})
    with before("HEAD~1", repository / "infra") as copy:
        assert list(copy.iterdir()) == []


@pytest.mark.parametrize("revision", ["nope", "--upload-pack=x", "-x", "HEAD:infra", "", "HEAD~99"])
def test_no_revision(repository, revision):
    commit(repository, {"infra/a.tf": "x"})
    with pytest.raises(UsageError, match="--changed-since"):
        since(revision, repository / "infra", "")


def test_no_repository(tmp_path):
    with pytest.raises(UsageError, match="--changed-since"):
        since("HEAD", tmp_path, "")


def test_no_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git cannot be run"):
        since("HEAD", tmp_path, "")


def test_what_the_repository_configures_is_not_run(repository):
    commit(repository, {"infra/a.tf": "1\n", ".gitattributes": "*.tf diff=evil filter=evil\n"})
    trap = repository / "ran"
    for key in ("diff.evil.command", "diff.evil.textconv", "diff.external", "core.fsmonitor", "core.pager"):
        git(repository, "config", key, f"touch {trap}; false")
    (repository / "infra/a.tf").write_text("2\n")
    assert list(since("HEAD", repository / "infra", "").lines) == ["a.tf"]
    with before("HEAD", repository / "infra"):
        assert not trap.exists()
