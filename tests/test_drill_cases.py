"""Each condition of a pull in the standby, broken alone in the demo estate: the drill names exactly that link."""

import copy
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scanner.config import read
from scanner.drill import simulate
from scanner.engine import assess, selected
from scanner.estate import add_evidence, read_paths
from scanner.images import ImageIndex, Listing, RepositoryKey
from scanner.loss import Loss
from scanner.model import Gap, Model, Resource, Unknown, guard, plain
from scanner.outcome import Outcome, State
from scanner.rule import load_rules

SHOP, EAST, WEST = "111122223333", "us-east-1", "us-west-2"
SERVICE, DEFINITION, REPOSITORY = "AWS::ECS::Service", "AWS::ECS::TaskDefinition", "AWS::ECR::Repository"
FUNCTION, QUOTA = "AWS::Lambda::Function", "AWS::ServiceQuotas::Quota"
BASKET, STOCK, DASHBOARDS = "storefront/basket", "stock-levels", "analytics/dashboards/dashboards"
PRICES = "hourly-prices"
COREDNS = "analytics/kube-system/coredns"
HOST = f"{SHOP}.dkr.ecr.{{}}.amazonaws.com"


class Demo:
    """The shop's two Regions in the demo estate, to be broken."""

    def __init__(self, folder):
        self.config = read(folder / "regionproof.yaml")
        estate = read_paths([folder / "snapshot", folder / "infra"], self.config)
        add_evidence(estate, self.config)
        self.resources = [one for one in estate.resources if one.account in (SHOP, None)]
        self.images, self.gaps = dict(estate.listings), estate.gaps
        self.scanned, self.asked = estate.scanned, estate.asked
        self.pairs = self.config.pairs

    def find(self, type, name, region):
        return [one for one in self.resources if (one.type, one.name, one.region) == (type, name, region)]

    def edit(self, type, name, region, **properties):
        """Change properties of what lives, and of what files declare."""
        found = self.find(type, name, region)
        assert found, f"{type} {name} {region}"
        self.resources = [one for one in self.resources if not any(one is each for each in found)]
        for one in found:
            raw = dict(one.properties.raw())
            seen = {key: value for key, value in properties.items() if not isinstance(raw.get(key), Unknown)}
            given = {key: value(raw[key]) if callable(value) else value for key, value in seen.items()}
            self.resources.append(replace(one, properties=guard(raw | given)))

    def drop(self, type, region, *names):
        """Take away what has one of the names, or everything of a type."""
        kept = [
            one
            for one in self.resources
            if not (one.type == type and one.region == region and (not names or one.name in names))
        ]
        assert len(kept) < len(self.resources)
        self.resources = kept

    def relist(self, name, region, change):
        """Change the images of a repository."""
        key = RepositoryKey(SHOP, region, name)
        self.images[key] = Listing(tuple(change(self.images[key].images)))

    def model(self):
        return Model(
            self.resources,
            gaps=self.gaps,
            pairs=self.pairs,
            images=ImageIndex(self.images),
            scanned=self.scanned,
            asked=self.asked,
            as_of=datetime(2026, 11, 20, 6, tzinfo=UTC),
        )

    def recoveries(self, rules, loss=EAST):
        model = self.model()
        findings = assess(model, rules, self.config).findings
        return {one.name: one for one in simulate(model, findings, rules, Loss.parse(loss)).recoveries}


@pytest.fixture(scope="module")
def whole(demo):
    return Demo(demo)


@pytest.fixture
def estate(whole):
    broken = copy.copy(whole)
    broken.images = dict(whole.images)
    return broken


@pytest.fixture(scope="module")
def rules(whole):
    config = replace(whole.config, select=("*",), ignore=())
    return [rule for rule in selected(load_rules(), config) if rule.link]


def changed(value, **members):
    """Return the one item of a list with other members."""
    [item] = plain(value)
    return [item | members]


def of_primary(value):
    """Return images or containers as if somebody had copied them with the primary's registry in them."""
    return [item | {"Image": item["Image"].replace(WEST, EAST)} for item in plain(value)]


def region_disabled(demo):
    demo.edit("AWS::Account::Region", "region", WEST, RegionOptStatus="DISABLED")


def no_pair(demo):
    demo.pairs = [pair for pair in demo.pairs if pair.primary != (SHOP, EAST)]


def no_repository(demo):
    demo.drop(REPOSITORY, WEST, "shop/basket")
    del demo.images[RepositoryKey(SHOP, WEST, "shop/basket")]


def no_digest(demo):
    demo.relist("shop/basket", WEST, lambda images: [one for one in images if one.subject])


def archived(demo):
    demo.relist("shop/basket", WEST, lambda images: [replace(one, status="ARCHIVED") for one in images])


def tag_moved(demo):
    other = "sha256:" + "a" * 64
    for region, tags in ((EAST, ()), (WEST, ("1.1.0",))):
        demo.relist(
            "shop/stock-levels",
            region,
            lambda images, tags=tags: [
                *(replace(one, tags=() if tags else one.tags) for one in images),
                replace(images[0], digest=other, tags=tags),
            ],
        )


def child_missing(demo):
    child, index = "sha256:" + "c" * 64, "application/vnd.oci.image.index.v1+json"
    digest = next(one.digest for one in demo.images[RepositoryKey(SHOP, EAST, "shop/basket")].images if one.tags)
    for region in (EAST, WEST):
        demo.relist(
            "shop/basket",
            region,
            lambda images: [replace(one, media_type=index) if one.tags else one for one in images],
        )
    demo.relist(
        "shop/basket", EAST, lambda images: [*images, replace(images[-1], digest=child, tags=(), media_type=None)]
    )
    manifests = [{"Digest": child, "Platform": {"Architecture": "arm64", "Os": "linux"}, "ReferenceType": None}]
    properties = guard({"RepositoryName": "shop/basket", "ImageDigest": digest, "Manifests": manifests})
    id = f"arn:aws:ecr:{EAST}:{SHOP}:repository/shop/basket/{digest}"
    demo.resources = [
        *demo.resources,
        Resource("AWS::ECR::ImageManifest", id, f"shop/basket/{digest}", SHOP, EAST, properties),
    ]


def of_primary_registry(demo):
    demo.edit(DEFINITION, "storefront-basket", WEST, ContainerDefinitions=of_primary)


def role_without_policies(demo):
    demo.edit("AWS::IAM::Role", "eks-node", EAST, ManagedPolicyArns=[], ManagedPolicies=[], Policies=[])
    demo.edit("AWS::IAM::Role", "eks-node", WEST, ManagedPolicyArns=[], ManagedPolicies=[], Policies=[])


def key_going(demo):
    key = f"arn:aws:kms:{WEST}:{SHOP}:key/6f1c2a52-90f4-4a1c-8a55-2f3e7b1d9c04"
    demo.edit(REPOSITORY, "shop/basket", WEST, EncryptionConfiguration={"EncryptionType": "KMS", "KmsKey": key})


def no_layers(demo):
    services = [one for one in demo.resources if one.type == "AWS::EC2::VPCEndpoint" and one.region == WEST]
    [layers] = [one for one in services if one["ServiceName"].endswith(".s3")]
    demo.resources = [one for one in demo.resources if one is not layers]


def archives_what_nobody_pulls(demo):
    demo.edit(
        REPOSITORY,
        "shop/basket",
        WEST,
        LifecyclePolicy=plain(demo.find(REPOSITORY, "shop/invoice", WEST)[0]["LifecyclePolicy"]),
    )


def no_signature(demo):
    demo.relist("shop/basket", WEST, lambda images: [one for one in images if not one.subject])


def established_nowhere(demo):
    for one in demo.find(SERVICE, BASKET, EAST):
        if not one.locations:
            demo.edit(
                SERVICE, BASKET, EAST, ContainerImages=lambda _: Unknown("ecs:DescribeServiceRevisions was denied")
            )
            break


def idle_by_tag(demo):
    image = {"Image": f"{HOST.format(WEST)}/shop/basket:3.0.0"}
    demo.edit(DEFINITION, "storefront-basket", WEST, ContainerDefinitions=lambda value: changed(value, **image))
    demo.edit(
        SERVICE,
        BASKET,
        WEST,
        DesiredCount=0,
        RunningCount=0,
        ContainerImages=lambda value: changed(value, **image, ImageDigest=None),
    )
    demo.edit(REPOSITORY, "shop/basket", WEST, ImageTagMutability="MUTABLE")


def pods_unseen(demo):
    demo.edit("Kubernetes::Deployment", DASHBOARDS, EAST, ContainerImages=Unknown("pods were not listed"))


def function_of_primary_registry(demo):
    demo.edit(FUNCTION, STOCK, WEST, Code={"ImageUri": f"{HOST.format(EAST)}/shop/stock-levels:1.1.0"})


def no_policy(demo):
    demo.edit(REPOSITORY, "shop/stock-levels", WEST, RepositoryPolicyText=None)


def puller_denied(demo):
    statement = {"Effect": "Deny", "Principal": "*", "Action": "ecr:BatchGetImage", "Resource": "*"}
    demo.edit("AWS::ECR::Registry", "registry", WEST, PolicyText={"Statement": [statement]})


def no_way_to_secrets(demo):
    demo.resources = [
        one
        for one in demo.resources
        if one.type != "AWS::EC2::VPCEndpoint" or not one["ServiceName"].endswith(f"{WEST}.secretsmanager")
    ]


def no_log_group(demo):
    demo.drop("AWS::Logs::LogGroup", WEST, "/ecs/storefront-basket")


def traffic_by_hand(demo):
    """Its runbook changes records of Route 53, whose control plane is in the Region that is lost."""
    group = f"arn:aws:elasticloadbalancing:{EAST}:{SHOP}:targetgroup/basket/1"
    demo.edit(SERVICE, BASKET, EAST, LoadBalancers=[{"TargetGroupArn": group, "ContainerName": "basket"}])


def no_cluster(demo):
    demo.drop("AWS::ECS::Cluster", WEST, "storefront")


def no_service(demo):
    demo.drop(SERVICE, WEST, BASKET)


def old_cluster(demo):
    demo.edit("AWS::EKS::Cluster", "analytics", WEST, Version="1.30")


def old_addon(demo):
    demo.edit("AWS::EKS::Addon", "analytics/coredns", WEST, AddonVersion="v1.9.0-eksbuild.1")


def no_nodes(demo):
    demo.drop("AWS::EKS::Nodegroup", WEST, "analytics/general")
    demo.drop("AWS::EKS::FargateProfile", WEST)


def eks_images_of_primary(demo):
    demo.edit("Kubernetes::Deployment", COREDNS, WEST, ContainerImages=of_primary)


def no_secret(demo):
    demo.drop("AWS::SecretsManager::Secret", WEST, "basket/session")
    demo.edit("AWS::SecretsManager::Secret", "basket/session", EAST, ReplicaRegions=[])


def other_processor(demo):
    demo.edit(
        DEFINITION,
        "storefront-basket",
        WEST,
        RuntimePlatform={"CpuArchitecture": "X86_64", "OperatingSystemFamily": "LINUX"},
    )


def external_image(demo):
    image = {"Image": "docker.io/library/nginx:1.29"}
    for region in (EAST, WEST):
        demo.edit(DEFINITION, "storefront-basket", region, ContainerDefinitions=lambda value: changed(value, **image))
        demo.edit(SERVICE, BASKET, region, ContainerImages=lambda value: changed(value, **image))


def low_quota(demo):
    demo.edit(QUOTA, "fargate/L-3032A538", WEST, Value=6)


def too_many_to_launch(demo):
    demo.edit(SERVICE, BASKET, EAST, DesiredCount=100_000)


def only_backups(demo):
    """Nothing is ready in the standby, and the pipeline that would make it stops with the primary."""
    demo.pairs = [replace(pair, dr_class="backup-restore") for pair in demo.pairs]


CASES = {
    "0 a standby is declared": (no_pair, BASKET, "pair"),
    "1 the Region is enabled": (region_disabled, BASKET, "region"),
    "2 the repository exists": (no_repository, BASKET, "repository"),
    "3 the digest exists": (no_digest, BASKET, "digest"),
    "3 the image is active": (archived, BASKET, "status"),
    "4 the tag means the same": (tag_moved, STOCK, "tag"),
    "5 the children of an index exist": (child_missing, BASKET, "platform"),
    "6 the standby names its own registry": (of_primary_registry, BASKET, "reference"),
    "7 the puller may pull": (role_without_policies, DASHBOARDS, "identity"),
    "8 the registry denies no puller": (puller_denied, BASKET, "registry"),
    "9 the key can be used": (key_going, BASKET, "key"),
    "10 layers can be reached": (no_layers, BASKET, "network"),
    "11 secrets can be reached": (no_way_to_secrets, BASKET, "network"),
    "12 the lifecycle policy keeps it": (archives_what_nobody_pulls, BASKET, "lifecycle"),
    "13 signatures exist": (no_signature, BASKET, "signature"),
    "15 an idle service is pinned": (idle_by_tag, BASKET, "established"),
    "17 a function is of its own Region": (function_of_primary_registry, STOCK, "definition"),
    "18 Lambda may pull": (no_policy, STOCK, "policy"),
    "19 the cluster exists": (no_cluster, BASKET, "cluster"),
    "19 the service exists": (no_service, BASKET, "definition"),
    "19 what the definition names exists": (no_log_group, BASKET, "surroundings"),
    "20 the cluster's version is near": (old_cluster, DASHBOARDS, "cluster"),
    "20 its add-ons are near": (old_addon, DASHBOARDS, "addons"),
    "21 there are nodes": (no_nodes, DASHBOARDS, "capacity"),
    "22 AWS's images are of the Region": (eks_images_of_primary, COREDNS, "addons"),
    "23 secrets exist": (no_secret, BASKET, "secrets"),
    "24 processors are alike": (other_processor, BASKET, "architecture"),
    "25 external images are mirrored": (external_image, BASKET, "external"),
    "26 quotas admit it": (low_quota, BASKET, "quota"),
    "27 it starts in time": (too_many_to_launch, BASKET, "launch"),
    "28 traffic can be switched": (traffic_by_hand, BASKET, "traffic"),
    "29 pipelines survive": (only_backups, BASKET, "delivery"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_condition_that_is_broken_alone_is_the_link_that_is_named(case, estate, rules):
    breaks, workload, link = CASES[case]
    breaks(estate)

    found = estate.recoveries(rules)[workload]

    assert found.outcome is Outcome.FAILS, found.reason
    assert found.broken.link == link, [(one.link, one.reason) for one in found.links if one.state is State.BROKEN]


@pytest.mark.parametrize(
    ("hides", "workload", "link"),
    [(established_nowhere, BASKET, "digest"), (pods_unseen, DASHBOARDS, "digest")],
    ids=["14 of ECS", "16 of EKS"],
)
def test_where_nobody_saw_which_image_runs_nobody_can_tell(hides, workload, link, estate, rules):
    hides(estate)

    found = estate.recoveries(rules)[workload]

    assert found.outcome is Outcome.UNKNOWN, found.reason
    assert link in [one.link for one in found.unknown]


def test_what_is_ready_recovers(estate, rules):
    found = estate.recoveries(rules)

    assert {name: found[name].outcome for name in (BASKET, PRICES, STOCK, DASHBOARDS, COREDNS)} == {
        BASKET: Outcome.AFTER,
        PRICES: Outcome.AFTER,
        STOCK: Outcome.RECOVERS,
        DASHBOARDS: Outcome.RECOVERS,
        COREDNS: Outcome.RECOVERS,
    }
    assert [action.command for action in found[PRICES].actions] == [
        "aws events enable-rule --region us-west-2 --name hourly-prices"
    ]


HIDDEN = (
    ("AWS::Account::Region", EAST),
    ("AWS::ECS::Cluster", WEST),
    (SERVICE, WEST),
    (DEFINITION, WEST),
    (REPOSITORY, WEST),
    ("AWS::EC2::Subnet", WEST),
    ("AWS::EC2::RouteTable", WEST),
    ("AWS::EC2::VPCEndpoint", WEST),
    ("AWS::IAM::Role", None),
    ("AWS::SecretsManager::Secret", WEST),
    (QUOTA, WEST),
    (QUOTA, EAST),
)


@pytest.mark.parametrize(("type", "region"), HIDDEN)
def test_nothing_recovers_that_needs_something_nobody_saw(type, region, estate, rules):
    for place in (region,) if region else (EAST, WEST, "eu-west-1"):  # roles are the same in every Region
        estate.drop(type, place)
        estate.gaps = [*estate.gaps, Gap("AccessDeniedException", "not allowed", type, SHOP, place, "service:List")]

    found = estate.recoveries(rules)

    assert found[BASKET].outcome is Outcome.UNKNOWN, found[BASKET].reason
    assert all(one.reason for one in found[BASKET].unknown)


def test_a_drill_is_the_same_each_time_and_in_any_order(estate, rules):
    first = estate.recoveries(rules)
    estate.resources = estate.resources[::-1]

    assert estate.recoveries(rules) == first


def test_a_workload_without_a_pair_is_told_under_the_finding_of_its_region(estate, rules):
    model = estate.model()
    findings = assess(model, rules, estate.config).findings
    (found,) = (each for each in findings if (each.rule_id, each.status) == ("workload-region-has-standby", "fail"))

    (one,) = simulate(model, findings, rules, Loss.parse("eu-west-1")).recoveries[-1:]
    (link,) = one.links

    assert (link.link, link.fingerprint, link.subject) == ("pair", found.fingerprint, found.resource)
    assert link.reason.startswith("No pair has ")


def test_a_region_that_stands_by_for_others_is_no_finding_about_a_workload_in_it(estate, rules):
    no_pair(estate)
    (link,) = estate.recoveries(rules)[BASKET].links
    assert (link.link, link.state, link.fingerprint, link.subject) == ("pair", State.BROKEN, "", None)


def hide(demo, type, region):
    demo.gaps = [*demo.gaps, Gap("AccessDeniedException", "not allowed", type, SHOP, region, "service:List")]


def drilled(demo, rules, loss):
    model = demo.model()
    return simulate(model, assess(model, rules, demo.config).findings, rules, Loss.parse(loss))


@pytest.mark.parametrize(
    ("region", "loss", "said"),
    [
        (EAST, EAST, True),
        (EAST, f"account:{SHOP}", True),
        (EAST, f"repository:arn:aws:ecr:{WEST}:{SHOP}:repository/shop/basket", True),  # it may pull from anywhere
        (EAST, WEST, False),
        (EAST, f"cluster:arn:aws:ecs:{WEST}:{SHOP}:cluster/storefront", False),
    ],
)
def test_workloads_that_may_be_there_unseen_are_not_passed_over(region, loss, said, estate, rules):
    estate.drop(SERVICE, region)
    hide(estate, SERVICE, region)

    unseen = drilled(estate, rules, loss).unseen

    assert any("service:List" in reason for reason in unseen) is said


def test_a_standby_of_what_nobody_saw_is_no_workload_without_a_standby(estate, rules):
    estate.drop(SERVICE, EAST)
    hide(estate, SERVICE, EAST)

    found = estate.recoveries(rules, WEST)[BASKET]

    assert (found.outcome, found.links[0].state) == (Outcome.UNKNOWN, State.UNKNOWN)
    assert "what it may stand in for was not all seen" in found.reason


def test_what_may_pull_from_what_is_lost_cannot_be_told(estate, rules):
    estate.edit("Kubernetes::Deployment", DASHBOARDS, EAST, ContainerImages=Unknown("pods were not listed"))

    found = estate.recoveries(rules, f"repository:arn:aws:ecr:{EAST}:{SHOP}:repository/shop/basket")

    assert found[DASHBOARDS].outcome is Outcome.UNKNOWN
    assert "was not seen: " in found[DASHBOARDS].reason


def test_a_schedule_that_the_standby_lacks_has_to_be_made(estate, rules):
    estate.drop("AWS::Events::Rule", WEST, PRICES)

    found = estate.recoveries(rules)[PRICES]

    assert found.outcome is Outcome.AFTER
    assert found.actions[0].title.startswith(f"Create '{PRICES}' in ")
    assert found.within_rto is None


def test_an_image_on_its_way_back_from_the_archive_is_waited_for(estate, rules):
    estate.relist("shop/basket", WEST, lambda images: [replace(one, status="ACTIVATING") for one in images])

    found = estate.recoveries(rules)[BASKET]

    assert found.outcome is not Outcome.RECOVERS
    assert any(action.title.startswith("Wait until 'shop/basket@sha256:") for action in found.actions)
