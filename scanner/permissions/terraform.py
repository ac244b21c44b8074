"""The role as Terraform's language (HCL)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from scanner.permissions import Role

_VARIABLE = """\
variable "%s" {
  type        = string
  description = %s%s
}
"""
_TRUST = """\
data "aws_iam_policy_document" "regionproof_trust" {
  statement {
    actions = %s

    principals {
      type        = "AWS"
      identifiers = [var.principal]
    }

    dynamic "condition" {
      for_each = var.external_id == "" ? [] : [var.external_id]

      content {
        test     = "StringEquals"
        variable = "sts:ExternalId"
        values   = [condition.value]
      }
    }
  }
}
"""
_ROLE = """\
resource "aws_iam_role" "regionproof" {
  name               = var.role_name
  assume_role_policy = data.aws_iam_policy_document.regionproof_trust.json
}
"""
_STATEMENT = """\
  statement {
    sid       = %(sid)s
    actions   = %(actions)s
    resources = ["*"]
  }
"""
_POLICY = """\
data "aws_iam_policy_document" "regionproof_%(number)d" {
%(statements)s}

resource "aws_iam_policy" "regionproof_%(number)d" {
  name   = "${var.role_name}-%(number)d"
  policy = data.aws_iam_policy_document.regionproof_%(number)d.json
}

resource "aws_iam_role_policy_attachment" "regionproof_%(number)d" {
  role       = aws_iam_role.regionproof.name
  policy_arn = aws_iam_policy.regionproof_%(number)d.arn
}
"""


def configuration(role: Role, policies: Sequence[dict[str, Any]]) -> str:
    """Return the configuration; what `role` leaves open is a variable without a default."""
    blocks = [
        _variable("role_name", "Name of the role", role.name),
        _variable("principal", "Account id, or ARN, that may assume the role", role.principal),
        _variable(
            "external_id", "What whoever assumes the role has to name; empty for nothing", role.external_id or ""
        ),
        _TRUST % _list(role.entering, "    "),
        _ROLE,
    ]
    for number, document in enumerate(policies, 1):
        statements = [
            _STATEMENT % {"sid": _quoted(each["Sid"]), "actions": _list(each["Action"], "    ")}
            for each in document["Statement"]
        ]
        blocks.append(_POLICY % {"number": number, "statements": "".join(statements)})
    return "\n".join(blocks)


def _variable(name: str, description: str, default: str | None) -> str:
    return _VARIABLE % (name, _quoted(description), "" if default is None else f"\n  default     = {_quoted(default)}")


def _list(values: Sequence[str], indent: str) -> str:
    lines = "".join(f"{indent}  {_quoted(value)},\n" for value in values)
    return f"[\n{lines}{indent}]"


def _quoted(text: str) -> str:
    """Return a string literal in which nothing is a template."""
    return json.dumps(text).replace("${", "$${").replace("%{", "%%{")
