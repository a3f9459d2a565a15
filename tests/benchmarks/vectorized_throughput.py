"""Points per second of a function that does nothing, point by point and vectorized.

    python -m tests.benchmarks.vectorized_throughput [--points 40000] [--repeat 3] [--threads 8]

2 workers. Wanted is a ratio of 5. "learner alone" asks the learner for points and tells them in batches of N/6, in one
thread and with nothing around it: no run is faster than that.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import adaptive_dask as adaptive
from tests.benchmarks.cluster_sides import local_client


def function(x: Any) -> Any:
    return x + 1e-4 / (1e-4 + x * x)


def line() -> adaptive.Learner1D:
    return adaptive.Learner1D(function, bounds=(-1, 1))


def sequence(npoints: int) -> adaptive.SequenceLearner:
    return adaptive.SequenceLearner(function, [float(i) for i in range(npoints)])


def measure(client: object, learner: Any, npoints: int, vectorized: bool) -> float:
    begin = time.perf_counter()
    runner = adaptive.Runner(learner, npoints_goal=npoints, executor=client, vectorized=vectorized)
    runner.result()
    rate = npoints / (time.perf_counter() - begin)
    runner.forget()
    return rate


def alone(learner: Any, npoints: int) -> float:
    begin = time.perf_counter()
    while learner.npoints < npoints:
        points, _ = learner.ask(max(1, min(learner.npoints // 6, npoints - learner.npoints)))
        learner.tell_many(points, [each[1] if isinstance(each, tuple) else each for each in points])
    return npoints / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=40_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=8)
    arguments = parser.parse_args()
    learners: dict[str, Callable[[], Any]] = {"Learner1D": line, "SequenceLearner": lambda: sequence(arguments.points)}
    print(f"{'points/s':18}{'one by one':>12}{'vectorized':>12}{'ratio':>8}{'learner alone':>16}")
    with local_client(arguments.threads) as client:
        measure(client, line(), 100, False)
        for name, make in learners.items():
            rates: list[tuple[float, float, float]] = []
            for _ in range(arguments.repeat):
                one, many = (measure(client, make(), arguments.points, vectorized) for vectorized in (False, True))
                rates.append((one, many, alone(make(), arguments.points)))
            one, many, limit = (statistics.median(column) for column in zip(*rates, strict=True))
            ratio = statistics.median(rate[1] / rate[0] for rate in rates)
            print(f"{name:18}{one:12.0f}{many:12.0f}{ratio:8.1f}{limit:16.0f}", flush=True)


if __name__ == "__main__":
    main()
