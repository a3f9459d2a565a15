"""Many small runs at once: the share of the time in which the workers are busy with the functions.

Run it with ``python -m tests.benchmarks.many_runs [--runs 1000]`` on a machine that does nothing else. Beside
`run_many`, python-adaptive's BalancingLearner gets fewer learners of the same kind on the same cluster: it evaluates
them in one run, which is what it has for many learners.

Busy share = points × seconds per point / (slots × seconds from the start to the end of the last).
Processor time is that of client and scheduler, which are one process here, and of both workers.
"""

from __future__ import annotations

import argparse
import math
import threading
import time
from typing import Any

import adaptive
import psutil
from distributed import Client

import adaptive_dask
from tests.benchmarks.cluster_sides import local_client
from tests.benchmarks.reporting import print_row

SECONDS = 0.01
THREADS = 16
NEEDED = 0.9
PEER_TIMEOUT_S = 30.0


def make_function(offset: float) -> Any:
    def function(x: float) -> float:
        import time

        time.sleep(SECONDS)
        return float(x + offset + 4e-4 / (4e-4 + x * x))

    return function


def ours(client: Client, count: int, npoints: int) -> float:
    """Seconds that all runs take; checks each."""
    learners = [adaptive_dask.Learner1D(make_function(i), (-1, 1)) for i in range(count)]
    begin = time.perf_counter()
    runs = adaptive_dask.run_many(learners, npoints_goal=npoints, executor=client)
    runs.result()
    seconds = time.perf_counter() - begin
    for i, learner in enumerate(learners):
        assert learner.npoints == npoints
        assert all(abs(y - (x + i + 4e-4 / (4e-4 + x * x))) < 1e-12 for x, y in learner.data.items())
    runs.forget()
    return seconds


def theirs(client: Client, count: int, npoints: int) -> float:
    """Seconds that a BalancingLearner of as many learners takes; infinite if it hangs, as it does now and then.

    Then its runner waits for a future of Dask's ClientExecutor although the result has arrived.
    """
    learner = adaptive.BalancingLearner(
        [adaptive.Learner1D(make_function(i), (-1, 1)) for i in range(count)], strategy="npoints"
    )

    def run() -> None:
        adaptive.BlockingRunner(
            learner, lambda learner: all(child.npoints >= npoints for child in learner.learners), executor=client
        )

    begin = time.perf_counter()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PEER_TIMEOUT_S)
    return math.inf if thread.is_alive() else time.perf_counter() - begin


def processor_seconds() -> tuple[float, float]:
    """Of this process, and of its workers."""
    process = psutil.Process()
    return sum(process.cpu_times()[:2]), sum(sum(child.cpu_times()[:2]) for child in process.children(recursive=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--peer", type=int, default=20, help="how many learners python-adaptive gets")
    arguments = parser.parse_args()
    print_row("2 workers × 16 threads, 10 ms", "learners", "seconds", "busy", "processor, µs/point", "needed")
    with local_client(THREADS) as client:
        ours(client, 32, 10)  # what is imported the first time is not what is measured
        for name, side, count in (
            ("adaptive, BalancingLearner", theirs, arguments.peer),
            ("adaptive_dask, run_many", ours, arguments.runs),
        ):
            before = processor_seconds()
            seconds = side(client, count, arguments.points)
            used = [1e6 * (now - then) for now, then in zip(processor_seconds(), before, strict=True)]
            number = count * arguments.points
            busy = number * SECONDS / (2 * THREADS * seconds)
            needed = "" if side is theirs else f"{NEEDED} {'ok' if busy >= NEEDED else 'MISSED'}"
            processor = f"{used[0] / number:.0f} + {used[1] / number:.0f}"
            print_row(name, str(count), f"{seconds:.1f}", f"{busy:.3f}", processor, needed)


if __name__ == "__main__":
    main()
