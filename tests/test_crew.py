"""The crew: as many requests in flight as there may be, unless they only wait for one another."""

import pytest

from scanner.collectors.crew import Crew


class Shown:
    """A crew that is shown requests: one ends `every` so many seconds, took `latency`, and as long as it is read."""

    def __init__(self, most=32):
        self.now = self.worked = 0.0
        self.crew = Crew(most, lambda: self.worked)

    def size_after(self, requests, *, every, latency, processor):
        for _ in range(requests):
            self.now, self.worked = self.now + every, self.worked + processor
            self.crew.learn(self.now - latency - processor, self.now, processor)
        return self.crew.size


LOOPBACK = {"every": 0.0006, "latency": 0.0001, "processor": 0.0005}
AWS = {"every": 0.00125, "latency": 0.040, "processor": 0.0005}


@pytest.mark.parametrize(
    ("shown", "size"),
    [
        (AWS, 32),  # the processor is idle more than half of the time
        ({**AWS, "every": 0.0006}, 32),  # it is busy, but four score requests may wait while one is read
        ({**AWS, "every": 0.0006, "latency": 0.005}, 17),
        (LOOPBACK, 3),
        ({**LOOPBACK, "every": 0.003}, 32),  # there is little to ask
        ({**LOOPBACK, "every": 0.0008}, 3),
        ({"every": 30, "latency": 30, "processor": 0.0005}, 32),  # nobody answers
        ({"every": 0.001, "latency": 0.0, "processor": 0.0}, 32),  # nothing could be measured
    ],
)
def test_few_are_in_flight_only_where_requests_wait_for_the_processor(shown, size):
    assert Shown().size_after(65, **shown) == size


def test_the_quickest_request_counts_since_the_others_waited_for_it():
    crew = Shown()
    waited = {**LOOPBACK, "latency": 0.016}
    crew.size_after(40, **waited)
    crew.size_after(1, **LOOPBACK)
    assert crew.size_after(24, **waited) == 3


def test_one_request_that_takes_long_to_read_is_no_reason_for_few():
    """The first request of a service makes its client, which is much work."""
    crew = Shown()
    crew.size_after(1, **{**AWS, "every": 0.1, "processor": 0.1})
    assert crew.size_after(64, **{**AWS, "every": 0.0006}) == 32


def test_a_request_that_was_never_sent_says_nothing():
    crew = Shown()
    crew.size_after(5, every=0.0006, latency=0.0, processor=0.0005)
    assert crew.size_after(60, **{**AWS, "every": 0.0006}) == 32
    assert crew.size_after(65, every=0.0006, latency=0.0, processor=0.0005) == 32


def test_nothing_is_concluded_before_enough_is_seen_and_all_is_forgotten_then():
    crew = Shown()
    assert crew.size_after(64, **LOOPBACK) == 32
    assert crew.size_after(1, **LOOPBACK) == 3
    assert crew.size_after(64, **AWS) == 3
    assert crew.size_after(1, **AWS) == 32


def test_there_are_never_more_than_are_allowed():
    assert Shown(most=2).size_after(65, **LOOPBACK) == 2
