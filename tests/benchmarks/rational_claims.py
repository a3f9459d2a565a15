"""What `RationalLearner1D` claims of its error, over the true error, for many random functions of many families.

Each function is learned until `done`, or to a number of points, with 1, 4 and 16 results in flight, told in random
order. The true error is the largest on a dense grid with clusters at narrow features, relative to the range of the
values. Run it with ``python -m tests.benchmarks.rational_claims [--families NAME,…] [--count N] [--rtol TOLERANCE]``.
"""

from __future__ import annotations

import argparse
import collections
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adaptive_dask import RationalLearner1D

Random = np.random.Generator


@dataclass
class Case:
    """A function on (-1, 1), where it is narrow, and how it differs from what is measured."""

    f: Callable[[Any], Any]
    features: list[tuple[float, float]] = field(default_factory=list)  # places and widths
    jumps: list[float] = field(default_factory=list)
    exact: Callable[[Any], Any] | None = None  # without noise
    sigma: float = 0.0


def lorentzians(random: Random) -> Case:
    count = int(random.integers(1, 9))
    at, width = random.uniform(-0.95, 0.95, count), 10 ** random.uniform(-4, -0.5, count)
    height, offset = random.uniform(0.3, 1.5, count), random.choice([0.0, 1.0, 100.0, -7.0])

    def f(x: Any) -> Any:
        x = np.asarray(x)[..., np.newaxis]
        return offset + (height * width**2 / ((x - at) ** 2 + width**2)).sum(axis=-1)

    return Case(f, list(zip(at, width, strict=True)))


def breit_wigner(random: Random) -> Case:
    count = int(random.integers(1, 7))
    at, width = random.uniform(-0.95, 0.95, count), 10 ** random.uniform(-4, -1, count)
    phase, background = random.uniform(0, 2 * np.pi, count), random.normal() + 1j * random.normal()

    def f(x: Any) -> Any:
        x = np.asarray(x)[..., np.newaxis]
        return background + (np.exp(1j * phase) * width / (x - at + 1j * width)).sum(axis=-1)

    return Case(f, list(zip(at, width, strict=True)))


def entire(random: Random) -> Case:
    a, b, c = random.uniform(0.5, 8, 3)
    p, q = random.normal(size=2)
    kinds = [
        lambda x: np.exp(p * x) * np.sin(a * x + b),
        lambda x: np.cos(a * x) + p * np.sin(b * x + c),
        lambda x: np.exp(-((x - q / 4) ** 2) * a),
        lambda x: np.polynomial.polynomial.polyval(x, random_coefficients),
        lambda x: np.sin(a * x) * np.cosh(p * x) + q,
    ]
    random_coefficients = random.normal(size=int(random.integers(2, 9)))
    return Case(kinds[int(random.integers(len(kinds)))])


def fronts(random: Random) -> Case:
    count = int(random.integers(1, 4))
    at, steep = random.uniform(-0.8, 0.8, count), 10 ** random.uniform(0.5, 2.3, count)
    height = random.normal(size=count)

    def f(x: Any) -> Any:
        return (height * np.tanh(steep * (np.asarray(x)[..., np.newaxis] - at))).sum(axis=-1)

    return Case(f, list(zip(at, 1 / steep, strict=True)))


def gaussians(random: Random) -> Case:
    count = int(random.integers(1, 4))
    at, width = random.uniform(-0.8, 0.8, count), 10 ** random.uniform(-1.7, -0.3, count)
    height, slope = random.uniform(0.3, 1.5, count), random.normal()

    def f(x: Any) -> Any:
        x = np.asarray(x)
        return slope * x + (height * np.exp(-0.5 * ((x[..., np.newaxis] - at) / width) ** 2)).sum(axis=-1)

    return Case(f, list(zip(at, width, strict=True)))


def kinks(random: Random) -> Case:
    a, p, q = random.uniform(-0.8, 0.8), random.normal(), random.uniform(0, 4)
    return Case(lambda x: np.abs(x - a) * (1 + p * x / 2) + np.sin(q * x), [(a, 10.0**-k) for k in range(2, 13, 3)])


def powers(random: Random) -> Case:
    a, p = random.uniform(-0.8, 0.8), random.choice([0.3, 0.5, 1.5, 2.5])
    a = -1.0 if random.integers(2) else a
    return Case(lambda x: np.abs(x - a) ** p, [(a, 10.0**-k) for k in range(2, 13, 3)])


def steps(random: Random) -> Case:
    a, p, q = random.uniform(-0.8, 0.8), random.normal(), random.uniform(0, 4)
    return Case(lambda x: np.where(x > a, 1.0, 0.0) + p * np.sin(q * x), jumps=[a])


def staircase(random: Random) -> Case:
    at = np.sort(random.uniform(-0.9, 0.9, int(random.integers(2, 6))))
    height, q = random.normal(size=len(at)), random.uniform(0, 4)

    def f(x: Any) -> Any:
        return (height * (np.asarray(x)[..., np.newaxis] > at)).sum(axis=-1) + 0.3 * np.sin(q * x)

    return Case(f, jumps=list(at))


def sawtooth(random: Random) -> Case:
    period, shift = random.uniform(0.3, 0.9), random.uniform(0, 1)
    jumps = [(k + shift) * period for k in range(-8, 9)]
    return Case(lambda x: x / period - shift - np.floor(x / period - shift), jumps=[a for a in jumps if abs(a) < 1])


def noise(random: Random) -> Case:
    sigma = 10 ** random.uniform(-4, -1)
    a, b, seed = random.uniform(0.5, 6), random.uniform(0, 3), int(random.integers(2**31))

    def exact(x: Any) -> Any:
        return np.sin(a * x + b) + np.exp(-20 * (x - 0.2) ** 2)

    def f(x: Any) -> Any:
        return exact(x) + sigma * np.random.default_rng([seed, np.float64(x).view(np.uint64) % 2**31]).normal()

    return Case(f, exact=exact, sigma=sigma)


def chirps(random: Random) -> Case:
    a, b = random.uniform(5, 60), random.uniform(0, 20)
    return Case(lambda x: np.sin(a * x * x + b * x))


def vectors(random: Random) -> Case:
    cases, sizes = [lorentzians(random), entire(random), fronts(random)], 10 ** random.uniform(-4, 4, 3)

    def f(x: Any) -> Any:
        return np.stack([c.f(x) * size for c, size in zip(cases, sizes, strict=True)], axis=-1)

    return Case(f, [feature for c in cases for feature in c.features])


def algebraic(random: Random) -> Case:
    a, w = random.uniform(-0.8, 0.8), 10 ** random.uniform(-3, -0.5)
    kinds = [
        lambda x: np.sqrt((x - a) ** 2 + w * w),
        lambda x: np.log((x - a) ** 2 + w),
        lambda x: np.arctan((x - a) / w),
    ]
    return Case(kinds[int(random.integers(len(kinds)))], [(a, w)])


SMOOTH = (lorentzians, breit_wigner, entire, fronts, gaussians, chirps, vectors, algebraic)
ROUGH = (kinks, powers, steps, staircase, sawtooth, noise)
FAMILIES = {family.__name__: family for family in SMOOTH + ROUGH}


@dataclass
class Scaled:
    """A case in other units."""

    case: Case
    middle: float
    half: float
    size: float

    def f(self, x: float) -> Any:
        return self.size * self.case.f((x - self.middle) / self.half)


@dataclass
class Result:
    family: str
    seed: int
    in_flight: int
    n: int
    done: bool
    claim: float
    true: float
    noise: float
    sigma: float

    @property
    def ratio(self) -> float:
        return max(self.claim, 1e-15) / max(self.true, 1e-15)


def make(family: str, seed: int) -> Scaled:
    random = np.random.default_rng([seed, sum(map(ord, family))])
    case = FAMILIES[family](random)
    if seed % 3:
        return Scaled(case, 0.0, 1.0, 1.0)
    half = 10 ** random.uniform(-8, 8)
    return Scaled(case, half * random.choice([0.0, 1.0, 10.0]), half, 10 ** random.uniform(-8, 8))


def true_error(known: Any, scaled: Scaled) -> float:
    case = scaled.case
    t = np.concatenate([np.linspace(-3, 3, 61), np.geomspace(3, 3e3, 40), -np.geomspace(3, 3e3, 40)])
    jumps = [[np.nextafter(c, -2), c, np.nextafter(c, 2)] for c in case.jumps]
    x = np.unique(np.concatenate([np.linspace(-1, 1, 6001), *(c + w * t for c, w in case.features), *jumps]))
    x = scaled.middle + scaled.half * x
    u = (x - scaled.middle) / scaled.half
    keep = (u >= -1) & (u <= 1)
    x, u = x[keep], u[keep]
    exact = case.exact or case.f
    truth = scaled.size * exact(u)
    extent = np.maximum(np.ptp(truth.real, axis=0), np.ptp(truth.imag, axis=0))
    return float((np.abs(known(x) - truth) / extent).max())


def learn(family: str, seed: int, in_flight: int, rtol: float, most: int) -> Result:
    scaled = make(family, seed)
    low, high = scaled.middle - scaled.half, scaled.middle + scaled.half
    learner = RationalLearner1D(scaled.f, (low, high), rtol)
    random, queue = np.random.default_rng(seed), list(learner.ask(in_flight)[0])
    while learner.npoints < most and queue and not learner.done():
        x = queue.pop(random.integers(len(queue)))
        learner.tell(x, scaled.f(x))
        queue += learner.ask(1)[0]
    true = true_error(learner.interpolator(), scaled)
    size = max(scaled.size, 1e-300)
    sigma = float(np.max(learner.noise)) / size
    return Result(
        family, seed, in_flight, learner.npoints, learner.done(), learner.loss(), true, sigma, scaled.case.sigma
    )


def show(results: list[Result], rtol: float) -> None:
    print(
        f"{'family':14}{'in 1/10…10':>12}{'below':>7}{'above':>7}{'false done':>12}{'done':>6}{'points':>8}{'time':>6}"
    )
    groups: dict[str, list[Result]] = collections.defaultdict(list)
    for result in results:
        groups[result.family].append(result)
        groups["all"].append(result)
    for family, some in groups.items():
        ratios = np.array([r.ratio for r in some])
        false = sum(r.done and r.true > 10 * max(rtol, 4 * r.sigma) for r in some)
        print(
            f"{family:14}{np.mean((ratios >= 0.1) & (ratios <= 10)):12.0%}{np.mean(ratios < 0.1):7.0%}"
            f"{np.mean(ratios > 10):7.0%}{false:12}{sum(r.done for r in some):6}{np.median([r.n for r in some]):8g}"
            f"{len(some):6}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--in-flight", default="1,4,16")
    parser.add_argument("--rtol", type=float, default=1e-6)
    parser.add_argument("--most", type=int, default=250)
    parser.add_argument("--verbose", action="store_true", help="print each result")
    a = parser.parse_args()
    results = []
    for family in a.families.split(","):
        for seed in range(a.first, a.first + a.count):
            for in_flight in map(int, a.in_flight.split(",")):
                begin = time.process_time()
                r = learn(family, seed, in_flight, a.rtol, a.most)
                results.append(r)
                if a.verbose:
                    print(
                        f"{family:12}{seed:4}{in_flight:3} n={r.n:4} done={r.done:d} claim={r.claim:.1e} "
                        f"true={r.true:.1e} ratio={r.ratio:8.2g} noise={r.noise:.1e}/{r.sigma:.1e} "
                        f"{time.process_time() - begin:.1f} s",
                        flush=True,
                    )
    show(results, a.rtol)


if __name__ == "__main__":
    main()
