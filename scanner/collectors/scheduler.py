"""When each request is made: as fast as AWS allows, and no account waits for another.

A lane is what AWS counts together: a family of operations, of a service, in an account and Region.  Each has a token
bucket, which finds the rate that AWS bears (see `Bucket`).  The lane whose token came first goes next, so that an
account with a million images holds up nobody.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Protocol

from scanner.collectors.ask import Rate
from scanner.collectors.bucket import Bucket
from scanner.collectors.crew import Crew
from scanner.model import Place

IN_FLIGHT, IN_FLIGHT_PER_LANE = 32, 8
_LONGEST_BACKOFF = 20.0
_LONGEST_SLEEP = 0.05


class Outcome(Enum):
    """What came of one request."""

    DONE = "nothing more to ask"
    MORE = "there is another page"
    THROTTLED = "AWS said: too many requests"
    RETRY = "it failed in a way that may pass"


class Task(Protocol):
    """One question, which may take several requests: its pages, and those that are tried again."""

    place: Place
    lane: tuple[str, Rate]
    """The service, and its rate."""

    def step(self) -> Outcome:
        """Make one request.  What failed is kept: it stands if there is no further try."""

    def expire(self) -> None:
        """Take note that there was no time left to ask."""


@dataclass(frozen=True)
class Limits:
    """How long a call may take, and how often it is tried.

    `connect_timeout` and `read_timeout` are of one request, `deadline` of everything that is asked of a target, all in
    seconds.  `max_attempts` counts the tries that fail, `max_throttles` those that AWS turns away.  Without `paced`,
    requests keep to a rate only after the first of them was turned away: for an endpoint that has no quotas.
    """

    connect_timeout: float = 5
    read_timeout: float = 30
    max_attempts: int = 5
    max_throttles: int = 12
    deadline: float = 3600
    paced: bool = True


@dataclass(eq=False)
class _Group:
    """Tasks that somebody waits for."""

    deadline: float
    left: int
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


@dataclass(eq=False)
class _Entry:
    task: Task
    group: _Group
    attempts: int = 0
    throttles: int = 0
    sent_at: float = 0.0


class _Lane:
    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.queue: deque[_Entry] = deque()
        self.in_flight = 0
        self.listed = False
        self.hopeless = False
        """Whether the last task that was tried to the end was throttled all the way: those after it try once."""


class Stopped(Exception):
    """The run was interrupted."""


@dataclass
class Counts:
    """What was asked so far: requests, and those of them that were throttled."""

    requests: int = 0
    throttled: int = 0


class Scheduler:
    """Makes the requests of many targets, in threads of its own.

    At most `in_flight` requests are made at a time, and no more than a `Crew` finds worth it; at most
    `in_flight_per_lane` of one lane, and at most `max_rate` a second of all together (None: no limit).
    """

    def __init__(
        self,
        limits: Limits,
        *,
        in_flight: int = IN_FLIGHT,
        in_flight_per_lane: int = IN_FLIGHT_PER_LANE,
        max_rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._clock, self._per_lane = limits, clock, in_flight_per_lane
        self._changed = threading.Condition()
        self._lanes: dict[Place, dict[tuple[str, str], _Lane]] = {}
        self._ready: list[tuple[float, int, _Lane]] = []
        self._later: list[tuple[float, int, _Lane, _Entry]] = []
        self._numbers = count()
        self._waiting: set[_Group] = set()
        self._total = Bucket(Rate("all", max_rate, 1), clock()) if max_rate else None
        self._timekeeper = self._closed = False
        self._crew, self._busy = Crew(in_flight), 0
        self.counts = Counts()
        self._threads = [threading.Thread(target=self._work, name=f"request-{n}") for n in range(in_flight)]
        for thread in self._threads:
            thread.start()

    def run(self, tasks: Sequence[Task], deadline: float) -> None:
        """Return when every task is done.

        Raises `Stopped` if the scheduler is closed before, and whatever a task's `step` raises.
        """
        if not tasks:
            return
        group = _Group(deadline, len(tasks))
        with self._changed:
            if self._closed:
                raise Stopped
            self._waiting.add(group)
            for task in tasks:
                lane = self._lane(task)
                lane.queue.append(_Entry(task, group))
                self._list(lane)
            self._call(len(tasks))
        group.done.wait()
        if group.error is not None:
            raise group.error

    def deadline(self) -> float:
        """Return when the time of a target that is begun now is over."""
        return self._clock() + self._limits.deadline

    def forget(self, place: Place) -> None:
        """Drop the lanes of an account and Region that nothing more will be asked of."""
        with self._changed:
            self._lanes.pop(place, None)

    def close(self) -> None:
        """Make no further request, and return when those in flight have ended."""
        with self._changed:
            self._closed = True
            for group in self._waiting:
                group.error = group.error or Stopped()
                group.done.set()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _lane(self, task: Task) -> _Lane:
        service, rate = task.lane
        lanes = self._lanes.setdefault(task.place, {})
        if (service, rate.family) not in lanes:
            lanes[service, rate.family] = _Lane(self._bucket(lanes, service, rate))
        return lanes[service, rate.family]

    def _bucket(self, lanes: dict[tuple[str, str], _Lane], service: str, rate: Rate) -> Bucket:
        """Return the bucket of a new lane: what is guessed for it, others of its service may have found out."""
        now = self._clock()
        others = [lane.bucket for (owner, _), lane in lanes.items() if owner == service and lane.bucket.guess]
        if others and others[-1].guess == rate.per_second and not rate.published:
            return others[-1].after(now)
        return Bucket(rate, now, paced=self._limits.paced)

    def _list(self, lane: _Lane) -> None:
        """Line a lane up, if it has something to ask and may."""
        if lane.queue and not lane.listed and lane.in_flight < self._per_lane:
            lane.listed = True
            heapq.heappush(self._ready, (lane.bucket.ready_at(self._clock()), next(self._numbers), lane))

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            lane, entry = taken
            outcome, error = Outcome.DONE, None
            begun, used = time.perf_counter(), time.thread_time()
            try:
                outcome = entry.task.step()
            except BaseException as raised:  # noqa: BLE001 - whoever waits for the task gets it
                error = raised
            ended, processor = time.perf_counter(), time.thread_time() - used
            with self._changed:
                self._dismiss(begun, ended, processor)
                self._settle(lane, entry, outcome, error)

    def _take(self) -> tuple[_Lane, _Entry] | None:
        """Wait for the next request that may be made; None when the scheduler is closed."""
        with self._changed:
            while not self._closed:
                if self._busy >= self._crew.size:
                    self._changed.wait()
                    continue
                now = self._clock()
                wait = self._wait(now)
                if wait == 0:
                    if entry := self._next(now):
                        self._busy += 1
                        return entry
                elif wait is not None and not self._timekeeper:
                    self._timekeeper = True  # one thread watches the clock, the others sleep until they are called
                    self._changed.wait(min(wait, _LONGEST_SLEEP))
                    self._timekeeper = False
                else:
                    self._changed.wait()
            return None

    def _dismiss(self, begun: float, ended: float, processor: float) -> None:
        """Take note that a thread has made its request, and call others if there may be more of them now."""
        self._busy -= 1
        before = self._crew.size
        self._crew.learn(begun, ended, processor)
        if self._crew.size > before:
            self._call(self._crew.size - before)

    def _call(self, threads: int, *, less: int = 0) -> None:
        """Wake threads for requests that may be made, but none that would not be allowed to make one."""
        wanted = min(threads, self._crew.size - self._busy - less)
        if wanted > 0:
            self._changed.notify(wanted)

    def _wait(self, now: float) -> float | None:
        """Return the seconds until a request may be made, None if nothing is queued."""
        while self._later and self._later[0][0] <= now:
            _, _, lane, entry = heapq.heappop(self._later)
            lane.queue.appendleft(entry)
            self._list(lane)
        times = [queue[0][0] for queue in (self._ready, self._later) if queue]
        if not times:
            return None
        if self._total and self._ready:
            times[0] = max(times[0], self._total.ready_at(now))
        return max(0.0, min(times) - now)

    def _next(self, now: float) -> tuple[_Lane, _Entry] | None:
        """Take the request whose time has come; None if there was none that is worth making."""
        _, _, lane = heapq.heappop(self._ready)
        lane.listed = False
        entry = lane.queue.popleft()
        if entry.group.error is not None:
            self._finish(entry)
        elif now >= entry.group.deadline:
            entry.task.expire()
            self._finish(entry)
        elif (ready_at := lane.bucket.ready_at(now)) > now:  # it was slowed down since it was lined up
            lane.queue.appendleft(entry)
            lane.listed = True
            heapq.heappush(self._ready, (ready_at, next(self._numbers), lane))
            return None
        else:
            lane.bucket.take(now)
            if self._total:
                self._total.take(now)
            lane.in_flight += 1
            entry.sent_at = now
            entry.attempts += 1
            self.counts.requests += 1
            self._list(lane)
            if self._ready and self._ready[0][0] <= now:
                self._call(1, less=1)
            return lane, entry
        self._list(lane)
        return None

    def _settle(self, lane: _Lane, entry: _Entry, outcome: Outcome, error: BaseException | None) -> None:
        now = self._clock()
        lane.in_flight -= 1
        if error is not None:
            entry.group.error = entry.group.error or error
        if outcome is Outcome.THROTTLED:
            entry.throttles += 1
            self.counts.throttled += 1
            lane.bucket.throttled(entry.sent_at, now)
            tries = 1 if lane.hopeless else self._limits.max_throttles
            lane.hopeless = lane.hopeless or entry.throttles >= tries
            if entry.throttles < tries:
                lane.queue.appendleft(entry)
            else:
                self._finish(entry)
        elif outcome is Outcome.RETRY and entry.attempts - entry.throttles < self._limits.max_attempts:
            backoff = min(_LONGEST_BACKOFF, random.random() * 2.0 ** (entry.attempts - 1))  # noqa: S311 - no secret
            heapq.heappush(self._later, (now + backoff, next(self._numbers), lane, entry))
        elif outcome is Outcome.MORE and error is None:
            lane.hopeless = False
            entry.attempts = entry.throttles = 0
            lane.queue.append(entry)
        else:
            lane.hopeless = lane.hopeless and outcome is Outcome.RETRY
            self._finish(entry)
        self._list(lane)  # whoever settles takes the next one: nobody needs to be called

    def _finish(self, entry: _Entry) -> None:
        group = entry.group
        group.left -= 1
        if group.left == 0 or group.error is not None:
            self._waiting.discard(group)
            group.done.set()
