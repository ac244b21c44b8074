"""The HTML report answers the owner's question first, fetches nothing, and lets nothing from the estate run."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections import Counter
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from html.parser import HTMLParser

import drills
import pytest
import reports

from scanner.finding import NOT_ENABLED, Coverage, Finding, Origin, Report, Severity, Status, Tier
from scanner.model import Pair, Place
from scanner.outcome import Outcome, Recovery, State
from scanner.reporters import REPORTERS
from scanner.reporters.brief import brief
from scanner.reporters.by_workload import by_tier
from scanner.reporters.html import findings as table
from scanner.reporters.html import recoveries
from scanner.reporters.html.heatmap import MOST_ACCOUNTS, heat_map
from scanner.reporters.html.prose import link, markdown
from scanner.reporters.html.topology import pictures
from scanner.reporters.kinds import type_word

NAMES = ["sample", "clean", "nothing", "hostile"]
VOID = {"meta", "input", "br", "link", "hr", "img"}
OPTIONAL_END = {"td", "th", "tr", "dt", "dd", "option", "li", "col"}
PAIR = Pair(reports.EAST, reports.WEST, "warm-standby", timedelta(hours=1), timedelta(minutes=30))


def written(report: Report) -> str:
    out = io.StringIO()
    REPORTERS["html"].write(report, out)
    return out.getvalue()


class Page(HTMLParser):
    """The parts of a page, and whether its tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: Counter[str] = Counter()
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self.headings: list[int] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        if tag == "thead" and self._open[-1] == "colgroup":
            self._open.pop()
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID | {"col", "path", "rect"}:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        while self._open[-1] != tag and self._open[-1] in OPTIONAL_END:
            self._open.pop()
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] in self.raw:
            self.raw[self._open[-1]].append(data)
        else:
            self.texts[" ".join(data.split())] += 1

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(self.texts)


@pytest.mark.parametrize("name", NAMES)
def test_structure(name):
    """Tags nest, ids are unique, links inside the page lead somewhere, headings leave no level out."""
    page = Page(written(getattr(reports, name)()))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.of("a") if a["href"].startswith("#")} <= set(ids)
    named = {a[key] for _, a in page.tags for key in ("aria-labelledby",) if key in a}
    assert named <= set(ids)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(page.headings, page.headings[1:], strict=False))
    order = ["workloads", "replication", "coverage", "findings", "gaps", "exemptions", "controls", "rules"]
    assert [a["id"] for a in page.of("section") if "id" in a] == order
    assert page.of("html") == [{"lang": "en"}]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_fetched_and_nothing_but_our_own_script_may_run(name):
    text = written(getattr(reports, name)())
    page = Page(text)
    assert text.count("<script") == text.count("<style") == 1
    policy = next(a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    digests = {
        kind: base64.b64encode(hashlib.sha256("".join(page.raw[kind]).encode()).digest()).decode() for kind in page.raw
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests['style']}'; script-src 'sha256-{digests['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    for tag, attributes in page.tags:
        assert not {"src", "srcset", "data", "action", "style", "poster", "srcdoc"} & attributes.keys(), tag
        assert not [key for key in attributes if key.startswith("on")], tag
        if "href" in attributes and not attributes["href"].startswith("#"):
            assert tag == "a"
            assert attributes["href"].startswith("https://")
            assert attributes["rel"] == "noreferrer noopener"
    assert not re.search(
        r"url\(|@import|fetch\(|XMLHttp|innerHTML|eval\(", "".join(page.raw["style"] + page.raw["script"])
    )


def test_what_names_say_is_text():
    text = written(reports.hostile())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\ud800-\udfff]", text)
    assert "javascript:x" in Page(text).text
    assert len(text.encode()) < 300_000


def test_same_report_same_bytes_whatever_the_order_of_what_has_none():
    report = reports.sample()
    turned = replace(
        report, coverage=report.coverage[::-1], exemptions=report.exemptions[::-1], rules=report.rules[::-1]
    )
    assert written(report) == written(reports.sample()) == written(turned)


def test_a_finding_carries_its_evidence_and_its_rule_the_fix():
    page = Page(written(reports.sample()))
    for part in (
        f"The digest 'sha256:{'5f' * 6}…' that container 'app' runs is not in 'us-west-2'.",
        f"The digest '{reports.DIGEST}' that container 'app' runs is not in 'us-west-2'.",
        f"arn:aws:ecs:us-east-1:{reports.ACCOUNT}:service/payments/api",
        f"known not to exist in {reports.ACCOUNT}/us-west-2",
        f"not seen in {reports.OTHER}/eu-central-1",
        reports.PRESENT.id,
        f'digests: ["{reports.DIGEST}"]',
        "ecs:DescribeServices",
        "infra/stacks/ecr #1.yaml:16:7",
        "/ImageTagMutability",
        "until 2027-03-01, platform: Sandboxes are not recovered",
        "Push the image to the standby, or start a replication backfill.",
        "aws ecr help",
        f"sha256:{'2d' * 32}",
        f"sha256:{'0f' * 32}",
    ):
        assert part in page.text, part
    assert "RFC 1925" not in [a["href"] for a in page.of("a")]


def test_what_is_unknown_stands_below_its_cause_and_says_which_rule_asked():
    text = written(reports.sample())
    cause = "ecr:GetLifecyclePolicy in 111122223333/us-west-2: AccessDeniedException."
    heading = re.search(rf"<h3 id=\"g\d\">{re.escape(cause)}</h3><span class=\"facts\">4 verdicts", text)
    assert heading
    assert "The policies admit the same accounts" not in text[heading.start() :].partition("</table>")[0]
    assert text.count(f'data-rule="{reports.POLICY_RULE.id}" data-severity="high"><td>team/') == 3


def test_counts_are_links_to_the_rows_they_count():
    page = Page(written(reports.sample()))
    links = [tuple(sorted((k, v) for k, v in a.items() if k.startswith("data-"))) for a in page.of("a")]
    assert (("data-severity", "critical"), ("data-status", "fail")) in links
    assert (("data-status", "unknown"),) in links
    assert (("data-account", reports.OTHER), ("data-region", "eu-west-1")) in links
    assert (("data-rule", reports.POLICY_RULE.id), ("data-status", "unknown")) in links
    groups = [a["data-status"] for a in page.of("div") if a.get("class") == "group"]
    assert groups == ["fail", "fail", "fail", "unknown", "exempted"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"origin": Origin.CHANGE}, "new with the change"),
        ({"origin": Origin.BOTH}, "live and in code"),
        ({}, None),
    ],
)
def test_origin_is_shown_where_it_is_known(fields, expected):
    row = table.findings(with_findings(fail(**fields))).groups[0].rows[0]
    assert row.notes == ((expected,) if expected else ())


def test_what_is_declared_is_in_no_place_and_what_says_no_place_is_said_so():
    tier = replace(reports.repository("gold"), type="Regionproof::Recovery::Tier", account=None, region=None)
    nowhere = replace(reports.repository("x"), account=None, region=None)
    abroad = replace(reports.PRESENT, account=reports.OTHER)
    for resource, counterpart, place in (
        (tier, None, ("", "declared")),
        (nowhere, None, ("not known", "not known")),
        (reports.repository("y"), None, (reports.ACCOUNT, "us-east-1")),
        (reports.repository("y"), reports.PRESENT, (reports.ACCOUNT, "us-east-1 → us-west-2")),
        (reports.repository("y"), abroad, (reports.ACCOUNT, f"us-east-1 → {reports.OTHER}/us-west-2")),
    ):
        found = reports.finding(reports.PARITY_RULE, Status.FAIL, resource, "No.", counterpart=counterpart)
        (row,) = table.findings(with_findings(found)).groups[0].rows
        assert (row.account, row.region) == place


def test_evidence_is_cut_and_says_so():
    evidence = {f"key-{at:02}": "x" * 1000 for at in range(20)}
    related = tuple(reports.repository(f"r{at}") for at in range(5))
    (group,) = table.findings(with_findings(fail(evidence=evidence, related=related))).groups
    told = {detail.term: detail.text for detail in group.rows[0].details}
    assert told["Evidence"].splitlines()[-1] == "and 4 more"
    assert max(map(len, told["Evidence"].splitlines())) < 420
    code = {detail.term for detail in group.rows[0].details if detail.code}
    assert code == {"ARN", "Evidence", "Related"}  # nothing in the standby has an ARN to copy
    assert told["Related"].endswith("repository/r2 and 2 more")


def test_what_limits_the_report_stands_below_the_headline():
    off = Coverage(reports.ACCOUNT, "ap-east-1", "account", "account:ListRegions", NOT_ENABLED, 0, message="DISABLED")
    limited = replace(
        reports.sample(),
        not_shown=7,
        changed_since="main",
        unseen=(reports.WEST,) * 9,
        pairs_derived=True,
        coverage=(off,),
    )
    text = Page(written(limited)).text
    for sentence in (
        "7 verdicts that concern no line changed since main not shown: this is a part of the verdicts",
        "The pairs are derived from the registries' replication rules.",
        "111122223333/us-west-2 and 1 more, which are 9 primaries of pairs: no verdict is about them.",
        "Not enabled: ap-east-1 in 111122223333 (DISABLED).",
    ):
        assert sentence in text
    assert "There are no pairs, so nothing was compared with a standby." in Page(written(reports.nothing())).text


def test_a_narrowed_report_does_not_take_what_it_leaves_out_for_unseen_or_as_needed():
    narrowed = with_findings(tiers=(Tier("gold"),), not_shown=7)
    narrowed = replace(narrowed, pairs=reports.sample().pairs)
    text = Page(written(narrowed)).text
    assert "No workload of this tier was seen." in text
    assert "No verdict that is shown compares the two." in text
    assert "what passes by them may fail by others" in text
    whole = Page(written(replace(narrowed, not_shown=0))).text
    assert "Nothing was compared." in whole
    assert "by others" not in whole


def test_failures_of_the_baseline_that_nobody_could_judge_again_are_shown():
    text = Page(written(with_findings(PASS, baseline=reports.baseline()))).text
    assert "Compared with monday.json, as of 2026-11-20 06:00 UTC; failures: 0 new, 0 unchanged, 0 updated" in text
    assert "Failures of the baseline that could not be judged again, and may still be there" in text
    assert f"{reports.DIGEST_RULE.id}: shop/lost undecided now: A call was denied." in text
    assert "shop/mended" not in text
    assert "may still be there" not in Page(written(with_findings(PASS))).text


@pytest.mark.parametrize(("number", "said"), [(1, "1</b> does not recover"), (2, "2</b> do not recover")])
def test_a_tier_counts_its_workloads_in_words(number, said):
    found = [fail(name=f"shop/{n}") for n in range(number)]
    assert said in written(with_findings(*found))


@pytest.mark.parametrize(
    ("type", "word"),
    [
        ("AWS::ECS::Service", "ECS service"),
        ("AWS::EKS::Nodegroup", "EKS node group"),
        ("AWS::KMS::Key", "KMS Key"),
        ("Kubernetes::Deployment", "Kubernetes Deployment"),
    ],
)
def test_types_are_called_as_people_call_them(type, word):
    assert type_word(type) == word


def test_the_worst_come_first_and_what_is_accepted_last():
    found = [
        replace(fail(exemption=reports.WAIVED), message="Accepted."),
        replace(UNKNOWN, severity=Severity.CRITICAL, message="Open."),
        replace(fail(Severity.LOW), message="Low."),
        replace(fail(), message="Worst."),
    ]
    groups = table.findings(with_findings(*found)).groups
    assert [(group.status, group.title) for group in groups] == [
        ("fail", reports.DIGEST_RULE.title),
        ("fail", reports.DIGEST_RULE.title),
        ("unknown", "Open."),
        ("exempted", reports.DIGEST_RULE.title),
    ]
    big = many(2500)
    accepted = tuple(replace(one, exemption=reports.WAIVED) for one in big.findings[:1500])
    undecided = tuple(replace(one, status=Status.UNKNOWN) for one in big.findings[:400])
    shown = table.findings(replace(big, findings=(*accepted, *undecided, *big.findings[-1800:])))
    assert Counter({group.status: len(group.rows) for group in shown.groups if group.status != "fail"}) == Counter(
        unknown=200
    )


def test_a_message_is_told_in_full_where_its_digests_were_cut():
    long = replace(fail(), message=f"Runs '{reports.DIGEST}'.")
    rows = [table.findings(with_findings(one)).groups[0].rows[0] for one in (long, fail())]
    assert [row.message for row in rows] == ["Runs 'sha256:5f5f5f5f5f5f…'.", "Not there."]
    assert [row.details[0].term for row in rows] == ["In full", "ARN"]
    unknown = replace(UNKNOWN, message=f"'{reports.DIGEST}' was not seen.")
    (row,) = table.findings(with_findings(unknown)).groups[0].rows
    assert [detail.text for detail in row.details if reports.DIGEST in detail.text] == [unknown.message]


@dataclass(frozen=True)
class Compared(Finding):
    """A finding that was compared with an earlier report."""

    baseline_state: str | None = None


@pytest.mark.parametrize(
    ("state", "notes"), [("new", ("new since the baseline",)), ("unchanged", ("unchanged",)), (None, ())]
)
def test_what_became_of_a_finding_since_the_baseline_is_shown(state, notes):
    values = {field.name: getattr(fail(), field.name) for field in fields(Finding)}
    found = Compared(**{**values, "baseline_state": state})
    assert table.findings(with_findings(found)).groups[0].rows[0].notes == notes


def test_exemptions_come_by_expiry_and_say_what_became_of_them():
    text = written(reports.sample())
    section = text[text.index('id="exemptions"') : text.index('id="controls"')]
    assert re.findall(r"nowrap\">(20[0-9-]+)<", section) == ["2026-09-30", "2027-03-01", "2027-03-01"]
    for word in ("expired", "suppresses nothing", "active", "1 finding", "unused", "matches nothing"):
        assert word in section


def test_what_was_not_seen_is_listed_with_its_reason():
    text = written(reports.sample())
    section = text[text.index('id="gaps"') : text.index('id="exemptions"')]
    assert "AccessDeniedException, 9 of 9 calls" in section
    assert "ParseError: line 3: found a tab where indentation was expected" in section
    assert "Everything that was asked was answered in full." in written(reports.clean())


def many(
    count: int, text: str = "The digest that container 'app' runs is not in 'us-west-2', nor on its way."
) -> Report:
    found = [
        reports.finding(reports.PARITY_RULE, Status.FAIL, reports.repository(f"team-{at % 40}/service-{at}"), text)
        for at in range(count)
    ]
    worst = reports.finding(reports.DIGEST_RULE, Status.FAIL, reports.service("last/worst"), text)
    return replace(reports.clean(), findings=(*found, worst))


def test_two_thousand_findings_are_shown_in_under_a_megabyte():
    report = many(1999, "x" * 200)
    text = written(report)
    shown = table.findings(report)
    assert (shown.shown, shown.total) == (2000, 2000)
    assert "Shown are the worst" not in text
    assert len(text.encode()) < 1_000_000


@pytest.mark.parametrize("text", ["Not there: " + "x" * 100, "<'&'>" * 100, "\u4e2d" * 400])
def test_of_more_the_worst_are_shown_and_the_json_report_is_named(text):
    report = many(5000, text)
    page = written(report)
    shown = table.findings(report)
    assert shown.total == 5001
    assert shown.shown == 2000 or len(page.encode()) > 600_000
    assert shown.shown <= 2000
    assert f"Shown are the worst {shown.shown:,} of 5,001." in page
    assert "<code>regionproof.json</code>" in page
    assert shown.groups[0].rows[0].name == "last/worst"
    assert f"Evidence is given for the worst {shown.detailed:,}" in page
    assert len(page.encode()) < 1_000_000


# Workloads


def with_findings(*findings: Finding, **fields) -> Report:
    own = {"pairs": (PAIR,), "recoveries": reports.recoveries(findings)}
    return replace(reports.clean(), findings=findings, **{**own, **fields})


def fail(severity=Severity.CRITICAL, name="shop/web", place=reports.EAST, **fields) -> Finding:
    found = reports.finding(reports.DIGEST_RULE, Status.FAIL, reports.service(name, place), "Not there.", **fields)
    return replace(found, severity=severity)


def other(status, name="shop/web", place=reports.EAST, **fields) -> Finding:
    return reports.finding(reports.PARITY_RULE, status, reports.service(name, place), f"It is {status}.", **fields)


PASS, UNKNOWN, NOTHING = other(Status.PASS), other(Status.UNKNOWN), other(Status.NOT_APPLICABLE)


def tiered(name: str, tier: str | None, outcome: Outcome = Outcome.RECOVERS) -> Recovery:
    return drills.service(f"shop/{name}", outcome, tier=tier)


def test_workloads_stand_in_their_tiers_in_the_order_declared():
    tiers = (Tier("gold"), Tier("empty"), Tier("silver"))
    found = (tiered("web", "silver"), tiered("api", "gold"), tiered("rest", None), tiered("odd", "of no report"))
    report = with_findings(tiers=tiers, recoveries=found)
    assert [(tier.name if tier else None, [v.name for v in verdicts]) for tier, verdicts in by_tier(report)] == [
        ("gold", ["shop/api"]),
        ("empty", []),
        ("silver", ["shop/web"]),
        (None, ["shop/rest", "shop/odd"]),
    ]
    assert "No workload of this tier was seen." in written(report)


def drilled() -> Report:
    outlines = tuple(one.outline() for one in drills.sample().drill.recoveries)
    return with_findings(recoveries=outlines, tiers=(Tier("front", owner="shop"),))


def test_a_card_says_what_breaks_first_and_draws_the_chain():
    (block, *_) = recoveries.blocks(drilled())
    api = block.cards[0]
    assert (api.name, api.link, api.title) == ("shop/orders/api", "cluster", "The cluster is in the standby")
    assert api.reason == "Cluster 'shop' is not in the standby."
    assert api.notes == ["Also broken: digest."]
    assert api.chain.words == "Of 28 links that were judged: 2 are broken (cluster, digest), 26 hold."
    assert [(css, path.count("M")) for css, path in sorted(api.chain.paths)] == [("bad", 2 * 2 - 2), ("ok", 26)]
    assert f'aria-label="{api.chain.words}"' in written(drilled())


def test_a_card_of_actions_holds_them_against_the_rto():
    cards = {card.name: card for block in recoveries.blocks(drilled()) for card in block.cards}
    cart, pay = cards["shop/cart"], cards["shop/pay"]
    assert [(step.title, step.time) for step in cart.steps] == [("Scale 'shop/web' up by 3 to 4 tasks.", "2 minutes")]
    assert cart.notes == ["About 2 minutes: within the RTO of 1 hour."]
    assert [step.time for step in pay.steps] == ["2 hours", "nobody can say how long"]
    assert pay.notes == ["At least 2 hours: longer than the RTO of 1 hour."]
    assert cards["shop/db"].notes == ["An image of 3 hours is missing; the RPO is 1 hour."]


def test_one_call_is_done_at_once():
    one = drills.service("shop/web", Outcome.AFTER, actions=(replace(drills.SCALE, estimate=timedelta()),))
    (block,) = recoveries.blocks(with_findings(recoveries=(one,)))
    assert [step.time for step in block.cards[0].steps] == ["at once"]
    assert block.cards[0].notes == ["At once: within the RTO of 1 hour."]


def test_what_several_workloads_need_stands_once():
    assert [(row.number, row.link, row.subject) for row in recoveries.shared_rows(drilled())] == [
        (2, "cluster", "EKS cluster shop"),
        (2, "digest", "repository shop/db"),
    ]


def test_marks_differ_in_shape_and_not_in_colour_alone():
    assert len({path for (_, path), _ in recoveries.LEGEND}) == len(State)


def test_few_links_judged_are_said_to_be_few():
    text = Page(written(with_findings(PASS))).text
    assert "3 of 28 links of the chain were judged." in text


def test_a_report_of_before_the_drill_has_no_verdict_on_recovery():
    text = Page(written(with_findings(PASS, recoveries=None))).text
    assert "No drill was made, so there is no verdict on recovery" in text
    assert "No workload was seen" not in text


def test_very_many_workloads_stay_within_the_page():
    few = drilled()
    found = tuple(
        replace(one, reason=one.reason * 30, actions=one.actions * 9) for one in few.recoveries for _ in range(250)
    )
    text = written(replace(few, recoveries=found))
    assert text.count('<li class="card') <= 120
    assert len(text) < 500_000


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (with_findings(PASS, fail(name="shop/api")), "1 of 2 workloads would not recover in the standby"),
        (with_findings(fail()), "1 of 1 workload would not recover in the standby"),
        (with_findings(fail(), fail(name="a/b")), "2 of 2 workloads would not recover in the standby"),
        (with_findings(UNKNOWN), "Whether 1 of 1 workload would recover cannot be told"),
        (with_findings(PASS), "1 workload would recover in the standby"),
        (
            with_findings(recoveries=(tiered("web", None, Outcome.AFTER), tiered("api", None))),
            "2 workloads would recover in the standby, 1 of them after actions",
        ),
        (
            with_findings(PASS, coverage=reports.sample().coverage),
            "Nothing speaks against 1 workload, but not everything was seen",
        ),
        (with_findings(PASS, unseen=(reports.WEST,)), "Nothing speaks against 1 workload, but not everything was seen"),
        (reports.nothing(), "No workload was seen, so there is no verdict on recovery"),
    ],
)
def test_the_headline_claims_no_more_than_was_decided(report, sentence):
    assert f'<h2 id="headline">{sentence}</h2>' in written(report)


# The picture and the map


def repositories(status, *names, **fields) -> list[Finding]:
    return [reports.finding(reports.PARITY_RULE, status, reports.repository(name), "Said.", **fields) for name in names]


@pytest.mark.parametrize(
    ("findings", "css", "label"),
    [
        (repositories(Status.PASS, "a", "b"), "ok", "all 2 pass"),
        (repositories(Status.FAIL, "a", "b") + repositories(Status.PASS, "c"), "bad", "2 missing"),
        (
            repositories(Status.FAIL, "a", counterpart=reports.PRESENT) + repositories(Status.PASS, "b"),
            "bad",
            "1 fails a check",
        ),
        (
            repositories(Status.FAIL, "a")
            + repositories(Status.FAIL, "b", counterpart=reports.PRESENT)
            + repositories(Status.UNKNOWN, "c"),
            "bad",
            "1 missing, 1 other fails, 1 not known",
        ),
        (repositories(Status.UNKNOWN, "a") + repositories(Status.PASS, "b"), "unk", "1 not known"),
        (repositories(Status.FAIL, "a", "b", exemption=reports.WAIVED), "ok", "2 exempted"),
        (
            repositories(Status.PASS, "a") + repositories(Status.FAIL, "a", exemption=reports.WAIVED),
            "ok",
            "1 exempted",
        ),
    ],
)
def test_a_line_of_the_picture_says_what_findings_say(findings, css, label):
    (picture,) = pictures(with_findings(*findings))
    assert [(lane.css, lane.label) for lane in picture.lanes] == [(css, label)]
    assert (picture.primary, picture.standby, picture.facts) == (
        "us-east-1",
        "us-west-2",
        "warm-standby, RPO 1 hour, RTO 30 minutes",
    )


def registry(status, place=reports.EAST, **fields) -> Finding:
    subject = replace(reports.repository("registry", place), type="AWS::ECR::Registry")
    return reports.finding(reports.PARITY_RULE, status, subject, "Said.", **fields)


@pytest.mark.parametrize(
    ("findings", "lane"),
    [
        ([registry(Status.PASS, counterpart=reports.PRESENT)], ("ok", "Registry", "its check passes", "Registry")),
        (
            [registry(Status.PASS, counterpart=replace(reports.PRESENT, exists=None))],
            ("ok", "Registry", "its check passes", "not seen"),
        ),
        ([registry(Status.PASS)] * 2, ("ok", "Registry", "all its 2 checks pass", "not there")),
        (
            [registry(status, counterpart=reports.PRESENT) for status in (Status.FAIL, *Status)],
            ("bad", "Registry", "2 of 4 checks fail, 1 not known", "Registry"),
        ),
        (
            [registry(status, counterpart=reports.PRESENT) for status in (Status.FAIL, Status.PASS)],
            ("bad", "Registry", "1 of 2 checks fails", "Registry"),
        ),
        (
            [registry(status, counterpart=reports.PRESENT) for status in (Status.UNKNOWN, Status.PASS)],
            ("unk", "Registry", "1 of 2 checks not known", "Registry"),
        ),
        (
            repositories(Status.PASS, "a", "b", counterpart=reports.PRESENT) + repositories(Status.PASS, "c"),
            ("ok", "Repositories · 3", "all 3 pass", "2 there, 1 not needed"),
        ),
        (
            repositories(Status.FAIL, "a")
            + repositories(Status.FAIL, "b", exemption=reports.WAIVED)
            + repositories(Status.UNKNOWN, "c")
            + repositories(Status.NOT_APPLICABLE, "d", counterpart=reports.PRESENT),
            ("bad", "Repositories · 3", "1 missing, 1 not known", "0 there"),
        ),
        (
            [
                reports.finding(
                    reports.DIGEST_RULE, status, replace(reports.service(f"{status}"), type="AWS::ECS::Task"), "No."
                )
                for status in (Status.FAIL, Status.PASS)
            ],
            ("bad", "ECS tasks · 2", "1 fails a check", "started anew"),
        ),
        (
            [
                reports.finding(
                    reports.INFO_RULE, Status.FAIL, replace(reports.service("q"), type="AWS::Events::Rule"), "No."
                )
            ],
            ("bad", "Everything else · 1", "1 missing", "0 there"),
        ),
    ],
)
def test_the_boxes_of_a_line_say_what_is_on_either_side(findings, lane):
    (picture,) = pictures(with_findings(*findings))
    assert [tuple(each)[1:] for each in picture.lanes] == [lane]
    there = findings[0].counterpart
    assert picture.summary == f"us-east-1 to {there.region}. {lane[1]}: {lane[2]}."


@pytest.mark.parametrize(
    ("standby", "accounts", "facts"),
    [
        (replace(reports.PRESENT, account=None), (reports.ACCOUNT, reports.ACCOUNT), True),
        (replace(reports.PRESENT, account=reports.OTHER), (reports.ACCOUNT, reports.OTHER), False),
    ],
)
def test_a_picture_is_of_one_standby_account(standby, accounts, facts):
    found = repositories(Status.PASS, "a", counterpart=standby)
    for pair in (PAIR, replace(PAIR, standby=Place(None, "us-west-2"))):
        picture = next(one for one in pictures(with_findings(*found, pairs=(pair,))) if one.lanes)
        assert picture.accounts == accounts
        assert bool(picture.facts) is facts


def test_a_declared_pair_without_findings_is_drawn_empty_and_what_does_not_apply_not_at_all():
    report = with_findings(*repositories(Status.NOT_APPLICABLE, "a"), pairs=(PAIR, Pair(reports.WEST, reports.EAST)))
    assert [(p.primary, p.lanes) for p in pictures(report)] == [("us-east-1", ()), ("us-west-2", ())]
    symmetric = with_findings(
        *repositories(Status.PASS, "a"),
        pairs=(replace(PAIR, primary=reports.WEST, standby=reports.EAST, dr_class="active-active"),),
    )
    assert [(p.primary, p.facts[:13]) for p in pictures(symmetric)] == [("us-east-1", "active-active")]


def cells(report: Report) -> dict[tuple[str, str], tuple[str, str]]:
    heat = heat_map(report)
    return {(a, r): (c.css, c.text) for a, row in heat.rows for r, c in zip(heat.regions, row, strict=True)}


def test_the_map_never_shows_as_healthy_what_was_not_seen():
    east, west = ((reports.ACCOUNT, place.region) for place in (reports.EAST, reports.WEST))
    seen = Coverage(*east, "ecr", "ecr:DescribeRegistry", "complete", 1)
    assert cells(with_findings(PASS, coverage=(seen,)))[east] == ("ok", "✓ 1")
    denied = replace(seen, status="failed")
    assert cells(with_findings(PASS, coverage=(denied,)))[east] == ("unk hatch", "?")
    assert cells(with_findings(PASS, UNKNOWN, coverage=(seen,)))[east] == ("unk hatch", "? 1")
    assert cells(with_findings(PASS, fail(), UNKNOWN, coverage=()))[east] == ("bad hatch", "✕ 1 / 2")
    assert cells(with_findings(PASS, fail(Severity.LOW), coverage=()))[east] == ("warn", "✕ 1 / 2")
    off = Coverage(*west, "account", "account:ListRegions", NOT_ENABLED, 0, message="DISABLED")
    assert cells(with_findings(PASS, coverage=(seen, off)))[west] == ("off", "\N{EN DASH}")
    nowhere = [fail(place=Place(None, "us-east-1")), fail(place=Place(reports.ACCOUNT, None))]
    assert cells(with_findings(*nowhere, coverage=(replace(seen, region=""), replace(seen, account="")))) == {}
    elsewhere = replace(seen, account=reports.OTHER, region="us-west-2")
    assert cells(with_findings(PASS, coverage=(elsewhere,)))[west] == ("off", "")


def test_of_many_accounts_those_with_most_failures_are_mapped():
    accounts = [f"{number:012}" for number in range(MOST_ACCOUNTS + 5)]
    found = [fail(place=Place(account, "us-east-1")) for account in accounts[5:]]
    heat = heat_map(
        with_findings(*found, coverage=tuple(Coverage(a, "us-east-1", "ecr", "x", "complete", 1) for a in accounts))
    )
    assert [account for account, _ in heat.rows] == accounts[5:]
    assert heat.hidden_accounts == 5


# Prose


def test_markdown_keeps_paragraphs_code_and_nothing_else():
    text = (
        'Run `aws x <y>`\nfirst.\n\n    aws ecr help\n        --more\n\nBy code:\n\n```\nresource "a" "b" {}\n```\n<b>&'
    )
    assert markdown(text) == (
        "<p>Run <code>aws x &lt;y&gt;</code> first.</p>"
        '<figure class="code"><figcaption>AWS CLI</figcaption><pre><code>aws ecr help\n    --more</code></pre></figure>'
        "<p>By code:</p>"
        '<figure class="code"><figcaption>Terraform</figcaption>'
        "<pre><code>resource &#34;a&#34; &#34;b&#34; {}</code></pre></figure><p>&lt;b&gt;&amp;</p>"
    )


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://docs.aws.amazon.com/a?b#c", True),
        ("http://docs.aws.amazon.com/", False),
        ("javascript:alert(1)", False),
        ("https:alert(1)", False),
        ("https://user@evil.example/", False),
        ("https://a.example/ b", False),
        ("https://a.example/\n", False),
        ("https://\u0430.example/", False),
        ("https://[", False),
        ("https://a.example/" + "x" * 500, False),
        ("", False),
    ],
)
def test_only_links_that_may_be_followed_are_links(url, safe):
    assert link(url) == (url if safe else None)


def test_cards_name_digests_and_arns_as_people_do():
    said = f"'arn:aws-cn:ecs:cn-north-1:1:service/a/b' runs 'x@{reports.DIGEST}' by 'arn:aws:iam::1:role/r'."
    assert brief(said) == "'cn-north-1:service/a/b' runs 'x@sha256:5f5f5f5f5f5f…' by 'role/r'."
