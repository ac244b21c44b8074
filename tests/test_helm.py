"""Helm charts: what the files decide is known, and what only a release or a cluster could tell is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from code_trees import ACCOUNT, WEST, gaps, images, read, status, unknown, workloads, write
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes_charts import CHARTS, REFUSED

from scanner.config import IacMapping
from scanner.errors import DocumentError
from scanner.guarded import Unknown
from scanner.parsers.kubernetes import render
from scanner.parsers.kubernetes.gotemplate import parse
from scanner.parsers.kubernetes.helmignore import Ignored
from scanner.parsers.kubernetes.render import Renderer
from scanner.parsers.kubernetes.scopes import Template, Undecidable

ECR = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com"
HELPERS = """\
{{/* What `helm create` writes. */}}
{{- define "api.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- define "api.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}
{{- define "api.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "api.account" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "api.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "api.fullname" . }}
  labels:
    {{- include "api.labels" . | nindent 4 }}
spec:
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicaCount }}
  {{- end }}
  template:
    metadata:
      {{- with .Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      labels:
        {{- include "api.labels" . | nindent 8 }}
    spec:
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      serviceAccountName: {{ include "api.account" . }}
      containers:
        - name: {{ .Chart.Name }}
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
          resources:
            {{- toYaml .Values.resources | nindent 12 }}
"""
VALUES = """\
replicaCount: 1
image:
  repository: nginx
  tag: ""
imagePullSecrets: [{name: key}]
nameOverride: ""
fullnameOverride: ""
serviceAccount: {create: true, name: ""}
podAnnotations: {a: b}
resources: {limits: {cpu: 100m, memory: "1.5"}}
autoscaling: {enabled: false}
"""
WEST_VALUES = f"image:\n  repository: {ECR}/shop/api\n"
CHART = "apiVersion: v2\nname: api\nversion: 0.1.0\nappVersion: '1.16'\n"


def chart(templates=None, values=VALUES, environments=None, about=CHART, at="charts/api/"):
    found = {"Chart.yaml": about, "values.yaml": values}
    found |= {f"templates/{name}": text for name, text in (templates or {"deployment.yaml": DEPLOYMENT}).items()}
    found |= {"templates/_helpers.tpl": HELPERS, **(environments or {})}
    return {f"{at}{name}": text for name, text in found.items()}


def only(parsed):
    (found,) = workloads(parsed).values()
    return found


def test_the_chart_that_helm_creates_is_known_to_the_end(tmp_path):
    one = only(read(tmp_path, chart(environments={"values-us-west-2.yaml": WEST_VALUES}), WEST))
    assert (one.name, one["Replicas"], one["ServiceAccountName"]) == ("shop/web/live-api", 1, "live-api")
    assert images(one) == {"api": f"{ECR}/shop/api:1.16"}
    assert one["ImagePullSecrets"][0]["Name"] == "key"
    assert str(one.locate("/ContainerImages/0/Image")) == "charts/api/values-us-west-2.yaml:2:15"
    assert str(one.locate("/Name")) == "charts/api/templates/deployment.yaml:4:9"
    assert str(one.locate("")) == "charts/api/templates/deployment.yaml:1:1"
    assert str(one.locate("/Replicas")) == "charts/api/values.yaml:1:15"


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("values-west.yaml", True),
        ("values.west.yaml", True),
        ("values_west.yml", True),
        ("west-values.yaml", True),
        ("west.values.yaml", True),
        ("values/west.yaml", True),
        ("envs/west.yaml", True),
        ("environments/west.yaml", True),
        ("ci/west-values.yaml", False),
        ("other.yaml", False),
    ],
)
def test_each_values_file_is_an_environment(tmp_path, name, is_one):
    west = IacMapping("charts/api", ACCOUNT, "us-west-2", "shop", "web", "live")
    parsed = read(tmp_path, chart(environments={name: "image: {repository: x}"}), west)
    assert images(only(parsed)) == {"api": "x:1.16" if is_one else "nginx:1.16"}


def test_each_environment_has_its_own_place(tmp_path):
    files = chart(environments={"values-east.yaml": "image: {tag: e}", "values-west.yaml": "image: {tag: w}"})
    east = IacMapping("values-east.yaml", ACCOUNT, "us-east-1", "shop", "web", "live")
    found = workloads(read(tmp_path, files, east))
    assert {(one.region, *images(one).values()) for one in found.values()} == {
        ("us-east-1", "nginx:e"),
        (None, "nginx:w"),
    }
    assert len(found) == 2


def test_values_files_are_laid_over_each_other_as_declared(tmp_path):
    files = chart(environments={"values-prod.yaml": "image: {repository: p, tag: p}", "values-west.yaml": "image: {}"})
    files["envs/west.yaml"] = "image: {tag: w}"
    layers = replace(WEST, path="charts/api", values=("values-prod.yaml", "../../envs/west.yaml"))
    parsed = read(tmp_path, files, layers)
    one = only(parsed)
    assert images(one) == {"api": "p:w"}
    assert str(one.locate("/ContainerImages/0/Image")) == "charts/api/values-prod.yaml:1:21"
    assert status(parsed)["envs/west.yaml"] == "complete"
    east = replace(WEST, path="values-west.yaml", region="us-east-1")
    found = [one for one in read(tmp_path, None, layers, east).resources if one.type.startswith("Kubernetes::")]
    assert {(each.region, *images(each).values()) for each in found} == {
        ("us-west-2", "p:w"),
        ("us-east-1", "nginx:1.16"),
    }
    parsed = read(tmp_path, None, replace(layers, values=("gone.yaml",)))
    assert not workloads(parsed)
    assert "charts/api/Chart.yaml:1: the values file 'gone.yaml' is not among the scanned files" in gaps(parsed)


def test_what_the_release_decides_is_unknown_without_it(tmp_path):
    bare = IacMapping("*", ACCOUNT, "us-west-2", "shop")
    one = only(read(tmp_path, chart(), bare))
    assert one.name is None
    assert "give it as 'release' under 'iac:'" in unknown(one, "Name")
    assert images(one) == {"api": "nginx:1.16"}


def image(expression, values="", more="", **others):
    """Return what an expression gives as the image of a container, beside another template."""
    text = (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec: {{containers: [{{name: a, image: '{expression}'}}]}}"
    )
    return chart({"pod.yaml": text, **({"more.yaml": more} if more else {})}, values, **others)


EXPRESSIONS = {
    '{{ .Values.image | default "a/b:1" }}': "a/b:1",
    '{{ printf "%s/%s:%v" .Values.host "app" .Values.number }}': "h.example/app:3",
    "{{ .Values.host }}/{{ .Values.deep.name }}@{{ .Values.digest }}": "h.example/m@sha256:x",
    '{{ .Values.host | upper | lower | trimSuffix ".example" }}': "h",
    '{{ if eq .Values.host "h.example" }}yes{{ else }}no{{ end }}': "yes",
    "{{ if ne (int .Values.number) 3 }}yes{{ else if .Values.deep }}else{{ else }}no{{ end }}": "else",
    "{{ with .Values.deep }}{{ .name }}{{ $.Values.number }}{{ end }}": "m3",
    "{{ range .Values.list }}{{ . }}{{ end }}": "xz",
    "{{ range $i, $v := .Values.list }}{{ $i }}{{ $v }}{{ end }}": "0x1z",
    "{{ range $k, $v := .Values.deep }}{{ $k }}={{ $v }}{{ end }}": "name=m",
    "{{ $x := .Values.deep.name }}{{ $x }}": "m",
    '{{ $x := "a" }}{{ if .Values.deep }}{{ $x = "b" }}{{ end }}{{ $x }}': "b",
    '{{ ternary "a" "b" (empty .Values.nothing) }}': "a",
    '{{ coalesce .Values.nothing .Values.empty "c" }}': "c",
    '{{ get .Values.deep "name" }}': "m",
    "{{ index .Values.list 1 }}": "z",
    '{{ include "t" (dict "a" .Values.deep "b" "z") }}{{ define "t" }}{{ .a.name }}{{ .b }}{{ end }}': "mz",
    "{{ tpl .Values.host . }}": "h.example",
    "{{ tpl .Values.template . }}": "h.example",
    '{{ .Values.list | join "-" }}': "x-z",
    '{{ "a" | quote | trimAll "\\"" }}': "a",
    "{{ and .Values.deep .Values.number }}{{ or .Values.empty .Values.nothing 7 }}": "37",
    "{{ if and .Values.deep (not .Values.empty) }}both{{ end }}": "both",
    '{{ required "say it" .Values.host }}': "h.example",
    "{{- /* a comment }} */ -}}a{{/* another */}}b": "ab",
    "{{ .Values.float }}": "1.5",
    "{{ (.Values.deep).name }}": "m",
    # and what is not known
    "{{ .Release.Revision }}": None,
    "{{ .Capabilities.KubeVersion.Version }}": None,
    "{{ .Values.nothing.deep }}": None,
    '{{ required "say it" .Values.empty }}': None,
    '{{ include "gone" . }}': None,
    '{{ lookup "v1" "Secret" "x" "y" }}': None,
    "{{ randAlphaNum 5 }}": None,
    '{{ .Files.Get "x" }}': None,
    "{{ if .Capabilities.x }}a{{ else }}b{{ end }}": None,
    '{{ $x := "a" }}{{ if .Capabilities.x }}{{ $x = "b" }}{{ end }}{{ $x }}': None,
    '{{ default "a" .Capabilities.x }}': None,
    '{{ include "u" . | trunc 3 }}{{ define "u" }}{{ .Capabilities.x }}bcd{{ end }}': None,
    '{{ include "v" . | default "x" }}{{ define "v" }}{{ .Capabilities.x }}{{ end }}': None,
    '{{ eq (include "w" .) "x" }}{{ define "w" }}{{ .Capabilities.x }}{{ end }}': None,
    '{{ printf "%05d" 3 }}': None,
    "{{ .Values.deep }}": None,
    "{{ .Values.big }}": None,  # of which Helm makes 2.0240101e+07
    "{{ .Values.nothing }}": None,  # an image that is empty
}
GIVEN = """
host: h.example
number: 3
float: 1.5
big: 20240101
digest: sha256:x
deep: {name: m}
list: [x, z]
empty: ""
template: "{{ .Values.host }}"
"""


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_is_worth_what_go_makes_of_it_or_unknown(tmp_path, expression):
    found = images(only(read(tmp_path, image(expression.replace("'", "''"), GIVEN), WEST)))
    expected = EXPRESSIONS[expression]
    if expected is None:
        assert isinstance(found, str) or found["a"]["unknown"]
    else:
        assert found == {"a": expected}


def test_the_reason_names_the_expression(tmp_path):
    found = images(only(read(tmp_path, image("{{ .Capabilities.KubeVersion }}"), WEST)))
    assert found["a"]["unknown"] == "{{ .Capabilities.KubeVersion }}: only the cluster can say what it can do"


POD = """\
apiVersion: v1
kind: Pod
metadata: {name: x}
spec:
  containers:
    - name: a
      image: a:1
OPEN
"""
SIDECAR = "    - name: b\n      image: b:1"


@pytest.mark.parametrize(
    ("block", "known"),
    [
        (f"{{{{- if .Values.wanted }}}}\n{SIDECAR}\n{{{{- end }}}}", {"a": "a:1", "b": "b:1"}),
        (f"{{{{- if .Values.off }}}}\n{SIDECAR}\n{{{{- end }}}}", {"a": "a:1"}),
        (f"{{{{- if .Capabilities.x }}}}\n{SIDECAR}\n{{{{- end }}}}", None),
        (f"{{{{- range .Capabilities.x }}}}\n{SIDECAR}\n{{{{- end }}}}", None),
        ("{{- with .Capabilities.x }}\n  {{- toYaml . | nindent 2 }}\n{{- end }}", None),
        ("{{- if .Capabilities.x }}\n      env: [{name: a, value: b}]\n{{- end }}", {"a": "a:1"}),
        ("{{- if .Capabilities.x }}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: y}\n{{- end }}", {"a": "a:1"}),
    ],
)
def test_a_block_of_which_nobody_knows_leaves_open_what_it_could_change(tmp_path, block, known):
    parsed = read(tmp_path, chart({"pod.yaml": POD.replace("OPEN", block)}, "wanted: true"), WEST)
    found = images(only(parsed))
    if known is None:
        assert "charts/api/templates/pod.yaml:8: whether `{{ " in found
    else:
        assert found == known
    assert bool(parsed.gaps) is ("kind: Pod" in block)


def test_a_doubt_is_about_its_own_document_alone(tmp_path):
    doubtful = POD.replace("OPEN", f"{{{{- if .Capabilities.x }}}}\n{SIDECAR}\n{{{{- end }}}}").replace("x}", "w}")
    text = f"{POD.replace('OPEN', '')}---\n{doubtful}---\n{POD.replace('OPEN', '').replace('x}', 'z}')}"
    found = {one["Name"]: images(one) for one in workloads(read(tmp_path, chart({"p.yaml": text}), WEST)).values()}
    assert [type(found[name]) for name in "xwz"] == [dict, str, dict]


def test_a_workload_that_may_not_be_there_is_a_gap_of_its_kind(tmp_path):
    text = "{{ if .Capabilities.x }}\napiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec: {}\n{{ end }}"
    parsed = read(tmp_path, chart({"job.yaml": text}), WEST)
    assert {gap.type for gap in parsed.gaps} == {"Kubernetes::Job"}
    assert {(gap.account, gap.region) for gap in parsed.gaps} == {(ACCOUNT, "us-west-2")}


def test_charts_in_a_chart_take_its_values(tmp_path):
    about = f"{CHART}dependencies: [{{name: db, version: 1, alias: store}}, {{name: gone, version: 1}}]\n"
    about += "  \n"
    files = chart(values=f"{VALUES}store: {{tag: '2'}}\nglobal: {{host: g.example}}\n", about=about)
    files |= image(
        "{{ .Values.global.host }}/{{ .Chart.Name }}:{{ .Values.tag }}",
        "tag: '1'",
        at="charts/api/charts/db/",
        about=CHART.replace("api", "db"),
    )
    parsed = read(tmp_path, files, WEST)
    assert [images(one) for one in workloads(parsed).values()] == [{"api": "nginx:1.16"}, {"a": "g.example/store:2"}]
    assert any("the chart 'gone' that it depends on is not in the scanned files" in gap for gap in gaps(parsed))
    assert all(gap.startswith("charts/api/Chart.yaml:5") for gap in gaps(parsed))


@pytest.mark.parametrize("member", ['(index .Values "my-db").image', 'index .Values "my-db" "image"'])
def test_values_that_a_chart_which_is_not_there_would_bring_are_unknown(tmp_path, member):
    about = f"{CHART}dependencies: [{{name: my-db, version: 1}}]\n"
    files = image(f'{{{{ {member} | default "a:1" }}}}', "my-db: {replicas: 1}\n", about=about)
    (pod,) = workloads(read(tmp_path, files, WEST)).values()
    assert "the chart 'my-db' that it depends on is not in the scanned files" in images(pod)["a"]["unknown"]


@pytest.mark.parametrize("dependencies", ["", "{name: db, version: 1.0.0, alias: old}, {name: db, version: 2.0.0}"])
def test_of_charts_of_one_name_in_a_chart_nobody_is_said_to_be_meant(tmp_path, dependencies):
    files = chart(about=f"{CHART}dependencies: [{dependencies}]\n")
    for version in "12":
        about = CHART.replace("api", "db").replace("version: 1.2.3", f"version: {version}.0.0")
        files |= image(f"db:{version}", at=f"charts/api/charts/db-{version}/", about=about)
    parsed = read(tmp_path, files, WEST)
    assert any("which of the charts in it that are called 'db' is meant" in gap for gap in gaps(parsed))
    assert not any("db:" in str(one.properties) for one in parsed.resources)


def test_a_packed_chart_whose_name_begins_as_that_of_another_is_a_gap(tmp_path):
    files = chart(about=f"{CHART}dependencies: [{{name: db, version: 1}}]\n")
    files |= image("db:1", at="charts/api/charts/db/", about=CHART.replace("api", "db"))
    write(tmp_path / "code", files)
    (tmp_path / "code/charts/api/charts/db-ha-4.0.0.tgz").write_bytes(b"x")
    assert any("db-ha-4.0.0.tgz" in gap for gap in gaps(read(tmp_path / "code", {}, WEST)))


def test_a_pod_of_which_nobody_knows_whether_another_object_owns_it_is_one(tmp_path):
    text = """\
apiVersion: v1
kind: Pod
metadata: {name: x, ownerReferences: [{name: y, controller: {{ .Release.IsUpgrade }}}]}
spec: {containers: [{name: a, image: "a:1"}]}
"""
    assert [images(one) for one in workloads(read(tmp_path, chart({"p.yaml": text}), WEST)).values()] == [{"a": "a:1"}]


@pytest.mark.parametrize(
    ("dependency", "values", "is_gap"),
    [
        ("condition: db.enabled", "db: {enabled: false}", False),
        ("condition: db.enabled", "db: {enabled: true}", True),
        ("condition: db.enabled", "a: b", True),
        ("condition: 'x.y,db.enabled'", "db: {enabled: false}", False),
        ("tags: [back]", "tags: {back: false}", False),
        ("tags: [back]", "tags: {back: true}", True),
        ("version: 2", "a: b", True),
    ],
)
def test_a_chart_that_is_not_enabled_is_none(tmp_path, dependency, values, is_gap):
    about = f"{CHART}dependencies: [{{name: db, {dependency}}}]\n"
    assert bool(read(tmp_path, chart({"x.yaml": ""}, values, about=about), WEST).gaps) is is_gap


BITNAMI = "dependencies: [{name: common, version: 2.x.x, repository: oci://registry-1.docker.io/bitnamicharts}]\n"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("image: {registry: r.example, repository: a/b, tag: 1-x}", "r.example/a/b:1-x"),
        ("image: {repository: a/b, tag: 1-x}", "a/b:1-x"),
        ("image: {registry: r, repository: a, tag: t}\nglobal: {imageRegistry: g.example}", "g.example/a:t"),
        (
            f"image: {{registry: r.example, repository: a, tag: t, digest: 'sha256:{'a' * 64}'}}",
            f"r.example/a@sha256:{'a' * 64}",
        ),
        ("image: {registry: r.example, repository: a}", None),
    ],
)
def test_the_images_of_a_well_known_library_are_known_without_it(tmp_path, values, expected):
    expression = '{{ include "common.images.image" (dict "imageRoot" .Values.image "global" .Values.global) }}'
    parsed = read(tmp_path, image(expression, values, about=f"{CHART}{BITNAMI}"), WEST)
    found = images(only(parsed))
    assert found == {"a": expected} if expected else "the image has no tag" in found
    assert parsed.gaps == []
    other = read(tmp_path, {"charts/api/Chart.yaml": f"{CHART}{BITNAMI.replace('bitnami', 'others')}"}, WEST)
    assert other.gaps


def test_a_chart_without_templates_is_not_whole(tmp_path):
    write(tmp_path, chart())
    parsed = read(tmp_path / "charts" / "api" / "Chart.yaml", None, WEST)
    assert "no templates of the chart are among the scanned files" in gaps(parsed)[0]


def test_a_library_chart_declares_nothing(tmp_path):
    parsed = read(tmp_path, chart(about=f"{CHART}type: library\n"), WEST)
    assert (workloads(parsed), parsed.gaps) == ({}, [])


def test_tests_are_no_workloads_and_other_hooks_are(tmp_path):
    def hook(name, kind):
        annotations = f"annotations: {{helm.sh/hook: '{kind}'}}"
        return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, {annotations}}}\nspec: {{containers: []}}\n"

    text = "---\n".join((hook("a", "test"), hook("b", "pre-install"), hook("c", "test,pre-install")))
    assert list(workloads(read(tmp_path, chart({"x.yaml": text}), WEST))) == ["Pod shop/web/b", "Pod shop/web/c"]


LOOPS = "{{ range $.Values.many }}" * 4 + "x" + "{{ end }}" * 4


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ({"x.yaml": "{{ if }}"}, "charts/api/templates/x.yaml:1:1: a command is missing"),
        ({"x.yaml": "a\n{{ .Values.x"}, "charts/api/templates/x.yaml:2:1: '{{' is not closed"),
        ({"x.yaml": "{{ if .x }}"}, "'if' has no end"),
        ({"x.yaml": "{{ end }}"}, "'end' ends nothing"),
        ({"x.yaml": "{{ if .x }}" * 200}, "blocks are nested deeper than 100 levels"),
        ({"x.yaml": "{{ " + "(" * 200 + " }}"}, "parentheses are nested deeper than 100 levels"),
        ({"x.yaml": "{{ # }}"}, "'#' is not understood"),
        ({"x.yaml": "apiVersion: v1\nkind: ["}, "what it gives is not YAML"),
        ({"x.yaml": "{{ .Capabilities.x }}"}, "only the cluster can say"),
        ({"x.yaml": '{{ $_ := set .Values "image" "y" }}'}, "'set' changes the values themselves"),
        ({"x.yaml": '{{ define "l" }}{{ include "l" . }}{{ end }}{{ include "l" . }}'}, "include each other more than"),
        ({"x.yaml": LOOPS}, "the templates take more than"),
        ({"x.yaml": "{{ $x := `yyyyyyyyyy` }}" + "{{ $x = print $x $x }}" * 40}, "a text of more than"),
        ({"x.yaml": "a: \ue000"}, "a character for private use"),
    ],
)
def test_a_template_that_cannot_be_read_is_a_gap(tmp_path, templates, message, monkeypatch):
    monkeypatch.setattr(render, "MAX_STEPS", 20_000)
    values = yaml.safe_dump({"many": list(range(40))})
    parsed = read(tmp_path, chart(templates, values), WEST)
    assert any(message in gap for gap in gaps(parsed)), gaps(parsed)
    assert not workloads(parsed)


@pytest.mark.parametrize("name", ["Chart.yaml", "values.yaml", "values-west.yaml"])
def test_a_broken_file_of_a_chart_hides_what_it_declares(tmp_path, name):
    files = chart(environments={"values-west.yaml": WEST_VALUES}) | {f"charts/api/{name}": "a: ["}
    parsed = read(tmp_path, files, WEST)
    assert not workloads(parsed)
    assert None in {gap.type for gap in parsed.gaps}
    assert status(parsed)[f"charts/api/{name}"] == "failed"


def test_exemptions_stand_in_values_templates_and_annotations(tmp_path):
    mark = "# regionproof:ignore=workload-image-not-pinned-to-primary until=2027-03-01 reason=moves\n"
    files = chart(environments={"values-west.yaml": f"image:\n  {mark}  repository: x\n"})
    (exemption,) = read(tmp_path / "a", files, WEST).exemptions
    assert exemption.span.holds(only(read(tmp_path / "a", None, WEST)).locate("/ContainerImages/0"))
    text = POD.replace("OPEN", "").replace("      image", f"      {mark}      image")
    parsed = read(tmp_path / "b", chart({"pod.yaml": text}), WEST)
    assert parsed.exemptions[0].span.holds(only(parsed).locate("/ContainerImages/0"))
    annotation = "{name: x, annotations: {regionproof/ignore: 'eks-x until=2027-03-01 reason=y'}}"
    parsed = read(tmp_path / "c", chart({"pod.yaml": POD.replace("OPEN", "").replace("{name: x}", annotation)}), WEST)
    assert parsed.exemptions[0].resource == only(parsed).id


def test_windows_newlines_are_read(tmp_path):
    files = {name: text.replace("\n", "\r\n") for name, text in chart().items()}
    assert images(only(read(tmp_path, files, WEST))) == {"api": "nginx:1.16"}


AS_HELM = {
    "alias twice": {"x": "i", "q-db": "i:1", "q-dc": "i:2"},
    "alias with a condition": {"x": "i", "q-dc": "i:2"},
    "conditions with blanks": {"x": "i", "q": "i"},
    "condition in the values of the subchart": {"x": "i"},
    "import-values, exports": {"x": "imported", "q": "i"},
    "the parent's helper is the subchart's": {"x": "parent", "q": "parent"},
    "helpers of siblings": {"x": "i", "q": "a", "z": "a"},
    "a helper twice": {"x": "a"},
    "values of the subchart in the parent": {"x": "s", "q": "i"},
    "null of what is not there": {"x": "true-true"},
    "ignored": {"x": "i"},
    "without an end": {"x": "i", "q": "i"},
    "numbers": {"x": "1.1-1000-8-16-100000"},
    "words": {"x": "true-false-true-n"},
    "tpl": {"x": "live/7"},
    "bitnami, global registry": {
        "live-c": {
            "volume-permissions": "r.example:5000/bitnami/os-shell:12",
            "c": "r.example:5000/bitnami/c:1.2.3-debian-12-r0",
            "metrics": "r.example:5000/bitnami/exporter:2.0",
            "side": "docker.io/side:1",
        }
    },
}


@pytest.mark.parametrize("name", AS_HELM)
def test_charts_are_read_as_helm_reads_them(tmp_path, name):
    found = workloads(read(tmp_path, CHARTS[name], WEST)).values()
    expected = {each: images if isinstance(images, dict) else {"a": images} for each, images in AS_HELM[name].items()}
    assert {each["Name"]: images(each) for each in found} == expected


@pytest.mark.parametrize("name", REFUSED)
def test_of_a_chart_that_refuses_its_values_no_workload_is_known(tmp_path, name):
    files, reason = REFUSED[name]
    found = workloads(read(tmp_path, files, WEST)).values()
    assert found
    assert [images(each) for each in found] == [reason] * len(found)
    assert {each["Name"] for each in found} <= {"x", "q"}


@pytest.mark.parametrize("name", [each for each in CHARTS if each.startswith("required behind")])
def test_a_refusal_counts_only_where_it_is_reached(tmp_path, name):
    assert "refuses" not in str(images(only(read(tmp_path, CHARTS[name], WEST))))


def test_a_chart_that_changes_its_values_is_known_nowhere(tmp_path):
    change = '{{ $_ := set .Values "image" "other" }}'
    parsed = read(tmp_path, image("{{ .Values.image }}", "image: i", more=change), WEST)
    assert "'set' changes the values themselves" in images(only(parsed))
    assert gaps(parsed)


def test_charts_that_name_those_in_them_again_and_again_end(tmp_path):
    def many(name):
        listed = ", ".join(f"{{name: {name}, version: 1, alias: a{number}}}" for number in range(100))
        return f"dependencies: [{listed}]\n"

    files = image("i", about=CHART + many("b"))
    files |= image("i", at="charts/api/charts/b/", about=CHART.replace("api", "b") + many("d"))
    files |= image("i", at="charts/api/charts/b/charts/d/", about=CHART.replace("api", "d"))
    assert "there are more than 500 charts in each other" in gaps(read(tmp_path, files, WEST))


@pytest.mark.parametrize("pattern", ["*" * 60 + "x", "*a" * 60 + "x", "[", "[b-a]", "!x", "\\", "a" * 3000])
def test_whatever_helmignore_says_reading_it_ends(tmp_path, pattern):
    files = chart() | {"charts/api/.helmignore": pattern, f"charts/api/templates/{'a' * 200}.txt": ""}
    read(tmp_path, files, WEST)


@pytest.mark.parametrize(
    ("lines", "path", "is_ignored"),
    [
        ("*.bak", "templates/a.bak", True),
        ("*.bak", "templates/a.bak.yaml", False),
        ("/templates/a*", "templates/ab.yaml", True),
        ("templates/*.yaml", "templates/b/c.yaml", False),
        ("b/", "templates/b/c.yaml", True),
        ("b/", "templates/b", False),
        ("?.yaml", "templates/b.yaml", True),
        ("[a-c]*c.yaml", "templates/bxc.yaml", True),
        ("[^a-c].yaml", "templates/b.yaml", False),
        (" # b.yaml\n\n", "templates/b.yaml", False),
        ("!templates", "templates/b.yaml", True),
        ("", "templates/.b.yaml", True),
    ],
)
def test_helmignore_names_files_as_helm_takes_it(lines, path, is_ignored):
    assert (path in Ignored(lines)) is is_ignored


def test_a_chart_that_is_packed_is_a_gap(tmp_path):
    packed = {"charts/db-1.0.0.tgz": ""}
    assert gaps(read(tmp_path / "a", chart(environments=packed), WEST)) == [
        "charts/api/charts/db-1.0.0.tgz is packed, and is not read"
    ]
    about = f"{CHART}dependencies: [{{name: db, version: 1}}]\n"
    (gap,) = gaps(read(tmp_path / "b", chart(environments=packed, about=about), WEST))
    assert "the chart 'db' that it depends on is not in the scanned files" in gap
    off = f"{CHART}dependencies: [{{name: db, version: 1, condition: db.wanted}}]\n"
    values = f"{VALUES}db: {{wanted: false}}\n"
    assert gaps(read(tmp_path / "c", chart(environments=packed, about=off, values=values), WEST)) == []


def test_what_a_chart_that_is_not_there_may_say_is_unknown(tmp_path):
    about = f"{CHART}dependencies: [{{name: db, version: 1, repository: oci://x}}]\n"
    expression = '{{ .Values.db.image | default "none" }}-{{ .Values.db.tag }}'
    found = images(only(read(tmp_path, image(expression, "db: {tag: t}", about=about), WEST)))
    assert "the chart 'db' that it depends on is not in the scanned files" in found["a"]["unknown"]


PIECES = st.sampled_from(
    [
        *("{{", "}}", "{{-", "-}}", " ", "\n", "if ", "end", "else", "range ", "with ", "define ", '"x"', ".Values.x"),
        *(
            "$x",
            ":=",
            "=",
            "|",
            "(",
            ")",
            "include ",
            "apiVersion: v1\nkind: Pod\n",
            "spec: ",
            "---\n",
            "/*",
            "*/",
            ".",
        ),
        *("{{ .Release.Name }}", "{{ end }}", "{{ if .Capabilities.x }}", "toYaml ", "containers: ", "`", "'a'", "3"),
    ]
)


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_whatever_a_template_says_reading_it_ends_well(text):
    try:
        nodes = parse(text, "x")
        template = Template(nodes, "x", text)
        context = {"Values": {"x": {"y": [1]}}, "Release": {"Name": Unknown("r")}, "Capabilities": Unknown("c")}
        Renderer({"x": template}).render(template, context)
    except (DocumentError, Undecidable):
        return
