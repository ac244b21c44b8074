"""Folders of infrastructure code, written and read."""

from scanner.config import Config, IacMapping
from scanner.model import Unknown, plain
from scanner.parsers import parse

ACCOUNT = "111122223333"
WEST = IacMapping("*", ACCOUNT, "us-west-2", "shop", "web", "live")


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def read(root, files=None, *iac):
    """Return what is declared in files that `iac:` speaks of."""
    config = Config(iac=iac)
    return parse(write(root, files or {}), config.places, deployments=config.deployments)


def workloads(parsed):
    """Return the workloads by kind and name, or by id where the name is not known."""
    found = [one for one in parsed.resources if one.type.startswith("Kubernetes::")]
    return {f"{one.type.removeprefix('Kubernetes::')} {one.name or one.id}": one for one in found}


def images(resource):
    """Return container -> image, or the reason why it is not known."""
    listed = dict(resource.properties.raw())["ContainerImages"]
    if type(listed) is Unknown:
        return listed.reason
    return {each["ContainerName"]: each["Image"] for each in plain(listed)}


def unknown(resource, name):
    """Return why a property is not known, None if it is."""
    value = dict(resource.properties.raw())[name]
    return value.reason if type(value) is Unknown else None


def gaps(parsed):
    return sorted({gap.message for gap in parsed.gaps})


def status(parsed):
    return {path: status for path, status, _ in parsed.files}
