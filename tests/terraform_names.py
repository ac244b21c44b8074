"""Writes fixtures/terraform/attributes.json: the attributes that the Terraform providers know, with nested blocks.

They are read out of the generated bindings, the npm packages @cdktf/provider-aws, -kubernetes and -helm:

    python tests/terraform_names.py <folder with the unpacked packages> > tests/fixtures/terraform/attributes.json
"""

import json
import re
import sys
from pathlib import Path

from scanner.parsers.terraform.maps import mapped

DATA = {"aws_ecr_authorization_token", "aws_region", "aws_partition", "aws_caller_identity"}
FOLDERS = {"aws": "provider-aws", "kubernetes": "provider-kubernetes", "helm": "provider-helm"}
FUNCTION = re.compile(r"^function (\w+ToTerraform)\(struct\) \{.*?^    return \{\n(.*?)^    \};", re.M | re.S)
FIELD = re.compile(r"^\s+(\w+): (.*),$", re.M)
INNER = re.compile(r"(\w+ToTerraform)\b")
ATTRIBUTES = re.compile(r"synthesizeAttributes\(\) \{\n\s+return \{\n(.*?)^\s+\};", re.M | re.S)
COMPUTED = re.compile(r"get\w+Attribute\('(\w+)'\)")


def names(source):
    """Return attribute -> null, or the attributes of the blocks it is of."""
    functions = dict(FUNCTION.findall(source))

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


def main(folder):
    made = {}
    for type in sorted(mapped() | DATA):
        provider, _, rest = type.partition("_")
        data = "data-aws-" if type in DATA else ""
        name = f"{data}{rest.replace('_', '-')}"
        at = next(Path(folder).glob(f"**/{FOLDERS[provider]}/lib/{name}/index.js"))
        made[type] = names(at.read_text())
    print(json.dumps(made, separators=(",", ":"), sort_keys=True).replace('},"aws', '},\n"aws'))


if __name__ == "__main__":
    main(sys.argv[1])
