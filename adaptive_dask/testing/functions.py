"""Functions from the literature, for tests, examples and benchmarks, with their bounds and known properties.

Integrals with known values are in `adaptive_dask.testing.integrals`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from adaptive_dask.testing.integrals import GANDER_GAUTSCHI, KAHANER, LYNESS_KAGANOVE, KnownIntegral, lyness_kaganove

__all__ = [
    "BRANIN_BOUNDS",
    "CUSP_BOUNDS",
    "FORRESTER_BOUNDS",
    "GANDER_GAUTSCHI",
    "GRAMACY_LEE_BOUNDS",
    "ISHIGAMI_BOUNDS",
    "KAHANER",
    "LYNESS_KAGANOVE",
    "PEAK_BOUNDS",
    "RING_BOUNDS",
    "SPHERE_BOUNDS",
    "STEP_BOUNDS",
    "KnownIntegral",
    "branin",
    "cusp",
    "forrester",
    "gramacy_lee",
    "ishigami",
    "lyness_kaganove",
    "noisy_peak",
    "peak",
    "ring",
    "sphere",
    "step",
]

# -- one dimension -------------------------------------------------------------------------------------------------

GRAMACY_LEE_BOUNDS = (0.5, 2.5)


def gramacy_lee(x: float) -> float:
    """Compute a wave that fades into a quartic, with its minimum -0.869 at x = 0.5486.

    Parameters
    ----------
    x : float
        On (0.5, 2.5).

    References
    ----------
    R. B. Gramacy and H. K. H. Lee, Cases for the nugget in modeling computer experiments, Stat. Comput. 22 (2012).
    """
    return math.sin(10 * math.pi * x) / (2 * x) + (x - 1) ** 4


FORRESTER_BOUNDS = (0.0, 1.0)


def forrester(x: float) -> float:
    """Compute a curve with a flat and a deep valley, whose minimum is -6.0207 at x = 0.7572.

    Parameters
    ----------
    x : float
        On (0, 1).

    References
    ----------
    A. Forrester, A. Sóbester and A. Keane, Engineering design via surrogate modelling (2008).
    """
    return (6 * x - 2) ** 2 * math.sin(12 * x - 4)


STEP_BOUNDS = (-1.0, 1.0)


def step(x: float, at: float = 0.3) -> float:
    """Return 0 before a jump and 1 after it, on (-1, 1)."""
    return float(x >= at)


CUSP_BOUNDS = (-1.0, 1.0)


def cusp(x: float, at: float = 0.3) -> float:
    """Compute √|x - at|, with an infinite slope on both sides of its minimum; on (-1, 1)."""
    return math.sqrt(abs(x - at))


PEAK_BOUNDS = (-1.0, 1.0)


def peak(x: float, at: float = 0.3, width: float = 0.01) -> float:
    """Compute a Lorentzian peak of height 1 on a slope, on (-1, 1): the example of python-adaptive's tutorial."""
    return x + width**2 / (width**2 + (x - at) ** 2)


def noisy_peak(seed_x: tuple[int, float], sigma: float = 0.1, at: float = 0.3, width: float = 0.1) -> float:
    """Compute a `peak` with Gaussian noise that depends only on seed and x; on (-1, 1).

    Parameters
    ----------
    seed_x : (int, float)
    sigma : float, default: 0.1
        The standard deviation of the noise.
    """
    seed, x = seed_x
    return peak(x, at, width) + random.Random(f"{seed} {float(x).hex()}").gauss(0, sigma)


# -- two dimensions ------------------------------------------------------------------------------------------------

BRANIN_BOUNDS = ((-5.0, 10.0), (0.0, 15.0))


def branin(point: Sequence[float]) -> float:
    """Compute a surface with three valleys of equal depth, 0.397887, at (-π, 12.275), (π, 2.275) and (3π, 2.475).

    Parameters
    ----------
    point : (float, float)
        On (-5, 10) × (0, 15).

    References
    ----------
    L. C. W. Dixon and G. P. Szegő, Towards global optimisation 2 (1978).
    """
    x, y = point
    valley = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return valley * valley + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


RING_BOUNDS = ((-1.0, 1.0), (-1.0, 1.0))


def ring(point: Sequence[float], radius: float = 0.75, width: float = 0.2) -> float:
    """Compute a ridge along a circle on a slope: the two-dimensional example of python-adaptive's tutorial."""
    x, y = point
    return x + math.exp(-((x * x + y * y - radius**2) ** 2) / width**4)


# -- three dimensions ----------------------------------------------------------------------------------------------

ISHIGAMI_BOUNDS = ((-math.pi, math.pi),) * 3


def ishigami(point: Sequence[float], a: float = 7.0, b: float = 0.1) -> float:
    """Compute a strongly nonlinear function, in which the first and the third coordinate interact.

    The mean over its bounds is a / 2, the variance a² / 8 + b π⁴ / 5 + b² π⁸ / 18 + 1 / 2.

    Parameters
    ----------
    point : (float, float, float)
        Each on (-π, π).

    References
    ----------
    T. Ishigami and T. Homma, An importance quantification technique in uncertainty analysis for computer models,
    Proc. ISUMA (1990).
    """
    x, y, z = point
    return math.sin(x) + a * math.sin(y) ** 2 + b * z**4 * math.sin(x)


SPHERE_BOUNDS = ((-1.0, 1.0),) * 3


def sphere(point: Sequence[float], radius: float = 0.75, width: float = 0.4) -> float:
    """Compute a shell on a slope: the three-dimensional example of python-adaptive's tutorial."""
    x, y, z = point
    return x + z * z + math.exp(-((x * x + y * y + z * z - radius**2) ** 2) / width**4)
