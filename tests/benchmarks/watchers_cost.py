"""Points per second of a run that many clients watch, beside the same run with one.

    python -m tests.benchmarks.watchers_cost [--points 20000] [--repeat 3] [--watchers 20]

2 workers with 8 threads each, a function that takes 1 ms. All clients but the first are in one further process, each
with a learner of its own that it keeps current. Wanted: at most 20 % fewer points/s.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from typing import Any

import adaptive_dask as adaptive
from tests.benchmarks.cluster_sides import local_client


def function(x: float) -> float:
    time.sleep(0.001)
    return x + 1e-4 / (1e-4 + x * x)


def watch(address: str, name: str, clients: int, begin: Any, points: Any) -> None:
    """Follow a run to its end with so many clients; the points that each has then are put on a queue."""
    from distributed import Client

    opened = [Client(address, set_as_default=False) for _ in range(clients)]
    begin.wait()
    runners = [adaptive.attach(name, client) for client in opened]
    for runner in runners:
        points.put(runner.result().npoints)
    for client in opened:
        client.close()


def measure(client: Any, npoints: int, others: int, name: str) -> float:
    context = multiprocessing.get_context("spawn")
    begin, points = context.Event(), context.Queue()
    address = client.scheduler.address
    process = context.Process(target=watch, args=(address, name, others, begin, points))
    process.start()
    learner = adaptive.Learner1D(function, bounds=(-1, 1))
    started = time.perf_counter()
    runner = adaptive.Runner(learner, npoints_goal=npoints, executor=client, name=name)
    while not runner.info().get("npoints"):
        time.sleep(0.01)
    begin.set()
    runner.result()
    rate = npoints / (time.perf_counter() - started)
    assert [points.get(timeout=60) for _ in range(others)] == [npoints] * others
    process.join()
    runner.forget()
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--watchers", type=int, default=20)
    arguments = parser.parse_args()
    with local_client(8) as client:
        measure(client, 500, 0, "warm-up")
        rates: dict[int, list[float]] = {1: [], arguments.watchers: []}
        for turn in range(arguments.repeat):
            for watchers, own in rates.items():
                own.append(measure(client, arguments.points, watchers - 1, f"run {turn} with {watchers}"))
    for watchers, own in rates.items():
        print(f"{watchers:3} watching: {statistics.median(own):8.0f} points/s")
    ratios = [many / one for one, many in zip(*rates.values(), strict=True)]
    print(f"ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
