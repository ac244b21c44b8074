"""Charts that Terraform installs: those among the scanned files are read with the values of the release."""

import pytest
from code_trees import gaps, images, unknown, workloads
from terraform_trees import ACCOUNT, PROVIDER, reader

CHART = {
    "live/charts/api/Chart.yaml": "{apiVersion: v2, name: api, version: 1.0.0}\n",
    "live/charts/api/values.yaml": """\
image: {repository: example.com/api, tag: '1'}
replicas: 1
side: example.com/side:1
""",
    "live/charts/api/templates/all.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      containers:
        - name: api
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
        - {name: side, image: "{{ .Values.side }}"}
""",
}
RELEASE = """
variable "open" { type = string }
resource "helm_release" "api" {
  name  = "api"
  chart = "./charts/api"
%s
}
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    scan = reader(tmp_path, monkeypatch)

    def call(text, **files):
        return scan({**CHART, "live/main.tf": PROVIDER + text, **files})

    return call


def the_deployment(parsed):
    (one,) = workloads(parsed).values()
    return one


@pytest.mark.parametrize(
    ("given", "api", "side"),
    [
        ("", "example.com/api:1", "example.com/side:1"),
        ('values = ["image: {tag: 2}", yamlencode({ side = "x" })]', "example.com/api:2", "x"),
        ('values = [file("${path.module}/prod.yaml")]', "example.com/api:9", "example.com/side:1"),
        ('values = ["side: w"]\nset {\n name = "image.tag"\n value = "3"\n}', "example.com/api:3", "w"),
        ('set = [{ name = "image.tag", value = "4" }, { name = "side", value = "z" }]', "example.com/api:4", "z"),
        ('set {\n name = "image.tag"\n value = var.open\n}', None, "example.com/side:1"),
        ('set_sensitive {\n name = "image.tag"\n value = "hunter2"\n}', None, "example.com/side:1"),
        ("values = [yamlencode({ image = { tag = var.open } })]", None, "example.com/side:1"),
    ],
)
def test_a_local_chart_is_read_with_the_values_of_its_release(read, given, api, side):
    one = the_deployment(read(RELEASE % given, **{"live/prod.yaml": "image: {tag: 9}\n"}))
    found = images(one)
    assert (one.account, one.region, one.properties["Name"], one.properties["Namespace"]) == (
        ACCOUNT,
        "us-east-1",
        "api",
        "default",
    )
    assert found["side"] == side
    assert found["api"] == api if api else "unknown" in found["api"]
    assert unknown(one, "Cluster")


def test_the_numbers_of_set_are_whole(read):
    """Go compares those of a values file with none of a template."""
    template = CHART["live/charts/api/templates/all.yaml"].replace(
        'name: side, image: "{{ .Values.side }}"', "name: side, image: 'n{{ eq .Values.replicas 3 }}'"
    )
    files = {"live/charts/api/templates/all.yaml": template}
    for value in ('"3"', "3"):
        body = f'set {{\n name = "replicas"\n value = {value}\n}}'
        one = the_deployment(read(RELEASE % body, **files))
        assert (images(one)["side"], one["Replicas"]) == ("ntrue", 3)
    assert "incompatible types" in images(the_deployment(read(RELEASE % 'values = ["replicas: 3"]', **files)))


def test_what_it_declares_leads_to_the_chart_through_the_release(read):
    where = the_deployment(read(RELEASE % "")).locate("/ContainerImages/1/Image")
    assert (where.path, where.line) == ("live/charts/api/values.yaml", 3)
    assert [(one.path, one.line) for one in where.through] == [("live/main.tf", 7)]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('chart = "api"\n repository = "https://example.com"', "chart 'api' is in a repository"),
        ('chart = "oci://example.com/api"', "'oci://example.com/api' is not among the scanned files"),
        ('chart = "../../outside"', "'../../outside' is not among the scanned files"),
        ("chart = var.open", "which chart it is is not known: var.open"),
        ('chart = "./charts/api"\n values = [var.open]', "the values of the release are not known: var.open"),
        ('chart = "./charts/api"\n set {\n name = var.open\n value = 1\n}', "the values of the release are not known"),
        ('chart = "./charts/api"\n count = var.open', "its count is not known"),
    ],
)
def test_any_other_release_is_a_gap_with_its_reason(read, body, why):
    text = 'variable "open" {}\nresource "helm_release" "api" {\n name = "api"\n %s\n}\n'
    parsed = read(text % body)
    assert [message for message in gaps(parsed) if why in message]
    if "charts/api" in body and "count" not in body:
        assert workloads(parsed) == {}


def test_two_releases_of_a_chart_are_two_workloads(read):
    other = RELEASE.replace('"api" {', '"two" {').replace('name  = "api"', 'name  = "two"').partition("}\n")[2]
    made = workloads(read(RELEASE % "" + other % 'namespace = "b"'))
    assert sorted((one.properties["Name"], one.properties["Namespace"]) for one in made.values()) == [
        ("api", "default"),
        ("two", "b"),
    ]
