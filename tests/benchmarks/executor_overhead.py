"""What a run on an executor costs per point, beside the executor driven by hand and beside python-adaptive.

    python -m tests.benchmarks.executor_overhead [--points 2000] [--rounds 5] [--executors threads processes loky]

The function does nothing, so all the time is overhead: the learner's, the runner's and the executor's. "by
hand" is a plain loop around `concurrent.futures.wait` with the same learner and as many points in flight.
The sides take turns in every round; printed are medians over the rounds, and the medians of the ratios of
each round, for the clock on the wall and for the time that this process computed. The second disturbs less
when the machine has other work, but does not see what happens in other processes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, ThreadPoolExecutor, wait
from typing import Any

import adaptive as peer

import adaptive_dask as adaptive
from adaptive_dask.runner import SequentialExecutor


def nothing(x: float) -> float:
    return x * x


def by_hand(executor: Executor, points: int, width: int) -> None:
    learner = adaptive.Learner1D(nothing, (-1, 1))
    pending: dict[Any, float] = {}
    while learner.npoints < points:
        room = min(width, points - learner.npoints) - len(pending)
        if room > 0:
            for x in learner.ask(room)[0]:
                pending[executor.submit(nothing, x)] = x
        done, _ = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            learner.tell(pending.pop(future), future.result())


def ours(executor: Executor, points: int, width: int | None) -> None:
    learner = adaptive.Learner1D(nothing, (-1, 1))
    adaptive.BlockingRunner(learner, npoints_goal=points, executor=executor, ntasks=width)
    assert learner.npoints == points


def ours_not_blocking(executor: Executor, points: int, width: int | None) -> None:
    learner = adaptive.Learner1D(nothing, (-1, 1))
    adaptive.Runner(learner, npoints_goal=points, executor=executor, ntasks=width).result()
    assert learner.npoints == points


def python_adaptive(executor: Executor, points: int, width: int | None) -> None:
    learner = peer.Learner1D(nothing, (-1, 1))
    peer.BlockingRunner(learner, npoints_goal=points, executor=executor, ntasks=width)
    assert learner.npoints >= points


SIDES: dict[str, Callable[[Any, int, Any], None]] = {
    "by hand": by_hand,
    "BlockingRunner": ours,
    "Runner": ours_not_blocking,
    "python-adaptive": python_adaptive,
}


def make(name: str, workers: int) -> Executor:
    if name == "loky":
        import loky

        return loky.get_reusable_executor(workers)
    if name == "sequential":
        return SequentialExecutor()
    return {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}[name](workers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--widths", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--executors", nargs="+", default=["threads", "processes"])
    arguments = parser.parse_args()
    print(f"{'executor':12}{'in flight':>10}     " + "".join(f"{side:>18}" for side in SIDES) + "   (us per point)")
    for name in arguments.executors:
        executor = make(name, arguments.workers)
        try:
            for width in arguments.widths:
                compare(name, executor, arguments.points, width, arguments.rounds)
        finally:
            executor.shutdown()


def compare(name: str, executor: Executor, points: int, width: int, rounds: int) -> None:
    spent: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side, run in SIDES.items():
            begin = time.perf_counter(), time.process_time()
            run(executor, points, width)
            spent[side].append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    for clock, clock_name in enumerate(("wall", "cpu")):
        cells = []
        for side in SIDES:
            ratio = statistics.median(a[clock] / b[clock] for a, b in zip(spent[side], spent["by hand"], strict=True))
            cells.append(
                f"{1e6 * statistics.median(each[clock] for each in spent[side]) / points:10.0f} ({ratio:4.2f})"
            )
        print(f"{name:12}{width:10} {clock_name:4}" + "".join(f"{cell:>18}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
