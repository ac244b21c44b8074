"""Writes fixtures/terraform/attributes.json: the attributes that the Terraform providers know, with nested blocks.

They are read out of the generated bindings, the npm packages @cdktf/provider-aws, -kubernetes and -helm:

    python tests/terraform_names.py <folder with the unpacked packages> > tests/fixtures/terraform/attributes.json
"""

import json
import re
import sys
from pathlib import Path

from scanner.parsers.terraform.maps import attribute_map, mapped

DATA = {"aws_ecr_authorization_token", "aws_region", "aws_partition", "aws_caller_identity"}
FOLDERS = {"aws": "provider-aws", "kubernetes": "provider-kubernetes", "helm": "provider-helm"}
FUNCTION = re.compile(r"^function (\w+ToTerraform)\(struct\) \{(.*?)^\}", re.M | re.S)
BODY = re.compile(r"^    return \{\n(.*?)^    \};", re.M | re.S)
FIELD = re.compile(r"^\s+(\w+): (.*),$", re.M)
INNER = re.compile(r"(\w+ToTerraform)\b")
ATTRIBUTES = re.compile(r"synthesizeAttributes\(\) \{\n\s+return \{\n(.*?)^\s+\};", re.M | re.S)
COMPUTED = re.compile(r"get\w+Attribute\('(\w+)'\)")


def names(source, structures):
    """Return attribute -> null, or the attributes of the blocks it is of."""
    functions = {name: "".join(BODY.findall(body)) for name, body in FUNCTION.findall(source + structures)}

    def fields(body):
        made = {}
        for name, value in FIELD.findall(body):
            inner = next((each for each in INNER.findall(value) if each in functions), None)
            made[name] = fields(functions[inner]) if inner else None
        return made

    start = source.index("synthesizeAttributes")
    found = fields(ATTRIBUTES.search(source).group(1))
    own = source[source.rindex("\nclass ", 0, start) :]
    return {**dict.fromkeys(COMPUTED.findall(own)), **found}


def pruned(known, attributes):
    """Return names without the blocks into which a map does not look."""
    made = {}
    for name, inner in (known or {}).items():
        rules = attributes.get(name, "")
        below = {}
        for rule in rules if isinstance(rules, list) else [rules]:
            below |= rule.get("attributes", {}) if isinstance(rule, dict) else {}
        made[name] = pruned(inner, below) if inner and below else None
    return made


def main(folder):
    made = {}
    for type in sorted(type for type in mapped() if attribute_map(type).keys() - {"gap"}):
        provider, _, rest = type.partition("_")
        data = "data-aws-" if type in DATA else ""
        name = f"{data}{rest.replace('_', '-')}"
        at = next(Path(folder).glob(f"**/{FOLDERS[provider]}/lib/{name}/index.js"))
        known = names(at.read_text(), "\n".join(each.read_text() for each in at.parent.glob("*/*.js")))
        made[type] = pruned(known, attribute_map(type).get("attributes", {}))
    print(json.dumps(made, separators=(",", ":"), sort_keys=True).replace('},"aws', '},\n"aws'))


if __name__ == "__main__":
    main(sys.argv[1])
