"""Evaluations and true errors on the integrals of the literature, beside SciPy's quad and quad_vec and python-adaptive.

Run with ``python -m tests.benchmarks.integration_table [--tol 1e-8] [--families 10]``. Four columns for each: how many
evaluations, the true error, whether it is within the reported one ("ok", or how many times larger), and whether the
tolerance was claimed to be reached ("*"). The families of Lyness and Kaganove are summed over random draws.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import scipy.integrate
from adaptive.learner.integrator_learner import IntegratorLearner as PeerLearner

from adaptive_dask.learner.integrator_learner import IntegratorLearner
from adaptive_dask.testing.functions import GANDER_GAUTSCHI, KAHANER, LYNESS_KAGANOVE, KnownIntegral, lyness_kaganove

MOST = 20_000
# The reference values are rounded, too.
ROUNDING = 4 * 2.0**-52


class Outcome(NamedTuple):
    evaluations: int
    error: float
    reported: float
    claimed: bool
    rounding: float

    @property
    def honest(self) -> bool:
        return self.error <= self.reported + self.rounding


Method = Callable[[KnownIntegral, float], tuple[int, float, float, bool]]


def learner_of(kind: Callable[..., IntegratorLearner]) -> Method:
    def integrate(integral: KnownIntegral, tol: float) -> tuple[int, float, float, bool]:
        learner = kind(integral.function, integral.bounds, tol)
        while not learner.done() and learner.npoints < MOST:
            points, _ = learner.ask(1)
            if not points:
                break
            learner.tell(points[0], integral.function(points[0]))
        return learner.npoints, float(learner.igral), float(learner.err), bool(learner.done())

    return integrate


def quad(integral: KnownIntegral, tol: float) -> tuple[int, float, float, bool]:
    value, reported, info, *trouble = scipy.integrate.quad(
        integral.function, *integral.bounds, epsabs=0, epsrel=tol, limit=MOST // 21, full_output=1
    )
    return info["neval"], value, reported, not trouble


def quad_vec(integral: KnownIntegral, tol: float) -> tuple[int, float, float, bool]:
    value, reported, info = scipy.integrate.quad_vec(
        integral.function, *integral.bounds, epsabs=0, epsrel=tol, limit=MOST // 21, full_output=True
    )
    return info.neval, value, reported, info.success


METHODS: dict[str, Method] = {
    "ours": learner_of(IntegratorLearner),
    "python-adaptive": learner_of(PeerLearner),
    "quad": quad,
    "quad_vec": quad_vec,
}


def outcome(method: Method, integral: KnownIntegral, tol: float) -> Outcome:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            evaluations, value, reported, claimed = method(integral, tol)
        except (ArithmeticError, AssertionError, ValueError):
            return Outcome(0, math.inf, 0.0, False, 0.0)
    # An error that is not even a number is never within one.
    error = abs(value - integral.exact)
    return Outcome(
        evaluations, error if error == error else math.inf, reported, claimed, ROUNDING * abs(integral.exact)
    )


def cell(result: Outcome) -> str:
    verdict = "ok" if result.honest else f"{min(result.error / max(result.reported, 1e-300), 1e99):.0e}x"
    return f"{result.evaluations:6d} {result.error:8.0e} {verdict:>6s}{'*' if result.claimed else ' '}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tol", type=float, nargs="*", default=[1e-4, 1e-8, 1e-11])
    parser.add_argument("--families", type=int, default=10, help="draws of each family")
    arguments = parser.parse_args()
    singles, draws = [*KAHANER, *GANDER_GAUTSCHI], lyness_kaganove(arguments.families)
    for tol in arguments.tol:
        print(f"\ntol = {tol:g}")
        print(f"{'':20s}" + "".join(f" | {name:^23s}" for name in METHODS))
        results = {
            name: {id(integral): outcome(method, integral, tol) for integral in (*singles, *draws)}
            for name, method in METHODS.items()
        }
        for integral in singles:
            print(f"{integral.name:20s}" + "".join(f" | {cell(results[name][id(integral)])}" for name in METHODS))
        for family in [*LYNESS_KAGANOVE, "all of them"]:
            chosen = [i for i in draws if i.name == family] or [*singles, *draws]
            row = f"{family:20s}"
            for name in METHODS:
                of = [results[name][id(i)] for i in chosen]
                honest, claimed = sum(o.honest for o in of), sum(o.claimed for o in of)
                row += f" | {sum(o.evaluations for o in of):7d} {honest:3d} ok {claimed:3d}* /{len(of):3d}"
            print(row, flush=True)


if __name__ == "__main__":
    main()
