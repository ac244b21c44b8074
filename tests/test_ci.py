"""CI files: what is recognized in them is certain, and the rest is unknown."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.documents import Document, load
from scanner.images import ImageIndex
from scanner.model import InsufficientData, Model, Place, Unknown
from scanner.parsers import parse
from scanner.parsers.ci import GITHUB, GITLAB, TAGS, recognises, resources

WORKFLOW, PIPELINE = ".github/workflows/payments.yml", ".gitlab-ci.yml"
UNKNOWN = object()


def read(text, path=WORKFLOW):
    (found,) = resources(load(text, path, TAGS), path)
    return found


def raw(resource, name):
    value = dict(resource.properties.raw())[name]
    if name in ("Regions", "PushesImagesTo") and value is not None:
        return [UNKNOWN if type(each) is Unknown else each for each in value.raw()]
    return UNKNOWN if type(value) is Unknown else value


def workflow(step, *, on="push", runs="ubuntu-latest", more=""):
    return f"on: {on}\njobs:\n  ship:\n    runs-on: {runs}\n{more}    steps:\n      - {step}\n"


CREDENTIALS = "uses: aws-actions/configure-aws-credentials@v4\n        with: {aws-region: %s}"
BOTH = "{matrix: {region: [us-west-2, us-east-1]}}"


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        (workflow(CREDENTIALS % "us-west-2"), ["us-west-2"]),
        (workflow(CREDENTIALS % '"${{ vars.REGION }}"'), [UNKNOWN]),
        (workflow(CREDENTIALS % '"${{ matrix.region }}"', more=f"    strategy: {BOTH}\n"), ["us-east-1", "us-west-2"]),
        (workflow(CREDENTIALS % '"${{ env.AWS_REGION }}"', more="    env: {AWS_REGION: eu-west-1}\n"), ["eu-west-1"]),
        (workflow(CREDENTIALS % '"${{ env.OTHER_REGION }}"', more="    env: {AWS_REGION: eu-west-1}\n"),
         ["eu-west-1", UNKNOWN]),
        (workflow("run: aws ecs update-service --region us-west-2 --service a"), ["us-west-2"]),
        (workflow("run: aws ecs update-service --region=$AWS_REGION", more="    env: {AWS_REGION: us-west-2}\n"),
         ["us-west-2"]),
        (workflow("run: aws ecs update-service --region $WHERE"), [UNKNOWN]),
        (workflow("run: cdk deploy --region ${{ matrix.region }}", more=f"    strategy: {BOTH}\n"),
         ["us-east-1", "us-west-2"]),
        (workflow("run: docker push 111122223333.dkr.ecr.us-west-2.amazonaws.com/a"), [UNKNOWN]),
        (workflow("run: cdk deploy", on="{workflow_dispatch: {inputs: {region: {options: [us-east-1]}}}}"),
         ["us-east-1"]),
        (workflow("run: cdk deploy", on="{workflow_dispatch: {inputs: {region: {default: us-east-1}}}}"),
         ["us-east-1", UNKNOWN]),
        (workflow("run: cdk deploy", on="{workflow_call: {inputs: {region: {type: string}}}}"), [UNKNOWN]),
        (workflow("run: make\n        name: not to us-west-2"), [UNKNOWN]),
    ],
)  # fmt: skip
def test_regions_are_those_that_steps_are_given(text, regions):
    assert raw(read(text), "Regions") == regions


@pytest.mark.parametrize(
    ("step", "deploys"),
    [
        ("uses: aws-actions/amazon-ecs-deploy-task-definition@v2", True),
        ("run: aws --no-cli-pager ecs update-service --service a", True),
        ("run: terraform -chdir=infra apply -auto-approve", True),
        ("run: kubectl -n shop set image deployment/web web=x", True),
        ("run: helm upgrade --install web ./chart", True),
        ("run: npx cdk deploy --all", True),
        ("run: aws --region us-west-2 ecs update-service --service a", True),
        ("run: terragrunt run-all apply", True),
        ("run: terraform plan", False),
        ("run: terraform plan; echo apply", False),
        ("run: pytest -q", False),
        ("uses: actions/checkout@v4", False),
        ("uses: ./.github/actions/ship", UNKNOWN),
        ("uses: acme/ci/.github/workflows/ship.yml@main", UNKNOWN),
        ("run: aws s3 sync . s3://site", UNKNOWN),
        ("run: ./ship.sh\n        env: {AWS_PROFILE: prod}", UNKNOWN),
    ],
)
def test_what_deploys_is_recognized_and_what_calls_elsewhere_is_unknown(step, deploys):
    assert raw(read(workflow(step)), "Deploys") == deploys


@pytest.mark.parametrize(
    ("runs", "hosted"),
    [
        ("ubuntu-24.04", True),
        ("ubuntu-24.04-arm", True),
        ("[ubuntu-latest]", True),
        ("[self-hosted, linux]", False),
        ("big-runner", UNKNOWN),
        ('"${{ matrix.os }}"', UNKNOWN),
        ("{group: ours}", UNKNOWN),
    ],
)
def test_whose_machines_jobs_run_on(runs, hosted):
    found = read(workflow("run: pytest", runs=runs))
    assert raw(found, "HostedRunners") == hosted
    assert raw(found, "Deploys") == (False if hosted is True else UNKNOWN)  # a machine of AWS may deploy by itself


def test_one_machine_of_ones_own_is_enough():
    text = workflow("run: pytest") + "  other: {runs-on: self-hosted, steps: []}\n"
    assert raw(read(text), "HostedRunners") is False


def test_a_workflow_is_a_resource_without_a_place():
    found = read(workflow("run: cdk deploy --region us-west-2"))
    assert (found.type, found.id, found.name) == (GITHUB, WORKFLOW, "payments")
    assert (found.account, found.region, found.locate("").path) == (None, None, WORKFLOW)


def test_a_workflow_is_no_infrastructure_code():
    found = read(workflow("run: cdk deploy --region us-west-2"))
    model = Model([found], pairs=(), images=ImageIndex({}), as_of=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(InsufficientData, match="no infrastructure code was scanned"):
        model.declared("AWS::EKS::Cluster", "shop", Place("111122223333", "us-west-2"))


GITLAB_JOB = "ship:\n  tags: [%s]\n  script: [aws ecs update-service --region $AWS_DEFAULT_REGION]\n"


@pytest.mark.parametrize(
    ("text", "regions", "deploys", "hosted"),
    [
        ("variables: {AWS_DEFAULT_REGION: us-west-2}\n" + GITLAB_JOB % "saas-linux", ["us-west-2"], True, True),
        ("variables: {AWS_DEFAULT_REGION: {value: us-west-2, description: where}}\n" + GITLAB_JOB % "own",
         ["us-west-2"], True, UNKNOWN),
        (GITLAB_JOB % "saas-linux-small-amd64", [UNKNOWN], True, True),
        ("default: {tags: [saas-linux-small-amd64]}\ntest: {script: [pytest]}\n", [UNKNOWN], False, True),
        ("test: {script: [pytest]}\n", [UNKNOWN], UNKNOWN, UNKNOWN),
        ("include: [{project: acme/ci, file: a.yml}]\n", [UNKNOWN], UNKNOWN, UNKNOWN),
        ("test: {tags: [saas-a], script: [!reference [.setup, script]]}\n", [UNKNOWN], UNKNOWN, True),
    ],
)  # fmt: skip
def test_gitlab(text, regions, deploys, hosted):
    found = read(text, PIPELINE)
    assert (found.type, found.name) == (GITLAB, "gitlab-ci")
    assert [raw(found, name) for name in ("Regions", "Deploys", "HostedRunners")] == [regions, deploys, hosted]


@pytest.mark.parametrize(
    ("path", "value", "is_one"),
    [
        (WORKFLOW, {"jobs": {}}, True),
        ("shop/.github/workflows/a.yaml", {"jobs": {}}, True),
        (WORKFLOW, {"on": "push"}, False),
        (WORKFLOW, [], False),
        (".github/dependabot.yml", {"jobs": {}}, False),
        ("workflows/a.yml", {"jobs": {}}, False),
        (PIPELINE, {}, True),
        (PIPELINE, None, False),
        ("gitlab-ci.yml", {}, False),
    ],
)
def test_files_are_known_by_where_they_are_and_what_they_hold(path, value, is_one):
    assert recognises(path, value) is is_one
    assert len(list(resources(Document(value, {}), path))) == is_one


def test_ci_files_are_found_in_a_repository(tmp_path):
    files = {
        ".github/workflows/deploy.yml": b"jobs: {a: {runs-on: ubuntu-latest, steps: []}}",
        ".github/workflows/broken.yml": b"jobs: [",
        ".github/workflows/latin.yml": b"jobs: \xe9",
        ".github/dependabot.yml": b"version: 2",
        ".gitlab-ci.yml": b"build: {script: [!reference [x, script]]}",
        ".cache/workflows/x.yml": b"jobs: {}",
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    parsed = parse(tmp_path, lambda _: [])
    assert {(one.type, one.id) for one in parsed.resources} == {
        (GITHUB, ".github/workflows/deploy.yml"),
        (GITLAB, ".gitlab-ci.yml"),
    }
    assert {(gap.type, gap.path, gap.reason) for gap in parsed.gaps} == {
        (GITHUB, ".github/workflows/broken.yml", "ParseError"),
        (GITHUB, ".github/workflows/latin.yml", "ParseError"),
    }
    assert [(path, status) for path, status, _ in parsed.files] == [
        (".github/workflows/broken.yml", "partial"),
        (".github/workflows/deploy.yml", "complete"),
        (".github/workflows/latin.yml", "partial"),
        (".gitlab-ci.yml", "complete"),
    ]


EAST, WEST = (f"111122223333.dkr.ecr.{region}.amazonaws.com" for region in ("us-east-1", "us-west-2"))
BUILD = "uses: docker/build-push-action@v6\n        with: {push: %s, tags: '%s'}"
LOGIN = "uses: aws-actions/amazon-ecr-login@v2\n      - "


@pytest.mark.parametrize(
    ("text", "pushes"),
    [
        (workflow("run: pytest -q"), None),
        (workflow(f"run: docker pull {EAST}/a"), None),
        (workflow(f"run: docker push {EAST}/a"), ["us-east-1"]),
        (workflow(f"run: docker push {EAST}/a && docker push {WEST}/a"), ["us-east-1", "us-west-2"]),
        (workflow("run: docker push ghcr.io/acme/a --region us-east-1"), None),
        (workflow(f"run: |\n          docker buildx build . \\\n            -t {EAST}/a -t {WEST}/a --push"),
         ["us-east-1", "us-west-2"]),
        (workflow(f"run: docker build -t {EAST}/a .; echo --push"), None),
        (workflow(f"run: crane copy {EAST}/a {WEST}/a"), ["us-east-1", "us-west-2"]),
        (workflow(f"run: skopeo copy docker://{EAST}/a docker://{WEST}/a"), ["us-east-1", "us-west-2"]),
        (workflow(f"run: oras cp {EAST}/a {WEST}/a"), ["us-east-1", "us-west-2"]),
        (workflow(f"run: /kaniko/executor --destination={WEST}/a"), ["us-west-2"]),
        (workflow(BUILD % ("true", f"{EAST}/a,{WEST}/a")), ["us-east-1", "us-west-2"]),
        (workflow(BUILD % ("false", f"{EAST}/a,{WEST}/a")), None),
        (workflow(BUILD % ("\"${{ github.ref == 'x' }}\"", f"{EAST}/a")), ["us-east-1"]),
        (workflow(LOGIN + CREDENTIALS % '"${{ matrix.region }}"' + "\n      - " + BUILD % ("true", "${{ x }}/a"),
                  more=f"    strategy: {BOTH}\n"), ["us-east-1", "us-west-2"]),
        (workflow("run: docker push 111122223333.dkr.ecr.$AWS_REGION.amazonaws.com/a"), [UNKNOWN]),
        (workflow("run: docker push $HOST/a", more=f"    env: {{HOST: {EAST}}}\n"), ["us-east-1"]),
        (f"env: {{HOST: {EAST}, OLD: {WEST}}}\n" + workflow("run: docker push $HOST/a"), ["us-east-1"]),
        (workflow(f"run: docker push {EAST}/a") + "  later: {steps: [{run: cdk deploy --region us-west-2}]}\n",
         ["us-east-1"]),  # another job deploys there
    ],
)  # fmt: skip
def test_where_images_are_pushed_to(text, pushes):
    assert raw(read(text), "PushesImagesTo") == pushes


def test_where_gitlab_pushes_images_to():
    text = f"variables: {{HOST: {EAST}}}\nbuild: {{script: [docker push $HOST/a, docker push {WEST}/a]}}\n"
    assert raw(read(text, PIPELINE), "PushesImagesTo") == ["us-east-1", "us-west-2"]
    text = f"build: {{script: [docker push {EAST}/a]}}\ncopy: {{script: [crane cp {EAST}/a {WEST}/a]}}\n"
    assert raw(read(text, PIPELINE), "PushesImagesTo") == ["us-east-1", "us-west-2"]


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["us-east-1", "self-hosted"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["jobs", "steps", "runs-on", "region", "uses", "run", "tags", "default", "script", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(trees, st.sampled_from([WORKFLOW, PIPELINE]))
def test_any_document_is_read(value, path):
    for found in resources(Document(value, {}), path):
        assert raw(found, "Regions")
        assert raw(found, "Deploys") in (True, False, UNKNOWN)
        assert raw(found, "HostedRunners") in (True, False, UNKNOWN)
        assert raw(found, "PushesImagesTo") in (None, ["us-east-1"], [UNKNOWN])
