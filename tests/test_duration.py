"""Durations read and write the form people use."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("0s", timedelta()),
    ],
)
def test_parses(text, expected):
    assert duration.parse(text) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(minutes=15, milliseconds=500), "15 minutes 0.5 seconds"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(days=1, hours=3, minutes=2), "1 day 3 hours 2 minutes"),
        (timedelta(days=42, hours=18), "42 days 18 hours"),
        (timedelta(days=12345678), "12345678 days"),
    ],
)
def test_tells_in_words(length, expected):
    assert duration.words(length) == expected


@pytest.mark.parametrize("text", ["", "30", "m", "1h 30m", "30m1h", "-1h", "1.5h", "1w", "9999999d"])
def test_refuses(text):
    with pytest.raises(ValueError, match="is not a duration"):
        duration.parse(text)


@given(st.integers(0, 10**9))
def test_renders_what_it_parses(seconds):
    assert duration.parse(duration.render(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
