"""The draft of a new rule: it loads, its examples hold, and every line of it is there to be changed."""

from __future__ import annotations

import re
from pathlib import Path

from scanner.errors import UsageError

TESTS = "tests"
_GROUP = re.compile(r"[a-z0-9]{1,30}")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST = 60

_HEADER = """\
title: @TITLE@
severity: medium  # critical, high, medium, low or info
resource: AWS::ECR::Repository
rationale: |
  Say why this matters, and which fact about AWS is behind it. Whoever may push to a repository with mutable tags can
  replace the image behind a tag that is already deployed.
remediation: |
  Say what to do, with the command.

      aws ecr put-image-tag-mutability --repository-name <name> --image-tag-mutability IMMUTABLE
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
traps:
  - Say where a simpler check would be wrong; AWS's default is MUTABLE, so a setting that is left out is a failure.
"""
_LOGIC = """
assert: starts_with(ImageTagMutability, 'IMMUTABLE')
property: ImageTagMutability
message: The tags of repository '{RepositoryName}' are '{ImageTagMutability}'; 'IMMUTABLE' was expected.
"""
_EXAMPLES = """
examples:
  pass:
    - {ImageTagMutability: IMMUTABLE}
    - {ImageTagMutability: IMMUTABLE_WITH_EXCLUSION}
  fail:
    - {ImageTagMutability: MUTABLE}
    - {}  # AWS's default
  unknown:
    - {ImageTagMutability: {Unknown: a parameter without a value}}
"""
_CODE = """
from scanner.rule import Violation


def check(repository, model, parameters):
    mutability = repository["ImageTagMutability"]
    if not mutability.startswith("IMMUTABLE"):
        yield Violation(
            f"The tags of repository '{repository.name}' are '{mutability}'; 'IMMUTABLE' was expected.",
            "/ImageTagMutability",
        )
"""


def rule_id(path: str) -> str:
    """Return the id of the rule GROUP/NAME; raise `UsageError` if that cannot be one."""
    group, slash, name = path.partition("/")
    if not slash or not _GROUP.fullmatch(group) or not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise UsageError(
            f"'{path}' is not GROUP/NAME", "Small letters and digits, with dashes in the name: team/tags-are-immutable."
        )
    if group == TESTS:
        raise UsageError(f"'{TESTS}' is where a pack keeps its fixtures", "Name another group.")
    return f"{group}-{name}"


def write(folder: Path, path: str, *, python: bool) -> Path:
    """Write the draft of the rule GROUP/NAME into a folder of rules; return the new file.

    Raises `UsageError` if the rule is there already, in either form.
    """
    id = rule_id(path)
    for suffix in (".yaml", ".py"):
        if (there := folder / f"{path}{suffix}").exists():
            raise UsageError(f"{there}: there is a rule already", "Name another, or edit that one.")
    file = folder / f"{path}{'.py' if python else '.yaml'}"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as out:
        out.write(draft(id, python=python))
    return file


def draft(id: str, *, python: bool) -> str:
    """Return the text of a new rule."""
    words = id.partition("-")[2].replace("-", " ")
    header = _HEADER.replace("@TITLE@", words.capitalize() if len(words) >= 8 else f"Every repository is {words}")
    return f'"""\n{header}{_EXAMPLES}"""\n{_CODE}' if python else f"{header}{_LOGIC}{_EXAMPLES}"
