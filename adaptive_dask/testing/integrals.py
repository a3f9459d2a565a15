"""Integrals with known values from three collections in the literature, for comparing quadratures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import sici

__all__ = [
    "GANDER_GAUTSCHI",
    "KAHANER",
    "LYNESS_KAGANOVE",
    "KnownIntegral",
    "lyness_kaganove",
]

_PI = math.pi


@dataclass(frozen=True)
class KnownIntegral:
    """A function of one real number, and its integral.

    Attributes
    ----------
    name : str
        The collection and the number, or the family, in it.
    function : callable, float → float
    bounds : pair of float
    exact : float
        The integral, to double precision.
    """

    name: str
    function: Callable[[float], float]
    bounds: tuple[float, float]
    exact: float


def _sech_sum(x: float) -> float:
    # with exp(-|u|), because cosh(u) would overflow
    total = 0.0
    for i in (1, 2, 3):
        decay = math.exp(-abs(20.0**i * (x - 0.2 * i)))
        total += 2 * decay / (1 + decay * decay)
    return total


def _waves(x: float) -> float:
    return math.cos(math.cos(x) + 3 * math.sin(x) + 2 * math.cos(2 * x) + 3 * math.sin(2 * x) + 3 * math.cos(3 * x))


def _gudermann(x: float) -> float:
    return 2 * math.atan(math.tanh(x / 2))


def _si(x: float) -> float:
    return float(sici(x)[0])


def _sinc_squared(x: float) -> float:
    """Compute an antiderivative of (sin(x) / x)²."""
    return _si(2 * x) - math.sin(x) ** 2 / x


def _planck() -> float:
    # The integral of x / (e^x - 1) over (0, 1), by its series in Bernoulli numbers.
    bernoulli = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)
    return 0.75 + sum(b / ((2 * k + 1) * math.factorial(2 * k)) for k, b in enumerate(bernoulli, 1))


def _kahaner() -> tuple[KnownIntegral, ...]:
    sqrt, exp, sin, cos, log = math.sqrt, math.exp, math.sin, math.cos, math.log
    table: list[tuple[Callable[[float], float], tuple[float, float], float]] = [
        (exp, (0, 1), math.expm1(1)),
        (lambda x: float(x >= 0.3), (0, 1), 0.7),
        (sqrt, (0, 1), 2 / 3),
        (lambda x: 0.88 * math.cosh(x) - cos(x), (-1, 1), 1.76 * math.sinh(1) - 2 * sin(1)),
        (lambda x: 1 / (x**4 + x**2 + 0.9), (-1, 1), 1.5822329637296729),
        (lambda x: x * sqrt(x), (0, 1), 0.4),
        (lambda x: 1 / sqrt(x) if x else math.inf, (0, 1), 2.0),
        (lambda x: 1 / (1 + x**4), (0, 1), (_PI + 2 * log(1 + sqrt(2))) / (4 * sqrt(2))),
        (lambda x: 2 / (2 + sin(10 * _PI * x)), (0, 1), 2 / sqrt(3)),
        (lambda x: 1 / (1 + x), (0, 1), log(2)),
        (lambda x: 1 / (1 + exp(x)), (0, 1), 1 + log(2) - math.log1p(math.e)),
        (lambda x: x / math.expm1(x) if x else 1.0, (0, 1), _planck()),
        (lambda x: sin(100 * _PI * x) / (_PI * x), (0.1, 1), (_si(100 * _PI) - _si(10 * _PI)) / _PI),
        (lambda x: sqrt(50) * exp(-50 * _PI * x * x), (0, 10), 0.5),
        (lambda x: 25 * exp(-25 * x), (0, 10), -math.expm1(-250)),
        (lambda x: 50 / (_PI * (2500 * x * x + 1)), (0, 10), math.atan(500) / _PI),
        (
            lambda x: 50 * (sin(50 * _PI * x) / (50 * _PI * x)) ** 2,
            (0.01, 1),
            (_sinc_squared(50 * _PI) - _sinc_squared(0.5 * _PI)) / _PI,
        ),
        (_waves, (0, _PI), 0.8386763426944296),
        (lambda x: log(x) if x else -math.inf, (0, 1), -1.0),
        (lambda x: 1 / (1.005 + x * x), (-1, 1), 2 * math.atan(1 / sqrt(1.005)) / sqrt(1.005)),
        (
            _sech_sum,
            (0, 1),
            sum((_gudermann(20.0**i * (1 - 0.2 * i)) + _gudermann(20.0**i * 0.2 * i)) / 20.0**i for i in (1, 2, 3)),
        ),
    ]
    return tuple(
        KnownIntegral(f"Kahaner {i}", f, (float(a), float(b)), exact) for i, (f, (a, b), exact) in enumerate(table, 1)
    )


KAHANER = _kahaner()
"""The 21 integrals of D. Kahaner, Comparison of numerical quadrature formulas, in J. R. Rice (ed.), Mathematical
Software (1971); number 2 is the step at 0.3."""


def _hat(x: float) -> float:
    return x + 1 if x < 1 else 3 - x if x <= 3 else 2.0


GANDER_GAUTSCHI = (
    KnownIntegral(
        "Gander-Gautschi 22",
        lambda x: 4 * _PI**2 * x * math.sin(20 * _PI * x) * math.cos(2 * _PI * x),
        (0.0, 1.0),
        -20 * _PI / 99,
    ),
    KnownIntegral(
        "Gander-Gautschi 23",
        lambda x: 1 / (1 + (230 * x - 30) ** 2),
        (0.0, 1.0),
        (math.atan(200) + math.atan(30)) / 230,
    ),
    KnownIntegral(
        "Gander-Gautschi 24",
        lambda x: float(math.floor(math.exp(x))),
        (0.0, 3.0),
        60 - math.fsum(math.log(k) for k in range(2, 21)),
    ),
    KnownIntegral("Gander-Gautschi 25", _hat, (0.0, 5.0), 7.5),
)
"""The four integrals that W. Gander and W. Gautschi, Adaptive quadrature - revisited, BIT 40 (2000), add to
Kahaner's."""


def _singularity(rng: np.random.Generator) -> KnownIntegral:
    at, power = rng.uniform(0, 1), rng.uniform(-0.5, 0)
    exact = (at ** (1 + power) + (1 - at) ** (1 + power)) / (1 + power)
    return KnownIntegral("singularity", lambda x: abs(x - at) ** power if x != at else math.inf, (0.0, 1.0), exact)


def _jump(rng: np.random.Generator) -> KnownIntegral:
    at, rate = rng.uniform(0, 1), rng.uniform(0, 1)
    exact = math.exp(rate * at) * math.expm1(rate * (1 - at)) / rate
    return KnownIntegral("jump", lambda x: math.exp(rate * x) if x > at else 0.0, (0.0, 1.0), exact)


def _cusp(rng: np.random.Generator) -> KnownIntegral:
    at, rate = rng.uniform(0, 1), rng.uniform(0, 4)
    exact = -(math.expm1(-rate * at) + math.expm1(-rate * (1 - at))) / rate
    return KnownIntegral("cusp", lambda x: math.exp(-rate * abs(x - at)), (0.0, 1.0), exact)


def _peaks(rng: np.random.Generator, name: str, n: int, lowest: float) -> KnownIntegral:
    places, width = rng.uniform(1, 2, n).tolist(), 10 ** rng.uniform(lowest, -3)
    exact = math.fsum(math.atan((2 - at) / width) + math.atan((at - 1) / width) for at in places)
    return KnownIntegral(
        name, lambda x: math.fsum(width / ((x - at) ** 2 + width**2) for at in places), (1.0, 2.0), exact
    )


def _chirp(rng: np.random.Generator) -> KnownIntegral:
    at = rng.uniform(0, 1)
    rate = 10 ** rng.uniform(1.8, 2) / max(at, 1 - at) ** 2
    exact = math.sin(rate * (1 - at) ** 2) - math.sin(rate * at**2)
    return KnownIntegral("chirp", lambda x: 2 * rate * (x - at) * math.cos(rate * (x - at) ** 2), (0.0, 1.0), exact)


LYNESS_KAGANOVE: dict[str, Callable[[np.random.Generator], KnownIntegral]] = {
    "singularity": _singularity,
    "jump": _jump,
    "cusp": _cusp,
    "peak": lambda rng: _peaks(rng, "peak", 1, -6),
    "four peaks": lambda rng: _peaks(rng, "four peaks", 4, -5),
    "chirp": _chirp,
}
"""The six families of J. N. Lyness and J. J. Kaganove, Comments on the nature of automatic quadrature routines,
ACM Trans. Math. Softw. 2, 65 (1976), with the parameters that Gonnet (2010) draws: ``{family: draw(rng)}``."""


def lyness_kaganove(n: int, seed: int = 0) -> list[KnownIntegral]:
    """Draw n integrals of each of the six families of Lyness and Kaganove.

    Parameters
    ----------
    n : int
    seed : int, default: 0

    Returns
    -------
    list of KnownIntegral, length 6 n
    """
    rng = np.random.default_rng(seed)
    return [draw(rng) for draw in LYNESS_KAGANOVE.values() for _ in range(n)]
