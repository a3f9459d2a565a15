"""Sharing the slots of the cluster between runs."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from distributed import Scheduler

# With more runs than slots, or with fractional shares, a slot is passed to another run that is behind by this time
# (slot seconds). More frequent changes would cost too much, because the slot is idle during a change.
QUANTUM_S = 5.0

# The time for which changes are collected (seconds), and the maximum share of the event loop's time.
UPDATE_DELAY_S = 0.01
MAX_TIME_SHARE = 0.05

# The minimum number of runs without a slot that have a waiting evaluator, even on a small cluster.
MAX_WAITING_RUNS = 8

# With more runs than this, in total and per slot, messages of single results are too expensive.
CROWD_RUNS = 8
CROWD_RUNS_PER_SLOT = 0.25


@dataclass
class Claim:
    """The number of slots that a run could use, and that it has.

    Attributes
    ----------
    weight : float
        The run's share of the cluster relative to other runs.
    wanted : int
        The number of slots that the run could use.
    has : int
        The number of slots that the run has.
    served : float
        The slot seconds that the run had so far, divided by its weight.
    """

    weight: float
    wanted: int
    has: int
    served: float


def share(slots: int, claims: Sequence[Claim]) -> list[int]:
    """Share slots in proportion to the weights; no run gets more than it wants.

    Slots that remain after rounding down go to the runs that were served least, so that each run gets its share over
    time.

    Parameters
    ----------
    slots : int
    claims : sequence of Claim

    Returns
    -------
    list of int
        The number of slots of each run; their sum is ``slots``, or less if the runs want less.
    """
    parts = _fill(slots, claims)
    given = [math.floor(part + 1e-9) for part in parts]
    left = min(slots, sum(claim.wanted for claim in claims)) - sum(given)

    def turn(i: int) -> float:
        claim = claims[i]
        return claim.served - (QUANTUM_S if claim.has > given[i] else 0.0)

    hungry = sorted((i for i, claim in enumerate(claims) if given[i] < claim.wanted and parts[i] > given[i]), key=turn)
    for i in hungry[:left]:
        given[i] += 1
    return given


def _fill(slots: float, claims: Sequence[Claim]) -> list[float]:
    """Return the shares before rounding, in proportion to the weights; slots that a run cannot use go to others."""
    parts = [0.0] * len(claims)
    # in ascending order of wanted slots per weight
    order = sorted(range(len(claims)), key=lambda i: claims[i].wanted / claims[i].weight)
    weights = math.fsum(claim.weight for claim in claims)
    for i in order:
        claim = claims[i]
        parts[i] = min(claim.wanted, slots * claim.weight / weights) if weights > 0 else 0.0
        slots -= parts[i]
        weights -= claim.weight
    return parts


class Sharer(Protocol):
    """The slots of a run."""

    def claim(self) -> Claim: ...

    def allot(self, slots: int, spare: int, *, give_up: bool, is_crowded: bool) -> None: ...


class Shares:
    """Shares the slots of the cluster between runs; lives on the scheduler's event loop.

    Parameters
    ----------
    scheduler : Scheduler
    active : callable
        Returns the slots of the active runs, in the order of their start.

    Attributes
    ----------
    least_served : float
        The smallest value of `Claim.served`, with which a new run starts.
    """

    def __init__(self, scheduler: Scheduler, active: Callable[[], Sequence[Sharer]]) -> None:
        self._scheduler = scheduler
        self._active = active
        self.least_served = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._cost = 0.0

    def update_soon(self, delay: float = UPDATE_DELAY_S) -> None:
        """Share the slots again after `delay` seconds, in which changes are collected."""
        if self._active():
            self._update_in(max(delay, self._cost / MAX_TIME_SHARE))

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def update(self) -> None:
        """Share the slots of the cluster."""
        self.stop()
        runs = self._active()
        if not runs:
            self.least_served = 0.0
            return
        begin = time.thread_time()  # wall time would overstate the cost under load, and delay sharing
        claims = [run.claim() for run in runs]
        self.least_served = min(claim.served for claim in claims)
        slots = self._scheduler.total_nthreads
        given = share(slots, claims)
        waiting = sum(claim.wanted > 0 and not number for claim, number in zip(claims, given, strict=True))
        # Waiting tasks let the cluster scale up, and start at once when a slot becomes free.
        spare = slots // 2 + 1 + min(waiting, slots // 2 + MAX_WAITING_RUNS)
        most = share(slots + spare, claims)
        is_short = any(claim.has < number for claim, number in zip(claims, given, strict=True))
        is_crowded = len(runs) >= max(CROWD_RUNS, slots * CROWD_RUNS_PER_SLOT)
        for run, number, more in zip(runs, given, most, strict=True):
            run.allot(number, max(0, more - number), give_up=is_short, is_crowded=is_crowded)
        self._cost = time.thread_time() - begin
        if len(runs) > 1 and sum(claim.wanted for claim in claims) > slots:
            self._update_in(QUANTUM_S / 5)  # fractional shares change over time

    def _update_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        if self._timer is None or self._timer.when() > when:
            self.stop()
            self._timer = loop.call_at(when, self.update)
