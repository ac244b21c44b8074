"""The scheduler: AWS's rates are kept and found, no account waits for another, and every task comes to an end."""

import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.collectors.ask import Rate
from scanner.collectors.bucket import Bucket
from scanner.collectors.scheduler import Limits, Outcome, Scheduler, Stopped
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


GUESSED = Rate("read", 10, 10, published=False)


class Quota:
    """A service that allows `rate` requests a second, and `burst` at once, on a clock of its own."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.tokens, self.burst = rate, burst, burst
        self.at = 0.0

    def allows(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Simulated:
    """Requests to a service, which come there `late` seconds late, and whose answers come `latency` seconds later."""

    def __init__(self, quota, *, seconds=1.0, latency=0.0, late=1e-6, settled=10.0):
        self.service, self.latency, self.late, self.settled = Quota(quota, quota * seconds), latency, late, settled
        self.now, self.allowed, self.refused, self.waiting = 0.0, 0, 0, []

    def ask(self, bucket, requests):
        """Make requests until so many were answered."""
        while requests:
            at = max(self.now, bucket.ready_at(self.now))
            if self.waiting and self.waiting[0] + self.late + self.latency <= at:
                sent = self.waiting.pop(0)
                self.now = max(self.now, sent + self.late + self.latency)
                bucket.throttled(sent, self.now)
                continue
            bucket.take(at)
            self.now = at + self.late
            good = self.service.allows(self.now)
            requests -= good
            if not good:
                self.waiting.append(at)
            if self.now > self.settled:
                self.allowed, self.refused = self.allowed + good, self.refused + (not good)

    @property
    def throttled(self):
        return self.refused / (self.allowed + self.refused)

    @property
    def used(self):
        return self.allowed / (self.service.rate * (self.now - self.settled))


@pytest.mark.parametrize("latency", [0.002, 0.1])
@pytest.mark.parametrize("seconds", [1, 5], ids=["a burst of a second", "a burst of five"])
@pytest.mark.parametrize("quota", [5, 7, 10, 14, 20])
def test_a_quota_that_nobody_knows_is_found_within_ten_seconds(quota, seconds, latency):
    """What the goals say of the benchmark: a registry, then three calls for each of its repositories, one after the
    other; these families share the quota, and each finds it for itself."""
    simulated = Simulated(quota, seconds=seconds, latency=latency, late=0.002)
    bucket = Bucket(GUESSED, 0.0)
    for requests in (12, 150, 150, 150):
        simulated.ask(bucket, requests)
        bucket = bucket.after(simulated.now)
    assert simulated.throttled < 0.02
    assert simulated.used >= 0.85


@given(quota=st.floats(3, 29), seconds=st.floats(1, 5), latency=st.floats(0, 0.2))
@settings(max_examples=30, deadline=None)
def test_a_quota_that_nobody_knows_stays_in_use(quota, seconds, latency):
    simulated = Simulated(quota, seconds=seconds, latency=latency)
    simulated.ask(Bucket(GUESSED, 0.0), int(300 * quota))
    assert simulated.throttled < 0.02
    assert simulated.used >= 0.9


@given(seconds=st.floats(0.2, 1))
@settings(max_examples=10, deadline=None)
def test_a_service_that_saves_up_little_is_not_given_up(seconds):
    """Then what was sent between two cuts is less than was allowed: the rate must not sink from cut to cut."""
    simulated = Simulated(10, seconds=seconds, settled=60.0)
    simulated.ask(Bucket(GUESSED, 0.0), 10_000)
    assert simulated.throttled < 0.02
    assert simulated.used >= 0.85


@pytest.mark.parametrize(("before", "after"), [(10, 5), (5, 15)])
def test_a_quota_that_changes_is_found_again(before, after):
    """Others may begin or cease to use it."""
    simulated, bucket = Simulated(before), Bucket(GUESSED, 0.0)
    simulated.ask(bucket, 1000)
    simulated.service.rate = simulated.service.burst = after
    simulated.allowed = simulated.refused = 0
    simulated.settled = simulated.now + 120
    simulated.ask(bucket, 4000)
    assert simulated.throttled < 0.02
    assert simulated.used >= 0.85


def test_a_published_rate_is_never_passed():
    simulated = Simulated(1000)
    simulated.ask(Bucket(RATE, 0.0), 3000)
    assert simulated.refused == 0
    assert 299 <= simulated.now <= 301


def test_a_guess_is_not_passed_threefold():
    simulated = Simulated(1000, settled=60)
    simulated.ask(Bucket(GUESSED, 0.0), 10_000)
    assert simulated.allowed / (simulated.now - simulated.settled) == pytest.approx(30, rel=0.01)


def test_a_burst_that_is_too_much_is_not_made_again_and_says_nothing_of_the_rate():
    bucket = Bucket(GUESSED, 0.0)
    for _ in range(10):
        bucket.take(0.0)
    bucket.throttled(sent_at=0.0, now=0.1)
    assert bucket.rate() >= 10
    assert bucket.ready_at(0.1) == pytest.approx(0.2, abs=0.01)
    assert bucket.ready_at(9.0) == 9.0
    bucket.take(9.0)
    assert bucket.ready_at(9.0) > 9.0
    bucket.throttled(sent_at=9.0, now=9.0)
    assert bucket.rate() < 10


def test_a_rate_does_not_grow_while_there_is_nothing_to_ask():
    idle, throttled = Bucket(GUESSED, 0.0), Bucket(Rate("read", 10, 1, published=False), 0.0)
    throttled.throttled(1.0, 1.0)
    slowed = throttled.rate()
    for bucket in (idle, throttled):
        bucket.ready_at(1000.0)
    assert idle.rate() == 10
    assert slowed == 6 < throttled.rate() < 7


def test_requests_that_were_in_flight_slow_a_lane_down_once():
    bucket = Bucket(Rate("read", 10, 1), 0.0)
    bucket.throttled(sent_at=5.0, now=5.1)
    slowed = bucket.rate()
    bucket.throttled(sent_at=5.05, now=5.2)
    assert bucket.rate() == slowed
    bucket.throttled(sent_at=6.0, now=6.0)
    assert bucket.rate() < slowed


@pytest.mark.parametrize(
    ("service", "rate", "place", "slow"),
    [
        ("ecr", Rate("policies", 10, 10, published=False), HERE, True),
        ("ecr", Rate("policies", 10, 10), HERE, False),
        ("ecr", Rate("policies", 20, 10, published=False), HERE, False),
        ("eks", Rate("policies", 10, 10, published=False), HERE, False),
        ("ecr", Rate("policies", 10, 10, published=False), THERE, False),
    ],
    ids=["its sister", "a published rate", "another guess", "another service", "another account"],
)
def test_a_family_begins_where_another_of_its_service_has_come_to(monkeypatch, service, rate, place, slow):
    monkeypatch.setattr("scanner.collectors.scheduler._LONGEST_SLEEP", 0.0001)
    tick = iter(n / 100 for n in range(10_000_000)).__next__
    running = Scheduler(Limits(), in_flight=1, clock=tick)
    try:
        running.run([Asked(*[Outcome.THROTTLED] * 4, rate=GUESSED)], 1e9)  # cut to 6, to 3.6, to 2.2 a second
        tasks = [Asked(rate=rate, place=place) for _ in range(10)]
        for task in tasks:
            task.lane = (service, rate)
        before = tick()
        running.run(tasks, 1e9)
        assert (tick() - before > 3) is slow
    finally:
        running.close()


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
