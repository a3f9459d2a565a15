"""An experiment: learners in processes of their own beside the scheduler, instead of in its threads.

Run it with ``python -m tests.benchmarks.learner_process``. An event loop stands for the scheduler's. In both forms it
passes results to a `Driver` and gets the next points back: in a thread of its process, or through a pipe from another
process. The rows say what a step costs, how long the event loop waits while a goal computes, and what a run costs to
start and to keep. docs/design.md has the verdict.
"""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import psutil

from adaptive_dask import Learner1D
from adaptive_dask.run.driver import Arrivals, Driver
from adaptive_dask.run.goals import Goal
from tests.benchmarks.reporting import IS_QUICK

NPOINTS = 2_000 if IS_QUICK else 20_000
ROUNDS = 1 if IS_QUICK else 3
TICK_S = 0.001
COMPUTES_S = 1.0

Outcomes = list[tuple[int, float]]
Step = Callable[[Outcomes, int], Awaitable[tuple[Outcomes, bool]]]


def function(x: float) -> float:
    return x + 1e-4 / (1e-4 + x * x)


def has(npoints: int, learner: Any) -> bool:
    """A goal."""
    return bool(learner.npoints >= npoints)


def computes_in_python(learner: Any) -> bool:
    """A goal that computes in Python at each step."""
    until = time.perf_counter() + COMPUTES_S
    while time.perf_counter() < until:
        pass
    return bool(learner.npoints >= 20)


def computes_in_c(learner: Any) -> bool:
    """A goal that computes in one C call at each step, which does not release the interpreter lock."""
    sum(range(60_000_000))
    return bool(learner.npoints >= 20)


class Host:
    """A driver, and a step of it."""

    def __init__(self, goal: Callable[[Any], bool]) -> None:
        self.driver = Driver(Learner1D(function, (-1, 1)), Goal(reached=goal))

    def step(self, outcomes: Outcomes, room: int) -> tuple[Outcomes, bool]:
        """Tell results, and return new points and whether the run has ended."""
        self.driver.tell(Arrivals(outcomes=outcomes))
        return self.driver.take(room), self.driver.done


def serve(connection: Connection, goal: Callable[[Any], bool]) -> None:
    """Answer requests for steps in the other process."""
    host = Host(goal)
    while (request := connection.recv()) is not None:
        connection.send(host.step(*request))


class InThread:
    """The learner in a thread of this process, as the scheduler has it."""

    def __init__(self, goal: Callable[[Any], bool]) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._host = Host(goal)

    async def step(self, outcomes: Outcomes, room: int) -> tuple[Outcomes, bool]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._host.step, outcomes, room)

    def memory(self) -> int:
        return 0

    def close(self) -> None:
        self._thread.shutdown()


class InProcess:
    """The learner in a process, with a thread here that waits for its answers."""

    def __init__(self, goal: Callable[[Any], bool]) -> None:
        self._thread = ThreadPoolExecutor(1)
        context = multiprocessing.get_context("forkserver")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, goal))
        self._process.start()

    def _ask(self, *request: Any) -> Any:
        self._connection.send(request)
        return self._connection.recv()

    async def step(self, outcomes: Outcomes, room: int) -> tuple[Outcomes, bool]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, outcomes, room)

    def memory(self) -> int:
        return int(psutil.Process(self._process.pid).memory_full_info().uss)

    def close(self) -> None:
        self._connection.send(None)
        self._process.join()
        self._thread.shutdown()


async def run(step: Step, batch: int) -> float:
    """Seconds per point of a run with that many points in flight."""
    begin, told = time.perf_counter(), 0
    points, done = await step([], batch)
    while not done:
        told += len(points)
        points, done = await step([(pid, function(x)) for pid, x in points], batch)
    return (time.perf_counter() - begin) / max(told, 1)


async def longest_turn(step: Step) -> float:
    """The longest time that the event loop waited beyond a tick while a run went on, in seconds."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(TICK_S)
            longest = max(longest, time.perf_counter() - begin - TICK_S)

    ticking = asyncio.create_task(tick())
    await run(step, 10)
    ticking.cancel()
    return longest


def measure(kind: Callable[..., Any], goal: Callable[[Any], bool], how: Callable[[Step], Any]) -> Any:
    """Return ``how(step)`` for a new learner."""
    side = kind(goal)
    try:
        return asyncio.run(how(side.step))
    finally:
        side.close()


def start(kind: Callable[..., Any]) -> tuple[float, int]:
    """Seconds until a new run has its first points, and bytes that it takes besides the learner."""
    begin = time.perf_counter()
    side = kind(functools.partial(has, 100))
    try:
        asyncio.run(side.step([], 10))
        return time.perf_counter() - begin, side.memory()
    finally:
        side.close()


def main() -> None:
    multiprocessing.get_context("forkserver").set_forkserver_preload(
        ["adaptive_dask.run.driver", "adaptive_dask.learner.learner1D"]
    )
    kinds = (InThread, InProcess)
    start(InProcess)  # the server that forks is there from now on
    print(f"{'':44}{'thread':>12}{'process':>12}")
    for batch in (1, 16, 100):
        goal = functools.partial(has, max(NPOINTS * batch // 100, 2000))
        each = [
            median(measure(kind, goal, functools.partial(run, batch=batch)) for _ in range(ROUNDS)) for kind in kinds
        ]
        print(f"{f'µs a point, {batch} in flight':44}" + "".join(f"{1e6 * one:12.1f}" for one in each))
    for name, goal in (("Python", computes_in_python), ("C", computes_in_c)):
        each = [1000 * measure(kind, goal, longest_turn) for kind in kinds]
        print(f"{f'longest turn of the loop, goal in {name} (ms)':44}" + "".join(f"{one:12.1f}" for one in each))
    starts = [[start(kind) for _ in range(10)] for kind in kinds]
    print(f"{'start of a run (ms)':44}" + "".join(f"{1000 * median(s for s, _ in one):12.1f}" for one in starts))
    print(f"{'memory of a run (MB)':44}" + "".join(f"{median(m for _, m in one) / 2**20:12.1f}" for one in starts))


if __name__ == "__main__":
    main()
