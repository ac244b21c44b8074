"""What was not seen, and which part of it hides what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

_Key = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, order=True)
class Gap:
    """Something that was not seen.

    `reason` is the error code (`AccessDeniedException`, `ThrottlingException`, `ParseError`, ...), `message` a
    sentence.  `type` is the resource type that may be missing from the model, None for any; `account` and `region`
    say where, None for anywhere.  `operation` is the AWS call (`ecs:ListServices`), `path` the file.
    """

    reason: str
    message: str
    type: str | None = None
    account: str | None = None
    region: str | None = None
    operation: str | None = None
    path: str | None = None

    def hides(self, type: str, account: str | None, region: str | None) -> bool:
        """Tell whether a resource of this type and place may exist without our having seen it."""
        return (
            self.type in (None, type)
            and (None in (self.account, account) or self.account == account)
            and (None in (self.region, region) or self.region == region)
        )

    def __str__(self) -> str:
        where = "/".join(part for part in (self.account, self.region) if part)
        what = self.operation or self.path or self.type or "everything"
        return f"{what}{f' in {where}' if where else ''}: {self.reason}: {self.message}"


class GapIndex:
    """Some gaps, in order, by the type and the place they speak of: nobody looks at all of them for each question."""

    def __init__(self, gaps: Iterable[Gap]) -> None:
        self._gaps = tuple(gaps)
        self._first: dict[_Key, int] = {}
        for number, gap in enumerate(self._gaps):
            self._first.setdefault((gap.type, gap.account, gap.region), number)

    def hiding(self, type: str, account: str | None, region: str | None) -> Gap | None:
        """Return the first gap that `hides` resources of this type and place, None if there is none."""
        if not self._first:
            return None
        if account is None or region is None:  # somewhere: every gap of the type may concern it
            return next((gap for gap in self._gaps if gap.hides(type, account, region)), None)
        keys = product((type, None), (account, None), (region, None))
        first = min((at for key in keys if (at := self._first.get(key)) is not None), default=None)
        return None if first is None else self._gaps[first]
