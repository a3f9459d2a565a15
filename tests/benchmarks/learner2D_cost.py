"""Cost per point of Learner2D, ours and python-adaptive's: ``python -m tests.benchmarks.learner2D_cost``."""

from __future__ import annotations

import adaptive

from adaptive_dask.learner.learner2D import Learner2D
from tests.benchmarks.space_runs import best_of, ring

BOUNDS = [(-1, 1), (-1, 1)]


def main() -> None:
    def ours() -> Learner2D:
        return Learner2D(ring, BOUNDS)

    def peers() -> adaptive.Learner2D:
        return adaptive.Learner2D(ring, BOUNDS)

    short = [(1500, 2500), (3700, 4000)]
    print(f"{'Learner2D, default loss, us per point at N =':50s}{'2,000':>9s}{'4,000':>9s}")
    for name, options in (("as they come, 16 in flight", {}), ("ask(1) and tell", {"one_by_one": True})):
        mine = best_of(3, ours, ring, short, **options)
        theirs = best_of(1, peers, ring, short, **options)
        print(f"{name + ', ours':50s}" + "".join(f"{cost:9.0f}" for cost in mine))
        print(f"{name + ', adaptive':50s}" + "".join(f"{cost:9.0f}" for cost in theirs))
        print(f"{'ratio':50s}" + "".join(f"{b / a:9.1f}" for a, b in zip(mine, theirs, strict=True)))
    early, late = best_of(2, ours, ring, [(1500, 2500), (48000, 50000)])
    print(f"at N = 2,000: {early:.0f} us, at N = 50,000: {late:.0f} us, ratio {late / early:.2f}")


if __name__ == "__main__":
    main()
