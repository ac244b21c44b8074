"""The code flows of SARIF results lead down the chain of each workload that a finding stops, and to its image."""

import io
import json
from dataclasses import replace

import reports

from scanner.finding import Baseline, Fate, Former, Status
from scanner.model import Place
from scanner.outcome import LinkState, Outcome, Recovery, State
from scanner.reporters import REPORTERS

EAST = "aws/111122223333/us-east-1"
WORKLOAD = reports.service("shop/web")
POLICY = reports.finding(
    reports.POLICY_RULE, Status.FAIL, reports.templated("shop/web", "ecr.yaml", 7), "Nobody may pull."
)
UNSEEN = reports.finding(reports.PARITY_RULE, Status.UNKNOWN, reports.repository("shop/web"), "The tag was not seen.")
MISSING = reports.finding(reports.DIGEST_RULE, Status.FAIL, WORKLOAD, "The image is not there.")


def link(id, found, **fields):
    """Return the link that a finding breaks, or of which it cannot tell."""
    state = State.BROKEN if found.status is Status.FAIL else State.UNKNOWN
    values = {"subject": found.resource, "rule_id": found.rule_id, "fingerprint": found.fingerprint}
    return LinkState(id, state, found.message, **{**values, **fields})


def recovery(*links, workload=WORKLOAD, standby=reports.WEST, outcome=Outcome.FAILS):
    return Recovery(workload, standby, "warm-standby", outcome, "It is so.", links)


CHAIN = (
    LinkState("pair", State.HOLDS),
    LinkState("cluster", State.HOLDS, "The cluster has one node."),
    LinkState("addons", State.NOT_NEEDED),
    link("digest", MISSING, accepted_until="2027-03-01"),
    link("tag", UNSEEN),
    LinkState("platform", State.HOLDS),
    link("policy", POLICY),
    LinkState("key", State.UNKNOWN, "Not all keys were seen.", "standby-kms-keys-usable"),
    LinkState("network", State.HOLDS),
    LinkState("traffic", State.NOT_NEEDED),
)


def report(*recoveries, findings=(MISSING, POLICY, UNSEEN)):
    return replace(reports.sample(), findings=findings, recoveries=recoveries)


def flows(told, found, profile="full"):
    """Return the code flows of the result of a finding."""
    out = io.StringIO()
    REPORTERS["sarif"].write(told, out, profile=profile)
    results = [result for run in json.loads(out.getvalue())["runs"] for result in run["results"]]
    (result,) = (
        each for each in results if each["partialFingerprints"].get("regionproofFinding/v1") == found.fingerprint
    )
    return result.get("codeFlows", [])


def steps(flow):
    (thread,) = flow["threadFlows"]
    return thread["locations"]


def text(step):
    return step["location"]["message"]["text"]


def place(step):
    where = step["location"]["physicalLocation"]
    return f"{where['artifactLocation']['uri']}:{where['region']['startLine']}"


def test_a_flow_leads_down_the_chain_to_the_last_link_that_does_not_hold():
    (flow,) = flows(report(recovery(*CHAIN)), POLICY)
    assert (
        flow["message"]["text"] == "What ECS service 'shop/web' needs to start, up to the last link that does not hold."
    )
    assert [text(step) for step in steps(flow)] == [
        "ECS service 'shop/web' is to start in '111122223333/us-west-2' and does not recover:"
        " of its links 2 are broken, 2 are not known, 4 hold, 2 are not needed.",
        "Link 'pair' holds: A standby is declared.",
        "Link 'cluster' holds, but mind: The cluster has one node.",
        "Link 'digest' is broken, accepted until '2027-03-01' (image-running-digest-in-standby):"
        " The image is not there.",
        "Link 'tag' is not known (repository-tag-mutability-parity): The tag was not seen.",
        "Link 'platform' holds: Every platform of an image index is in the standby.",
        "Here link 'policy' is broken: Nobody may pull.",
        "Link 'key' is not known (standby-kms-keys-usable): Not all keys were seen.",
    ]
    assert [step["executionOrder"] for step in steps(flow)] == list(range(1, 9))
    assert [step.get("importance", "important") for step in steps(flow)] == [
        "essential",
        "important",
        "important",
        "essential",
        "essential",
        "unimportant",
        "essential",
        "essential",
    ]
    kinds = [step.get("kinds", []) for step in steps(flow)]
    assert kinds == [[], ["true"], ["true"], ["false"], ["unknown"], ["true"], ["false"], ["unknown"]]
    assert [step.get("state") for step in steps(flow)][:4] == [
        None,
        {"pair": {"text": "holds"}},
        {"cluster": {"text": "holds"}},
        {"digest": {"text": "broken"}},
    ]


def test_a_link_is_where_the_finding_is_that_decided_it_else_at_the_workload():
    (flow,) = flows(report(recovery(*CHAIN)), POLICY)
    service = f"{EAST}/ecs/service/shop/web:1"
    assert [place(step) for step in steps(flow)] == [
        *[service] * 4,
        f"{EAST}/ecr/repository/shop/web:1",
        service,
        "ecr.yaml:7",
        service,
    ]
    named = [step["location"].get("logicalLocations") for step in steps(flow)]
    assert [names and names[0]["fullyQualifiedName"] for names in named] == [
        WORKLOAD.id,
        None,
        None,
        WORKLOAD.id,
        UNSEEN.resource.id,
        None,
        POLICY.resource.id,
        None,
    ]


def test_what_the_report_leaves_out_is_where_its_subject_is():
    """With --new-only the finding of a link may not be in the report, and so nobody knows where a file says it."""
    (flow,) = flows(report(recovery(*CHAIN), findings=(UNSEEN,)), UNSEEN)
    assert [place(steps(flow)[at]) for at in (3, 6)] == [
        f"{EAST}/ecs/service/shop/web:1",
        f"{EAST}/ecr/repository/shop/web:1",
    ]


def test_a_workload_of_a_file_is_where_that_declares_it():
    where = {"": reports.Location("ecs.yaml", 3), "/Cluster": reports.Location("ecs.yaml", 5)}
    written = replace(WORKLOAD, locations=where)
    found = replace(MISSING, resource=written, pointer="/Cluster")
    (flow,) = flows(report(recovery(*CHAIN), findings=(found,)), found)
    assert [place(step) for step in steps(flow)[:4]] == [*["ecs.yaml:3"] * 3, "ecs.yaml:5"]


def test_of_several_workloads_the_worst_are_shown_and_all_are_counted():
    def stopped(number):
        services = [reports.service(f"shop/{name}") for name in "abcde"[:number]]
        told = report(*(recovery(link("policy", POLICY), workload=each) for each in services))
        return [text(steps(flow)[0]) for flow in flows(told, POLICY)]

    begins = (
        "ECS service 'shop/{}' is to start in '111122223333/us-west-2' and does not recover: of its links 1 is broken."
    )
    assert stopped(1) == [begins.format("a")]
    assert stopped(3) == [f"{begins.format(name)} This is in the way of 3 workloads." for name in "abc"]
    more = "This is in the way of 5 workloads, of which 3 are shown."
    assert stopped(5) == [f"{begins.format(name)} {more}" for name in "abc"]


def test_one_workload_in_two_standbys_has_two_chains():
    both = [recovery(link("policy", POLICY), standby=Place(reports.ACCOUNT, name)) for name in ("eu-1", "eu-2")]
    told = [text(steps(flow)[0]) for flow in flows(report(*both), POLICY)]
    assert [each.partition("'111122223333/")[2].partition("'")[0] for each in told] == ["eu-1", "eu-2"]
    assert told[0].endswith("This is in the way of 1 workload in 2 standbys.")


def test_a_workload_without_a_standby_says_so():
    told = report(recovery(link("pair", POLICY), standby=None))
    begins = "ECS service 'shop/web' has no known standby and does not recover: of its links 1 is broken."
    assert [text(steps(flow)[0]) for flow in flows(told, POLICY)] == [begins]


def test_what_another_result_is_about_is_cut_short_and_what_this_one_is_about_is_not():
    long = replace(POLICY, message=f"{'x' * 500}.")
    chain = (link("digest", MISSING), link("policy", long))
    told = report(recovery(*chain), findings=(MISSING, long))
    (own,), (other,) = flows(told, long), flows(told, MISSING)
    assert text(steps(own)[2]).endswith("x" * 500 + ".")
    assert text(steps(other)[2]).endswith("x ...")
    assert len(text(steps(other)[2])) < 400


def test_the_way_to_the_image_comes_after_the_chain():
    found = replace(MISSING, path=reports.PATH)
    told = flows(report(recovery(link("digest", found)), findings=(found,)), found)
    assert [len(steps(flow)) for flow in told] == [2, 4]
    assert told[1]["message"]["text"] == "From the workload to the copy of its image in the standby."


def test_what_stops_no_workload_has_no_flow():
    holding = LinkState("policy", State.HOLDS, "A reminder.", POLICY.rule_id, POLICY.fingerprint, POLICY.resource)
    unnamed = LinkState("needs", State.BROKEN, "It depends on a tier.")
    for told in (report(), report(recovery(holding, unnamed)), replace(report(), recoveries=None)):
        assert flows(told, POLICY) == []


def test_a_failure_that_is_carried_forward_shows_what_is_not_known_now():
    now = replace(POLICY, status=Status.UNKNOWN, message="The policy was not seen.")
    former = Former(POLICY, Fate.UNDECIDED, "Nobody could judge it.")
    baseline = Baseline("old.json", "0" * 64, "a798c24e-313e-5b0a-a58c-23be53169fd3", reports.AS_OF, (former,))
    told = replace(report(recovery(link("policy", now)), findings=(now,)), baseline=baseline)
    (flow,) = flows(told, POLICY, profile="github")
    assert text(steps(flow)[1]) == "Here link 'policy' is not known: The policy was not seen."


def test_every_step_of_a_hostile_report_has_a_place():
    out = io.StringIO()
    REPORTERS["sarif"].write(reports.hostile(), out)
    found = [result for run in json.loads(out.getvalue())["runs"] for result in run["results"] if "codeFlows" in result]
    told = [step for result in found for flow in result["codeFlows"] for step in steps(flow)]
    assert len(told) > 8
    assert all(place(step) for step in told)
    assert all(text(step).isprintable() for step in told)
