"""How long it takes from the start of a run to its first evaluation.

Run it with ``python -m tests.benchmarks.cluster_start`` on a machine that does nothing else. The function returns
the time, so the learner's values tell when it was called. The first run on a cluster is the cold one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import adaptive

import adaptive_dask
from tests.benchmarks.cluster_sides import local_client
from tests.benchmarks.reporting import print_row

NEEDED = 0.5  # seconds, warm


def now(x: float) -> float:
    return time.time()


def first_evaluation(module: Any, client: Any) -> float:
    learner = module.Learner1D(now, bounds=(-1, 1))
    begin = time.time()
    module.BlockingRunner(learner, npoints_goal=10, executor=client)
    return min(learner.data.values()) - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    repeat = parser.parse_args().repeat
    print_row("start to first evaluation", "cold", "warm, median", "warm, worst", "needed")
    for module in (adaptive, adaptive_dask):
        with local_client(threads=1) as client:
            cold, *warm = (first_evaluation(module, client) for _ in range(1 + repeat))
        median = statistics.median(warm)
        verdict = f"{NEEDED} s {'ok' if median <= NEEDED else 'MISSED'}" if module is adaptive_dask else "–"
        print_row(module.__name__, f"{cold:.3f} s", f"{median:.3f} s", f"{max(warm):.3f} s", verdict)


if __name__ == "__main__":
    main()
