"""What plain scalars of YAML are worth: by the core schema of YAML 1.2, and as the tools of Kubernetes read them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

_NULLS = dict.fromkeys(("", "~", "null", "Null", "NULL"), None)
_WORDS = {
    **_NULLS,
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_OLD_WORDS = {
    **_WORDS,
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_OLD_OCTAL = re.compile(r"([-+]?)0([0-7]+)")
_WITH_BASE = re.compile(r"[-+]?0(?:[bB][01]+|[oO][0-7]+|[xX][0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LONGEST_NUMBER = 4000  # Python reads no longer decimal numbers
_LARGEST = 2**64


class Dialect(NamedTuple):
    """How the text of a plain scalar is read: as a value, and as the key of a mapping."""

    scalar: Callable[[str], Any]
    key: Callable[[str], str]


def _core(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER or _LEADING_ZERO.fullmatch(text):
        return text
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text, 0)
    return _float(text, text)


def _float(text: str, written: str) -> Any:
    return number if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)) else written


def _kubernetes(text: str) -> Any:
    return _OLD_WORDS[text] if text in _OLD_WORDS else _kustomize(text)


def _kustomize(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    plain = text.replace("_", "")
    if _DECIMAL.fullmatch(plain):
        number = int(plain)
    elif octal := _OLD_OCTAL.fullmatch(plain):
        number = int(octal[1] + octal[2], 8)
    elif _WITH_BASE.fullmatch(plain):
        number = int(plain, 0)
    else:
        return _float(plain, text)
    return number if abs(number) < _LARGEST else float(number) if abs(number) < _LARGEST**2 else text


def _kubernetes_key(text: str) -> str:
    value = _kubernetes(text)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else text
    return str(value) if isinstance(value, int) else text


CORE = Dialect(_core, str)
"""YAML 1.2, except that numbers with a leading zero and those that JSON cannot say stay text; keys are text."""
KUBERNETES = Dialect(_kubernetes, _kubernetes_key)
"""As sigs.k8s.io/yaml: `yes` and `on` are true, `010` is 8, and the key `on` is `true`."""
KUSTOMIZE = Dialect(_kustomize, str)
"""As Kustomize reads what it includes: `yes` is text, `010` is 8."""
