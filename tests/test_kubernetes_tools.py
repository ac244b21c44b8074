"""`helm` and `kustomize`, where they are installed: asked where reading leaves something open, and confined.

Most tests ask a program that a test wrote.  Those that ask the real ones need REGIONPROOF_KUBE_TOOLS, a folder with
`helm` and with `kustomize` or `kubectl`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from code_trees import ACCOUNT, WEST, gaps, images, status, unknown, workloads, write
from test_helm import chart
from test_kustomize import BASE, PLAIN, kustomization, made, operations, patch, tree

from scanner.cli import main
from scanner.config import Config, IacMapping
from scanner.model import Unknown
from scanner.parsers import parse
from scanner.parsers.kubernetes.tools import Limits, Tools, find

REAL = os.environ.get("REGIONPROOF_KUBE_TOOLS")
needs_tools = pytest.mark.skipif(REAL is None, reason="REGIONPROOF_KUBE_TOOLS names no folder with helm and kustomize")
NOWHERE = IacMapping("*", ACCOUNT, "us-west-2", "shop")
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: api}
spec: {containers: [{name: api, image: "IMAGE"}, {name: side, image: "side:1"}]}
"""
OPEN = '{{ .Values.image | b64enc | b64dec | replace "a" "a" | trunc 9 | initials | upper }}'
"""An expression with functions that reading does not evaluate."""


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


SPOOF = "print('---\\n# Source: api/templates/pod.yaml\\n---\\n# Source: api/templates/other.yaml\\na: b')"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("while True: pass", "helm took more than 2 seconds"),
        ("if os.fork() == 0:\n  while True: pass", "helm took more than 2 seconds"),
        ("sys.exit('Error: it \\x1b[31m\\n  is\\ufffd broken\\n\\nUse --debug')", "helm says: it [31m is\ufffd broken"),
        ("sys.exit('x' * 999)", f"helm says: {'x' * 200}..."),
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
    tools = stub(body, limits=Limits(seconds=2, output=200_000))
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
        (None, "", "cannot be run: No such file or directory"),
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

HELPER = '{{ define "h" }}BODY{{ end }}'
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
    "with the release": "{{ with .Release }}{{ .Name }}{{ end }}",
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
    "an order": "{{ keys .Values | first }}",
    "an order of values": '{{ values .Values | join "," }}',
    "a shuffle": '{{ shuffle "abc" }}',
    "files": '{{ .Files.Get "x" }}',
    "a function of the future": "{{ nowadays }}",
    "a name that is computed": '{{ include (printf "%s" .Values.image) . }}',
    "a template of nobody": '{{ include "nobody" . }}',
}


@pytest.mark.parametrize("asking", ASKING.values(), ids=ASKING)
def test_what_files_do_not_decide_stays_unknown_whatever_helm_prints(tmp_path, stub, asking):
    ways = {
        "itself": pod(**{"pod.yaml": POD.replace('"IMAGE"', '{{ regexFind ".*" .Values.image }}') + f"# {asking}\n"}),
        "helper": pod('{{ include "a" . | regexFind ".*" }}', **{"_a.tpl": f'{{{{ define "a" }}}}{{{{ include "b" . }}}}{{{{ end }}}}'
                                                         f'{{{{ define "b" }}}}{asking}{{{{ end }}}}'}),
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
    "a template that is not read": {"templates/x.conf": '{{ define "api.name" }}x{{ end }}'},
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
    "a plugin": {"transformers": [BUILT_IN.format("LabelTransformer", "", "a: b").replace("builtin", "example.com/v1")]},
    "a plugin that renders charts": {"transformers": [BUILT_IN.format("HelmChartInflationGenerator", "", "name: x")]},
    "a function": {
        "transformers": [
            BUILT_IN.format("LabelTransformer", ", annotations: {config.kubernetes.io/function: x}", "labels: {a: b}")
        ]
    },
    "a file of a transformer": {"transformers": [BUILT_IN.format("PatchTransformer", "", "path: https://x/y")]},
    "files of a transformer": {"validators": [BUILT_IN.format("ReplacementTransformer", "", "Replacements: [{Path: x}]")]},
    "what is no plugin": {"transformers": ["a: b\nc: d\n"]},
    "what is no entry": {"patches": [7], "configMapGenerator": ["x"], "transformers": [7]},
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
