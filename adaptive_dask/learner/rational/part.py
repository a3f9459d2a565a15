"""A part of the domain on which a function is smooth: its samples, its approximations, and how well they predicted."""

from __future__ import annotations

import bisect
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.learner.rational.fit import ROUNDING, Fit, fit
from adaptive_dask.learner.rational.interpolator import Lines, Piece
from adaptive_dask.learner.rational.poles import fast_poles
from adaptive_dask.learner.rational.smooth_fit import smooth_fit

Array = NDArray[Any]
Kind = Literal["rational", "smooth", "linear"]

# An approximation is believed when it predicted this many points.
CHECKS = 4
# How many predictions are kept.
_MEMORY = 24
# From this many samples on a fit begins with the support points of the one before.
_WARM = 32
_SMOOTH_FROM = 12
# An approximation that predicts well is fitted again after this many checks, to use what they told.
_LONG_CHECKED = 8
_NOISE_CHECKS = 8
# Samples this close to each other, in units of the mean distance, tell noise from a function that is not resolved.
PAIR = 1e-3
PAIRS = 4
# A check tells something where the approximations differ by this fraction of their largest difference.
_TELLING = 1e-3
_ENOUGH_TELLING, _MANY_TELLING = 3, 6
# Differences below this are rounding errors.
_LEAST = 1e-15


@dataclass
class Prediction:
    """What was predicted of a value before it was known.

    Attributes
    ----------
    x : float
    errors : dict of Kind to array, shape (M,)
        By how much each approximation was wrong.
    expected : array, shape (M,)
        By how much the two rational approximations differed there.
    is_telling : bool
        Whether that is not much less than where they differed most.
    """

    x: float
    errors: dict[Kind, Array]
    expected: Array
    is_telling: bool


# Where candidates lie between two samples.
_FRACTIONS = np.array([0.08, 0.25, 0.5, 0.75, 0.92])
# Beside a pole, in units of its distance to the axis.
_BESIDE = np.array([0.0, 1.0, -1.0, 3.0, -3.0])


@dataclass
class Survey:
    """What is expected between the samples of a part.

    Attributes
    ----------
    x : array, shape (k,)
        Candidates, each between two samples.
    gap : array of int, shape (k,)
        After which sample.
    error : array, shape (k,)
        The error expected there, relative to the scale.
    largest : float
        The largest error anywhere, if the present approximation is wrong by as much as it was at its checks.
    """

    x: Array
    gap: Array
    error: Array
    largest: float


class Part:
    """The samples between two ends, ascending, with the fit to them.

    Attributes
    ----------
    x : list of float
    y : list of array, shape (M,)
    active : str
        The approximation that predicted best of late.
    noise : array, shape (M,), or None
        The standard deviation of the noise where there is some.
    """

    def __init__(self) -> None:
        self.x: list[float] = []
        self.y: list[Array] = []
        self.active: Kind = "rational"
        self.rational: Fit | None = None
        self.smooth: Fit | None = None
        self.noise: Array | None = None
        self.poles: Array = np.empty(0, dtype=complex)
        self.predictions: deque[Prediction] = deque(maxlen=_MEMORY)
        self.stale = True
        self.tested_for_breaks = 0
        self.suspect: tuple[float, float] | None = None
        self.suspected_at = 0
        self._survey: Survey | None = None
        self._common, self._largest = 1.0, 0.0
        self._trust: dict[float, float] = {}
        self._pairs: dict[float, Array] = {}
        self.noise_suspected = False
        self._cold_fit = 0
        self._smoothed = 0
        self._checks = 0
        self._claim_before = np.inf

    @classmethod
    def of(cls, x: list[float], y: list[Array], predictions: list[Prediction]) -> Part:
        part = cls()
        part.x, part.y = x, y
        part.predictions.extend(predictions)
        return part

    @property
    def n(self) -> int:
        return len(self.x)

    @property
    def checks(self) -> int:
        """How many values the present approximation has predicted."""
        return self._checks

    def table(self) -> tuple[Array, Array]:
        """The samples: x of shape (n,) and y of shape (n, M)."""
        return np.array(self.x), np.array(self.y)

    # -- values ----------------------------------------------------------------------------------

    def model(self, kind: Kind | None = None) -> Barycentric | None:
        """The approximation of a kind, of the active one if not given; None for straight lines."""
        kind = kind or self.active
        found = self.rational if kind == "rational" else self.smooth if kind == "smooth" else None
        return found.model if found else None

    def evaluate(self, x: Array) -> Array:
        """The active approximation at ``x``, shape (n, M)."""
        return self.approximation()(x)

    def approximation(self) -> Barycentric | Lines:
        """The active approximation."""
        return self.model() or Lines(*self.table())

    # -- results ---------------------------------------------------------------------------------

    def insert(self, x: float, y: Array, scale: Array, tolerance: float) -> None:
        """Add a sample that lies between the ends, after having looked at what was predicted."""
        if self.rational is not None and self.n >= 2:
            self._compare(x, y, scale, tolerance)
        else:
            self.stale = True
        self.add(x, y)

    def extend(self, x: float, y: Array) -> None:
        """Add a sample beyond the ends that was predicted; what lies in between has to be tested still."""
        self.add(x, y)
        self._checks = 0
        self.stale = True

    def add(self, x: float, y: Array) -> None:
        """Add a sample without looking at what was predicted."""
        i = bisect.bisect(self.x, x)
        self._remember_pair(i, x, y)
        self.x.insert(i, x)
        self.y.insert(i, y)
        self._survey = None

    def _remember_pair(self, i: int, x: float, y: Array) -> None:
        """Keep the difference to a sample so close that a smooth function is the same there."""
        near = [j for j in (i - 1, i) if 0 <= j < self.n]
        if not near or self.n < _SMOOTH_FROM:
            return
        j = min(near, key=lambda j: abs(self.x[j] - x))
        if abs(self.x[j] - x) * self.n < 2 * PAIR * (self.x[-1] - self.x[0]):
            self._pairs[x] = _distance(y, self.y[j])

    def pair_noise(self, scale: Array) -> float:
        """The standard deviation of the noise by samples beside each other, relative to the scale; 0 if unknown."""
        if len(self._pairs) < PAIRS - 1:
            return 0.0
        # The median, because a pair may lie on both sides of a step.
        return float(np.median([relative(each, scale) for each in self._pairs.values()]) / 0.954)

    def pairs_wanted(self) -> list[float]:
        """Where a sample beside a known one would tell whether there is noise."""
        if not self.noise_suspected or len(self._pairs) >= PAIRS:
            return []
        step = PAIR * (self.x[-1] - self.x[0]) / self.n
        some = [self.x[round((k + 0.5) * (self.n - 2) / PAIRS)] for k in range(PAIRS)]
        return [x + step for x in some if not any(abs(x - known) < 4 * step for known in self._pairs)]

    def _compare(self, x: float, y: Array, scale: Array, tolerance: float) -> None:
        assert self.rational is not None
        at = np.array([x])
        i = min(max(bisect.bisect(self.x, x) - 1, 0), self.n - 2)
        t = (x - self.x[i]) / (self.x[i + 1] - self.x[i])
        errors: dict[Kind, Array] = {"linear": _distance(self.y[i] * (1 - t) + self.y[i + 1] * t, y)}
        value = self.rational.model(at)[0]
        errors["rational"] = _distance(value, y)
        if self.smooth is not None:
            errors["smooth"] = _distance(self.smooth.model(at)[0], y)
        second = self.smooth if self.active == "smooth" and self.smooth is not None else self.rational
        expected = _distance(second.model(at)[0], second.companion(at)[0])
        is_telling = relative(expected, scale) >= _TELLING * self._largest
        self.predictions.append(Prediction(x, errors, expected, is_telling))
        self._checks += 1
        error = relative(errors[self.active], scale)
        self._trust[x] = min(1.0, max(error, _LEAST) / max(relative(expected, scale), _LEAST))
        if error > max(0.5 * tolerance, self._excuse(scale)) or self.active == "linear":
            self.stale = True

    def _nothing_new(self, scale: Array) -> bool:
        """Whether the checks differ from what was predicted by no more than rounding errors."""
        checks = list(self.predictions)[-self._checks :]
        return max(relative(p.errors[self.active], scale) for p in checks) <= self._rounding(scale)

    def _rounding(self, scale: Array) -> float:
        return 10 * ROUNDING * max(1.0, float((np.abs(self.y[0]) / scale).max()))

    def _excuse(self, scale: Array) -> float:
        """The prediction error that is no news: rounding, or noise."""
        floor = self._rounding(scale)
        return floor if self.noise is None else max(floor, 4 * relative(self.noise, scale))

    # -- fits ------------------------------------------------------------------------------------

    def update(self, scale: Array) -> bool:
        """Fit again if something new was told; returns whether that was so."""
        if not self.stale and (self._checks < _LONG_CHECKED or self._nothing_new(scale)):
            return False
        self._claim_before = np.inf if self.stale else self.claim(scale)
        x, y = self.table()
        scaled = y / scale
        warm = self.rational is not None and self.n > _WARM and self.n < 1.3 * self._cold_fit
        start = self.rational.support[:-3] if warm and self.rational else ()
        if not start:
            self._cold_fit = self.n
        self.rational = unscaled(fit(x, scaled, start), scale)
        if self.rational.converged:
            self.smooth = None
        elif self.n >= _SMOOTH_FROM and self.n >= 1.05 * self._smoothed:
            found = smooth_fit(x, scaled)
            self.smooth = unscaled(found, scale) if found else None
            self._smoothed = self.n
        self.poles = fast_poles(self.rational.model)
        self.stale, self._checks, self._survey = False, 0, None
        self._choose(scale)
        self._estimate_noise(scale)
        return True

    def _choose(self, scale: Array) -> None:
        """Take the approximation that predicted the last values best."""
        assert self.rational is not None
        if self.rational.converged or len(self.predictions) < 3:
            self.active = "rational"
            return
        best, lowest = self.active, np.inf
        kinds: tuple[Kind, ...] = ("rational", "smooth", "linear")
        for kind in kinds:
            if kind == "smooth" and self.smooth is None:
                continue
            last = list(self.predictions)[-(3 if self.active == "linear" else 6) :]
            errors = [relative(p.errors[kind], scale) for p in last if kind in p.errors]
            if len(errors) < 3:
                continue
            bonus = 0.7 * (kind == self.active) + 0.7 * (kind != "linear")
            typical = float(np.mean(np.log(np.maximum(errors, 1e-16)))) - bonus
            if typical < lowest:
                best, lowest = kind, typical
        self.active = best

    def _estimate_noise(self, scale: Array) -> None:
        """Noise is what a smooth approximation of low order leaves, and what samples beside each other differ by."""
        self.noise, self.noise_suspected = None, False
        if self.active != "smooth" or self.smooth is None or self.n < 20 or self.smooth.model.order > self.n / 3:
            return
        errors = [relative(p.errors["smooth"], scale) for p in self.predictions if "smooth" in p.errors]
        if len(errors) < CHECKS:
            return
        rms = float(np.sqrt(np.mean(np.square(errors[-_NOISE_CHECKS:]))))
        spread = max(self.smooth.spread, 1e-300)
        if not 0.2 < rms / spread < 4:
            return
        self.noise_suspected = True
        if not 0.2 < self.pair_noise(scale) / spread < 4:
            return
        x, y = self.table()
        left = max(self.n - 2 * self.smooth.model.order, 1)
        self.noise = np.sqrt(np.square(_distance(self.smooth.model(x), y)).sum(axis=0) / left)

    # -- errors ----------------------------------------------------------------------------------

    def survey(self, scale: Array) -> Survey:
        """Where between the samples the approximations differ, and by how much."""
        if self._survey is None:
            self._survey = self._make_survey(scale)
        return self._survey

    def _make_survey(self, scale: Array) -> Survey:
        x = np.array(self.x)
        if self.n < 2:
            return Survey(np.empty(0), np.empty(0, dtype=int), np.empty(0), 0.0)
        length = np.diff(x)
        at = (x[:-1, np.newaxis] + length[:, np.newaxis] * _FRACTIONS).ravel()
        poles = self.poles[(self.poles.real > x[0]) & (self.poles.real < x[-1])]
        poles = poles[np.abs(poles.imag) < 0.25 * (x[-1] - x[0])]
        at = np.concatenate((at, (poles.real[:, np.newaxis] + poles.imag[:, np.newaxis] * _BESIDE).ravel()))
        at = at[(at > x[0]) & (at < x[-1])]
        gap = np.clip(np.searchsorted(x, at) - 1, 0, self.n - 2)
        inside = (at > x[gap]) & (at < x[gap + 1])
        at, gap = at[inside], gap[inside]
        if self.rational is None or self.n < 4:
            return Survey(at, gap, np.zeros(len(at)), 0.0)
        use = self.smooth if self.active == "smooth" and self.smooth is not None else self.rational
        with np.errstate(all="ignore"):
            error = (np.abs(use.model(at) - use.companion(at)) / scale).max(axis=1)
        error[~np.isfinite(error)] = 1e3
        error = np.minimum(error, 1e3)
        self._largest = float(error.max(initial=0.0))
        telling = self._telling(scale)
        common = self._common = self._common_trust(telling)
        trust = np.array([min(self._trust.get(each, common), common) for each in self.x])
        if self.noise is not None:
            # Differences that are as small as the noise are no reason to look there.
            error = np.maximum(error - 3 * relative(self.noise, scale), 0.0)
        expected = error * np.sqrt(trust[gap] * trust[gap + 1])
        if not telling and self.noise is None and len(at):
            # Samples nearby may have been predicted well, but this is where the approximations are tested.
            worst = int(error.argmax())
            expected[worst] = common * error[worst]
        return Survey(at, gap, expected, common * float(error.max(initial=0.0)))

    def _telling(self, scale: Array) -> list[Prediction]:
        """The checks of the present approximations that say how wrong these are where they differ most."""
        checks = list(self.predictions)[-self._checks :] if self._checks else []
        least = _TELLING * self._largest
        telling = [p for p in checks if p.x in self._trust and relative(p.expected, scale) >= least]
        return telling if len(telling) >= _ENOUGH_TELLING else []

    def _common_trust(self, telling: list[Prediction]) -> float:
        """By which factor the difference of the approximations overestimates the errors, as far as checks tell."""
        if telling:
            return max(self._trust[p.x] for p in telling)
        before = [self._trust[p.x] for p in self.predictions if p.x in self._trust and p.is_telling]
        # Those before say less of this approximation.
        return max(before[-_MANY_TELLING:]) ** 0.5 if len(before) >= CHECKS else 1.0

    def line_errors(self, scale: Array) -> Array:
        """The errors of straight lines between the samples, from second divided differences; shape (n - 1,)."""
        x, y = self.table()
        if self.n < 3:
            return np.full(self.n - 1, 1.0)
        h = np.diff(x)
        slope = np.diff(y / scale, axis=0) / h[:, np.newaxis]
        bend = np.abs(np.diff(slope, axis=0)).max(axis=1) / (x[2:] - x[:-2])
        bend = np.concatenate((bend[:1], bend, bend[-1:]))
        result: Array = np.maximum(bend[:-1], bend[1:]) * h**2 / 4
        return result

    def claim(self, scale: Array) -> float:
        """The largest error that the active approximation is expected to have, relative to the scale."""
        recent = [p for p in self.predictions if self.active in p.errors]
        if len(recent) < CHECKS:
            return np.inf
        count = max(CHECKS, self._checks)
        if self.noise is not None:
            count = _NOISE_CHECKS
        error = max(relative(p.errors[self.active], scale) for p in recent[-count:])
        if self.active == "linear":
            return max(error, float(self.line_errors(scale).max()))
        if self._checks < CHECKS:
            error = min(error, self._claim_before)
        surveyed = self.survey(scale).largest
        return max(error, surveyed, self._excuse(scale) / 10 if self.noise is None else 0.0)

    def piece(self, start: float, scale: Array) -> Piece:
        """The active approximation from a point on."""
        use = {"rational": self.rational, "smooth": self.smooth, "linear": None}[self.active]
        claim = self.claim(scale)
        return Piece(start, self.approximation(), use.companion if use else None, self._common, claim * scale)


def _distance(a: Array, b: Array) -> Array:
    with np.errstate(all="ignore"):
        distance: Array = np.abs(a - b)
    distance[~np.isfinite(distance)] = np.inf
    return distance


def relative(error: Array, scale: Array) -> float:
    """The largest of the errors of the components, each relative to its scale."""
    return float((error / scale).max())


def unscaled(found: Fit, scale: Array) -> Fit:
    """The fit in the units of the values."""
    for model in {id(m): m for m in (found.model, found.companion)}.values():
        model.values = model.values * scale
    return found
