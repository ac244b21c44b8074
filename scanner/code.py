"""Rules that are code: how it is run, once, to find the `check` in it.  Its owner trusts it; we do not rely on it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from scanner.errors import RuleError
from scanner.header import Header, RuleFile, not_python
from scanner.timelimit import OverTime, TimeLimit

LOADING_SECONDS = 10.0
"""A Python rule of a pack that takes longer to load is refused."""

Check = Callable[..., Any]


def check_of(file: RuleFile, read: Header, *, lazy: bool) -> Check:
    """Return the `check` of a Python rule; if it is `lazy`, its code is not run before somebody asks it.

    Raises `RuleError`, unless it is lazy, for code that does not load, whatever it does.
    """
    if not lazy:
        with TimeLimit(LOADING_SECONDS) as limit:
            return _run(file, read, limit)
    loaded: list[Check] = []

    def check(*arguments: Any) -> Any:
        if not loaded:
            loaded.append(_module(file, read).check)
        return loaded[0](*arguments)

    return check


def _run(file: RuleFile, read: Header, limit: TimeLimit) -> Check:
    try:
        check: Check = limit.call(lambda: _module(file, read).check)
    except KeyboardInterrupt:
        raise
    except OverTime:
        raise RuleError(f"{file.path}:1: the rule does not load: it takes longer than {limit.seconds:g} s") from None
    except RuleError:
        raise
    except BaseException as error:
        where = f"{file.path}:{_line(error, file.path)}"
        raise RuleError(f"{where}: the rule does not load: {type(error).__name__}: {error}") from error
    if not callable(check):
        raise RuleError(f"{file.path}:1: the rule does not load: its `check` is no function")
    return check


def _line(error: BaseException, path: str) -> int:
    """Return the line of a file that raised an error."""
    line, trace = 1, error.__traceback__
    while trace:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == path else line
        trace = trace.tb_next
    return line


def _module(file: RuleFile, read: Header) -> Any:
    try:
        code = compile(read.text, file.path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise not_python(file.path, error) from error
    module = ModuleType(f"regionproof_rule_{file.id.replace('-', '_')}")
    module.__file__ = file.path
    sys.modules[module.__name__] = module  # dataclasses look their module up here
    exec(code, module.__dict__)  # noqa: S102 - a Python rule is code its owner trusts
    return module
