"""What a collection says while it runs: a line on a terminal, a line a minute elsewhere, or a line of JSON an event."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Protocol, TextIO

from scanner.finding import Coverage
from scanner.progress import Finished, Progress, State
from scanner.reporters.coverage import table
from scanner.reporters.layout import Page
from scanner.reporters.text import dumps, printable

__all__ = ["Narrator", "narrator"]

_MINUTE, _JSON_EVERY = 60.0, 10.0
_BAR = "  {n_fmt}/{total_fmt} accounts x Regions |{bar}| {postfix}{remaining} left"


class Narrator(Progress, Protocol):
    """Tells of a collection while it runs, and of what it saw."""

    def close(self, path: str, rows: Sequence[Coverage], left_out: Mapping[str, str], width: int) -> None:
        """Tell what was seen; `left_out` is why accounts of the organization were not asked."""


def narrator(format: str, out: TextIO, now: Callable[[], datetime]) -> Narrator:
    """Return who writes `text` or `json` to `out`; `now` is what lines of JSON are dated by."""
    if format == "json":
        return _Json(out, now)
    return _Terminal(out) if out.isatty() else _Plain(out)


class _Text:
    """What is said in text, and silence in between."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self, state: State) -> None:  # noqa: ARG002 - the signature of `Progress`
        """Take note of when it began."""
        self._begun, self._said = time.monotonic(), time.monotonic()

    def finished(self, target: Finished, state: State) -> None:  # noqa: ARG002 - the signature of `Progress`
        """Say how far it is, if it is time to."""
        self.tick(state)

    def tick(self, state: State) -> None:
        """Say how far it is, if it is time to."""

    def end(self) -> None:
        """Say no more."""

    def close(self, path: str, rows: Sequence[Coverage], left_out: Mapping[str, str], width: int) -> None:
        """Write the table."""
        targets = {(row.account, row.region) for row in rows if row.asked}
        calls = sum(row.calls for row in rows)
        self._out.write(f"{printable(path)}: {calls:,} answers from {len(targets):,} accounts x Regions.\n")
        self._out.write(table(rows, width))
        if left_out:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(Counter(left_out.values()).items()))
            text = f"accounts of the organization that were left out: {reasons}"
            self._out.writelines(f"{line}\n" for line in Page(width, color=False, unicode=False).wrapped(text, 2))

    def _rate(self, state: State) -> str:
        seconds = time.monotonic() - self._begun
        rate = f"{state.requests / seconds:,.0f} calls/s" if seconds >= 1 else f"{state.requests:,} calls"
        return f"{rate}, {state.throttled:,} throttled, {state.images:,} images"


class _Plain(_Text):
    """A line a minute: for logs that people read."""

    def tick(self, state: State) -> None:
        now = time.monotonic()
        if now - self._said >= _MINUTE:
            self._said = now
            self._out.write(
                f"{state.done:,} of {state.targets:,} accounts x Regions; {self._rate(state)}{self._left(state)}\n"
            )
            self._out.flush()

    def _left(self, state: State) -> str:
        done, seconds = state.done - state.resumed, time.monotonic() - self._begun
        minutes = seconds / done * (state.targets - state.done) / 60 if done else 0
        return f"; about {minutes:,.0f} min left" if done else ""


class _Terminal(_Text):
    """One line that is written over and over."""

    _bar: Any = None

    def begin(self, state: State) -> None:
        from tqdm import tqdm

        super().begin(state)
        tqdm.monitor_interval = 0  # no thread beside ours
        self._bar = tqdm(
            total=state.targets,
            initial=state.done,
            file=self._out,
            bar_format=_BAR,
            dynamic_ncols=True,
            leave=False,
            mininterval=0,
        )

    def tick(self, state: State) -> None:
        self._bar.set_postfix_str(f"{self._rate(state)}, ", refresh=False)
        self._bar.n = state.done
        self._bar.refresh()

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Json:
    """A JSON object a line: for logs that machines read."""

    def __init__(self, out: TextIO, now: Callable[[], datetime]) -> None:
        self._out, self._now, self._said = out, now, time.monotonic()

    def begin(self, state: State) -> None:
        """Write `begin`."""
        self._write("begin", **_numbers(state))

    def finished(self, target: Finished, state: State) -> None:
        """Write `target-finished`."""
        account, region = target.place
        self._write(
            "target-finished",
            account=account,
            region=region,
            services=list(target.services),
            calls=target.calls,
            reused=target.reused,
            errors={printable(code): count for code, count in sorted(target.errors.items())},
            target_images=target.images,
            seconds=round(target.seconds, 3),
            **_numbers(state),
        )

    def tick(self, state: State) -> None:
        """Write `progress`, every ten seconds."""
        if time.monotonic() - self._said >= _JSON_EVERY:
            self._said = time.monotonic()
            self._write("progress", **_numbers(state))

    def end(self) -> None:
        """Write nothing: `close` tells how it ended, and an error does."""

    def close(self, path: str, rows: Sequence[Coverage], left_out: Mapping[str, str], width: int) -> None:  # noqa: ARG002
        """Write what was not answered, a service a line, what was not asked, and `end`."""
        for (account, region, service), group in groupby(
            sorted(row for row in rows if row.missed), lambda row: (row.account, row.region, row.service)
        ):
            errors: Counter[str] = Counter()
            for row in group:
                errors.update({printable(code): count for code, count in row.errors})
            self._write("not-answered", account=account, region=region, service=service, errors=dict(errors))
        for row in sorted(rows):
            if not row.asked:
                self._write("not-enabled", account=row.account, region=row.region, status=printable(row.message))
        for id, reason in sorted(left_out.items()):
            self._write("left-out", account=id, reason=printable(reason))
        asked = [row for row in rows if row.asked]
        self._write(
            "end",
            snapshot=printable(path),
            targets=len({(row.account, row.region) for row in asked}),
            calls=sum(row.calls for row in asked),
            reused=sum(row.reused for row in asked),
            complete=not any(row.missed for row in asked),
        )

    def _write(self, event: str, **said: Any) -> None:
        at = self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._out.write(dumps({"at": at, "event": event, **said}) + "\n")
        self._out.flush()


def _numbers(state: State) -> dict[str, int]:
    return {
        "done": state.done,
        "targets": state.targets,
        "requests": state.requests,
        "throttled": state.throttled,
        "images": state.images,
    }
