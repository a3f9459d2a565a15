"""Cost per point of Learner2D, ours and python-adaptive's: ``python -m tests.benchmarks.learner2D_cost``."""

from __future__ import annotations

import adaptive

from adaptive_dask.learner.learner2D import Learner2D
from tests.benchmarks.reporting import IS_QUICK
from tests.benchmarks.space_runs import best_of, ring

BOUNDS = [(-1, 1), (-1, 1)]


def main() -> None:
    def ours() -> Learner2D:
        return Learner2D(ring, BOUNDS)

    def peers() -> adaptive.Learner2D:
        return adaptive.Learner2D(ring, BOUNDS)

    short = [(150, 200), (250, 300)] if IS_QUICK else [(1500, 2500), (3700, 4000)]
    long = [(150, 200), (250, 300)] if IS_QUICK else [(1500, 2500), (48000, 50000)]
    sizes = "".join(f"{last:9,}" for _, last in short)
    print(f"{'Learner2D, default loss, us per point up to N =':50s}{sizes}")
    for name, options in (("as they come, 16 in flight", {}), ("ask(1) and tell", {"one_by_one": True})):
        mine = best_of(3, ours, ring, short, **options)
        theirs = best_of(1, peers, ring, short, **options)
        print(f"{name + ', ours':50s}" + "".join(f"{cost:9.0f}" for cost in mine))
        print(f"{name + ', adaptive':50s}" + "".join(f"{cost:9.0f}" for cost in theirs))
        print(f"{'ratio':50s}" + "".join(f"{b / a:9.1f}" for a, b in zip(mine, theirs, strict=True)))
    early, late = best_of(2, ours, ring, long)
    print(f"up to N = {long[0][1]:,}: {early:.0f} us, {long[1][1]:,}: {late:.0f} us, ratio {late / early:.2f}")


if __name__ == "__main__":
    main()
