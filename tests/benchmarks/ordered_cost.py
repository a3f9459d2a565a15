"""What it costs to tell results in the order of asking, in busy share, for durations that are alike and that are not.

    python -m tests.benchmarks.ordered_cost [--points 2000] [--repeat 3]

2 workers with 8 threads each. "even": every point takes 10 ms. "heavy tail": log-normal, 10 ms in the mean and
0.4 s at the 99.9th percentile (sigma 1.5), decided by the point, so all runs have the same distribution. Unordered runs
keep as many points out as they like; ordered ones as many as `ntasks` says.

Busy share = seconds in the function / (slots × seconds from the start of the run to its end).
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial

import adaptive_dask as adaptive
from tests.benchmarks.cluster_sides import local_client

SLOTS = 16
SECONDS = 0.01
SIGMA = 1.5
WIDTHS = (16, 24, 32, 64, 128, 256)


def function(x: float, sigma: float) -> float:
    import math
    import random

    draw = random.Random(repr(x)).gauss(0, 1)
    time.sleep(SECONDS * math.exp(sigma * draw - sigma**2 / 2))
    return x + 1e-4 / (1e-4 + x * x)


def measure(client: object, sigma: float, npoints: int, ntasks: int | None) -> float:
    learner = adaptive.Learner1D(partial(function, sigma=sigma), bounds=(-1, 1))
    begin = time.perf_counter()
    runner = adaptive.Runner(learner, npoints_goal=npoints, executor=client, ntasks=ntasks, ordered=ntasks is not None)
    runner.result()
    wall = time.perf_counter() - begin
    info = runner.info()
    runner.forget()
    return float(info["function_seconds"]) / (SLOTS * wall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'durations':12}{'unordered':>12}" + "".join(f"{f'ntasks={width}':>12}" for width in WIDTHS))
    with local_client(SLOTS // 2) as client:
        measure(client, 0.0, 4 * SLOTS, None)
        for name, sigma in (("even", 0.0), ("heavy tail", SIGMA)):
            shares: dict[int | None, list[float]] = {}
            for _ in range(arguments.repeat):
                for ntasks in (None, *WIDTHS):
                    shares.setdefault(ntasks, []).append(measure(client, sigma, arguments.points, ntasks))
            print(f"{name:12}" + "".join(f"{statistics.median(each):12.2f}" for each in shares.values()), flush=True)


if __name__ == "__main__":
    main()
