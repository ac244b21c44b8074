"""Code laid over what is live: each property, what goes, and what a finding then comes from."""

import json
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.causes import changed
from scanner.changes import Changes
from scanner.cli import main
from scanner.documents import load
from scanner.finding import Finding, Origin, Severity, Status
from scanner.model import Gap, Location, Resource, Unknown, guard, plain
from scanner.origins import brought, traced
from scanner.overlay import overlay, unnumbered
from scanner.parsers.cloudformation import resources
from scanner.vocabulary import TAGS

HERE = ("111122223333", "us-east-1")
REGISTRY = "aws://111122223333/us-east-1/ecr"


def declared(text, place=HERE):
    found, gaps = resources(load(text, "change.yaml", TAGS), "change.yaml", *place)
    assert not gaps
    return found


def live(type, name, properties, id=None, tags=None):
    made = id or f"arn:aws:ecr:us-east-1:111122223333:repository/{name}"
    return Resource(type, made, name, *HERE, guard(properties), tags or {}, operations=("ecr:DescribeRepositories",))


def repository(**properties):
    given = {"RepositoryName": "web", "ImageTagMutability": "MUTABLE", "ScanFrequency": "MANUAL", **properties}
    given = {"ImageScanningConfiguration": {"ScanOnPush": False}, **given}
    return live("AWS::ECR::Repository", "web", given)


def registry(**properties):
    return live("AWS::ECR::Registry", "registry", {"RegistryId": HERE[0], **properties}, REGISTRY)


def task(revision, image="web:1", type="AWS::ECS::TaskDefinition"):
    id = f"arn:aws:ecs:us-east-1:111122223333:task-definition/api:{revision}"
    return live(type, "api", {"Family": "api", "ContainerDefinitions": [{"Name": "web", "Image": image}]}, id)


def service(definition, **properties):
    id = "arn:aws:ecs:us-east-1:111122223333:service/shop/api"
    images = [{"ContainerName": "web", "Image": "web:1", "ImageDigest": "sha256:1"}]
    given = {"ServiceName": "api", "TaskDefinition": definition.id, "ContainerImages": images, "DesiredCount": 2}
    return live("AWS::ECS::Service", "shop/api", {**given, **properties}, id)


def after(live, code, before=None):
    return {(one.type, one.id): one for one in overlay(live, code, before)}


def shown(one, *names):
    values = dict(one.properties.raw())
    return tuple(plain(values.get(name)) for name in names)


WEB = """
Resources:
  Web:
    Type: AWS::ECR::Repository
    Properties: {RepositoryName: web, ImageTagMutability: IMMUTABLE}
"""


def test_what_is_declared_stands_and_what_only_aws_shows_stays():
    made = after([repository(EncryptionConfiguration={"EncryptionType": "KMS", "KmsKey": "k"})], declared(WEB))
    (one,) = [each for each in made.values() if each.type == "AWS::ECR::Repository"]
    assert shown(one, "ImageTagMutability", "ScanFrequency") == ("IMMUTABLE", "MANUAL")
    assert one.locations["/ImageTagMutability"] == Location("change.yaml", 5, 59, 5, 68)
    assert one.operations == ("ecr:DescribeRepositories",)


def test_what_was_not_seen_of_it_stays_unseen():
    was = repository(ScanFrequency=Unknown("denied"), LifecyclePolicy=Unknown("denied"))
    one = after([was], declared(WEB))[was.type, was.id]
    assert shown(one, "ScanFrequency", "LifecyclePolicy") == ({"unknown": "denied"}, {"unknown": "denied"})


def test_what_the_code_leaves_open_is_unknown_though_it_is_seen_live():
    text = WEB.replace("IMMUTABLE", "!Ref Mutability").replace(
        "Resources", "Parameters: {Mutability: {Type: String}}\nResources", 1
    )
    was = repository()
    (mutability,) = shown(after([was], declared(text))[was.type, was.id], "ImageTagMutability")
    assert "Mutability" in mutability["unknown"]


def test_a_new_repository_is_added_and_others_stay():
    other = live("AWS::ECR::Repository", "other", {"RepositoryName": "other"})
    made = after([other], declared(WEB))
    assert made[other.type, other.id] is other
    assert ("AWS::ECR::Repository", "arn:aws:ecr:us-east-1:111122223333:repository/web") in made


def test_code_of_a_place_that_is_not_known_matches_nothing():
    was = repository()
    made = after([was], declared(WEB, (None, None)))
    assert made[was.type, was.id] is was
    assert ("AWS::ECR::Repository", "change.yaml#Web") in made


RULES = """
Resources:
  Replication:
    Type: AWS::ECR::ReplicationConfiguration
    Properties: {ReplicationConfiguration: {Rules: []}}
"""
CACHE = """
Resources:
  Cache:
    Type: AWS::ECR::PullThroughCacheRule
    Properties: {EcrRepositoryPrefix: hub, UpstreamRegistryUrl: new.example.com}
"""
LIVE_RULES = {"Rules": [{"Destinations": [{"RegistryId": HERE[0], "Region": "us-west-2"}]}]}


def test_of_a_registry_only_what_is_declared_changes():
    was = registry(ReplicationConfiguration=LIVE_RULES, PolicyText=Unknown("denied"))
    one = after([was], declared(RULES))[was.type, was.id]
    assert shown(one, "ReplicationConfiguration", "PolicyText") == ({"Rules": []}, {"unknown": "denied"})


def test_a_cache_rule_stands_for_the_one_of_its_prefix_and_beside_the_others():
    rules = [{"EcrRepositoryPrefix": name, "UpstreamRegistryUrl": "old.example.com"} for name in ("hub", "quay")]
    was = registry(PullThroughCacheRules=rules)
    (made,) = shown(after([was], declared(CACHE))[was.type, was.id], "PullThroughCacheRules")
    assert {one["EcrRepositoryPrefix"]: one["UpstreamRegistryUrl"] for one in made} == {
        "hub": "new.example.com",
        "quay": "old.example.com",
    }


def test_code_that_says_nothing_of_a_registry_leaves_it():
    was = registry(ReplicationConfiguration=LIVE_RULES)
    assert after([was], declared(WEB))[was.type, was.id] is was


@pytest.mark.parametrize(
    ("before", "now", "left"), [(RULES, WEB, None), (RULES, RULES, {"Rules": []}), (WEB, WEB, LIVE_RULES)]
)
def test_a_replication_rule_that_is_no_longer_declared_goes(before, now, left):
    was = registry(ReplicationConfiguration=LIVE_RULES)
    assert shown(after([was], declared(now), declared(before))[was.type, was.id], "ReplicationConfiguration") == (left,)


@pytest.mark.parametrize(
    ("account", "region", "known"), [(None, None, False), (*HERE, False), (HERE[0], "us-west-2", True)]
)
def test_what_a_broken_file_may_still_declare_is_not_taken_for_gone(account, region, known):
    was = registry(ReplicationConfiguration=LIVE_RULES)
    broken = Gap("ParseError", "replication.yaml:3: broken", None, account, region, path="replication.yaml")
    made = {(one.type, one.id): one for one in overlay([was], declared(WEB), declared(RULES), [broken])}
    (rules,) = shown(made[was.type, was.id], "ReplicationConfiguration")
    assert rules is None if known else "replication.yaml:3" in rules["unknown"]


def test_items_of_a_list_that_were_not_seen_stay_so():
    was = registry(PullThroughCacheRules=[Unknown("denied"), {"EcrRepositoryPrefix": "hub"}])
    (made,) = shown(after([was], declared(CACHE))[was.type, was.id], "PullThroughCacheRules")
    assert {"unknown": "denied"} in made
    assert len(made) == 2


def test_images_that_code_leaves_open_are_not_those_that_run():
    from dataclasses import replace

    was = live("Kubernetes::Deployment", "shop/default/web", {"Name": "web", "ContainerImages": []}, "arn:x")
    open = guard({"Name": "web", "ContainerImages": Unknown("a chart leaves it open")})
    code = replace(was, properties=open, locations={"": Location("web.yaml", 1)})
    assert shown(after([was], [code])[was.type, was.id], "ContainerImages") == ({"unknown": "a chart leaves it open"},)


def test_a_repository_that_is_no_longer_declared_goes_if_it_was_before():
    was, other = repository(), live("AWS::ECR::Repository", "other", {"RepositoryName": "other"})
    assert set(after([was, other], declared(RULES), declared(WEB))) == {
        (other.type, other.id),
        ("AWS::ECR::Registry", REGISTRY),
        ("AWS::Account::Region", "aws://111122223333/us-east-1"),
    }
    assert (was.type, was.id) in after([was, other], declared(RULES))  # what was declared before is not known


TASK = """
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {Family: api, ContainerDefinitions: [{Name: web, Image: "%s"}]}
"""
SERVICE = (
    TASK
    + """
  Api:
    Type: AWS::ECS::Service
    Properties: {ServiceName: api, Cluster: shop, TaskDefinition: !Ref Task, DesiredCount: 2}
"""
)


def test_a_task_definition_that_is_the_same_is_the_live_one():
    was = [task(3, "web:0"), task(12)]
    code = declared(TASK % "web:1")
    same = {key for key in after([*was, service(was[1])], code) if key[0] == "AWS::ECS::TaskDefinition"}
    assert ("AWS::ECS::TaskDefinition", was[1].id) in same


def test_a_service_of_the_code_gets_the_new_revision_and_what_ran_before_says_nothing_any_more():
    was = [task(12), service(task(12))]
    made = after(was, declared(SERVICE % "web:2"))
    (one,) = [each for each in made.values() if each.type == "AWS::ECS::Service"]
    assert one.id == was[1].id
    assert shown(one, "TaskDefinition") == ("change.yaml#Task",)
    assert shown(one, "ContainerImages") == ([{"ContainerName": "web", "Image": "web:2", "ImageDigest": None}],)
    assert [id for type, id in made if type == "AWS::ECS::TaskDefinition"] == ["change.yaml#Task"]  # 12 is of no use


def test_a_live_service_keeps_the_revision_that_it_names():
    was = [task(12), service(task(12))]
    made = after(was, declared(TASK % "web:2"))
    assert made["AWS::ECS::Service", was[1].id] is was[1]
    assert {id for type, id in made if type == "AWS::ECS::TaskDefinition"} == {was[0].id, "change.yaml#Task"}


@pytest.mark.parametrize(
    ("type", "properties", "stays"),
    [
        ("AWS::ECS::Service", {"TaskDefinition": Unknown("denied")}, True),
        ("AWS::ECS::Task", {"TaskDefinition": None}, False),
        ("AWS::Events::Rule", {"Targets": [{"EcsParameters": {"TaskDefinitionArn": Unknown("denied")}}]}, True),
        ("AWS::Events::Rule", {"Targets": [{"Arn": Unknown("denied"), "EcsParameters": None}]}, False),
        ("AWS::Scheduler::Schedule", {"Target": Unknown("denied")}, True),
        ("AWS::StepFunctions::StateMachine", {"DefinitionString": Unknown("denied")}, True),
        ("AWS::ECS::Cluster", {"ClusterName": Unknown("denied")}, False),
    ],
)
@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_a_revision_that_something_may_name_is_not_taken_for_unused(type, properties, stays, region):
    user = replace(live(type, "other", properties, "other"), region=region)
    made = after([task(12), user], declared(TASK % "web:2"))
    assert (("AWS::ECS::TaskDefinition", task(12).id) in made) is (stays and region == "us-east-1")


def test_what_runs_stays_known_where_the_change_is_about_something_else():
    definition = declared(TASK % "web:1")[0]
    was = [live(definition.type, "api", dict(definition.properties.raw()), task(12).id)]
    was.append(service(was[0]))
    (one,) = [
        e for e in after(was, declared(SERVICE.replace("2}", "5}") % "web:1")).values() if e.type.endswith("Service")
    ]
    assert shown(one, "DesiredCount", "TaskDefinition") == (5, was[0].id)
    assert shown(one, "ContainerImages")[0][0]["ImageDigest"] == "sha256:1"


def test_a_workload_of_kubernetes_keeps_its_digests_while_its_images_are_the_same():
    def deployment(image, digest):
        images = [{"ContainerName": "web", "Image": image, "ImageDigest": digest}]
        id = "arn:aws:eks:us-east-1:111122223333:cluster/shop/deployment/default/web"
        return live("Kubernetes::Deployment", "shop/default/web", {"Name": "web", "ContainerImages": images}, id)

    def code(image):
        from dataclasses import replace

        return replace(deployment(image, None), locations={"": Location("web.yaml", 1)})

    was = deployment("web:1", "sha256:1")
    assert shown(after([was], [code("web:1")])[was.type, was.id], "ContainerImages")[0][0]["ImageDigest"] == "sha256:1"
    assert shown(after([was], [code("web:2")])[was.type, was.id], "ContainerImages")[0][0] == {
        "ContainerName": "web",
        "Image": "web:2",
        "ImageDigest": None,
    }


SCANNING = """
Resources:
  Scanning:
    Type: AWS::ECR::RegistryScanningConfiguration
    Properties: {ScanType: ENHANCED, Rules: []}
  Web:
    Type: AWS::ECR::Repository
    Properties: {RepositoryName: web}
"""


def test_how_images_are_scanned_follows_from_the_registry():
    was = repository(ImageScanningConfiguration={"ScanOnPush": False})
    made = after([was, registry(ScanningConfiguration={"ScanType": "BASIC", "Rules": []})], declared(SCANNING))
    assert "only a live resource" in shown(made[was.type, was.id], "ScanFrequency")[0]["unknown"]


@given(
    st.lists(st.sampled_from(["web", "api", "db"]), unique=True),
    st.lists(st.sampled_from(["web", "api", "db"]), unique=True),
)
def test_nothing_is_lost_and_nothing_is_there_twice(seen, written):
    was = [live("AWS::ECR::Repository", name, {"RepositoryName": name}) for name in seen]
    bodies = {f"R{name}": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": name}} for name in written}
    made = overlay(was, [one for one in resources({"Resources": bodies}, "x.yaml", *HERE)[0] if one.name in written])
    assert sorted(one.name for one in made) == sorted({*seen, *written})
    assert all(bool(one.locations) is (one.name in written) for one in made)


WITHOUT = "'%s' of '%s' workloads in 'x/y' have no objectives, among them %s; a tier was expected."


@pytest.mark.parametrize(
    ("was", "now", "is_new"),
    [
        ((3, 9, "'a', 'b'"), (3, 10, "'a', 'b'"), False),
        ((3, 9, "'a', 'b', 'c'"), (2, 8, "'a', 'c'"), False),
        ((3, 9, "'a', 'b'"), (2, 8, "'a', 'c', 'd'"), True),  # others may have come in their place
        ((3, 9, "'a', 'b'"), (3, 9, "'a', 'c'"), True),  # another one instead
        ((3, 9, "'a', 'b'"), (4, 9, "'a', 'b'"), True),
        (None, (1, 9, "'a'"), True),
    ],
)
def test_what_counts_fewer_than_before_is_not_new(was, now, is_new):
    def found(given):
        subject = repository()
        return Finding("a-b", Status.FAIL, Severity.LOW, subject, WITHOUT % given, fingerprint="1")

    (one,) = traced([found(now)], [found(was)] if was else [])
    assert (one.origin is Origin.CHANGE) is is_new
    assert brought([found(now)], [found(was)] if was else []) == ({"1"} if is_new else set())


@pytest.mark.parametrize(
    ("was", "now", "is_new"),
    [
        ("infra/a.tf:3: no", "infra/a.tf:12: no", False),
        ("twice: a.yaml:3:4 and b.json:7.", "twice: a.yaml:5:1 and b.json:7.", False),
        ("infra/a.tf:3: no", "infra/b.tf:3: no", True),
        ("example.com:443/a", "example.com:444/a", True),
    ],
)
def test_what_only_moved_in_its_file_is_not_new(was, now, is_new):
    before, after = (
        Finding("a-b", Status.UNKNOWN, Severity.LOW, repository(), text, fingerprint="1") for text in (was, now)
    )
    assert brought([after], [before]) == ({"1"} if is_new else set())


def test_what_is_gone_is_told_at_the_nearest_changed_line_and_nowhere_if_its_file_is_gone():
    edits = [Changes("HEAD", {"change.yaml": [(0, 1), (9, 10), (40, 40)]})]
    was = declared(WEB)
    assert [one.at for one in changed(was, [], edits)] == [Location("change.yaml", 1)]
    near = [Changes("HEAD", {"change.yaml": [(9, 10), (40, 40)]})]
    assert [one.at for one in changed(was, [], near)] == [Location("change.yaml", 9)]
    gone = Changes("HEAD", {"other.yaml": [(1, 1)]}, names={"change.yaml": None})
    assert changed(was, [], [gone]) == []
    elsewhere = Changes("HEAD", {"new.yaml": [(3, 3)], "other.yaml": [(1, 1)]}, names={"change.yaml": "new.yaml"})
    assert [one.at for one in changed(was, [], [elsewhere])] == [Location("new.yaml", 3)]
    assert changed(was, was, edits) == []


def test_what_differs_is_told_where_that_is_written():
    after = declared(WEB.replace("IMMUTABLE", "MUTABLE"))
    (one,) = changed(declared(WEB), after, [])
    assert (one.at.line, one.at.column) == (5, 59)


@pytest.mark.parametrize("worse", [{"severity": Severity.HIGH}, {"status": Status.UNKNOWN}, {"message": "Other."}])
def test_what_is_worse_or_says_something_else_is_new(worse):
    was = Finding("a-b", Status.FAIL, Severity.LOW, repository(), WITHOUT % (3, 9, "'a'"), fingerprint="1")
    now = replace(was, message=WITHOUT % (2, 9, "'a'"))
    assert [one.origin for one in traced([now, replace(now, **worse)], [was])] == [Origin.LIVE, Origin.CHANGE]


# By the command line, over the demo estate.


@pytest.fixture
def pull_request(demo, tmp_path, monkeypatch, capsys):
    """Return a function that scans a change, which a first version of it stands committed before."""
    monkeypatch.chdir(tmp_path)
    config = (demo / "regionproof.yaml").read_text().replace("evidence: [recovery/*.yaml]\n", "")
    place = '  - {path: "infra/*", account: "111122223333", region: us-east-1}\n'
    (tmp_path / "regionproof.yaml").write_text(config.replace("iac:\n", "iac:\n" + place))
    (tmp_path / "infra").mkdir()

    def run(text, *options, before=None, name="change.yaml", against=True):
        path = tmp_path / "infra" / name
        if before is not None:
            path.write_text(before)
            for arguments in (
                ["init", "-q"],
                ["add", "infra"],
                ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"],
            ):
                subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
        path.write_text(text)
        over = ["--against", str(demo / "snapshot")] if against else []
        with pytest.raises(SystemExit) as stop:
            main(["scan", "infra", *over, "--format", "json", *options])
        out = capsys.readouterr()
        report = json.loads(out.out) if out.out else None
        findings = [one for one in report["findings"] if one["status"] in ("fail", "unknown")] if report else out.err
        return stop.value.code, findings, report

    return run


LAB = """
Resources:
  Lab:
    Type: AWS::ECR::Repository
    Properties: {RepositoryName: lab/tool}
"""
NARROW = """
Resources:
  Replication:
    Type: AWS::ECR::ReplicationConfiguration
    Properties:
      ReplicationConfiguration:
        Rules:
          - Destinations: [{Region: us-west-2, RegistryId: "111122223333"}]
            RepositoryFilters: [{Filter: shop/nothing/, FilterType: PREFIX_MATCH}]
"""


def by_rule(findings):
    return {(one["rule_id"], one["resource"]["name"]): one for one in findings}


def test_a_new_repository_is_judged_in_the_live_context(pull_request):
    code, findings, report = pull_request(LAB, "--new-only")
    new = by_rule(findings)["repository-exists-in-standby", "lab/tool"]
    assert (code, new["status"], new["origin"], new["location"]["start_line"]) == (1, "fail", "change", 4)
    assert {one["origin"] for one in report["findings"]} == {"change"}
    assert report["summary"]["not_shown"] > 100
    assert [one["kind"] for one in report["inputs"]] == ["iac", "against"]


def test_a_new_repository_that_the_live_rules_replicate_is_no_failure(pull_request):
    report = pull_request(LAB.replace("lab/tool", "shop/returns"), "--new-only")[2]
    new = by_rule(report["findings"])["repository-exists-in-standby", "shop/returns"]
    assert (new["status"], new["origin"]) == ("not_applicable", "change")
    assert "new" in new["message"]


def test_what_is_so_anyway_is_shown_as_such_and_is_not_new(pull_request):
    _, findings, report = pull_request(LAB)
    assert {one["origin"] for one in findings} == {"change", "live"}
    assert report["summary"]["not_shown"] == 0


def test_a_replication_rule_that_is_narrowed_is_judged_against_the_workloads_that_need_it(pull_request):
    code, findings, _ = pull_request(NARROW, "--new-only")
    found = by_rule(findings)["registry-filters-cover-workloads", "registry"]
    assert (code, found["status"], found["origin"], found["location"]["path"]) == (
        1,
        "fail",
        "change",
        "infra/change.yaml",
    )


def test_a_replication_rule_that_is_deleted_is_judged_against_the_workloads_that_need_it(pull_request):
    _, findings, report = pull_request(
        LAB, "--changed-since", "HEAD", "--new-only", before=LAB + NARROW.partition("\n")[2].partition("\n")[2]
    )
    found = by_rule(findings)
    assert found["registry-replication-to-standby", "registry"]["status"] == "fail"
    assert ("repository-exists-in-standby", "lab/tool") not in found  # it was declared before
    assert report["changed_since"] == "HEAD"


def test_a_replication_rule_in_a_file_that_the_change_breaks_is_not_known_to_be_gone(pull_request):
    first = LAB + NARROW.partition("Resources:\n")[2]
    _, findings, report = pull_request(first + "  - broken: [", "--changed-since", "HEAD", "--new-only", before=first)
    assert by_rule(findings)["registry-replication-to-standby", "registry"]["status"] == "unknown"
    assert not [one for one in findings if one["status"] == "fail"]
    assert report["summary"]["complete"] is False


def test_only_what_concerns_changed_lines_is_shown(pull_request):
    after = LAB.replace("lab/tool", "lab/changed") + NARROW.partition("Resources:\n")[2]
    before = LAB + NARROW.partition("Resources:\n")[2]
    _, findings, _ = pull_request(after, "--changed-since", "HEAD", before=before)
    assert {one["resource"]["name"] for one in findings} == {"lab/changed"}


def test_a_changed_image_is_looked_up_in_the_registry_of_the_standby(pull_request):
    image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/cart@sha256:" + "0" * 64
    text = (
        (SERVICE % image)
        .replace("Family: api", "Family: cart")
        .replace("ServiceName: api, Cluster: shop", "ServiceName: cart, Cluster: storefront")
    )
    _, findings, _ = pull_request(text, "--new-only")
    missing = [
        one for one in findings if one["rule_id"] == "image-running-digest-in-standby" and "0" * 64 in one["message"]
    ]
    assert [(one["status"], one["origin"], one["location"]["start_line"]) for one in missing] == [("fail", "change", 8)]


@pytest.mark.parametrize(
    ("tag", "status", "said"),
    [("5.2.0", "fail", "which '111122223333/us-east-1' has"), ("99.0", "unknown", "it may not be pushed yet")],
)
def test_a_tag_that_the_standby_lacks_fails_if_the_primary_has_it(pull_request, tag, status, said):
    image = "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/checkout:" + tag
    text = 'provider "aws" { region = "us-west-2" }\n' + ECS % image
    _, findings, _ = pull_request(text, "--new-only", name="main.tf")
    found = by_rule(findings)["ecs-revision-digest-exists", "storefront/checkout"]
    assert (found["status"], said in found["message"]) == (status, True)


ECS = """
resource "aws_ecs_task_definition" "this" {
  family                = "checkout"
  container_definitions = jsonencode([{ name = "app", image = "%s" }])
}
resource "aws_ecs_service" "this" {
  name            = "checkout"
  cluster         = "storefront"
  task_definition = aws_ecs_task_definition.this.arn
}
"""


def test_an_image_that_the_code_leaves_open_is_undecided(pull_request):
    text = (SERVICE % "x").replace('"x"', "!ImportValue web").replace("shop", "storefront")
    _, findings, _ = pull_request(text, "--new-only")
    assert by_rule(findings)["image-running-digest-in-standby", "storefront/api"]["status"] == "unknown"


TERRAFORM = 'provider "aws" {\n  region = "us-west-2"\n}\nresource "aws_ecr_repository" "%s" { name = "shop/cart" }\n'
REMOVED = TERRAFORM.partition("resource")[0] + "removed {\n  from = aws_ecr_repository.old\n%s\n}\n"


@pytest.mark.parametrize(
    ("after", "gone"),
    [
        (REMOVED % "lifecycle { destroy = true }", True),
        (REMOVED % "lifecycle { destroy = false }", False),
        (TERRAFORM % "new" + "moved {\n  from = aws_ecr_repository.old\n  to = aws_ecr_repository.new\n}\n", False),
    ],
)
def test_what_terraform_only_forgets_or_renames_stays(pull_request, after, gone):
    options = ["--changed-since", "HEAD", "--new-only", "--select", "image", "--select", "repository"]
    report = pull_request(after, *options, before=TERRAFORM % "old", name="main.tf")[2]
    assert bool(report["findings"]) is gone
    assert report["summary"]["not_shown"] > 0


def test_a_finding_about_something_live_is_at_the_code_that_causes_it(pull_request):
    """The repository of the standby goes; what is missing there then is about live repositories and registries."""
    options = ["--changed-since", "HEAD", "--new-only"]
    _, findings, _ = pull_request(
        REMOVED % "lifecycle { destroy = true }", *options, before=TERRAFORM % "old", name="main.tf"
    )
    found = by_rule(findings)["repository-exists-in-standby", "shop/cart"]
    assert (found["source"], found["origin"], found["resource"]["location"]) == ("live", "change", None)
    assert (found["location"]["path"], found["location"]["start_line"]) == ("infra/main.tf", 4)
    assert found["location"] == found["cause"]
    assert all(one["location"] for one in findings if one["status"] == "fail")


def test_the_cause_changes_no_fingerprint_and_is_where_sarif_and_annotations_point(pull_request, demo, capsys):
    options = ["--changed-since", "HEAD", "--new-only", "--select", "repository-exists-in-standby"]
    gone = (REMOVED % "lifecycle { destroy = true }", TERRAFORM % "old", "main.tf")
    _, (found,), _ = pull_request(gone[0], *options, before=gone[1], name=gone[2])
    for format in ("sarif", "github"):
        with pytest.raises(SystemExit):
            main(["scan", "infra", "--against", str(demo / "snapshot"), *options, "--format", format])
        out = capsys.readouterr().out
        if format == "github":
            assert "file=infra/main.tf,line=4," in out
            continue
        (result,) = [
            each for run in json.loads(out)["runs"] for each in run["results"] if each["ruleId"] != "coverage-gap"
        ]
        assert result["partialFingerprints"]["regionproofFinding/v1"] == found["fingerprint"]
        place = result["locations"][0]["physicalLocation"]
        assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("infra/main.tf", 4)
        about = result["relatedLocations"][-1]
        assert about["logicalLocations"][0]["fullyQualifiedName"] == found["resource"]["id"]
        assert "which no code declares" in about["message"]["text"]


CODE = """
provider "aws" { region = "us-east-1" }
provider "aws" {
  alias  = "west"
  region = "us-west-2"
}
resource "aws_ecr_repository" "web" { name = "shop/web" }
resource "aws_ecr_repository" "api" { name = "shop/api" }
resource "aws_ecr_repository" "other" {
  provider = aws.west
  name     = "other"
}
resource "aws_ecr_replication_configuration" "this" {
  replication_configuration {
    rule {
      destination {
        region      = "us-west-2"
        registry_id = "111122223333"
      }
      repository_filter {
        filter      = "%s"
        filter_type = "PREFIX_MATCH"
      }
    }
  }
}
"""


def code_only(run, after, before, *options):
    return run(after, "--changed-since", "HEAD", *options, before=before, against=False, name="main.tf")


def test_a_narrowed_filter_brings_up_the_repositories_that_it_leaves(pull_request):
    _, findings, report = code_only(pull_request, CODE % "shop/api", CODE % "shop/")
    left = by_rule(findings)["repository-exists-in-standby", "shop/web"]
    assert (left["status"], left["origin"]) == ("fail", None)
    assert (left["location"]["start_line"], left["cause"]["start_line"]) == (7, 21)
    assert ("repository-exists-in-standby", "shop/api") not in by_rule(findings)  # as it was
    assert report["summary"]["not_shown"] > 0


def test_a_filter_in_code_may_name_a_repository_that_is_declared_elsewhere(pull_request):
    """With a slash it would leave that one out, so nothing is advised before an account shows that there is none."""
    select = ["--select", "registry-filters-end-at-a-segment"]
    found = [pull_request(CODE % "shop/a", *select, name="main.tf", against=live)[1] for live in (False, True)]
    alone, over = (by_rule(each)["registry-filters-end-at-a-segment", "registry"] for each in found)
    assert (alone["status"], over["status"]) == ("unknown", "fail")
    assert "'shop/a' may be the name of a repository" in alone["message"]


def test_a_changed_file_that_cannot_be_read_is_told_and_not_complete(pull_request, tmp_path):
    (tmp_path / "infra" / "other.tf").write_text("")
    options = ["--fail-on", "never", "--fail-on-incomplete"]
    code, findings, report = code_only(pull_request, CODE % "shop/" + "resource {{", CODE % "shop/", *options)
    assert (code, report["summary"]["complete"]) == (3, False)
    (row,) = [row for row in report["coverage"] if row["status"] == "failed"]
    assert row["operation"] == "infra/main.tf"
    hidden = by_rule(findings)["registry-declared-once", "registry"]
    assert hidden["status"] == "unknown"
    assert "infra/main.tf" in hidden["message"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--new-only"], "--new-only"),
        (["--against", "infra"], "no snapshot"),
        (["--against", "missing"], "no snapshot"),
    ],
)
def test_wrong_use(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "a.yaml").write_text(LAB)
    with pytest.raises(SystemExit) as stop:
        main(["scan", "infra", *options])
    assert (stop.value.code, message in capsys.readouterr().err) == (2, True)


def test_two_snapshots_are_not_a_change(demo, capsys):
    snapshot = str(demo / "snapshot")
    with pytest.raises(SystemExit) as stop:
        main(["scan", snapshot, "--against", snapshot])
    assert (stop.value.code, "infrastructure code" in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main.tf:12:3: no count.", "main.tf: no count."),
        ("not known (a/main.tf:12).", "not known (a/main.tf)."),
        ("in a.yaml:12, b.tf:13.", "in a.yaml, b.tf."),
        ("'r.example/serving.tf:2' is a tag.", "'r.example/serving.tf:2' is a tag."),
        ("r.example/model.json:1.2", "r.example/model.json:1.2"),
        ("r.example/b.yaml:2-x and b.hcl:2@sha256:aa", "r.example/b.yaml:2-x and b.hcl:2@sha256:aa"),
    ],
)
def test_lines_of_files_do_not_count_and_tags_of_images_do(text, expected):
    assert unnumbered(text) == expected
