"""From a cluster without workers to the first result, and what of it is Dask's own start-up.

Run it with ``python -m tests.benchmarks.elastic_start`` on a machine that does nothing else. Each measurement has a new
cluster with ``adapt(minimum=0, maximum=1)``; ``client.submit`` and a run take turns. With a larger maximum a run asks
for two workers at first where a single task asks for one, and to start two processes takes Dask longer.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from dask.distributed import Client, LocalCluster

import adaptive_dask
from tests.benchmarks.reporting import print_row

NEEDED = 1.0  # seconds beyond what client.submit takes


def square(x: float) -> float:
    return x**2


def first_of_submit(client: Client) -> None:
    client.submit(square, 0.5).result()


def first_of_run(client: Client) -> None:
    runner = adaptive_dask.Runner(adaptive_dask.Learner1D(square, bounds=(-1, 1)), npoints_goal=1, executor=client)
    runner.result()


def seconds(first: Callable[[Client], None]) -> float:
    """From the start of the work, with no worker, to the first result at the client."""
    with (
        LocalCluster(n_workers=0, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        cluster.adapt(minimum=0, maximum=1)
        begin = time.perf_counter()
        first(client)
        return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7)
    pairs = [(seconds(first_of_submit), seconds(first_of_run)) for _ in range(parser.parse_args().repeat)]
    print_row("no worker to first result", "median", "worst", "beyond submit", "needed")
    submit, run = zip(*pairs, strict=True)
    beyond = statistics.median(run) - statistics.median(submit)
    print_row("client.submit", f"{statistics.median(submit):.2f} s", f"{max(submit):.2f} s", "–", "–")
    verdict = f"{NEEDED} s {'ok' if beyond <= NEEDED else 'MISSED'}"
    print_row("adaptive_dask", f"{statistics.median(run):.2f} s", f"{max(run):.2f} s", f"{beyond:.2f} s", verdict)


if __name__ == "__main__":
    main()
