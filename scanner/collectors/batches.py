"""Questions that AWS takes many at a time, and that are recorded one by one.

So each is found again by itself: by a run that reuses what can never change, and by whoever reads what was said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from scanner.collectors.ask import MALFORMED, Batch
from scanner.recorded import Call, CallError, canonical


def together(batch: Batch, questions: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of as few calls as can ask all questions, each of which has one item."""
    alike: dict[str, list[dict[str, Any]]] = {}
    for question in questions:
        alike.setdefault(canonical({**question, batch.member: None}), []).append(question)
    for group in alike.values():
        for start in range(0, len(group), batch.most):
            some = [item for question in group[start : start + batch.most] for item in question[batch.member]]
            yield {**group[0], batch.member: some}


def apart(batch: Batch, call: Call) -> Iterator[Call]:
    """Yield the call as if each question had been asked alone; an error is everybody's."""
    for item in call.parameters[batch.member]:
        one = replace(call, parameters={**call.parameters, batch.member: [item]})
        if call.response is None:
            yield one
            continue
        response = batch.of_one(call.response, item)
        missing = None if response else CallError(MALFORMED, "the answer says nothing of one that was asked for", 200)
        yield replace(one, response=response, error=missing)
