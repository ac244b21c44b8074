"""Helm charts as people write them, each a folder `c`."""

from __future__ import annotations

CHART = "apiVersion: v2\nname: {0}\nversion: 1.2.3+b\nappVersion: '2.0'\n"


def pod(name: str, image: str, more: str = "") -> str:
    """Return the template of a pod."""
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers:\n    - name: a\n      image: {image}\n{more}"


def one(templates: dict[str, str] | str, values: str = "", about: str = "", **files: str) -> dict[str, str]:
    """Return the files of a chart."""
    listed = {"x.yaml": templates} if isinstance(templates, str) else templates
    made = {"c/Chart.yaml": CHART.format("c") + about, "c/values.yaml": values}
    return made | {f"c/templates/{name}": text for name, text in listed.items()} | files


def part(name: str, templates: str, values: str = "", about: str = "") -> dict[str, str]:
    """Return the files of a chart in a chart."""
    at = f"c/charts/{name.rpartition('/')[2] if '/charts/' not in name else name}"
    return {
        f"{at}/Chart.yaml": CHART.format(name.rpartition("/")[2]) + about,
        f"{at}/values.yaml": values,
        f"{at}/templates/x.yaml": templates,
    }


COMMON = """\
{{- define "common.names.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $releaseName := regexReplaceAll "(-?[^a-z\\\\d\\\\-])+-?" (lower .Release.Name) "-" -}}
{{- if contains $name $releaseName -}}
{{- $releaseName | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" $releaseName $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- define "common.images.image" -}}
{{- $registryName := default .imageRoot.registry ((.global).imageRegistry) -}}
{{- $repositoryName := .imageRoot.repository -}}
{{- $separator := ":" -}}
{{- $termination := .imageRoot.tag | toString -}}
{{- if not .imageRoot.tag }}
  {{- if .chart }}
    {{- $termination = .chart.AppVersion | toString -}}
  {{- end -}}
{{- end -}}
{{- if .imageRoot.digest }}
    {{- $separator = "@" -}}
    {{- $termination = .imageRoot.digest | toString -}}
{{- end -}}
{{- if $registryName }}
    {{- printf "%s/%s%s%s" $registryName $repositoryName $separator $termination -}}
{{- else -}}
    {{- printf "%s%s%s"  $repositoryName $separator $termination -}}
{{- end -}}
{{- end -}}
{{- define "common.images.renderPullSecrets" -}}
  {{- $pullSecrets := list }}
  {{- $context := .context }}
  {{- range (($context.Values.global).imagePullSecrets) -}}
    {{- if kindIs "map" . -}}
      {{- $pullSecrets = append $pullSecrets (include "common.tplvalues.render" (dict "value" .name "context" $context)) -}}
    {{- else -}}
      {{- $pullSecrets = append $pullSecrets (include "common.tplvalues.render" (dict "value" . "context" $context)) -}}
    {{- end -}}
  {{- end -}}
  {{- range .images -}}
    {{- range .pullSecrets -}}
      {{- if kindIs "map" . -}}
        {{- $pullSecrets = append $pullSecrets (include "common.tplvalues.render" (dict "value" .name "context" $context)) -}}
      {{- else -}}
        {{- $pullSecrets = append $pullSecrets (include "common.tplvalues.render" (dict "value" . "context" $context)) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if (not (empty $pullSecrets)) -}}
imagePullSecrets:
    {{- range $pullSecrets | uniq }}
  - name: {{ . }}
    {{- end }}
  {{- end }}
{{- end -}}
{{- define "common.tplvalues.render" -}}
{{- $value := typeIs "string" .value | ternary .value (.value | toYaml) }}
{{- if contains "{{" (toJson .value) }}
  {{- if .scope }}
      {{- tpl (cat "{{- with $.RelativeScope -}}" $value "{{- end }}") (merge (dict "RelativeScope" .scope) .context) }}
  {{- else }}
    {{- tpl $value .context }}
  {{- end }}
{{- else }}
    {{- $value }}
{{- end }}
{{- end -}}
{{- define "common.labels.standard" -}}
{{- if and (hasKey . "customLabels") (hasKey . "context") -}}
{{- $default := dict "app.kubernetes.io/name" (include "common.names.name" .context) "helm.sh/chart" (include "common.names.chart" .context) "app.kubernetes.io/instance" .context.Release.Name "app.kubernetes.io/managed-by" .context.Release.Service -}}
{{- with .context.Chart.AppVersion -}}
{{- $_ := set $default "app.kubernetes.io/version" . -}}
{{- end -}}
{{ template "common.tplvalues.merge" (dict "values" (list .customLabels $default) "context" .context) }}
{{- else -}}
app.kubernetes.io/name: {{ include "common.names.name" . }}
{{- end -}}
{{- end -}}
{{- define "common.names.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "common.names.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "common.tplvalues.merge" -}}
{{- $dst := dict -}}
{{- range .values -}}
{{- $dst = include "common.tplvalues.render" (dict "value" . "context" $.context "scope" $.scope) | fromYaml | merge $dst -}}
{{- end -}}
{{ $dst | toYaml }}
{{- end -}}
{{- define "common.capabilities.deployment.apiVersion" -}}
{{- print "apps/v1" -}}
{{- end -}}
"""
BITNAMI = """\
apiVersion: {{ include "common.capabilities.deployment.apiVersion" . }}
kind: Deployment
metadata:
  name: {{ include "common.names.fullname" . }}
  namespace: {{ include "c.ns" . | quote }}
  labels: {{- include "common.labels.standard" ( dict "customLabels" .Values.commonLabels "context" $ ) | nindent 4 }}
    app.kubernetes.io/component: c
spec:
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicaCount }}
  {{- end }}
  template:
    spec:
      {{- include "c.imagePullSecrets" . | nindent 6 }}
      serviceAccountName: {{ template "c.account" . }}
      {{- if .Values.hostAliases }}
      hostAliases: {{- include "common.tplvalues.render" (dict "value" .Values.hostAliases "context" $) | nindent 8 }}
      {{- end }}
      initContainers:
        {{- if .Values.initContainers }}
        {{- include "common.tplvalues.render" (dict "value" .Values.initContainers "context" $) | nindent 8 }}
        {{- end }}
        - name: volume-permissions
          image: {{ include "common.images.image" (dict "imageRoot" .Values.volumePermissions.image "global" .Values.global) }}
      containers:
        - name: c
          image: {{ template "c.image" . }}
          {{- if .Values.resources }}
          resources: {{- toYaml .Values.resources | nindent 12 }}
          {{- else if ne .Values.resourcesPreset "none" }}
          resources: {}
          {{- end }}
        {{- if .Values.metrics.enabled }}
        - name: metrics
          image: {{ include "common.images.image" (dict "imageRoot" .Values.metrics.image "global" .Values.global "chart" .Chart) }}
        {{- end }}
        {{- if .Values.sidecars }}
        {{- include "common.tplvalues.render" ( dict "value" .Values.sidecars "context" $) | nindent 8 }}
        {{- end }}
"""
BITNAMI_HELPERS = """\
{{- define "c.ns" -}}{{- default .Release.Namespace .Values.namespaceOverride | trunc 63 | trimSuffix "-" -}}{{- end -}}
{{- define "c.image" -}}
{{ include "common.images.image" (dict "imageRoot" .Values.image "global" .Values.global) }}
{{- end -}}
{{- define "c.imagePullSecrets" -}}
{{- include "common.images.renderPullSecrets" (dict "images" (list .Values.image .Values.metrics.image) "context" $) -}}
{{- end -}}
{{- define "c.account" -}}
{{- if .Values.serviceAccount.create -}}
    {{ default (include "common.names.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
    {{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}
"""
BITNAMI_VALUES = """\
global: {imageRegistry: "", imagePullSecrets: [g-key]}
commonLabels: {}
replicaCount: 3
image: {registry: docker.io, repository: bitnami/c, tag: 1.2.3-debian-12-r0, digest: "", pullSecrets: [{name: own}, g-key]}
metrics: {enabled: true, image: {registry: docker.io, repository: bitnami/exporter, tag: ""}}
volumePermissions: {image: {registry: docker.io, repository: bitnami/os-shell, tag: 12}}
autoscaling: {enabled: false}
serviceAccount: {create: true, name: ""}
initContainers: []
sidecars:
  - name: side
    image: "{{ .Values.image.registry }}/side:1"
resourcesPreset: nano
resources: {}
hostAliases: []
"""
LIBRARY = {
    "c/charts/common/Chart.yaml": CHART.format("common") + "type: library\n",
    "c/charts/common/values.yaml": "exampleValue: common-chart\n",
    "c/charts/common/templates/_all.tpl": COMMON,
}


def bitnami(**values: str) -> dict[str, str]:
    """Return a chart with Bitnami's library in it."""
    templates = {"deployment.yaml": BITNAMI, "_helpers.tpl": BITNAMI_HELPERS}
    about = "dependencies: [{name: common, version: 2.x.x, repository: 'oci://registry-1.docker.io/bitnamicharts'}]\n"
    return one(templates, BITNAMI_VALUES, about, **LIBRARY) | {f"c/{name}": text for name, text in values.items()}


IMAGE = "{{ .Values.image }}"
CHARTS: dict[str, dict[str, str]] = {
    "bitnami": bitnami(),
    "bitnami, global registry": bitnami(**{"values-west.yaml": "global: {imageRegistry: r.example:5000}\n"}),
    "bitnami, no default": bitnami(
        **{"values-west.yaml": "image: {registry: null, digest: 'sha256:abc'}\nmetrics: null\n"}
    ),
    "null deletes a default": one(
        pod("x", '{{ .Values.a.b | default "gone" }}:{{ .Values.a.c }}'),
        "a: {b: 1, c: 2}",
        **{"c/values-x.yaml": "a: {b: null}"},
    ),
    "null of a whole object": one(
        pod("x", '{{ .Values.a | default "gone" }}'), "a: {b: 1, c: 2}", **{"c/values-x.yaml": "a: null"}
    ),
    "null in the values of the chart": one(
        pod("x", '{{ hasKey .Values "a" }}-{{ .Values.a | default "gone" }}'), "a: null"
    ),
    "null of what is not there": one(
        pod("x", '{{ hasKey .Values "b" }}-{{ hasKey .Values.a "c" }}'),
        "a: {d: 1}",
        **{"c/values-x.yaml": "b: null\na: {c: null}"},
    ),
    "an object over text": one(pod("x", "{{ .Values.a.b }}"), "a: text", **{"c/values-x.yaml": "a: {b: 1}"}),
    "text over an object": one(pod("x", "{{ .Values.a }}"), "a: {b: 1}", **{"c/values-x.yaml": "a: text"}),
    "a list over a list": one(pod("x", '{{ join "-" .Values.a }}'), "a: [1, 2, 3]", **{"c/values-x.yaml": "a: [4]"}),
    "subchart, globals": one(
        pod("x", IMAGE), "image: i\nglobal: {r: top}\nsub: {image: over, global: {r: below, s: kept}}"
    )
    | part(
        "sub",
        pod("q", "{{ .Values.global.r }}/{{ .Values.global.s }}/{{ .Values.image }}"),
        "image: own\nglobal: {r: own, t: 1}",
    ),
    "subchart, own globals": one(pod("x", '{{ (.Values.global).r | default "none" }}'), "")
    | part("sub", pod("q", "{{ .Values.global.r }}"), "global: {r: own}"),
    "subchart without a dependency, off": one(pod("x", "i"), "sub: {enabled: false}") | part("sub", pod("q", "i")),
    "condition": one(
        pod("x", "i"), "sub: {enabled: false}", "dependencies: [{name: sub, version: 1.x.x, condition: sub.enabled}]\n"
    )
    | part("sub", pod("q", "i")),
    "condition with text": one(
        pod("x", "i"),
        "sub: {enabled: 'false'}",
        "dependencies: [{name: sub, version: 1.x.x, condition: sub.enabled}]\n",
    )
    | part("sub", pod("q", "i")),
    "condition in the values of the subchart": one(
        pod("x", "i"), "", "dependencies: [{name: sub, version: 1.x.x, condition: sub.enabled}]\n"
    )
    | part("sub", pod("q", "i"), "enabled: false"),
    "condition of an environment": one(
        pod("x", "i"),
        "sub: {enabled: true}",
        "dependencies: [{name: sub, version: 1.x.x, condition: sub.enabled}]\n",
        **{"c/values-x.yaml": "sub: {enabled: false}"},
    )
    | part("sub", pod("q", "i")),
    "first condition decides": one(
        pod("x", "i"),
        "sub: {a: true, b: false}",
        "dependencies: [{name: sub, version: 1.x.x, condition: 'sub.c,sub.a,sub.b'}]\n",
    )
    | part("sub", pod("q", "i")),
    "conditions with blanks": one(
        pod("x", "i"),
        "sub: {a: false, b: true}",
        "dependencies: [{name: sub, version: 1.x.x, condition: 'sub.c, sub.a ,sub.b'}]\n",
    )
    | part("sub", pod("q", "i")),
    "tags": one(
        pod("x", "i"),
        "tags: {a: false, b: true}",
        "dependencies: [{name: sub, version: 1.x.x, tags: [a, b]}, {name: other, version: 1.x.x, tags: [a]}]\n",
    )
    | part("sub", pod("q", "i"))
    | part("other", pod("z", "i")),
    "condition over tags": one(
        pod("x", "i"),
        "tags: {a: false}\nsub: {used: true}",
        "dependencies: [{name: sub, version: 1.x.x, tags: [a], condition: sub.used}]\n",
    )
    | part("sub", pod("q", "i")),
    "alias": one(
        pod("x", "i"), "db: {tag: 1}\nsub: {tag: 2}", "dependencies: [{name: sub, version: 1.x.x, alias: db}]\n"
    )
    | part("sub", pod("q-{{ .Chart.Name }}", "i:{{ .Values.tag }}"), "tag: 0"),
    "alias twice": one(
        pod("x", "i"),
        "db: {tag: 1}\ndc: {tag: 2}",
        "dependencies: [{name: sub, version: 1.x.x, alias: db}, {name: sub, version: 1.x.x, alias: dc}]\n",
    )
    | part("sub", pod("q-{{ .Chart.Name }}", "i:{{ .Values.tag }}"), "tag: 0"),
    "alias and the name": one(
        pod("x", "i"),
        "db: {tag: 1}\nsub: {tag: 2}",
        "dependencies: [{name: sub, version: 1.x.x, alias: db}, {name: sub, version: 1.x.x}]\n",
    )
    | part("sub", pod("q-{{ .Chart.Name }}", "i:{{ .Values.tag }}"), "tag: 0"),
    "alias with a condition": one(
        pod("x", "i"),
        "db: {used: false, tag: 1}\ndc: {used: true, tag: 2}",
        "dependencies: [{name: sub, version: 1.x.x, alias: db, condition: db.used}, {name: sub, version: 1.x.x, alias: dc, condition: dc.used}]\n",
    )
    | part("sub", pod("q-{{ .Chart.Name }}", "i:{{ .Values.tag }}"), "tag: 0"),
    "import-values, exports": one(
        pod("x", '{{ .Values.tag | default "none" }}'),
        "",
        "dependencies: [{name: sub, version: 1.x.x, import-values: [data]}]\n",
    )
    | part("sub", pod("q", "i"), "exports: {data: {tag: imported}}"),
    "import-values, child": one(
        pod("x", "{{ .Values.image.tag }}"),
        "image: {tag: own}",
        "dependencies: [{name: sub, version: 1.x.x, import-values: [{child: img, parent: image}]}]\n",
    )
    | part("sub", pod("q", "i"), "img: {tag: imported}"),
    "import-values, where nothing is": one(
        pod("x", '{{ .Values.image.tag | default "none" }}'),
        "image: {}",
        "dependencies: [{name: sub, version: 1.x.x, import-values: [{child: img, parent: image}]}]\n",
    )
    | part("sub", pod("q", "i"), "img: {tag: imported}"),
    "version that does not fit": one(pod("x", "i"), "", "dependencies: [{name: sub, version: 2.x.x}]\n")
    | part("sub", pod("q", "i")),
    "a chart of charts": one(pod("x", "i"), "sub: {deep: {tag: 3}}\nglobal: {g: 1}")
    | part("sub", pod("q", "i"), "deep: {tag: 2}\nglobal: {h: 2}")
    | {
        "c/charts/sub/charts/deep/Chart.yaml": CHART.format("deep"),
        "c/charts/sub/charts/deep/values.yaml": "tag: 1",
        "c/charts/sub/charts/deep/templates/x.yaml": pod(
            "z", "i:{{ .Values.tag }}-{{ .Values.global.g }}-{{ .Values.global.h }}"
        ),
    },
    "a chart of charts, off above": one(pod("x", "i"), "sub: {deep: {enabled: false}}")
    | part("sub", pod("q", "i"), "", "dependencies: [{name: deep, version: 1.x.x, condition: deep.enabled}]\n")
    | {
        "c/charts/sub/charts/deep/Chart.yaml": CHART.format("deep"),
        "c/charts/sub/charts/deep/values.yaml": "tag: 1",
        "c/charts/sub/charts/deep/templates/x.yaml": pod("z", "i"),
    },
    "tags below": one(pod("x", "i"), "tags: {t: false}")
    | part("sub", pod("q", "i"), "tags: {t: true}", "dependencies: [{name: deep, version: 1.x.x, tags: [t]}]\n")
    | {
        "c/charts/sub/charts/deep/Chart.yaml": CHART.format("deep"),
        "c/charts/sub/charts/deep/values.yaml": "tag: 1",
        "c/charts/sub/charts/deep/templates/x.yaml": pod("z", "i"),
    },
    "the parent's helper is the subchart's": one(
        {"x.yaml": pod("x", '{{ include "h" . }}'), "_h.tpl": '{{ define "h" }}parent{{ end }}'}
    )
    | part("sub", pod("q", '{{ include "h" . }}'))
    | {"c/charts/sub/templates/_h.tpl": '{{ define "h" }}child{{ end }}'},
    "helpers of siblings": one(pod("x", "i"))
    | part("a", pod("q", '{{ include "h" . }}'))
    | part("b", pod("z", '{{ include "h" . }}'))
    | {
        "c/charts/a/templates/_h.tpl": '{{ define "h" }}a{{ end }}',
        "c/charts/b/templates/_h.tpl": '{{ define "h" }}b{{ end }}',
    },
    "a helper twice": one(
        {
            "x.yaml": pod("x", '{{ include "h" . }}'),
            "_a.tpl": '{{ define "h" }}a{{ end }}',
            "_b.tpl": '{{ define "h" }}b{{ end }}',
        }
    ),
    "a helper twice, deeper": one(
        {
            "x.yaml": pod("x", '{{ include "h" . }}'),
            "_z.tpl": '{{ define "h" }}z{{ end }}',
            "d/_b.tpl": '{{ define "h" }}b{{ end }}',
        }
    ),
    "values of the subchart in the parent": one(pod("x", '{{ .Values.sub.tag | default "none" }}'))
    | part("sub", pod("q", "i"), "tag: s"),
    "range over a map": one(
        "{{- range $name, $w := .Values.workloads }}\n---\n"
        + pod("{{ $name }}", "{{ $w.image }}:{{ $w.tag | default $.Chart.AppVersion }}")
        + "{{- end }}\n",
        "workloads: {b: {image: b}, a: {image: a, tag: 3}}",
    ),
    "range, else": one(
        "{{- range .Values.none }}\n---\n" + pod("never", "i") + "{{- else }}\n" + pod("else", "i") + "{{- end }}\n",
        "none: []",
    ),
    "range over a number": one("{{- range 3 }}\n---\n" + pod("x{{ . }}", "i") + "{{- end }}\n"),
    "range until": one("{{- range until 3 }}\n---\n" + pod("x{{ . }}", "i") + "{{- end }}\n"),
    "range with break": one(
        "{{- range $i, $n := list 1 2 3 }}{{ if eq $n 2 }}{{ break }}{{ end }}\n---\n"
        + pod("x{{ $n }}", "i")
        + "{{- end }}\n"
    ),
    "with, else": one(pod("x", "{{ with .Values.a }}{{ . }}{{ else }}none{{ end }}"), "a: ''"),
    "with, else with": one(
        pod("x", "{{ with .Values.a }}{{ . }}{{ else with .Values.b }}{{ .c }}{{ else }}none{{ end }}"),
        "a: ''\nb: {c: d}",
    ),
    "with a variable": one(
        pod("x", "{{ with $v := .Values.b }}{{ $v.c }}{{ .c }}{{ $.Chart.Name }}{{ end }}"), "b: {c: d}"
    ),
    "tpl": one(pod("x", "{{ tpl .Values.image $ }}"), 'image: "{{ .Release.Name }}/{{ .Values.tag }}"\ntag: 7'),
    "tpl of a list": one(
        pod("x", "i", "{{ tpl (toYaml .Values.more) . | indent 4 }}"),
        'more: [{name: "{{ .Chart.Name }}", image: "m:{{ .Values.tag }}"}]\ntag: 7',
    ),
    "toYaml of containers": one(
        pod("x", "i", "    {{- toYaml .Values.more | nindent 4 }}\n"),
        "more:\n  - name: b\n    image: b:1.10\n    args: ['a: b', \"x\\ny\", '#', yes, 'yes', '1', 1.0, null, 1e3, '1e3', 0777, '0777', '', ' a', '@b', '- c', '2024-01-01', 'null', '~', 'true']\n",
    ),
    "dig": one(pod("x", '{{ dig "a" "b" "none" .Values }}-{{ dig "a" "z" "none" .Values }}'), "a: {b: found}"),
    "separators": one("---\n---\n" + pod("x", "i") + "---\n# nothing\n---\n" + pod("q", "i") + "\n---\n"),
    "separators with more": one(
        "--- # one\n" + pod("x", "i") + "--- \n" + pod("q", "i") + "...\n---\n" + pod("z", "i")
    ),
    "separator inside of text": one(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  x: |\n    a\n    ---\n    kind: Pod\n---\n"
        + pod("x", "i")
    ),
    "separator made by a value": one(
        pod("x", "i") + "{{ .Values.more }}\n",
        "more: |\n  ---\n  apiVersion: v1\n  kind: Pod\n  metadata: {name: q}\n  spec: {containers: [{name: a, image: b}]}\n",
    ),
    "trimmed separator": one(
        "{{- if true -}}\n---\n{{- end }}\n" + pod("x", "i") + "{{- if true }}\n---\n{{ end -}}\n" + pod("q", "i")
    ),
    "a separator that trims": one(pod("x", "i") + "{{- range list 1 2 }}\n---\n" + pod("q{{ . }}", "i") + "{{ end }}"),
    "a list": one(
        "apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: Pod\n    metadata: {name: x}\n    spec: {containers: [{name: a, image: b}]}\n"
    ),
    "comments": one("{{- /* a */ -}}\n# {{ .Values.a }}\n{{/* b */}}\n" + pod("x", "i # {{ .Values.a }}"), "a: b"),
    "a comment over lines": one("# {{ .Values.a }}\n" + pod("x", "i"), "a: |\n  b\n  c: d\n"),
    "a file that is not for Kubernetes": one(
        {
            "x.yaml": pod("x", "i"),
            "NOTES.txt": "{{ .Values.a }}",
            "y.txt": pod("q", "i"),
            "z.json": '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "z"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}',
            "_u.yaml": pod("u", "i"),
            "v.tpl": pod("v", "i"),
            "w.yml": pod("w", "i"),
        }
    ),
    "a file below": one({"d/x.yaml": pod("x", "i"), "d/_y.yaml": pod("q", "i"), "_d/z.yaml": pod("z", "i")}),
    "without an end": one({"x.yaml": pod("x", "i"), "plain": pod("q", "i")}),
    "numbers": one(
        pod("x", "{{ .Values.a }}-{{ .Values.b }}-{{ .Values.c }}-{{ .Values.d }}-{{ .Values.e }}"),
        "a: 1.10\nb: 1e3\nc: 010\nd: 0x10\ne: 100000",
    ),
    "words": one(
        pod("x", "{{ .Values.a }}-{{ .Values.b }}-{{ .Values.c }}-{{ if .Values.d }}y{{ else }}n{{ end }}"),
        "a: yes\nb: off\nc: True\nd: no",
    ),
    "dates": one(pod("x", "{{ .Values.a }}"), "a: 2024-01-01"),
    "big": one(pod("x", "{{ .Values.a | int64 }}-{{ .Values.b }}-{{ int .Values.a }}"), "a: 20240101\nb: '20240101'"),
    "replicas": one(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  replicas: {{ .Values.r }}\n  template: {spec: {containers: [{name: a, image: b}]}}\n",
        "r: 2",
    ),
    "replicas in quotes": one(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  replicas: {{ .Values.r | quote }}\n  template: {spec: {containers: [{name: a, image: b}]}}\n",
        "r: 2",
    ),
    "replicas, octal": one(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  replicas: 010\n  template: {spec: {containers: [{name: a, image: b}]}}\n"
    ),
    "suspended": one(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec:\n  suspend: {{ .Values.s }}\n  parallelism: 4\n  template: {spec: {containers: [{name: a, image: b}]}}\n",
        "s: yes",
    ),
    "suspended, as written": one(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec:\n  suspend: yes\n  parallelism: 4\n  template: {spec: {containers: [{name: a, image: b}]}}\n"
    ),
    "a name of digits": one(pod("{{ .Values.n }}", "i"), "n: 12"),
    "a role": one(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: x\n  annotations:\n    {{- with .Values.role }}\n    eks.amazonaws.com/role-arn: {{ . }}\n    {{- end }}\n",
        "role: arn:aws:iam::111122223333:role/x",
    ),
    "chart fields": one(
        pod(
            "x",
            "{{ .Chart.Name }}-{{ .Chart.Version }}-{{ .Chart.AppVersion }}-{{ .Chart.Type }}-{{ .Chart.APIVersion }}-{{ .Chart.Description }}".replace(
                "+", "_"
            ),
        ),
        "",
        "description: d\n",
    ),
    "chart without a version of the app": {
        "c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
        "c/templates/x.yaml": pod("x", "i:{{ .Values.tag | default .Chart.AppVersion }}"),
    },
    "a version of the app that is a number": {
        "c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\nappVersion: 1.10\n",
        "c/templates/x.yaml": pod("x", "i:{{ .Values.tag | default .Chart.AppVersion }}"),
        "c/values.yaml": "tag: ''",
    },
    "the release": one(
        pod(
            "{{ .Release.Name }}",
            "{{ .Release.Service }}/{{ .Release.Namespace }}:{{ .Release.Revision }}{{ .Release.IsInstall }}{{ .Release.IsUpgrade }}",
        )
    ),
    "the template": one(pod("x", "{{ .Template.Name }}-{{ .Template.BasePath }}")),
    "files": one(pod("x", '{{ .Files.Get "image.txt" | trim }}'), **{"c/image.txt": "from-a-file\n"}),
    "variables of a block": one(
        pod("x", "{{ $a := 1 }}{{ if true }}{{ $a := 2 }}{{ end }}{{ $a }}{{ if true }}{{ $a = 3 }}{{ end }}{{ $a }}")
    ),
    "a variable in a loop": one(
        pod("x", '{{ $a := "" }}{{ range .Values.l }}{{ $a = printf "%s%s" $a . }}{{ end }}{{ $a }}'), "l: [a, b]"
    ),
    "set in a dict": one(pod("x", '{{ $d := dict "a" 1 }}{{ $_ := set $d "a" 2 }}{{ $d.a }}')),
    "merge": one(pod("x", '{{ $d := merge (dict "a" 1) (dict "a" 2 "b" 3) }}{{ $d.a }}{{ $d.b }}')),
    "merge of the values": one(
        pod("x", "{{ $d := mergeOverwrite .Values.a .Values.b }}{{ $d.c }}"), "a: {c: 1}\nb: {c: 2}"
    ),
    "a copy that is changed": one(
        pod("x", '{{ $d := deepCopy .Values.a }}{{ $_ := set $d "c" 5 }}{{ .Values.a.c }}'), "a: {c: 1}"
    ),
    "a dict with a dot": one(pod("x", '{{ (dict "a" (dict "b" "c")).a.b }}')),
    "required that is there": one(pod("x", '{{ required "say it" .Values.image }}'), "image: i"),
    "hooks": one(
        pod("x", "i")
        + "---\n"
        + pod("t", "i").replace("{name: t}", "{name: t, annotations: {helm.sh/hook: test}}")
        + "---\n"
        + pod("p", "i").replace("{name: p}", "{name: p, annotations: {helm.sh/hook: pre-install}}")
    ),
    "crds": one(pod("x", "i"), **{"c/crds/y.yaml": pod("q", "i")}),
    "the values are not the chart's": one(pod("x", IMAGE), "image: i", **{"c/values.schema.json": "{}"}),
    "ignored": one({"x.yaml": pod("x", "i"), "y.yaml": pod("q", "i")}, **{"c/.helmignore": "templates/y.yaml\n"}),
    "ignored by its end": one(
        {"x.yaml": pod("x", "i"), "y.yaml.bak": pod("q", "i"), "z.bak.yaml": pod("z", "i")},
        **{"c/.helmignore": "# comment\n*.bak\n*.bak.yaml\n"},
    ),
    "an anchor": one(pod("x", "{{ .Values.b.tag }}-{{ .Values.c.tag }}"), "a: &a {tag: 1}\nb: *a\nc: {<<: *a, tag: 2}"),
    "an anchor in a template": one("x: &x {name: b, image: c}\n" + pod("x", "i", "    - *x\n")),
    "a key twice": one(pod("x", "i", "  containers: [{name: b, image: j}]\n")),
    "a key twice in the values": one(pod("x", IMAGE), "image: i\nimage: j\n"),
    "empty values": one(pod("x", "i"), "# nothing\n"),
    "quotes": one(pod("x", "{{ .Values.a | quote }}"), 'a: "i:1\\\\"'),
    "blanks": one(pod("x", "  {{   .Values.a   }}   "), "a: i"),
    "blanks around": one(pod("x", 'a{{- " b" -}}   c')),
    "a newline in an action": one(pod("x", '{{ printf "%s:%s"\n  .Values.a\n  "1" }}'), "a: i"),
    "a missing field": one(pod("x", "i:{{ .Values.a }}")),
    "a missing field of an object": one(pod("x", "i:{{ .Values.a.b }}"), "a: {c: 1}"),
    "a pod that is ended by text": one(pod("x", "{{ .Values.a }}"), "a: |\n  i\n  # c"),
    "not a chart of this time": {
        "c/Chart.yaml": "apiVersion: v1\nname: c\nversion: 1.0.0\n",
        "c/templates/x.yaml": pod("x", "i"),
        "c/requirements.yaml": "dependencies: [{name: sub, version: 1.x.x, condition: sub.used}]\n",
        "c/values.yaml": "sub: {used: false}\n",
    }
    | part("sub", pod("q", "i")),
    "windows": {name: text.replace("\n", "\r\n") for name, text in one(pod("x", IMAGE), "image: i").items()},
}


SAID = "the chart refuses these values: "
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "required, in another template": (
        one({"x.yaml": pod("x", "i"), "q.yaml": pod("q", '{{ required "say it" .Values.image }}')}),
        f"c/templates/q.yaml:7: {SAID}say it",
    ),
    "required, of an empty text": (
        one(pod("x", '{{ .Values.image | required "say it" }}'), "image: ''"),
        f"c/templates/x.yaml:7: {SAID}say it",
    ),
    "required, piped on": (
        one(pod("x", '{{ required "say it" .Values.image | default "i" }}')),
        f"c/templates/x.yaml:7: {SAID}say it",
    ),
    "fail, in the notes": (
        one({"x.yaml": pod("x", "i"), "NOTES.txt": '{{ if not .Values.image }}{{ fail "say it" }}{{ end }}'}),
        f"c/templates/NOTES.txt:1: {SAID}say it",
    ),
    "fail, in a helper": (
        one(
            {
                "x.yaml": pod("x", "i"),
                "check.yaml": '{{ include "check" . }}',
                "_h.tpl": '{{ define "check" }}\n{{ if eq .Values.kind "other" }}{{ fail "not that" }}{{ end }}{{ end }}',
            },
            "kind: other",
        ),
        f"c/templates/_h.tpl:2: {SAID}not that",
    ),
    "required, in a chart in it": (
        one(pod("x", "i")) | part("sub", pod("q", '{{ required "say it" .Values.image }}')),
        f"c/charts/sub/templates/x.yaml:7: {SAID}say it",
    ),
    "a member of nothing": (
        one({"x.yaml": pod("x", "i"), "q.yaml": pod("q", "{{ .Values.image.tag }}")}),
        f"c/templates/q.yaml:7: {SAID}'.Values.image' is not set",
    ),
    "a member of text": (
        one(pod("x", "{{ .Values.image.tag }}"), "image: i"),
        f"c/templates/x.yaml:7: {SAID}'.Values.image' has no members",
    ),
    "a number for text": (
        one(pod("x", "{{ .Values.tag | lower }}"), "tag: 1"),
        f"c/templates/x.yaml:7: {SAID}wrong type of value: expected str; found float64",
    ),
    "a number of the values and one of the template": (
        one(pod("x", "{{ if eq .Values.tag 1 }}i{{ end }}"), "tag: 1"),
        f"c/templates/x.yaml:7: {SAID}incompatible types for comparison",
    ),
    "a range over text": (
        one(pod("x", "{{ range .Values.tag }}i{{ end }}"), "tag: t"),
        f"c/templates/x.yaml:7: {SAID}it ranges over no list",
    ),
}
CHARTS |= {
    "required behind what is false": one(pod("x", '{{ if .Values.used }}{{ required "say it" .Values.a }}{{ end }}i')),
    "required behind what decides": one(pod("x", '{{ or .Values.a (required "say it" .Values.b) }}'), "a: i"),
    "required behind what only the cluster knows": one(
        pod("x", 'i{{ if .Capabilities.APIVersions.Has "x/v9" }}{{ required "say it" .Values.b }}{{ end }}')
    ),
    "a missing chart that is off": one(pod("x", "i"), "tags: {a: true}"),
}
