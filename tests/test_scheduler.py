"""The scheduler: AWS's rates are kept and found, no account waits for another, and every task comes to an end."""

import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.collectors.ask import Rate
from scanner.collectors.scheduler import Bucket, Limits, Outcome, Scheduler, Stopped
from scanner.model import Place

HERE, THERE = Place("111122223333", "us-east-1"), Place("444455556666", "us-east-1")
RATE = Rate("read", 10, 10)
FAST = Limits(max_attempts=3, max_throttles=4, paced=False)


class Asked:
    """A task that gives the outcomes it is told, then is done."""

    def __init__(self, *outcomes, place=HERE, rate=RATE, log=None):
        self.place, self.lane = place, ("ecr", rate)
        self.outcomes, self.steps, self.expired = list(outcomes), 0, False
        self.log = log if log is not None else []

    def step(self):
        self.steps += 1
        self.log.append(self)
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome.DONE
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def expire(self):
        self.expired = True


@pytest.fixture
def scheduler():
    running = Scheduler(FAST, in_flight=4)
    yield running
    running.close()


@pytest.mark.parametrize(
    ("outcomes", "steps"),
    [
        ([], 1),
        ([Outcome.MORE, Outcome.MORE], 3),
        ([Outcome.RETRY], 2),
        ([Outcome.RETRY] * 9, 3),
        ([Outcome.RETRY, Outcome.RETRY, Outcome.MORE, Outcome.RETRY, Outcome.RETRY], 6),  # tries are counted a page
    ],
)
def test_a_task_is_asked_until_it_is_done_or_its_tries_are_over(monkeypatch, scheduler, outcomes, steps):
    monkeypatch.setattr("random.random", lambda: 0.001)
    task = Asked(*outcomes)
    scheduler.run([task], scheduler.deadline())
    assert task.steps == steps
    assert scheduler.counts.requests == steps


def test_a_throttled_task_is_tried_again_and_those_after_a_hopeless_one_once(monkeypatch):
    monkeypatch.setattr("scanner.collectors.scheduler._LONGEST_SLEEP", 0.0001)
    times = iter(range(100_000))  # a clock that runs: nobody waits for the tokens of a slowed lane
    running = Scheduler(FAST, in_flight=1, clock=lambda: float(next(times)))
    try:
        again = Asked(Outcome.THROTTLED, Outcome.THROTTLED)
        running.run([again], running.deadline() + 1e6)
        assert again.steps == 3
        first, second, third = Asked(*[Outcome.THROTTLED] * 9), Asked(*[Outcome.THROTTLED] * 9), Asked()
        running.run([first], 1e9)
        running.run([second], 1e9)
        assert (first.steps, second.steps) == (4, 1)
        running.run([third], 1e9)  # it is answered: there is hope again
        fourth = Asked(*[Outcome.THROTTLED] * 3)
        running.run([fourth], 1e9)
        assert (third.steps, fourth.steps) == (1, 4)
        assert running.counts.throttled == 2 + 4 + 1 + 3
    finally:
        running.close()


def test_a_task_whose_time_is_over_is_not_asked(scheduler):
    task = Asked()
    scheduler.run([task], deadline=0.0)
    assert (task.steps, task.expired) == (0, True)


def test_what_a_task_raises_reaches_whoever_waits_for_it(scheduler):
    bystander = Asked(place=THERE)
    with pytest.raises(OSError, match="disk"):
        scheduler.run([Asked(OSError("the disk is full")), *[Asked() for _ in range(20)]], scheduler.deadline())
    scheduler.run([bystander], scheduler.deadline())
    assert bystander.steps == 1


def test_nobody_waits_for_a_closed_scheduler():
    running = Scheduler(Limits(), in_flight=1)
    begun, stopped = threading.Event(), []

    class Slow(Asked):
        def step(self):
            begun.set()
            return super().step()

    def wait():
        try:
            running.run([Slow(*[Outcome.MORE] * 10_000, rate=Rate("slow", 0.5, 1))], running.deadline())
        except Stopped as reason:
            stopped.append(reason)

    waiting = threading.Thread(target=wait)
    waiting.start()
    begun.wait()
    running.close()
    waiting.join()
    assert len(stopped) == 1
    with pytest.raises(Stopped):
        running.run([Asked()], 1e9)


def test_an_account_with_much_to_ask_does_not_hold_up_another():
    log = []
    giant = [Asked(place=HERE, log=log) for _ in range(400)]
    small = [Asked(place=THERE, log=log) for _ in range(10)]
    running = Scheduler(FAST, in_flight=1)
    try:
        threads = [threading.Thread(target=running.run, args=(tasks, 1e9)) for tasks in (giant, small)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        running.close()
    assert len(log) == 410
    last = max(number for number, task in enumerate(log) if task.place == THERE)
    assert last - log.index(small[0]) < 25  # they take turns


def test_no_more_of_a_lane_is_in_flight_than_allowed():
    now, most, lock = Counter(), Counter(), threading.Lock()
    together = threading.Barrier(3, timeout=20)

    class Counted(Asked):
        def step(self):
            with lock:
                now[self.place] += 1
                most[self.place] = max(most[self.place], now[self.place])
            together.wait()
            with lock:
                now[self.place] -= 1
            return Outcome.DONE

    running = Scheduler(Limits(paced=False), in_flight=8, in_flight_per_lane=3)
    try:
        running.run([Counted() for _ in range(12)], running.deadline())
    finally:
        running.close()
    assert most == {HERE: 3}


class Quota:
    """A service that allows `rate` requests a second, on a clock of its own."""

    def __init__(self, rate: float) -> None:
        self.rate = self.tokens = rate
        self.at = 0.0

    def allows(self, now: float) -> bool:
        self.tokens = min(self.rate, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def simulated(quota: float, seconds: float, rate: Rate) -> tuple[int, int]:
    """Return the requests that were allowed, and turned away, after the first ten seconds."""
    bucket, service, now = Bucket(rate, 0.0), Quota(quota), 0.0
    allowed = refused = 0
    while now < seconds:
        now = max(now + 0.001, bucket.ready_at(now))
        bucket.take(now)
        good = service.allows(now)
        if now > 10:
            allowed, refused = allowed + good, refused + (not good)
        if not good:
            bucket.throttled(now, now)
    return allowed, refused


@given(quota=st.floats(3, 29))
@settings(max_examples=30, deadline=None)
def test_a_quota_that_nobody_knows_is_found_and_used(quota):
    allowed, refused = simulated(quota, 600, Rate("read", 10, 10, published=False))
    assert refused <= 0.02 * (allowed + refused)
    assert allowed >= 0.85 * min(quota, 20) * 590 * (1 if quota < 12 else 0.8)


def test_a_published_rate_is_never_passed():
    allowed, refused = simulated(1000, 300, Rate("read", 10, 10))
    assert refused == 0
    assert 0.99 * 10 * 290 <= allowed <= 10 * 290 + 1


def test_requests_that_were_in_flight_slow_a_lane_down_once():
    bucket = Bucket(RATE, 0.0)
    bucket.throttled(sent_at=5.0, now=5.1)
    slowed = bucket.rate(5.1)
    bucket.throttled(sent_at=5.05, now=5.2)
    assert bucket.rate(5.1) == slowed
    bucket.throttled(sent_at=6.0, now=6.0)
    assert bucket.rate(6.0) < slowed


def test_all_requests_together_keep_to_the_most_that_is_allowed(monkeypatch):
    monkeypatch.setattr("scanner.collectors.scheduler._LONGEST_SLEEP", 0.0001)  # this clock does not run by itself
    sent, tick = [], iter(n / 100 for n in range(10_000_000)).__next__

    class Timed(Asked):
        def step(self):
            sent.append(1)
            return Outcome.DONE

    running = Scheduler(Limits(), in_flight=2, max_rate=5.0, clock=tick)
    before = tick()
    try:
        running.run([Timed(place=Place("111122223333", f"us-east-{n}")) for n in range(50)], 1e9)
    finally:
        running.close()
    assert tick() - before >= 49 / 5
