"""Cost per point of LearnerND, ours and python-adaptive's: ``python -m tests.benchmarks.learnerND_cost``."""

from __future__ import annotations

import random
import time

import adaptive

from adaptive_dask.learner.learnerND import LearnerND
from tests.benchmarks.reporting import IS_QUICK
from tests.benchmarks.space_runs import IN_FLIGHT, best_of, ring, smallest_bump, sphere


def compare(function: object, dim: int, stretch: tuple[int, int]) -> None:
    bounds = [(-1, 1)] * dim
    for name, options in (("as they come, 16 in flight", {}), ("ask(1) and tell", {"one_by_one": True})):
        (mine,) = best_of(3, lambda: LearnerND(function, bounds), function, [stretch], **options)
        (theirs,) = best_of(1, lambda: adaptive.LearnerND(function, bounds), function, [stretch], **options)
        print(f"{dim}-D at N = {stretch[1]:,}, {name}:", end=" ")
        print(f"ours {mine:.0f} us, adaptive {theirs:.0f} us, ratio {theirs / mine:.1f}")


def slowest_call(dim: int, n_points: int) -> float:
    """The processor time in milliseconds of the slowest single ask or tell."""
    learner = LearnerND(smallest_bump, [(-1, 1)] * dim)
    rng = random.Random(0)
    in_flight: list[tuple[float, ...]] = []
    slowest = 0.0
    while learner.npoints < n_points:
        start = time.process_time()
        points, _ = learner.ask(IN_FLIGHT - len(in_flight))
        learner.loss()
        slowest = max(slowest, time.process_time() - start)
        in_flight += points
        rng.shuffle(in_flight)
        k = rng.randint(1, IN_FLIGHT)
        done, in_flight = in_flight[:k], in_flight[k:]
        values = [smallest_bump(point) for point in done]
        start = time.process_time()
        learner.tell_many(done, values)
        slowest = max(slowest, time.process_time() - start)
    return slowest * 1e3


def main() -> None:
    compare(ring, 2, (200, 300) if IS_QUICK else (9000, 10000))
    compare(sphere, 3, (200, 300) if IS_QUICK else (4000, 5000))
    cube, most = [(-1, 1)] * 3, 100 if IS_QUICK else 2000
    long = [(100, 200), (200, 300)] if IS_QUICK else [(4000, 6000), (48000, 50000)]
    early, late = best_of(2, lambda: LearnerND(sphere, cube), sphere, long)
    print(f"3-D: up to N = {long[0][1]:,}: {early:.0f} us, {long[1][1]:,}: {late:.0f} us, ratio {late / early:.2f}")
    print(f"8-D: the slowest of all asks and tells of {most:,} points took {slowest_call(8, most):.0f} ms")


if __name__ == "__main__":
    main()
