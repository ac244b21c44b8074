"""What the templates of a chart see beside its values: the chart, the release and the cluster."""

from __future__ import annotations

from typing import Any

from scanner.config import IacMapping
from scanner.guarded import InsufficientData, Unknown
from scanner.parsers.kubernetes.dependencies import Installed
from scanner.parsers.kubernetes.golang import shown

_TEXTS = (
    *("name", "home", "version", "description", "icon", "apiVersion", "condition", "tags", "appVersion", "kubeVersion"),
    "type",
)
_OTHERS = ("Sources", "Keywords", "Maintainers", "Deprecated", "Annotations", "Dependencies")
"""What `Chart.yaml` may say, in text and otherwise."""


def _as_text(value: Any) -> Any:
    """Return what is written where Helm reads text: a number is as it prints it."""
    try:
        return shown(value)
    except InsufficientData as gap:
        return Unknown(str(gap))


def context(one: Installed, path: str, where: IacMapping) -> dict[str, Any]:
    """Return what a template of a chart in a path sees as its dot."""
    asked = "only who installs the chart can say it; give it as '{}' under 'iac:' in regionproof.yaml"
    about = {**one.chart.about, "name": one.name}
    texts = {("APIVersion" if key == "apiVersion" else key[0].upper() + key[1:]): about.get(key) for key in _TEXTS}
    unread = Unknown("of the chart only its text is evaluated")
    inside = f"{one.path}/{path.removeprefix(f'{one.chart.folder}/')}"
    return {
        "Values": one.values,
        "Chart": dict.fromkeys(_OTHERS, unread) | {key: _as_text(text) for key, text in texts.items()},
        "Release": {
            "Name": where.release or Unknown(asked.format("release")),
            "Namespace": where.namespace or Unknown(asked.format("namespace")),
            "Service": "Helm",
            "IsInstall": Unknown("it is true once"),
            "IsUpgrade": Unknown("it is false once"),
            "Revision": Unknown("it counts"),
        },
        "Capabilities": Unknown("only the cluster can say what it can do"),
        "Files": Unknown("files of the chart are not evaluated"),
        "Subcharts": Unknown("the charts in it are not evaluated by name"),
        "Template": {"Name": inside, "BasePath": f"{one.path}/templates"},
    }
