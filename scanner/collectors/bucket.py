"""How fast one lane asks: a token bucket that finds a quota which nobody knows."""

from __future__ import annotations

from copy import copy

from scanner.collectors.ask import Rate

_DOUBLED_AFTER, _REGAINED_AFTER = 10.0, 30.0
_DROP_FROM_KNOWN, _DROP_FROM_UNKNOWN = 0.15, 0.4
_ENOUGH = 10
"""Of so many requests, one more or less makes no difference that matters."""
_NEAREST = 0.85
"""What is borne is no smaller part of the rate that was too much: AWS can have saved up less than was not asked."""
_SETTLED = 1.0
_SLOWEST = 0.5


class Bucket:
    """A token bucket that finds the rate AWS bears; times are seconds of a monotonic clock.

    A rate that is not published is begun with a guess, and doubles every ten seconds until AWS throttles, up to three
    times the guess (or if it does so in the first second, for the second time: the burst was too much, and may be all
    that was).  Then it is cut, and grows as in TCP CUBIC: soon near the rate that AWS bears, long there, then
    carefully beyond.  What AWS bears is measured: its own bucket was empty at one cut and is again at the next, so
    that is what was sent between them (or somewhat more, if it had no room to save up what was not asked).  Nothing
    grows while there is nothing to ask.
    """

    def __init__(self, rate: Rate, now: float, *, paced: bool = True) -> None:
        self._paced = paced
        self.guess = None if rate.published else rate.per_second
        self._most = 3 * self.guess if self.guess else rate.per_second
        self._ceiling, self._drop = rate.per_second, 0.0
        self._cut_at, self._age, self._taken = now, 0.0, 0
        self._burst = self._tokens = float(rate.burst)
        self._at = now

    def after(self, now: float) -> Bucket:
        """Return the bucket of another family, which begins at the rate of this one and then learns for itself."""
        self._refill(now)
        bucket = copy(self)
        bucket._tokens = bucket._burst
        return bucket

    def rate(self) -> float:
        """Return the requests a second."""
        if self._drop:
            growth = 1 + self._drop * (self._age / _REGAINED_AFTER - 1) ** 3
        else:
            growth = 2 ** (self._age / _DOUBLED_AFTER) if self.guess else 1
        return max(_SLOWEST, min(self._most, self._ceiling * growth))

    def ready_at(self, now: float) -> float:
        """Return when there is a token."""
        self._refill(now)
        return now if self._tokens >= 1 or not self._paced else now + (1 - self._tokens) / self.rate()

    def take(self, now: float) -> None:
        """Take a token."""
        self._refill(now)
        self._tokens -= 1
        self._taken += 1

    def throttled(self, sent_at: float, now: float) -> None:
        """Slow down; requests that were sent before the last time slow nothing down again."""
        if sent_at < self._cut_at:
            return
        self._refill(now)
        if self._burst == 1 or self._age > _SETTLED:
            self._cut()
        self._cut_at, self._paced, self._burst, self._tokens = now, True, 1.0, 0.0

    def _cut(self) -> None:
        measured = self._drop and self._taken > _ENOUGH
        borne = (self._taken - 1) / self._age if measured else self.rate()
        self._ceiling = max(borne, _NEAREST * self.rate())
        self._drop = _DROP_FROM_KNOWN if measured else _DROP_FROM_UNKNOWN
        self._age, self._taken = 0.0, 0

    def _refill(self, now: float) -> None:
        rate = self.rate()
        added = min(self._burst - self._tokens, (now - self._at) * rate)
        self._tokens += added
        self._at = now
        if self._paced:
            self._age += added / rate
