"""`helm` and `kustomize`, where they are installed: asked where reading leaves something open, and confined.

Most tests ask a program that a test wrote.  Those that ask the real ones need REGIONPROOF_KUBE_TOOLS, a folder with
`helm` and with `kustomize` or `kubectl`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from code_trees import ACCOUNT, WEST, gaps, images, status, unknown, workloads, write
from hypothesis import given
from hypothesis import strategies as st
from test_helm import chart
from test_kustomize import BASE, PLAIN, made, operations, patch, tree

from scanner.cli import main
from scanner.config import Config, IacMapping
from scanner.model import Location, Unknown
from scanner.parsers import parse
from scanner.parsers.kubernetes.objects import Object
from scanner.parsers.kubernetes.settled import Part, is_open, settle
from scanner.parsers.kubernetes.tools import _ALONE, Limits, Tools, find

REAL = os.environ.get("REGIONPROOF_KUBE_TOOLS")
needs_tools = pytest.mark.skipif(REAL is None, reason="REGIONPROOF_KUBE_TOOLS names no folder with helm and kustomize")
NOWHERE = IacMapping("*", ACCOUNT, "us-west-2", "shop")
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: api}
spec: {containers: [{name: api, image: "IMAGE"}, {name: side, image: "side:1"}]}
"""


def real():
    folder = Path(REAL or "")
    return find(str(folder), [])


def scanned(root, files, *iac, tools=None):
    config = Config(iac=iac)
    return parse(write(root, files), config.places, deployments=config.deployments, tools=tools)


def pod(expression="{{ " + '.Values.image | regexFind ".*"' + " }}", **more):
    """Return a chart with a pod whose image reading does not know."""
    values = yaml.safe_dump({"image": "real:1", **more.pop("values", {})})
    return chart({"pod.yaml": POD.replace('"IMAGE"', expression), **more}, values)


# A program that a test wrote

FOUND = """
    - {name: api, image: "made:1"}
    - {name: side, image: "made:2"}
"""
PRINTS = f"""
print('''---
# Source: api/templates/pod.yaml
apiVersion: v1
kind: Pod
metadata: {{name: api}}
spec:
  containers:{FOUND}''')
"""
BUILT = PRINTS.replace("---\n# Source: api/templates/pod.yaml\n", "")


@pytest.fixture
def stub(tmp_path):
    """Return what writes a program that notes what it gets and then does what a test says, and gives the notes."""
    notes = tmp_path / "notes"
    notes.mkdir()

    def written(body=PRINTS, name="helm", version="v4.1.4", limits=None):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f"#!{sys.executable}\n"
            "import json, os, pathlib, sys\n"
            f"if 'version' in sys.argv: print({version!r}); sys.exit()\n"
            f"notes = pathlib.Path({str(notes)!r})\n"
            "files = {str(p): p.read_text() for p in sorted(pathlib.Path().rglob('*')) if p.is_file()}\n"
            "home = sorted(map(str, pathlib.Path(os.environ['HOME']).rglob('*')))\n"
            "bin = sorted(map(str, pathlib.Path(os.environ['PATH']).rglob('*')))\n"
            "note = {'arguments': sys.argv[1:], 'environment': dict(os.environ), 'files': files, 'home': home,\n"
            "        'path': bin, 'here': os.getcwd(), 'input': sys.stdin.read()}\n"
            "(notes / str(len(list(notes.iterdir())))).write_text(json.dumps(note))\n"
            f"{body}\n"
        )
        path.chmod(0o755)
        kind = "helm" if name == "helm" else "kustomize"
        return Tools(**{kind: path}, limits=limits)

    written.notes = lambda: [json.loads(each.read_text()) for each in sorted(notes.iterdir())]
    return written


def test_helm_gets_what_was_read_and_nothing_else(tmp_path, stub, monkeypatch):
    for name in ("KUBECONFIG", "HELM_PLUGINS", "AWS_SECRET_ACCESS_KEY", "NO_PROXY", "GIT_DIR"):
        monkeypatch.setenv(name, "/there")
    files = pod(**{"ingress.yaml": "{{ .Capabilities.KubeVersion }}", "NOTES.txt": "{{ lookup }}", "_x.tpl": "x"})
    files["charts/api/Chart.yaml"] += (
        "kubeVersion: '>=1.99'\n"
        "dependencies: [{name: away, version: 1.0.0, repository: 'oci://x'}, {name: red, version: 1.x}]\n"
    )
    files |= {
        "charts/api/values-west.yaml": "image: west:1\n",
        "charts/api/values.schema.json": '{"$ref": "http://127.0.0.1/x"}',
        "charts/api/secret.txt": "for .Files",
        "charts/api/.helmignore": "*.bak\n",
        "charts/api/charts/red/Chart.yaml": "apiVersion: v2\nname: red\nversion: 1.0.0\n",
        "charts/api/charts/red/values.yaml": "a: 1\n",
        "charts/api/charts/red/templates/x.yaml": "a: {{ now }}\n",
        "other/secret.yaml": "not for the chart\n",
    }
    parsed = scanned(tmp_path / "code", files, WEST, tools=stub())
    assert images(workloads(parsed)["Pod shop/web/api"]) == {"api": "made:1", "side": "side:1"}  # what is read stays
    first, second = stub.notes()
    cluster = ["--kube-version=v1.29.0", "--api-versions=first.regionproof/v1"]
    assert first["arguments"] == [
        "template", "--namespace=web", "--values=values/0.yaml", *cluster, "--", "live", "./chart"
    ]  # fmt: skip
    assert second["arguments"][-3:] == ["--", "live", "./chart"]
    assert "--is-upgrade" in second["arguments"]
    assert not {*cluster} & {*second["arguments"]}
    assert sorted(first["files"]) == [
        "chart/.helmignore",
        "chart/Chart.yaml",
        "chart/charts/red/Chart.yaml",
        "chart/charts/red/templates/_not-run-x.yaml",
        "chart/charts/red/values.yaml",
        "chart/templates/_helpers.tpl",
        "chart/templates/_not-run-NOTES.txt",
        "chart/templates/_not-run-ingress.yaml",
        "chart/templates/_x.tpl",
        "chart/templates/pod.yaml",
        "chart/values.yaml",
        "values/0.yaml",
    ]
    about = json.loads(first["files"]["chart/Chart.yaml"])
    assert about["dependencies"] == [{"name": "red", "version": "1.x"}]
    assert "kubeVersion" not in about
    environment = first["environment"]
    environment.pop("LC_CTYPE", None)  # which Python sets for itself
    proxies = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    homes = ("HOME", "USERPROFILE", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    assert sorted(environment) == sorted((*proxies, *homes, "PATH", "KUBECONFIG", "KUBERC", "LC_ALL"))
    assert {environment[each] for each in proxies} == {"http://127.0.0.1:9"}
    root = Path(first["here"]).parent
    assert root.parent == Path(tempfile.gettempdir()).resolve()
    assert all(Path(environment[each]).resolve().is_relative_to(root) for each in (*homes, "PATH", "KUBECONFIG"))
    assert (first["home"], first["path"], first["input"]) == ([], [], "")
    assert not root.exists()
    assert status(parsed)["charts/api/values-west.yaml"] == "partial"
    assert "rendered by helm 4.1.4" in {path: text for path, _, text in parsed.files}["charts/api/values-west.yaml"]


def test_a_program_reaches_no_network_where_the_system_has_a_way(tmp_path, stub):
    if subprocess.run([*_ALONE, _ALONE[0], "--version"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody make a place without a network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        body = f"""
import socket
try:
    socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 5)
except OSError as error:
    sys.exit(f"Error: no network: {{error.strerror}}")
"""
        parsed = scanned(tmp_path / "code", pod(), WEST, tools=stub(body))
    assert "(helm says: no network: Network is unreachable)" in str(images(*workloads(parsed).values()))


SPOOF = "print('---\\n# Source: api/templates/pod.yaml\\n---\\n# Source: api/templates/other.yaml\\na: b')"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("while True: pass", "helm took more than 1 seconds"),
        ("if os.fork() == 0:\n  while True: pass", "helm took more than 1 seconds"),
        ("sys.exit('Error: it \\x1b[31m\\n  is\\ufffd broken\\n\\nUse --debug')", "helm says: it [31m is\ufffd broken"),
        ("sys.exit('x' * 999)", f"helm says: {'x' * 200}..."),
        ("sys.exit('Error: key AKIA' + 'A' * 16 + ' is odd')", "helm says: key [redacted] is odd"),
        ("sys.exit('fatal error: out of memory\\n\\ngoroutine 1')", "helm says: out of memory)"),
        ("sys.exit(7)", "helm ended with 7"),
        ("os.kill(os.getpid(), 9)", "helm ended with -9"),
        ("sys.stdout.buffer.write(b'\\xff')", "helm prints what is not text"),
        ("print('x' * 300_000)", "helm prints more than 200000 bytes"),
        ("print('x' * 300_000, file=sys.stderr)", "helm prints more than 200000 bytes"),
        ("print('kind: Pod')", "helm prints something that is of no template"),
        ("print('---\\n# Source: api/templates/pod.yaml\\na: [')", "helm prints what is not YAML"),
        ("print('---\\n# Source: other/x.yaml\\na: b')", "helm prints something of 'other/x.yaml'"),
        (SPOOF, "helm prints something of 'api/templates/pod.yaml'"),
    ],
)
def test_a_program_that_does_not_answer_leaves_what_was_read(tmp_path, stub, body, said):
    seconds = 1 if "while" in body else 60
    tools = stub(body, limits=Limits(seconds=seconds, output=200_000))
    parsed = scanned(tmp_path / "code", pod(), WEST, tools=tools)
    found = images(workloads(parsed)["Pod shop/web/api"])
    assert found["side"] == "side:1"
    assert "the function 'regexFind' is not evaluated (" in found["api"]["unknown"]
    assert said in found["api"]["unknown"]
    assert "rendered" not in str(parsed.files)


@pytest.mark.parametrize("name", ["helm", "kubectl"])
@pytest.mark.parametrize(
    ("body", "version", "said"),
    [
        ("", "no version", "does not say a version that is known"),
        ("", "v2.17.0", "does not say a version that is known"),
        (None, "", "cannot be run"),
    ],
)
def test_a_program_of_no_known_version_is_not_asked(tmp_path, stub, body, version, said, name):
    tools = stub(PRINTS if name == "helm" else BUILT, name, version)
    if body is None:
        (tmp_path / "bin" / name).unlink()
    parsed = scanned(tmp_path / "code", {**pod(), **labelled()}, WEST, tools=tools)
    asked = {"helm": "Pod shop/web/api", "kubectl": "Deployment shop/web/api"}[name]
    if (name, version) == ("kubectl", "v2.17.0"):
        assert len(stub.notes()) == 1
    else:
        assert said in str(images(workloads(parsed)[asked]))
        assert stub.notes() == []


def test_the_time_of_all_answers_is_limited(tmp_path, stub):
    parsed = scanned(tmp_path / "code", pod(), WEST, tools=stub(limits=Limits(total=0)))
    assert "helm was not asked, for the time of all answers is used up" in str(images(*workloads(parsed).values()))
    assert stub.notes() == []


def test_nothing_is_run_where_reading_knows_all_there_is(tmp_path, stub):
    parsed = scanned(tmp_path / "code", pod("{{ .Values.image }}"), WEST, tools=stub())
    assert images(*workloads(parsed).values()) == {"api": "real:1", "side": "side:1"}
    assert stub.notes() == []


def test_what_two_clusters_do_not_give_alike_is_not_taken(tmp_path, stub):
    body = PRINTS.replace("made:1", "' + str('--is-upgrade' in sys.argv) + '").replace("print(", "print(''+", 1)
    body = body.replace("' + str", "''' + str").replace(" + '\"", " + '''\"")
    parsed = scanned(tmp_path / "code", pod(), WEST, tools=stub(body))
    assert len(stub.notes()) == 2
    assert "regexFind" in images(*workloads(parsed).values())["api"]["unknown"]


# What is not decided by files

HELPERS = '{{ define "c" }}{{ now }}{{ end }}{{ define "a" }}{{ include "b" . }}{{ end }}{{ define "b" }}BODY{{ end }}'
ASKING = {
    "capabilities": "{{ .Capabilities.KubeVersion.Version }}",
    "a method of capabilities": '{{ if $.Capabilities.APIVersions.Has "apps/v1" }}x{{ end }}',
    "a variable of capabilities": "{{ $c := .Capabilities }}{{ $c.KubeVersion }}",
    "by index": '{{ (index . "Capabilities").HelmVersion }}',
    "by a name of its own": "{{ range $k, $v := . }}{{ $v.KubeVersion }}{{ end }}",
    "lookup": '{{ lookup "v1" "Secret" "web" "x" }}',
    "first time": "{{ .Release.IsInstall }}",
    "upgrade": "{{ if .Release.IsUpgrade }}x{{ end }}",
    "revision": "{{ .Release.Revision }}",
    "the release by index": '{{ index . "Release" }}',
    **{each: f"{{{{ {each} 5 }}}}" for each in ("randAlphaNum", "randAlpha", "randNumeric", "randAscii", "randBytes")},
    **{each: f"{{{{ {each} }}}}" for each in ("now", "uuidv4", "randInt 1 9", 'genPrivateKey "rsa"')},
    "a date": '{{ now | date "2006" }}',
    "ago": "{{ ago .Values.at }}",
    "certificates": '{{ (genCA "x" 1).Cert }}',
    "a signed certificate": '{{ genSignedCert "x" nil nil 1 (genCA "x" 1) }}',
    "its own certificate": '{{ genSelfSignedCert "x" nil nil 1 }}',
    "a salt": '{{ htpasswd "a" "b" }}',
    "another salt": '{{ bcrypt "a" }}',
    "a vector": '{{ encryptAES "a" "b" }}',
    "the network": '{{ getHostByName "example.com" }}',
    "the environment": '{{ env "HOME" }}',
    "an order": '{{ keys (dict "a" 1 "b" 2) | first }}',
    "an order of values": '{{ values .Values | join "," }}',
    "a shuffle": '{{ shuffle "abc" }}',
    "files": '{{ .Files.Get "x" }}',
    "a function of the future": "{{ nowadays }}",
    "a name that is computed": '{{ include (printf "%s" .Values.image) . }}',
    "another template": '{{ template "c" . }}',
    "a block": '{{ block "d" . }}{{ now }}{{ end }}',
    "a template in a template": '{{ tpl "{{ now }}" . }}',
    "a template of nobody": '{{ include "nobody" . }}',
}


@pytest.mark.parametrize("asking", ASKING.values(), ids=ASKING)
def test_what_files_do_not_decide_stays_unknown_whatever_helm_prints(tmp_path, stub, asking):
    ways = {
        "itself": pod(**{"pod.yaml": POD.replace('"IMAGE"', '{{ regexFind ".*" .Values.image }}') + f"# {asking}\n"}),
        "helper": pod('{{ include "a" . | regexFind ".*" }}', **{"_a.tpl": HELPERS.replace("BODY", asking)}),
        "value": pod("{{ tpl .Values.image . }}", values={"image": asking}),
        "path": pod('{{ include (print $.Template.BasePath "/x.yaml") . | sha256sum }}', **{"x.yaml": asking}),
    }  # fmt: skip
    tools = stub()
    for name, files in ways.items():
        before, after = (scanned(tmp_path / name, files, WEST, tools=each) for each in (None, tools))
        assert str(before.resources) == str(after.resources)
        assert gaps(before) == gaps(after)
        assert "unknown" in str(images(*workloads(after).values())), name
    assert stub.notes() == []


@pytest.mark.parametrize("text", ["{{ # }}", '{{ define "q" }}x{{ end }}'])
def test_helm_is_not_asked_to_evaluate_what_is_not_understood(tmp_path, stub, text):
    scanned(tmp_path / "code", pod("{{ tpl .Values.image . }}", values={"more": [text]}), WEST, tools=stub())
    assert stub.notes() == []


@pytest.mark.parametrize(
    ("expression", "where"),
    [
        ('{{ .Release.Name | regexFind ".*" }}', NOWHERE),
        ('{{ .Release.Namespace | regexFind ".*" }}', NOWHERE),
        ('{{ .Release.Name | regexFind ".*" }}', IacMapping("*", ACCOUNT, "us-west-2", "shop", "web", "-o=x")),
        ('{{ .Values.image | regexFind ".*" }}', IacMapping("*", ACCOUNT, "us-west-2", "shop", "We b", "live")),
    ],
)
def test_helm_is_not_asked_for_a_release_that_nobody_named(tmp_path, stub, expression, where):
    parsed = scanned(tmp_path / "code", pod(expression), where, tools=stub())
    assert "unknown" in str(images(*workloads(parsed).values()))
    assert stub.notes() == []


NOT_WHOLE = {
    "a chart that is not understood": {"charts/x/Chart.yaml": "a: ["},
    "charts of one name": {f"charts/{each}/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n" for each in "ab"},
    "values that change elsewhere": {"templates/x.yaml": '{{ $_ := set .Values "image" (lookup "" "" "" "") }}'},
    "values merged elsewhere": {"templates/x.yaml": "{{ $_ := merge .Values.image .Capabilities }}"},
    "a name that two files define": {
        "templates/x.yaml": '{{ now }}{{ define "api.labels" }}x{{ end }}',
    },
    "a template that is not understood": {"templates/x.yaml": "{{ # }}"},
    "values that are not understood": {"values.yaml": "image: ["},
    "values of another name": {"values.yml": "image: x", "values.yaml": None},
    "an older way to name charts": {
        "Chart.yaml": "apiVersion: v1\nname: api\nversion: 0.1.0\n",
        "charts/x/Chart.yaml": "apiVersion: v1\nname: x\nversion: 1.0.0\n",
    },
    "values of a chart that is not there": {
        "Chart.yaml": "apiVersion: v2\nname: api\nversion: 0.1.0\n"
        "dependencies: [{name: away, version: 1.0.0, repository: 'oci://x', import-values: [data]}]\n",
    },
    "charts that are no list": {"Chart.yaml": "apiVersion: v2\nname: api\nversion: 0.1.0\ndependencies: 5\n"},
    "an odd name": {"Chart.yaml": "apiVersion: v2\nname: 7\nversion: 0.1.0\n"},
}


@pytest.mark.parametrize("more", NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_helm_is_not_asked_about_a_chart_that_was_not_read_whole(tmp_path, stub, more):
    files = pod() | {f"charts/api/{name}": text for name, text in more.items()}
    scanned(tmp_path / "code", {name: text for name, text in files.items() if text is not None}, WEST, tools=stub())
    assert stub.notes() == []


@pytest.mark.parametrize("link", ["templates/x.yaml", "charts/x", ".helmignore"])
def test_helm_is_not_asked_about_a_chart_with_links(tmp_path, stub, link):
    write(tmp_path / "code", pod() | {"outside/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n"})
    at = tmp_path / "code/charts/api" / link
    at.parent.mkdir(exist_ok=True)
    at.symlink_to(tmp_path / "code/outside" / ("" if link == "charts/x" else "Chart.yaml"))
    scanned(tmp_path / "code", {}, WEST, tools=stub())
    assert stub.notes() == []


RELEASE = """\
data "aws_vpc" "one" {}
resource "helm_release" "live" {
  name      = "live"
  namespace = "web"
  chart     = "./charts/api"
  values    = [VALUES]
  set {
    name  = "n"
    value = NUMBER
  }
}
"""


@pytest.mark.parametrize(
    ("values", "number", "layers"),
    [
        ('yamlencode({ image = "t:1" })', "7", [{"image": "t:1"}, {"n": 7}]),
        ('"image: t:1", "tag: \'1.25\'"', "7", [{"image": "t:1"}, {"tag": "1.25"}, {"n": 7}]),
        ("yamlencode({ image = data.aws_vpc.one.id })", "7", None),
        ("yamlencode({ image = [data.aws_vpc.one.id] })", "7", None),
        ("data.aws_vpc.one.id", "7", None),
        ('"account: 012345678901"', "7", None),
        ('"a: b"', "1234567", None),
    ],
)
def test_helm_gets_the_values_of_a_release_of_terraform_that_are_known(tmp_path, stub, values, number, layers):
    files = pod() | {"main.tf": RELEASE.replace("VALUES", values).replace("NUMBER", number)}
    for tools in (stub(), *([real()] if REAL else [])):
        parsed = scanned(tmp_path / "code", files, tools=tools)
    if layers is None:
        assert stub.notes() == []
        return
    note = stub.notes()[0]
    assert [json.loads(note["files"][f"values/{number}.yaml"]) for number in range(len(layers))] == layers
    assert note["arguments"][-2] == "live"
    if REAL:
        assert images(*workloads(parsed).values())["api"] == "t:1"


# Kustomize


def labelled(**more):
    """Return an overlay with a patch of which reading cannot tell what it is for."""
    changes = {"target": {"labelSelector": "a=b"}, "patch": patch([{"name": "api", "image": "x"}])}
    return tree({"patches": [changes], **more})


def test_kustomize_gets_the_files_that_an_overlay_names(tmp_path, stub):
    files = labelled(
        configMapGenerator=[{"name": "c", "files": ["k=data/a.txt"], "envs": ["e.env"]}],
        patchesStrategicMerge=["p.yaml"],
        replacements=[{"path": "r.yaml"}],
        openapi={"path": "o.json"},
        transformers=["t.yaml"],
    )
    at = "overlays/west/"
    named = {f"{at}data/a.txt": "a", f"{at}e.env": "# x\nA=b\n", f"{at}p.yaml": patch([{"name": "api", "image": "y"}])}
    named |= {f"{at}r.yaml": "[]", f"{at}o.json": "{}"}
    named |= {f"{at}t.yaml": "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: x}\nlabels: {a: b}\n"}
    others = {f"{at}other.yaml": "a: b", "base/other.txt": "b"}
    tools = stub(BUILT, "kubectl", '{"clientVersion": {"gitVersion": "v1.35.2"}, "kustomizeVersion": "v5.7.1"}')
    parsed = scanned(tmp_path / "code", files | named | others, WEST, tools=tools)
    (note,) = stub.notes()
    assert note["arguments"] == ["kustomize", "--", "./overlays/west"]
    assert sorted(note["files"]) == sorted((*files, *named))
    assert "rendered by kubectl kustomize 5.7.1" in str(parsed.files)
    scanned(tmp_path / "code", {}, WEST, tools=stub(BUILT, "kustomize", "v5.4.2"))
    assert stub.notes()[1]["arguments"] == ["build", "--", "./overlays/west"]


BUILT_IN = "apiVersion: builtin\nkind: {}\nmetadata: {{name: x{}}}\n{}\n"
REFUSED = {
    "a base that is fetched": {"resources": ["../../base", "https://github.com/a/b"]},
    "a base on this machine": {"resources": ["../../base", "http://127.0.0.1:8080/x.yaml"]},
    "a repository": {"resources": ["../../base", "git@github.com:a/b"]},
    "a component that is fetched": {"components": ["github.com/a/b?ref=1"]},
    "a file outside": {"resources": ["../../base", "../../../outside.yaml"]},
    "charts": {"helmCharts": [{"name": "x"}]},
    "charts by the older name": {"helmChartInflationGenerator": [{"name": "x"}]},
    "where charts are": {"helmGlobals": {"chartHome": "x"}},
    "generators": {"generators": ["g.yaml"]},
    "a field of the future": {"executables": ["x"]},
    "a field in other letters": {"Generators": ["g.yaml"]},
    "a file that is fetched": {"configMapGenerator": [{"name": "x", "files": ["http://127.0.0.1/x"]}]},
    "a file with a key that is fetched": {"secretGenerator": [{"name": "x", "files": ["k=http://127.0.0.1/x"]}]},
    "files in other letters": {"configMapGenerator": [{"name": "x", "Files": ["http://127.0.0.1/x"]}]},
    "files in odder letters": {"configMapGenerator": [{"name": "x", "file\u017f": ["http://127.0.0.1/x"]}]},
    "variables of whoever runs it": {"configMapGenerator": [{"name": "x", "envs": ["env"]}]},
    "one variable of whoever runs it": {"secretGenerator": [{"name": "x", "env": "env"}]},
    "a patch that is fetched": {"patches": [{"path": "https://x/y"}]},
    "a patch in other letters": {"patches": [{"Path": "https://x/y"}]},
    "a patch by the older name": {"patchesStrategicMerge": ["https://x/y"]},
    "replacements that are fetched": {"replacements": [{"path": "https://x/y"}]},
    "a schema that is fetched": {"openapi": {"path": "https://x/y"}},
    "a schema in other letters": {"openapi": {"PATH": "https://x/y"}},
    "definitions that are fetched": {"crds": ["https://x/y"]},
    "a configuration that is fetched": {"configurations": ["https://x/y"]},
    "a transformer that is fetched": {"transformers": ["https://x/y"]},
    "a transformer in a folder": {"transformers": ["../../base"]},
    "a plugin": {
        "transformers": [BUILT_IN.format("LabelTransformer", "", "a: b").replace("builtin", "example.com/v1")]
    },
    "a plugin that renders charts": {"transformers": [BUILT_IN.format("HelmChartInflationGenerator", "", "name: x")]},
    "a function": {
        "transformers": [
            BUILT_IN.format("LabelTransformer", ", annotations: {config.kubernetes.io/function: x}", "labels: {a: b}")
        ]
    },
    "a file of a transformer": {"transformers": [BUILT_IN.format("PatchTransformer", "", "path: https://x/y")]},
    "files of a transformer": {
        "validators": [BUILT_IN.format("ReplacementTransformer", "", "Replacements: [{Path: x}]")]
    },
    "what is no plugin": {"transformers": ["a: b\nc: d\n"]},
    "what is no entry": {"patches": [7], "configMapGenerator": ["x"], "transformers": [7]},
    "what is no list of files": {"configMapGenerator": [{"files": 5, "envs": [[1]]}], "openapi": [1]},
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_kustomize_is_not_asked_about_what_is_not_all_there(tmp_path, stub, fields):
    files = {**labelled(**fields), "overlays/west/env": "A=b\nTOKEN\n", "overlays/west/g.yaml": "a: b"}
    write(tmp_path, {"outside.yaml": BASE})
    before, after = (scanned(tmp_path / "code", files, WEST, tools=each) for each in (None, stub(BUILT, "kustomize")))
    assert (made(before), gaps(before)) == (made(after), gaps(after))
    assert stub.notes() == []


def test_kustomize_is_not_asked_about_links(tmp_path, stub):
    write(tmp_path / "code", labelled(configMapGenerator=[{"name": "c", "files": ["a.txt"]}]))
    (tmp_path / "code/overlays/west/a.txt").symlink_to("/etc/hostname")
    scanned(tmp_path / "code", {}, WEST, tools=stub(BUILT, "kustomize"))
    assert stub.notes() == []


def test_a_kustomize_that_fails_leaves_what_was_read(tmp_path, stub):
    tools = stub("sys.exit('Error: no')", "kustomize")
    parsed = scanned(tmp_path / "code", labelled(), WEST, tools=tools)
    assert made(parsed)["api"].endswith("whether the patch is for it cannot be told (kustomize says: no)")
    tools = stub("print('a: [')", "kustomize")
    parsed = scanned(tmp_path / "code", {}, WEST, tools=tools)
    assert "(kustomize prints what is not YAML: " in made(parsed)["api"]
    tools = stub("sys.exit('Error: hunter2 is odd')", "kustomize")
    secret = labelled(secretGenerator=[{"name": "x", "literals": ["a=hunter2"]}])
    parsed = scanned(tmp_path / "code", secret, WEST, tools=tools)
    assert "(kustomize fails)" in made(parsed)["api"]
    assert "hunter2" not in str(parsed)


# Which program


def program(at):
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_text("#!/bin/sh\n")
    at.chmod(0o755)
    return at


def test_no_program_of_the_scanned_repository_is_run(tmp_path, monkeypatch):
    code = tmp_path / "code"
    (code / ".git").mkdir(parents=True)
    (code / "infra").mkdir()
    installed = program(tmp_path / "usr/bin/helm")
    for name in ("helm", "infra/helm", "bin/helm"):
        program(code / name)
    outside = tmp_path / "links"
    outside.mkdir()
    (outside / "helm").symlink_to(code / "bin/helm")
    (tmp_path / "folder").symlink_to(code / "bin")
    (code / "own").mkdir()
    (code / "own/helm").symlink_to(installed)
    monkeypatch.chdir(code / "infra")
    hostile = ["", ".", "..", "bin", "../bin", code / "bin", code / "infra", outside, tmp_path / "folder", code / "own"]
    path = os.pathsep.join(map(str, hostile))
    for scanned_path in (Path(), code / "infra", Path("../infra/x.yaml"), tmp_path / "folder"):
        assert find(path, [scanned_path]).helm is None
        assert find(f"{path}{os.pathsep}{installed.parent}", [scanned_path]).helm.path == installed


def test_kustomize_comes_before_kubectl(tmp_path):
    kubectl = program(tmp_path / "a/kubectl")
    assert find(str(kubectl.parent), []).kustomize.path == kubectl
    kustomize = program(tmp_path / "b/kustomize")
    both = find(f"{kubectl.parent}{os.pathsep}{kustomize.parent}", [])
    assert (both.kustomize.path, both.helm) == (kustomize, None)
    assert find("", []).kustomize is None


@pytest.mark.parametrize("command", [["scan"], ["drill", "--lose", "us-west-2"]])
def test_the_command_line_says_whether_programs_are_run(tmp_path, stub, monkeypatch, capsys, command):
    stub()
    write(tmp_path / "code", pod() | {"regionproof.yaml": "version: 1\naccounts: ['111122223333']\n"
          "iac: [{path: charts, region: us-west-2, cluster: shop, namespace: web, release: live}]\n"})  # fmt: skip
    monkeypatch.chdir(tmp_path / "code")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    for more, asked in ((["--no-render"], 0), ([], 2)):
        with pytest.raises(SystemExit):
            main([*command, "charts", "--config", "regionproof.yaml", *more])
        assert len(stub.notes()) == asked, capsys.readouterr()


# What is taken of an answer


def rendered(stub, root, template, *objects, values=None):
    """Return what a chart with a template declares if Helm makes these objects of it, and if it is not there."""
    answer = "".join(f"---\n# Source: api/templates/x.yaml\n{yaml.safe_dump(each)}" for each in objects)
    files = chart({"x.yaml": template}, yaml.safe_dump({"image": "real:1", **(values or {})}))
    return [scanned(root, files, WEST, tools=each) for each in (None, stub(f"print({answer!r})"))]


def a_pod(name="api", kind="Pod", **containers):
    spec = {"containers": [{"name": key, "image": image} for key, image in containers.items()]}
    if kind == "Pod":
        return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    spec = {"replicas": 3, "template": {"spec": spec}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def test_a_name_that_was_not_known_is_taken_for_the_only_one_that_it_can_be(tmp_path, stub):
    template = POD.replace("name: api}", 'name: {{ regexFind "a" "a" }}}', 1).replace("IMAGE", "real:1")
    for answer, ids in (
        ([a_pod("made", api="real:1", side="side:1")], ["shop/web/Pod/made"]),
        ([a_pod("made", api="real:1", side="side:1"), a_pod("more", api="x", side="y")], ["shop/web/Pod/made"]),
        ([a_pod(each, api="real:1", side="side:1") for each in ("a", "b")], ["shop/web/Pod/a", "shop/web/Pod/b"]),
    ):
        before, after = rendered(stub, tmp_path / "code", template, *answer)
        assert [unknown(one, "Name") is None for one in workloads(before).values()] == [False]
        assert sorted(one.id.rpartition("cluster/")[2] for one in workloads(after).values()) == ids
        places = {str(one.locate("/ContainerImages/0/Image")) for one in workloads(after).values()}
        assert places == (
            {"charts/api/templates/x.yaml:4:41"} if len(ids) == 1 else {"charts/api/templates/x.yaml:1:1"}
        )


def test_what_a_block_may_add_is_taken_and_the_rest_stays_where_it_is_written(tmp_path, stub):
    template = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 3
  template:
    spec:
      containers:
        {{- range untilStep 0 1 1 }}
        - {name: more, image: "more:1"}
        {{- end }}
        - {name: api, image: "api:1"}
        - {name: side, image: "side:1"}
"""
    answer = a_pod("api", "Deployment", more="more:1", api="api:1", side="side:1")
    before, after = rendered(stub, tmp_path / "code", template, answer)
    assert "until" in images(*workloads(before).values())
    (one,) = workloads(after).values()
    assert (images(one), one["Replicas"]) == ({"more": "more:1", "api": "api:1", "side": "side:1"}, 3)
    assert str(one.locate("/Replicas")) == "charts/api/templates/x.yaml:5:13"
    # The containers have moved: none of them is given the place of another.
    assert str(one.locate("/ContainerImages/0/Image")) == "charts/api/templates/x.yaml:12:9"
    answer = a_pod("api", "Deployment", api="api:1", side="changed:1")
    (one,) = workloads(rendered(stub, tmp_path / "code", template, answer)[1]).values()
    assert images(one) == {"api": "api:1", "side": "changed:1"}
    assert str(one.locate("/ContainerImages/0/Image")) == "charts/api/templates/x.yaml:12:31"
    assert str(one.locate("/ContainerImages/1/Image")) == "charts/api/templates/x.yaml:13:11"


def test_objects_that_nobody_could_read_are_taken_where_something_was_open(tmp_path, stub):
    whole = yaml.safe_dump(a_pod("own", api="own:1"))
    block = f"{{{{ range untilStep 0 2 1 }}}}\n---\n{yaml.safe_dump(a_pod('a', api='a:1'))}{{{{ end }}}}\n---\n{whole}"
    answer = [a_pod("own", api="changed:1"), a_pod("a", api="a:1"), a_pod("b", "Deployment", api="b:1")]
    before, after = rendered(stub, tmp_path / "code", block, *answer)
    assert gaps(before)
    assert gaps(after) == []
    found = {one.id.rpartition("web/")[2]: images(one)["api"] for one in workloads(after).values()}
    assert found == {"Pod/own": "own:1", "Pod/a": "a:1", "Deployment/b": "b:1"}
    assert str(workloads(after)["Pod shop/web/a"].locate("")) == "charts/api/templates/x.yaml:1:1"
    _, after = rendered(stub, tmp_path / "code", whole + "# {{ regexFind }}", *answer)
    assert len(workloads(after)) == 1  # all there is was read, and Helm was not asked


def test_objects_that_helm_does_not_make_are_kept_where_they_were_read_for_certain(tmp_path, stub):
    unknown_image = POD.replace("IMAGE", '{{ regexFind "a" "a" }}')
    before, after = rendered(stub, tmp_path / "code", unknown_image, {"apiVersion": "v1", "kind": "ConfigMap"})
    assert str(before.resources) == str(after.resources)
    maybe = "{{ if semverCompare .Values.a .Values.b }}\n" + POD.replace("IMAGE", "a:1") + "{{ end }}"
    before, after = rendered(stub, tmp_path / "code", maybe, {"apiVersion": "v1", "kind": "ConfigMap"})
    assert (bool(gaps(before)), gaps(after), workloads(after)) == (True, [], {})
    kind = POD.replace("kind: Pod", 'kind: {{ regexFind "a" "a" }}').replace("IMAGE", "a:1")
    before, after = rendered(stub, tmp_path / "code", kind, a_pod("api", api="a:1"))
    assert gaps(before) == ["charts/api/templates/x.yaml:1: the kind of an object is not known"] * bool(gaps(before))
    assert [one.id.rpartition("/")[2] for one in workloads(after).values()] == ["api"]


def test_exemptions_stand_in_what_helm_makes(tmp_path, stub):
    answer = a_pod("a", api="a:1")
    ignored = "image-digest-pinned until=2031-01-01 reason=x owner=y"
    answer["metadata"]["annotations"] = {"regionproof/ignore": ignored}
    block = f"{{{{ range untilStep 0 2 1 }}}}\n---\n{yaml.safe_dump(answer)}{{{{ end }}}}\n"
    before, after = rendered(stub, tmp_path / "code", block, answer)
    assert (len(before.exemptions), len(after.exemptions)) == (0, 1)


def test_what_depends_on_the_version_of_kustomize_stays_unknown(tmp_path, stub):
    late = """\
apiVersion: v1
kind: Pod
metadata: {name: api}
spec:
  ephemeralContainers: [{name: late, image: "shop/late:1"}]
  containers: [{name: api, image: "shop/api:1"}]
"""
    built = late.replace("shop/late:1", "other/late:1").replace("shop/api:1", "x")
    fields = {"images": [{"name": "shop/late", "newName": "other/late"}]}
    for more in ({}, labelled()["overlays/west/kustomization.yaml"]):
        again = yaml.safe_load(more) if more else {}
        files = tree({**fields, **again}, {"base/api.yaml": late})
        parsed = scanned(tmp_path / "code", files, WEST, tools=stub(f"print({built!r})", "kustomize"))
        found = made(parsed)["api"]
        assert found["late"]["unknown"].endswith("depends on its version")
        assert found["api"] == ("x" if more else "shop/api:1")
        assert len(stub.notes()) == bool(more)


def test_a_list_that_may_be_longer_keeps_what_depends_on_the_version(tmp_path, stub):
    one = labelled()["overlays/west/kustomization.yaml"]
    fields = {**yaml.safe_load(one), "images": [{"name": "shop/api", "tagSuffix": "-x"}]}
    base = "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec: {containers: [{name: api, image: 'shop/api:1'}]}\n"
    built = base.replace("shop/api:1", "shop/api:1-x-x").replace("[{", "[{name: side, image: y}, {")
    parsed = scanned(
        tmp_path / "code", tree(fields, {"base/api.yaml": base}), WEST, tools=stub(f"print({built!r})", "kustomize")
    )
    assert "1-x" not in str(parsed.resources)
    assert len(stub.notes()) == 1


def test_an_object_that_kustomize_deletes_is_gone(tmp_path, stub):
    built = yaml.safe_dump(a_pod("other", api="x"))
    parsed = scanned(tmp_path / "code", labelled(), WEST, tools=stub(f"print({built!r})", "kustomize"))
    assert made(parsed) == {"other": {"api": "x"}}
    assert str(workloads(parsed)["Pod shop/web/other"].locate("")) == "overlays/west/kustomization.yaml:1:1"


# The real ones


def agree(before, after):
    """Check that a tool only took unknowns away: what was known is as it was."""
    left = {one.id: dict(one.properties.raw()) for one in after.resources}
    for one in before.resources:
        if one.id in left:
            for name, value in one.properties.raw():
                known(value, left[one.id][name])
        else:
            assert any(type(value) is Unknown for _, value in one.properties.raw())
    assert {*gaps(after)} <= {*gaps(before)}


def known(before, after):
    if type(before) is Unknown:
        return
    if isinstance(before, (dict, list)):
        assert type(before) is type(after)
        pairs = [
            (dict(each.raw()) if isinstance(each, dict) else dict(enumerate(each.raw()))) for each in (before, after)
        ]
        assert pairs[0].keys() == pairs[1].keys()
        for key in pairs[0]:
            known(pairs[0][key], pairs[1][key])
    else:
        assert before == after


SETTLED = {
    '{{ regexReplaceAll "real" .Values.image "x${0}" }}': "xreal:1",
    '{{ tpl "{{ .Values.image }}" . | trunc 4 }}': None,
    "{{ tpl .Values.text . }}": "real:1",
    "{{ .Values.image | b64enc | b64dec | title }}": "Real:1",
    '{{ dig "a" "b" "none" .Values.deep }}': "deep:1",
    "{{ (fromYaml .Values.yaml).image }}": "yaml:1",
    '{{ $d := dict "a" .Values.image }}{{ $_ := set $d "b" "c" }}{{ $d.a | regexFind ".*" }}': "real:1",
    '{{ $_ := set .Values "image" "set:1" }}{{ .Values.image }}': "set:1",
    '{{ keys .Values.deep | sortAlpha | join "," }}': "a",
    '{{ .Values.image }}-{{ include (print $.Template.BasePath "/x.yaml") . | sha256sum | trunc 3 }}': "real:1-820",
    "{{ range $n := untilStep 1 3 1 }}{{ if eq $n 2 }}{{ break }}{{ end }}x{{ $n }}{{ end }}": "x1",
    '{{ .Release.Name | replace "l" "L" | regexFind ".*" }}:{{ .Release.Namespace }}': "Live:web",
    '{{ .Chart.AppVersion | regexFind "^." | printf "v%s" }}': "v1",
}


@needs_tools
@pytest.mark.parametrize(("expression", "image"), SETTLED.items())
def test_helm_settles_what_is_not_evaluated_here(tmp_path, expression, image):
    values = {"text": "{{ .Values.image }}", "deep": {"a": {"b": "deep:1"}}, "yaml": "image: yaml:1"}
    files = pod(expression, values=values, **{"x.yaml": "# {{ .Values.image }}"})
    before, after = (scanned(tmp_path / "code", files, WEST, tools=each) for each in (None, real()))
    agree(before, after)
    if image is None:
        assert str(before.resources) == str(after.resources)
    else:
        assert images(workloads(after)["Pod shop/web/api"]) == {"api": image, "side": "side:1"}


@needs_tools
@pytest.mark.parametrize(
    "expression",
    [
        '{{ (index .Values "my-db").image | default "api:2" }}',
        '{{ (get .Values "my-db").image | default "api:2" }}',
        '{{ .Values.db.image | regexFind ".*" | default "api:2" }}',
        '{{ (.Values | toYaml | fromYaml).none | default "api:2" }}',
        '{{ range $k, $v := .Values }}{{ if eq $k "db" }}{{ $v.image | default "api:2" }}{{ end }}{{ end }}',
    ],
)
def test_helm_tells_nothing_that_a_chart_which_is_not_there_could_change(tmp_path, expression):
    """Such a chart lays its own values under its name into those of the chart."""
    files = pod(expression, values={"my-db": {"replicas": 1}, "db": {"replicas": 1}})
    files["charts/api/Chart.yaml"] += (
        "dependencies: [{name: my-db, alias: db, version: 1.x}, {name: my-db, version: '1'}]\n"
    )
    before, after = (scanned(tmp_path / "code", files, WEST, tools=each) for each in (None, real()))
    for parsed in (before, after):
        assert "unknown" in images(workloads(parsed)["Pod shop/web/api"])["api"]


@needs_tools
def test_helm_settles_charts_in_charts_and_layers_of_values(tmp_path):
    about = "apiVersion: v2\nname: red\nversion: 1.0.0\n"
    files = pod(values={"blue": {"image": "blue:1"}})
    files["charts/api/Chart.yaml"] += (
        "dependencies: [{name: red, alias: blue, version: 1.x}, {name: away, version: '1', repository: 'oci://x'}]\n"
    )
    template = POD.replace("name: api}", "name: red}", 1).replace("IMAGE", '{{ .Values.image | regexFind ".*" }}')
    files |= {
        "charts/api/charts/red/Chart.yaml": about,
        "charts/api/charts/red/values.yaml": "image: red:1\n",
        "charts/api/charts/red/templates/pod.yaml": template,
        "charts/api/.helmignore": "templates/gone.yaml\n",
        "charts/api/templates/gone.yaml": '{{ if regexFind "a" "a" }}\n'
        + POD.replace("name: api", "name: x")
        + "{{ end }}",
        "envs/one.yaml": "image: one:1\n",
        "envs/two.yaml": "image: two:1\nblue: {image: two:2}\n",
    }
    where = IacMapping(
        "charts/api", ACCOUNT, "us-west-2", "shop", "web", "live", ("../../envs/one.yaml", "../../envs/two.yaml")
    )
    before, after = (scanned(tmp_path / "code", files, where, tools=each) for each in (None, real()))
    agree(before, after)
    found = {one.id.rpartition("/")[2]: images(one)["api"] for one in workloads(after).values()}
    assert found == {"api": "two:1", "red": "two:2"}
    assert gaps(after) == ["charts/api/Chart.yaml:5: the chart 'away' that it depends on is not in the scanned files"]
    assert str(workloads(after)["Pod shop/web/red"].locate("/ContainerImages/0/Image")).startswith("envs/two.yaml:2")


@needs_tools
def test_helm_says_what_is_wrong(tmp_path):
    files = pod(**{"x.yaml": '{{ required "give me a name" .Values.missing }}'})
    parsed = scanned(tmp_path / "code", files, WEST, tools=real())
    said = images(workloads(parsed)["Pod shop/web/api"])
    assert "helm says: " in said
    assert "give me a name" in said
    assert str(tmp_path) not in said
    assert "/regionproof-" not in said


ARROW = {"source": {"kind": "ConfigMap", "name": "v", "fieldPath": "data.image"}}
TO = {"targets": [{"select": {"kind": "Deployment"}, "fieldPaths": ["spec.template.spec.containers.[name=api].image"]}]}
MADE = {
    "a patch by label": (labelled(), {}),
    "a patch by pattern": (
        tree({"patches": [{"target": {"name": "ap.*"}, "patch": patch([{"name": "api", "image": "x"}])}]}),
        {"api": "x"},
    ),
    "replacements": (
        tree({"replacements": [{**ARROW, **TO}], "configMapGenerator": [{"name": "v", "literals": ["image=real:2"]}]}),
        {"api": "real:2"},
    ),
    "replacements from a file": (
        tree(
            {"replacements": [{"path": "r.yaml"}], "configMapGenerator": [{"name": "v", "envs": ["e"]}]},
            {"overlays/west/r.yaml": yaml.safe_dump([{**ARROW, **TO}]), "overlays/west/e": "image=real:3\n"},
        ),
        {"api": "real:3"},
    ),
    "a transformer": (
        tree({"transformers": [BUILT_IN.format("ImageTagTransformer", "", "imageTag: {name: shop/api, newTag: '9'}")]}),
        {"api": "shop/api:9"},
    ),
    "operations by annotation": (
        tree(
            {
                "patches": [
                    {
                        "target": {"kind": "Deployment", "annotationSelector": "!a"},
                        "patch": operations(("replace", "/spec/template/spec/containers/0/image", "z")),
                    }
                ]
            }
        ),
        {"api": "z"},
    ),
}


@needs_tools
@pytest.mark.parametrize(("files", "containers"), MADE.values(), ids=MADE)
def test_kustomize_settles_what_is_not_evaluated_here(tmp_path, files, containers):
    before, after = (scanned(tmp_path / "code", files, WEST, tools=each) for each in (None, real()))
    agree(before, after)
    assert made(after)["api"] == PLAIN["api"] | containers
    one = workloads(after)["Deployment shop/web/api"]
    assert one["Replicas"] == 2
    assert str(one.locate("/Replicas")) == "base/api.yaml:5:13"
    assert str(one.locate("/ContainerImages/2/Image")) == "base/api.yaml:15:31"


@needs_tools
def test_kustomize_says_what_is_wrong_and_refuses_what_is_outside_of_an_overlay(tmp_path):
    files = labelled(resources=["../../base", "../more.yaml"])
    files |= {"overlays/more.yaml": BASE.replace("name: api}", "name: more}").replace("nightly", "x")}
    parsed = scanned(tmp_path / "code", files, WEST, tools=real())
    assert "says: " in made(parsed)["api"]
    assert "is not in or below" in made(parsed)["api"]


NAMES = st.sampled_from(("api", "side", "x:1", "y:1"))
CONTAINERS = st.dictionaries(NAMES, NAMES, min_size=1, max_size=3)
KIND = st.sampled_from(("Pod", "Deployment"))
OBJECTS = st.lists(st.tuples(NAMES, KIND, CONTAINERS), max_size=4, unique_by=lambda one: one[:2])


def as_object(value, doubt=""):
    return Object(value, {"": Location("x.yaml", 3)}, "x.yaml", doubt)


def with_holes(value, draw):
    if draw(st.integers(0, 9)) == 0:
        return Unknown("hole")
    if isinstance(value, dict):
        return {key: with_holes(each, draw) for key, each in value.items()}
    return [with_holes(each, draw) for each in value] if isinstance(value, list) else value


def has_holes(value):
    if isinstance(value, Unknown):
        return True
    return any(map(has_holes, value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()))


def fits(read, settled):
    """Tell whether everything that was read is as it was."""
    if isinstance(read, Unknown):
        return True
    if isinstance(read, dict) and isinstance(settled, dict):
        return all(fits(each, settled.get(key)) for key, each in read.items())
    if isinstance(read, list) and isinstance(settled, list):
        return len(read) == len(settled) and all(map(fits, read, settled))
    return type(read) is type(settled) and read == settled


def holed(whole, draw, *kept):
    """Return objects in which something is not known, but for some of their members."""
    made = ({key: each[key] if key in kept else with_holes(each[key], draw) for key in each} for each in whole)
    return [as_object(each) for each in made]


@given(st.data(), OBJECTS, st.booleans())
def test_what_was_read_with_holes_in_it_is_made_whole(data, truth, gap):
    whole = [a_pod(name, kind, **containers) for name, kind, containers in truth]
    read = holed(whole, data.draw, "apiVersion")
    part = Part("x.yaml", read, [("it is open", None, ())] if gap else [])
    settled = settle(part, [as_object(each) for each in whole])
    found = [one.value for one in settled.objects if not has_holes(one.value)]
    assert all(each in whole for each in found)
    assert [one.value for one in settled.objects if has_holes(one.value) and is_open(one)] == []
    assert [each for each in whole if each not in found] == []
    assert (len(found), settled.open) == (len(whole), [])


@given(st.data(), OBJECTS, OBJECTS)
def test_no_answer_changes_what_was_read(data, first, second):
    whole = [a_pod(name, kind, **containers) for name, kind, containers in first]
    read = holed(whole, data.draw, "apiVersion", "kind", "metadata")
    answer = [as_object(a_pod(name, kind, **containers)) for name, kind, containers in second]
    settled = {(one.kind, one.named("name")): one for one in settle(Part("x.yaml", read), answer).objects}
    for one in read:
        after = settled.get((one.kind, one.named("name")))
        if after is None:
            assert isinstance(one.value["spec"], Unknown)
        else:
            assert fits(one.value, after.value)
            assert {*after.locations} <= {*one.locations}
