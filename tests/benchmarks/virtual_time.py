"""An event loop in virtual time, and a discrete-event simulation of what is outside of its process.

`install` replaces the clocks of `time`, so it has to be called in a process of its own, before Dask is imported.
Virtual time passes in two ways: from one event to the next, and, with ``charges=True``, by the processor time that
this process uses, without that of the simulation. A busy event loop is then late, as it is on a real cluster, and the
load of the machine does not matter. Without charges, each turn of the event loop takes the same time.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import itertools
import selectors
import threading
import time
from collections.abc import Callable
from typing import Any

_process_time, _thread_time = time.process_time, time.thread_time

START = 1_000_000.0  # seconds; the virtual time at the beginning
REAL_TIMEOUT_S = 60.0  # for work in other threads
TURN_S = (
    20e-6  # of the event loop, without charges; if no time passed, it would wait for ever for times that are nearly now
)
MAX_STEP_S = 1.0  # to the next event, if the event loop waits for nothing in particular


class World:
    """The simulated outside, and the clock.

    Parameters
    ----------
    charges : bool
        True if the processor time of this process is added to the virtual time.

    Attributes
    ----------
    now : float
        The time of the event loop, in seconds.
    event_time : float
        The time of the event that is being simulated. The outside is not late if the event loop is.
    is_noticed : bool
        To be set by events that the event loop notices.
    threads, calls : int
        Calls in other threads at present, during which time does not pass from event to event; and all of them.
    longest, garbage : float
        The longest turn of the event loop without garbage collection, and the longest garbage collection in its
        thread, in seconds of processor time.
    """

    def __init__(self, charges: bool) -> None:
        self.now = self.event_time = START
        self.is_noticed = False
        self.threads = self.calls = 0
        self._charges = charges
        self._charged = _process_time()
        self._own = 0.0  # processor time of the simulation
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = itertools.count()
        self._thread = threading.get_ident()
        self.begin_turn()

    def clock(self) -> float:
        """The time of the event loop."""
        return self.now

    def at(self, when: float, call: Callable[..., None], *args: Any) -> None:
        """Simulate an event at a time (seconds)."""
        heapq.heappush(self._events, (when, next(self._count), call, args))

    def begin_turn(self) -> None:
        """Forget how long turns of the event loop were, and what the present one has computed so far."""
        self.longest = self.garbage = self._collecting = 0.0
        self.turn = _thread_time()

    def end_turn(self) -> None:
        """Note how long the turn of the event loop was."""
        self.longest = max(self.longest, _thread_time() - self.turn - self._collecting)
        self._collecting = 0.0

    def note_collection(self, phase: str, info: dict[str, int]) -> None:
        """Measure garbage collections; for ``gc.callbacks``."""
        if threading.get_ident() != self._thread:
            return
        if phase == "start":
            self._begun = _thread_time()
        else:
            took = _thread_time() - self._begun
            self._collecting += took
            self.garbage = max(self.garbage, took)

    def forget(self) -> None:
        """Forget events that have not happened, at the end of a simulation: they belong to its event loop."""
        self._events.clear()

    @property
    def host_seconds(self) -> float:
        """The processor time of this process so far, without the simulation."""
        return _process_time() - self._own

    def charge(self) -> None:
        """Let time pass for what this process has computed."""
        used = self.host_seconds
        self.now += used - self._charged if self._charges else TURN_S
        self._charged = used

    def run(self, until: float) -> None:
        """Simulate until that time, or until the event loop has something to do."""
        begin = _thread_time()
        self.is_noticed = False
        events = self._events
        while events and events[0][0] <= (self.now if self.is_noticed else until):
            self.event_time, _, call, args = heapq.heappop(events)
            call(*args)
            self.now = max(self.now, self.event_time)
        if not self.is_noticed:
            self.now = max(self.now, until)
        self._own += _thread_time() - begin


class _Selector(selectors.DefaultSelector):
    """Lets virtual time pass instead of waiting."""

    world: World

    def select(self, timeout: float | None = None) -> list[Any]:
        world = self.world
        world.end_turn()
        world.charge()
        world.run(world.now)  # what has happened in the meantime
        events = super().select(0)
        if not (events or world.is_noticed or timeout == 0):
            if world.threads:
                events = super().select(REAL_TIMEOUT_S)
            else:
                world.run(world.now + (MAX_STEP_S if timeout is None else timeout))
        world.turn = _thread_time()
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in the time of a `World`; `install` has to be called before."""

    def __init__(self, world: World) -> None:
        selector = _Selector()
        selector.world = world
        self._world = world
        super().__init__(selector)

    def count(self, future: asyncio.Future[Any]) -> asyncio.Future[Any]:
        """Count a call in another thread until it has ended."""
        self._world.threads += 1
        self._world.calls += 1
        future.add_done_callback(self._uncount)
        return future

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Let no time pass meanwhile."""
        return self.count(super().run_in_executor(executor, func, *args))

    def _uncount(self, _: object) -> None:
        self._world.threads -= 1


def install(*, charges: bool) -> World:
    """Replace the clocks of this process; without charges, also those of processor time, which then stand still."""
    world = World(charges)
    gc.callbacks.append(world.note_collection)
    time.monotonic = time.time = world.clock
    if not charges:
        time.thread_time = lambda: 0.0
    return world
