"""How the slots of the cluster are shared between runs."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from distributed import Scheduler

# With more runs than slots, or shares that are no whole numbers, a slot changes hands when another run is
# so far behind, in seconds of one slot; more often would leave slots waiting for the change.
QUANTUM_S = 5.0

# Changes are gathered for so long, and sharing may take so much of the event loop's time.
UPDATE_DELAY_S = 0.01
MAX_TIME_SHARE = 0.05

# Of the runs that wait for a first slot, so many have an evaluator in line, even on a small cluster.
MAX_WAITING_RUNS = 8

# With so many runs, and so many for each slot, the messages of each become a burden for the scheduler.
CROWD_RUNS = 8
CROWD_RUNS_PER_SLOT = 0.25


@dataclass
class Claim:
    """What a run would like to have, and what it had.

    Attributes
    ----------
    weight : float
        Its part of the cluster, compared with those of others.
    wanted : int
        How many slots it could use.
    has : int
        How many it has now.
    served : float
        The seconds of slots that it had so far, divided by its weight.
    """

    weight: float
    wanted: int
    has: int
    served: float


def share(slots: int, claims: Sequence[Claim]) -> list[int]:
    """Share slots in proportion to the weights, none more than it wants.

    What is left over after rounding down goes to those that were served least, so that over time each
    has its part.

    Parameters
    ----------
    slots : int
    claims : sequence of Claim

    Returns
    -------
    list of int
        How many each gets; in all ``slots``, or less if they want less.
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
    """The shares before rounding: in proportion to the weights, and what one cannot use goes to the others."""
    parts = [0.0] * len(claims)
    # Those that want least for their weight are the first to be satisfied.
    order = sorted(range(len(claims)), key=lambda i: claims[i].wanted / claims[i].weight)
    weights = math.fsum(claim.weight for claim in claims)
    for i in order:
        claim = claims[i]
        parts[i] = min(claim.wanted, slots * claim.weight / weights) if weights > 0 else 0.0
        slots -= parts[i]
        weights -= claim.weight
    return parts


class Sharer(Protocol):
    """A run, as far as sharing goes."""

    def claim(self) -> Claim: ...

    def allot(self, slots: int, spare: int, *, give_up: bool, is_crowded: bool) -> None: ...


class Shares:
    """Keeps the slots of the cluster shared between runs; lives on the scheduler's event loop.

    Parameters
    ----------
    scheduler : Scheduler
    active : callable
        Gives the runs that go on, in the order in which they began.

    Attributes
    ----------
    least_served : float
        The least that any run was served, which is where a new one begins.
    """

    def __init__(self, scheduler: Scheduler, active: Callable[[], Sequence[Sharer]]) -> None:
        self._scheduler = scheduler
        self._active = active
        self.least_served = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._cost = 0.0

    def update_soon(self, gathering: float = UPDATE_DELAY_S) -> None:
        """Share anew, after all that happens about now."""
        if self._active():
            self._update_in(max(gathering, self._cost / MAX_TIME_SHARE))

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def update(self) -> None:
        """Share the slots that there are."""
        self.stop()
        runs = self._active()
        if not runs:
            self.least_served = 0.0
            return
        begin = time.thread_time()  # on a busy machine a clock would say that sharing is dear, and slots stay idle
        claims = [run.claim() for run in runs]
        self.least_served = min(claim.served for claim in claims)
        slots = self._scheduler.total_nthreads
        given = share(slots, claims)
        waiting = sum(claim.wanted > 0 and not number for claim, number in zip(claims, given, strict=True))
        # Only tasks that wait make a cluster scale up; and they are there when a slot gets free.
        spare = slots // 2 + 1 + min(waiting, slots // 2 + MAX_WAITING_RUNS)
        most = share(slots + spare, claims)
        is_short = any(claim.has < number for claim, number in zip(claims, given, strict=True))
        is_crowded = len(runs) >= max(CROWD_RUNS, slots * CROWD_RUNS_PER_SLOT)
        for run, number, more in zip(runs, given, most, strict=True):
            run.allot(number, max(0, more - number), give_up=is_short, is_crowded=is_crowded)
        self._cost = time.thread_time() - begin
        if len(runs) > 1 and sum(claim.wanted for claim in claims) > slots:
            self._update_in(QUANTUM_S / 5)  # shares that are no whole numbers change over time

    def _update_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        if self._timer is None or self._timer.when() > when:
            self.stop()
            self._timer = loop.call_at(when, self.update)
