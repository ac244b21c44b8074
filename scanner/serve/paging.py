"""Pages: as they were recorded, or cut to the size that is asked for."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from scanner.recorded import CallError
from scanner.serve.query import Query, Refused, replayed
from scanner.serve.record import Answer

_BY_DEFAULT = 100
_BY_DEFAULT_OF = {
    "ecs:ListServices": 10,
    "lambda:ListFunctions": 50,
    "organizations:ListAccounts": 20,
    "s3:ListBuckets": 10_000,
}
_PAGE, _ITEM = "p", "i"


def page_of(query: Query, answer: Answer) -> dict[str, Any]:
    """Return the page that is asked for; raise the recorded error once the pages before it have been given."""
    if query.following is None:
        return dict(_at(query, answer.pages, 0, answer.error))
    kind, offset = _position(query, _PAGE if query.size == answer.size or query.member is None else _ITEM)
    if kind == _PAGE or query.member is None:
        page = dict(_at(query, answer.pages, offset, answer.error))
        last = offset + 1 == len(answer.pages) and not answer.error
        return page if last else {**page, query.following: _token(query, _PAGE, offset + 1)}
    frame, member = answer.pages[0] if answer.pages else {}, query.member
    return cut(query, answer.items(member), answer.error, lambda items: {**frame, member: items})


def cut(
    query: Query, items: Sequence[Any], error: CallError | None, answer: Callable[[list[Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Return `answer` of the items of the page that is asked for; the recorded error follows on the last item."""
    _, offset = _position(query, _ITEM)
    if error and offset >= len(items):
        raise replayed(error)
    following = offset + (query.size or _BY_DEFAULT_OF.get(str(query), _BY_DEFAULT))
    page = answer(list(items[offset:following]))
    last = following >= len(items) and not error
    if query.more:
        page[query.more] = not last
    return page if last else {**page, str(query.following): _token(query, _ITEM, min(following, len(items)))}


def _at(query: Query, pages: Sequence[Any], offset: int, error: CallError | None) -> Any:
    if offset < len(pages):
        return pages[offset]
    if error:
        raise replayed(error)
    raise _foreign(query)


def _token(query: Query, kind: str, offset: int) -> str:
    return base64.urlsafe_b64encode(f"{_mark(query)}{kind}{offset}".encode()).decode()


def _position(query: Query, kind: str) -> tuple[str, int]:
    """Return where the token of a query points; without one, to the beginning, counted in `kind`."""
    if query.token is None:
        return kind, 0
    try:
        text = base64.b64decode(query.token.encode(), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise _foreign(query) from None
    mark = _mark(query)
    kind, offset = text[len(mark) : len(mark) + 1], text[len(mark) + 1 :]
    if not text.startswith(mark) or kind not in (_PAGE, _ITEM) or not offset.isdecimal() or len(offset) > 12:
        raise _foreign(query)
    return kind, int(offset)


def _mark(query: Query) -> str:
    """Return what ties a token to its question."""
    question = f"{query.place} {query} {query.key}"
    return hashlib.sha256(question.encode()).hexdigest()[:16]


def _foreign(query: Query) -> Refused:
    return Refused(
        "InvalidParameterException", f"This is not a {query.following} that this question was answered with."
    )
