"""What rule authors rely on: drafts that work, examples and fixtures that fail for the right reason and say where."""

import textwrap

import pytest

from scanner.cli import main
from scanner.rule import load_pack


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return stop.value.code, done.out, done.err

    return call


@pytest.mark.parametrize("more", [[], ["--python"]])
@pytest.mark.parametrize("name", ["tags-are-immutable", "x", "a1-b2"])
def test_a_draft_loads_and_its_examples_hold(run, tmp_path, name, more):
    code, out, err = run("rules", "new", f"team/{name}", *more)
    file = tmp_path / "rules" / "team" / f"{name}.{'py' if more else 'yaml'}"
    assert (code, err, file.is_file()) == (0, "", True)
    assert f"regionproof rules show team-{name} --rules rules" in out
    assert run("rules", "test", "rules") == (0, "1 rule, 5 examples: 0 wrong.\n", "")
    assert "## Examples" in run("rules", "show", f"team-{name}", "--rules", "rules")[1]
    (rule,) = load_pack(tmp_path / "rules")
    assert rule.id == f"team-{name}"


def test_rules_that_the_configuration_names_are_listed_and_shown(run, tmp_path):
    """A report says `regionproof rules show ID` of each rule that failed; that has to work."""
    run("rules", "new", "team/mine", "--rules", "ours")
    assert run("rules", "show", "team-mine")[0] == 2
    (tmp_path / "regionproof.yaml").write_text("version: 1\nrules: {paths: [ours]}\n")
    assert "  team-mine " in run("rules", "list")[1]
    assert run("scan", "ours", "--rules", "ours", "--select", "team")[2].startswith("error: ours: nothing to scan")
    for more in ([], ["--rules", "ours"]):
        assert run("rules", "show", "team-mine", *more)[1].startswith("# team-mine\n")
    assert "team-mine" not in run("rules", "list", "--config", tmp_path / "other.yaml")[1]


def test_a_draft_never_takes_the_place_of_a_rule(run, tmp_path):
    run("rules", "new", "team/mine", "--rules", "pack")
    before = (tmp_path / "pack" / "team" / "mine.yaml").read_bytes()
    for more in ([], ["--python"]):
        code, _, err = run("rules", "new", "team/mine", "--rules", "pack", *more)
        assert (code, "pack/team/mine.yaml: there is a rule already" in err) == (2, True)
    assert (tmp_path / "pack" / "team" / "mine.yaml").read_bytes() == before
    assert not (tmp_path / "pack" / "team" / "mine.py").exists()
    code, _, err = run("rules", "new", "registry/replication-to-standby")
    assert (code, "is taken by" in err) == (2, True)


@pytest.mark.parametrize(
    "path",
    ["mine", "team/", "/mine", "Team/mine", "team/mine.yaml", "../team/mine", "team/a--b", "my-team/mine", "a/b/c"],
)
def test_a_name_that_cannot_be_an_id_is_refused(run, tmp_path, path):
    code, _, err = run("rules", "new", path)
    assert (code, "is not GROUP/NAME" in err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_the_group_of_fixtures_is_taken(run):
    assert "where a pack keeps its fixtures" in run("rules", "new", "tests/mine")[2]


@pytest.fixture
def pack(run, tmp_path):
    """A pack with one rule and one fixture in which `web` fails and `api` passes."""
    run("rules", "new", "team/immutable-tags", "--rules", "pack")
    case = tmp_path / "pack" / "tests" / "mutable"
    case.mkdir(parents=True)
    (case / "stack.yaml").write_text(
        textwrap.dedent("""\
        Resources:
          web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: web}}
          api: {Type: AWS::ECR::Repository, Properties: {RepositoryName: api, ImageTagMutability: IMMUTABLE}}
          job: {Type: AWS::ECR::Repository, Properties: {RepositoryName: job, ImageTagMutability: {Ref: Tags}}}
        """)
    )
    (case / "regionproof.yaml").write_text(
        "version: 1\naccounts: ['111122223333']\niac: [{path: stack.yaml, region: us-east-1}]\n"
    )
    expect(case, WEB, JOB)
    return tmp_path / "pack"


WEB = "{rule: team-immutable-tags, resource: '*repository/web', pointer: /ImageTagMutability}"
JOB = "{rule: team-immutable-tags, status: unknown, resource: '*repository/job'}"
API = "{rule: team-immutable-tags, status: pass, resource: '*repository/api'}"


def expect(case, *findings):
    (case / "expected.yaml").write_text("findings:\n" + "".join(f"  - {finding}\n" for finding in findings))


@pytest.mark.parametrize("findings", [(WEB, JOB), (WEB, JOB, API)])
def test_a_fixture_holds(run, pack, findings):
    expect(pack / "tests" / "mutable", *findings)
    assert run("rules", "test", "pack") == (0, "1 rule, 5 examples, 1 fixture: 0 wrong.\n", "")


@pytest.mark.parametrize(
    ("findings", "lines"),
    [
        (
            [JOB],
            [
                "pack/tests/mutable/expected.yaml: team-immutable-tags gives fail for "
                "'arn:aws:ecr:us-east-1:111122223333:repository/web' at '/ImageTagMutability', which is not expected"
            ],
        ),
        ([WEB], ["team-immutable-tags gives unknown for 'arn:aws:ecr:us-east-1:111122223333:repository/job'"]),
        (
            [WEB, JOB, WEB.replace("web", "api")],
            ["pack/tests/mutable/expected.yaml:4: team-immutable-tags should give fail for '*repository/api' at"],
        ),
        ([WEB, JOB, WEB.replace("web", "gone")], ["but gives nothing"]),
        (
            [WEB.replace("/ImageTag", "/Tag"), JOB],
            ["expected.yaml:2: ", "which is not expected: The tags of repository 'web' are 'MUTABLE'"],
        ),
    ],
)
def test_a_fixture_fails_on_what_is_missing_and_on_what_is_not_expected(run, pack, findings, lines):
    expect(pack / "tests" / "mutable", *findings)
    code, out, _ = run("rules", "test", "pack")
    assert code == 1
    assert out.count("\n") == len(lines) + 1
    for line in lines:
        assert line in out
    assert out.endswith(f"1 fixture: {len(lines)} wrong.\n")


def test_a_rule_in_no_fixture_is_named(run, pack):
    run("rules", "new", "team/other", "--rules", "pack")
    expect(
        pack / "tests" / "mutable",
        WEB,
        JOB,
        WEB.replace("immutable-tags", "other"),
        JOB.replace("immutable-tags", "other"),
    )
    assert "In no fixture" not in run("rules", "test", "pack")[1]
    (pack / "team" / "third.yaml").write_text(
        (pack / "team" / "other.yaml").read_text().replace("Repository", "Registry")
    )
    assert "In no fixture: team-third.\n" in run("rules", "test", "pack")[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("findings: [", "expected.yaml:2:1: "),
        ("findings: [{rule: team-immutable-tags}]", "expected.yaml:1: 'resource' is a required property"),
        ("findings:\n  - {rule: team-immutable-tag, resource: '*'}", "expected.yaml:2: no rule 'team-immutable-tag'"),
        ("", "expected.yaml: the file is empty"),
        ("findings: []\nmore: 1", "'more' was unexpected"),
        ("as_of: tomorrow\nfindings: []", "expected.yaml:1: 'tomorrow' does not match"),
    ],
)
def test_an_expectation_that_cannot_be_meant_is_refused_with_its_line(run, pack, text, message):
    (pack / "tests" / "mutable" / "expected.yaml").write_text(text)
    code, _, err = run("rules", "test", "pack")
    assert (code, message in err) == (2, True), err


def test_a_fixture_that_expects_nothing_said_is_not_passed_over(run, pack):
    (pack / "tests" / "mutable" / "expected.yaml").rename(pack / "tests" / "mutable" / "expected.yml")
    (pack / "tests" / "__pycache__").mkdir()
    code, _, err = run("rules", "test", "pack")
    assert (code, "pack/tests/mutable: a fixture without expected.yaml" in err) == (2, True), err


def test_a_fixture_with_nothing_to_scan_is_refused(run, pack):
    (pack / "tests" / "mutable" / "stack.yaml").unlink()
    code, _, err = run("rules", "test", "pack")
    assert (code, "pack/tests/mutable: " in err) == (2, True), err


def test_an_example_that_does_not_hold_is_named_with_its_line(run, pack):
    file = pack / "team" / "immutable-tags.yaml"
    text = file.read_text().replace("- {}  # AWS's default", "- {ImageTagMutability: IMMUTABLE}")
    file.write_text(text)
    line = text.splitlines().index("    - {ImageTagMutability: IMMUTABLE}", text.splitlines().index("  fail:")) + 1
    for path in ("pack", "pack/team/immutable-tags.yaml"):
        code, out, _ = run("rules", "test", path)
        assert code == 1
        assert f"pack/team/immutable-tags.yaml:{line}: example 2 under `fail` gives pass: " in out


@pytest.mark.parametrize(
    ("prepare", "path", "message"),
    [
        (lambda here: None, "none", "none: no such file or folder"),
        (lambda here: (here / "empty").mkdir(), "empty", "empty: no rules in this folder"),
        (lambda here: (here / "a.txt").write_text(""), "a.txt", "a.txt: not a rule"),
    ],
)
def test_a_path_without_rules_is_refused(run, tmp_path, prepare, path, message):
    prepare(tmp_path)
    code, out, err = run("rules", "test", path)
    assert (code, out, message in err) == (2, "", True), err


def test_two_files_of_one_id_are_refused(run, pack):
    (pack / "team" / "immutable-tags.py").write_text('"""\n"""\n')
    run("rules", "new", "team/immutable-tags", "--rules", "other", "--python")
    (pack / "team" / "immutable-tags.py").write_text((pack.parent / "other/team/immutable-tags.py").read_text())
    code, _, err = run("rules", "test", "pack")
    assert (code, "rule id 'team-immutable-tags' is taken by" in err) == (2, True)


def test_a_link_out_of_the_pack_is_refused(run, pack, tmp_path):
    outside = tmp_path / "outside.yaml"
    (pack / "team" / "immutable-tags.yaml").rename(outside)
    (pack / "team" / "linked.yaml").symlink_to(outside)
    code, _, err = run("rules", "test", "pack")
    assert (code, "pack/team/linked.yaml:1: it is a link to" in err) == (2, True)


def test_what_begins_with_an_underscore_is_no_rule(run, pack):
    (pack / "__init__.py").write_text("")
    (pack / "team" / "__init__.py").write_text("")
    (pack / "_drafts").mkdir()
    (pack / "_drafts" / "broken.yaml").write_text("[")
    assert run("rules", "test", "pack")[0] == 0


def test_an_expression_that_nests_without_end_is_refused(run, pack):
    file = pack / "team" / "immutable-tags.yaml"
    file.write_text(file.read_text().replace("assert: starts", f"assert: {'(' * 5000}starts"))
    code, _, err = run("rules", "test", "pack")
    assert (code, "immutable-tags.yaml:" in err, "Traceback" in err) == (2, True, False)
