"""Durations as people write them in `regionproof.yaml`: `90s`, `30m`, `1h30m`, `2d`."""

from __future__ import annotations

import re
from datetime import timedelta

_FORM = re.compile(
    r"(?:(?P<days>\d{1,6})d)?(?:(?P<hours>\d{1,6})h)?(?:(?P<minutes>\d{1,6})m)?(?:(?P<seconds>\d{1,6})s)?"
)


def parse(text: str) -> timedelta:
    """Return the duration; raise ValueError if the text is not one."""
    match = _FORM.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"'{text}' is not a duration such as 30m, 1h or 2d")
    return timedelta(**{unit: int(number) for unit, number in match.groupdict().items() if number})


def render(duration: timedelta) -> str:
    """Return the shortest text that `parse` reads back."""
    rest, seconds = divmod(int(duration.total_seconds()), 60)
    rest, minutes = divmod(rest, 60)
    days, hours = divmod(rest, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def words(duration: timedelta) -> str:
    """Return a duration as a sentence tells it: `42 days 18 hours`, `15 minutes 0.5 seconds`."""
    rest, seconds = divmod(duration.total_seconds(), 60)
    rest, minutes = divmod(int(rest), 60)
    days, hours = divmod(rest, 24)
    parts = ((days, "day"), (hours, "hour"), (minutes, "minute"), (round(seconds, 3), "second"))
    said = [f"{number:.12g} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number]
    return " ".join(said) or "0 seconds"
