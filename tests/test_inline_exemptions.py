"""Exemptions that stand in a template: they cover what they stand beside, live as long as they say, and no more."""

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.config import Config, IacMapping, pair
from scanner.finding import Exemption, ExemptionState, Status
from scanner.model import Location
from scanner.parsers import parse
from scanner.parsers.exemptions import Problem, Span, in_comments
from scanner.rule import load_rules
from scanner.scan import scan

RULE = "repository-exists-in-standby"
GOOD = f"# regionproof:ignore={RULE} until=2027-03-01 reason=Goes away in spring"
RULES = [rule for rule in load_rules() if rule.id in (RULE, "workload-image-not-pinned-to-primary")]
CONFIG = Config(
    accounts=("111122223333",),
    pairs=(pair({"primary": "us-east-1", "standby": "us-west-2"}),),
    iac=(IacMapping("east.*", None, "us-east-1"), IacMapping("west.*", None, "us-west-2")),
)
WEST = "Resources: {other: {Type: AWS::ECR::Repository, Properties: {RepositoryName: other}}}\n"


@pytest.fixture
def judged(tmp_path):
    def judge(text, name="east.yaml", today="2026-11-01"):
        (tmp_path / name).write_text(text)
        if not name.startswith("west"):
            (tmp_path / "west.yaml").write_text(WEST)
        return scan([tmp_path], RULES, CONFIG, datetime.fromisoformat(today).replace(tzinfo=UTC))

    return judge


def exempted(report):
    return {f.resource.name: f.exemption is not None for f in report.findings if f.status is Status.FAIL}


def states(report):
    return [(exemption.resource, state) for exemption, state in report.exemptions]


TWO = """\
Resources:
  {above}
  web: {after}
    Type: AWS::ECR::Repository
    Properties:
      RepositoryName: web
  api:
    Type: AWS::ECR::Repository
    Properties: {{RepositoryName: api}}
"""


@pytest.mark.parametrize(
    "text",
    [
        TWO.format(above=GOOD, after=""),
        TWO.format(above="", after=GOOD),
        TWO.format(above=f"{GOOD}\n  # and another word", after=""),
        TWO.format(above="# A word before.", after=GOOD),
        TWO.format(above="", after=f"\n    {GOOD}"),
        TWO.format(above=GOOD.replace("# ", "#"), after=""),
        TWO.format(above=GOOD, after="&named"),
        "Resources:\n  api: {Type: AWS::ECR::Repository, Properties: {RepositoryName: api}}\n"
        f"  web: {{Type: AWS::ECR::Repository, Properties: {{RepositoryName: web}}}}  {GOOD}\n",
    ],
)
def test_a_comment_covers_the_resource_it_stands_beside_and_no_other(judged, text):
    report = judged(text)
    assert exempted(report) == {"web": True, "api": False}
    assert states(report) == [("east.yaml#web", ExemptionState.ACTIVE)]
    (exemption, _), *_ = report.exemptions
    assert (exemption.owner, exemption.reason, exemption.expires) == (
        "east.yaml",
        "Goes away in spring",
        date(2027, 3, 1),
    )
    assert exemption.location.path == "east.yaml"
    assert exemption.location.line == next(n for n, line in enumerate(text.splitlines(), 1) if "regionproof" in line)
    assert report.complete


@pytest.mark.parametrize(
    "text",
    [
        TWO.format(above=f"{GOOD}\n", after=""),  # a blank line between
        f"{GOOD}\n\nResources:\n" + TWO.format(above="", after="").partition("\n")[2],
        TWO.format(above="", after="") + f"{GOOD}\n",
        TWO.format(above="", after="").replace("web\n", f"web  {GOOD}\n"),  # on a property the finding is not about
        TWO.format(above=GOOD.replace(RULE, "registry-replication-to-standby"), after=""),
    ],
)
def test_elsewhere_it_covers_nothing_and_is_reported_as_unused(judged, text):
    report = judged(text)
    assert exempted(report) == {"web": False, "api": False}
    assert [state for _, state in states(report)] == [ExemptionState.UNUSED]


def test_an_expired_one_covers_nothing_from_the_day_after(judged):
    text = TWO.format(above=GOOD, after="")
    assert exempted(judged(text, today="2027-03-01"))["web"]
    report = judged(text, today="2027-03-02")
    assert not exempted(report)["web"]
    assert states(report) == [("east.yaml#web", ExemptionState.EXPIRED)]


def test_one_comment_may_name_several_rules_and_its_keys_stand_in_any_order(judged):
    rules = f"{RULE},registry-replication-to-standby"
    text = f"# regionproof:ignore={rules} reason='It goes, owner says' owner=payments until=2027-03-01"
    report = judged(TWO.format(above=text, after=""))
    assert [(e.rule, e.owner, e.reason) for e, _ in report.exemptions] == [
        (RULE, "payments", "It goes, owner says"),
        ("registry-replication-to-standby", "payments", "It goes, owner says"),
    ]
    assert [state for _, state in states(report)] == [ExemptionState.ACTIVE, ExemptionState.UNUSED]


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        (f"# regionproof:ignore={RULE}", "until is missing"),
        (f"# regionproof:ignore={RULE} until=2027-03-01", "reason is missing"),
        (f"# regionproof:ignore={RULE} until=2027-03-01 reason=", "reason is missing"),
        (f"# regionproof:ignore={RULE} until=2027-03-01 reason=x owner=", "owner is missing"),
        (f"# regionproof:ignore={RULE} until=soon reason=x", "until is 'soon'"),
        (f"# regionproof:ignore={RULE} until=2027-02-30 reason=x", "until is '2027-02-30'"),
        (f"# regionproof:ignore={RULE} until=20270301 reason=x", "until is '20270301'"),
        (f"# regionproof:ignore={RULE} until=2027-03-01 until=2028-03-01 reason=x", "until= is there twice"),
        (f"# regionproof:ignore={RULE} for ever until=2027-03-01 reason=x", "'for ever' stands before"),
        (f"# regionproof:ignore={RULE}, until=2027-03-01 reason=x", "rule is missing"),
        ("# regionproof:ignore=* until=2027-03-01 reason=x", "'*' is not the id of a rule"),
        ("# regionproof:ignore until=2027-03-01 reason=x", "it is written regionproof:ignore=<rule>"),
        (f"# regionproof: ignore={RULE} until=2027-03-01 reason=x", "without blanks"),
        (f"# Regionproof:Ignore={RULE} until=2027-03-01 reason=x", "it is written"),
    ],
)
def test_what_cannot_be_understood_covers_nothing_and_is_said_with_its_line(judged, comment, message):
    report = judged(TWO.format(above=comment, after=""))
    assert exempted(report) == {"web": False, "api": False}
    assert report.exemptions == ()
    assert not report.complete
    (row,) = (row for row in report.coverage if row.missed)
    assert (row.operation, row.status) == ("east.yaml", "partial")
    assert row.message.startswith("east.yaml:2: regionproof:ignore: ")
    assert message in row.message


def test_every_problem_of_a_file_is_said(judged):
    report = judged(TWO.format(above="# regionproof:ignore=a", after="# regionproof:ignore=b"))
    (row,) = (row for row in report.coverage if row.missed)
    assert "east.yaml:2: " in row.message
    assert "east.yaml:3: " in row.message


def test_two_resources_on_one_line_are_ambiguous(judged):
    both = ", ".join(
        f"{n}: {{Type: AWS::ECR::Repository, Properties: {{RepositoryName: {n}}}}}" for n in ("web", "api")
    )
    report = judged(f"Resources:\n  {{{both}}}  {GOOD}\n")
    assert exempted(report) == {"web": False, "api": False}
    (row,) = (row for row in report.coverage if row.missed)
    assert "'east.yaml#web' and 'east.yaml#api' begin on one line" in row.message


TASK = """\
Resources:
  task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: api
      {list}
      ContainerDefinitions: {block}
        - Name: api
          {above}
          Image: 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1
        - {{Name: log, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/log:1"}} {item}
"""
PINNED = "# regionproof:ignore=workload-image-not-pinned-to-primary until=2027-03-01 reason=Both serve"


@pytest.mark.parametrize(
    ("place", "covered"),
    [
        ({"above": PINNED}, {"/ContainerDefinitions/0/Image"}),
        ({"item": PINNED}, {"/ContainerDefinitions/1/Image"}),
        ({"block": PINNED}, {"/ContainerDefinitions/0/Image", "/ContainerDefinitions/1/Image"}),
        ({"list": PINNED}, {"/ContainerDefinitions/0/Image", "/ContainerDefinitions/1/Image"}),
    ],
)
def test_beside_a_property_it_covers_what_points_into_that_property(judged, place, covered):
    report = judged(TASK.format(**{"list": "", "block": "", "above": "", "item": "", **place}), "west.yaml")
    pointers = {f.pointer: f.exemption is not None for f in report.findings if f.status is Status.FAIL}
    assert pointers == {
        f"/ContainerDefinitions/{n}/Image": f"/ContainerDefinitions/{n}/Image" in covered for n in (0, 1)
    }


def test_a_piece_of_the_registry_is_covered_where_it_is_written(judged, tmp_path):
    rules = [rule for rule in load_rules() if rule.id == "registry-replication-to-standby"]
    text = """\
Resources:
  policy: {Type: AWS::ECR::RegistryPolicy, Properties: {PolicyText: {}}}
  # regionproof:ignore=registry-replication-to-standby until=2027-03-01 reason=Pushed twice
  replication:
    Type: AWS::ECR::ReplicationConfiguration
    Properties: {ReplicationConfiguration: {Rules: []}}
"""
    (tmp_path / "east.yaml").write_text(text)
    report = scan([tmp_path], rules, CONFIG, datetime(2026, 11, 1, tzinfo=UTC))
    (failure,) = (finding for finding in report.findings if finding.status is Status.FAIL)
    assert failure.exemption


def metadata(ours):
    body = {"Type": "AWS::ECR::Repository", "Metadata": {"regionproof": ours}, "Properties": {"RepositoryName": "web"}}
    other = {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "api"}}
    return json.dumps({"Resources": {"web": body, "api": other}}, indent=1)


ENTRY = {"rule": RULE, "until": "2027-03-01", "reason": "Goes away in spring"}


@pytest.mark.parametrize("name", ["east.json", "east.yaml"])
def test_metadata_of_a_resource_covers_it(judged, name):
    report = judged(metadata({"ignore": [{**ENTRY, "owner": "payments"}]}), name)
    assert exempted(report) == {"web": True, "api": False}
    ((exemption, state),) = report.exemptions
    assert (exemption.resource, exemption.owner, state) == (f"{name}#web", "payments", ExemptionState.ACTIVE)
    assert exemption.location.line > 1


@pytest.mark.parametrize(
    ("ours", "message"),
    [
        ({"ignore": [{k: v for k, v in ENTRY.items() if k != "until"}]}, "until is missing"),
        ({"ignore": [{**ENTRY, "expires": "2027-03-01"}]}, "unknown key 'expires'"),
        ({"ignore": [{**ENTRY, "rule": [RULE]}]}, "rule is not text"),
        ({"ignore": [{**ENTRY, "until": {"Ref": "Day"}}]}, "until is not text"),
        ({"ignore": [RULE]}, "an entry is an object"),
        ({"ignore": ENTRY}, "holds a list `ignore`"),
        ({"ignore": [ENTRY], "more": 1}, "and nothing else"),
        ([], "holds a list `ignore`"),
    ],
)
def test_metadata_that_cannot_be_understood_covers_nothing(judged, ours, message):
    report = judged(metadata(ours), "east.json")
    assert exempted(report) == {"web": False, "api": False}
    (row,) = (row for row in report.coverage if row.missed)
    assert row.message.startswith("east.json:")
    assert message in row.message


def test_a_file_without_lines_exempts_nothing(judged):
    text = metadata({"ignore": [ENTRY]}).replace(
        '"RepositoryName": "api"', '"RepositoryName": "api", "X": "\\ud83d\\ude00\\udc00"'
    )
    report = judged(text, "east.json")
    assert exempted(report)["web"] is False
    (row,) = (row for row in report.coverage if row.missed)
    assert "gives no lines" in row.message


def test_what_an_account_shows_is_not_covered_by_a_file(judged):
    """The exemption is about the code; its span is lines, and a live resource has none."""
    report = judged(TWO.format(above=GOOD, after=""))
    (exemption, _), *_ = report.exemptions
    assert exemption.span.holds(Location("east.yaml", 4, 5))
    assert not exemption.span.holds(Location("other.yaml", 4, 5))
    assert not exemption.span.holds(Location("east.yaml", exemption.span.end_line, exemption.span.end_column))
    assert not Location("east.yaml", 1).holds(Location("east.yaml", 1))


def test_the_comments_of_any_format_are_read_alike():
    """Terraform's comments begin with # or //; the spans are its parser's to give."""
    text = f"resource {{\n  // {GOOD[2:]}\n  name = 1\n}}\n"
    span = Span("main.tf#name", frozenset({3}), 1, Location("main.tf", 3, 3, 3, 11))
    (found,) = in_comments(text, "main.tf", lambda: [span])
    assert isinstance(found, Exemption)
    assert (found.resource, found.span, found.location) == ("main.tf#name", span.location, Location("main.tf", 2, 3))
    (unused,) = in_comments(text, "main.tf", list)
    assert (unused.resource, unused.span.holds(unused.span)) == ("main.tf:2", False)


@given(st.text(alphabet=st.sampled_from("#/ \n:=abregionproof:ignore\u2028\r'\"-,"), max_size=80))
def test_any_text_gives_exemptions_or_problems_and_never_a_crash(text):
    text = f"# regionproof:ignore{text}"
    assert all(isinstance(one, Exemption | Problem) for one in in_comments(text, "a.tf", list))


@given(st.text(alphabet=st.sampled_from("{}[]:-#&*! \nab\"'"), max_size=40))
def test_a_comment_anywhere_in_a_template_never_stops_the_scan(tmp_path_factory, tail):
    file = tmp_path_factory.mktemp("any") / "a.yaml"
    file.write_text(f"Resources:\n  {GOOD}\n  web: {{Type: AWS::ECR::Repository}}\n  more: {tail}\n")
    parse(file, lambda path: [])
