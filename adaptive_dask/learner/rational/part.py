"""A part of the domain on which a function is smooth: samples, approximations and their prediction errors."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

import numpy as np

from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.learner.rational.breaks import BreakSearch
from adaptive_dask.learner.rational.doublets import without_doublets
from adaptive_dask.learner.rational.error_shape import ErrorShape
from adaptive_dask.learner.rational.fit import ROUNDING, Fit, fit
from adaptive_dask.learner.rational.interpolator import Lines, Piece
from adaptive_dask.learner.rational.model_poles import ModelPoles
from adaptive_dask.learner.rational.pairs import Pairs
from adaptive_dask.learner.rational.poles import fast_poles
from adaptive_dask.learner.rational.record import CHECKS, Kind, Prediction, Record
from adaptive_dask.learner.rational.smooth_fit import smooth_fit
from adaptive_dask.learner.rational.survey import (
    Survey,
    beside,
    candidates,
    change,
    differences,
    line_errors,
    more_places,
)
from adaptive_dask.types import Array

# From this many samples on, a fit starts with the support points of the previous one.
_WARM = 32
# With fewer samples, noise is not detected, and all predictions count.
_SMOOTH_FROM = 12
# With fewer samples, errors between the samples cannot be estimated from the change of the approximation.
_KNOWN_FROM = 16
# An approximation that predicts well is fitted again after this many checks or more, to use their values,
_LONG_CHECKED = 8
# unless the new one differs from it by this many times its error.
_DISPUTED = 10.0
_NOISE_CHECKS = 8
# A fit with small relative errors is kept as long as these are below this many times the tolerance.
_SMALL_DIFFER = 100.0
# This fraction of the differences of residuals of neighbours is below this many standard deviations of the noise, for
# real and complex values. Unlike the residuals, the differences do not increase with unresolved features.
_SHARE, _BELOW = 0.75, 1.64
# An error of more than this many standard deviations is not noise.
_OUTLIER = 6.0


class Part:
    """The samples between two ends, ascending, with the fit to them.

    Attributes
    ----------
    x : list of float
    y : list of array, shape (M,)
    active : str
        The approximation with the best recent predictions.
    noise : array, shape (M,), or None
        Standard deviation of the noise; None if there is none.
    ends : list of float
        Bounds of the domain beyond the first or the last sample, until their values are known.
    doubted : (float, float) or None
        Position and size of the largest error of the current approximation, after it was tested.
    """

    def __init__(self, ends: Iterable[float] = ()) -> None:
        self.x: list[float] = []
        self.y: list[Array] = []
        self.ends = list(ends)
        self.doubted: tuple[float, float] | None = None
        self.active: Kind = "rational"
        self.rational: Fit | None = None
        self.smooth: Fit | None = None
        self.noise: Array | None = None
        self.record = Record()
        self.pairs = Pairs()
        self.stale = True
        self.breaks = BreakSearch()
        self._poles = ModelPoles()
        self._survey: Survey | None = None
        self._largest: float | None = None
        self._small_differ = False
        self._cold_fit = 0
        self._smoothed = 0
        self._not_before = 0
        self._claim_before = np.inf

    @classmethod
    def of(cls, x: list[float], y: list[Array], predictions: list[Prediction], ends: Iterable[float] = ()) -> Part:
        part = cls(e for e in ends if not x[0] <= e <= x[-1])
        part.x, part.y = x, y
        part.record = Record(predictions)
        return part

    @property
    def n(self) -> int:
        return len(self.x)

    @property
    def is_tested(self) -> bool:
        """Whether the current approximation predicted enough values."""
        if self.active == "smooth" and self.noise is None and self.record.checks < _NOISE_CHECKS:
            return False
        return self.record.is_tested(self.active)

    def table(self) -> tuple[Array, Array]:
        """Return the samples: x of shape (n,) and y of shape (n, M)."""
        return np.array(self.x), np.array(self.y)

    def evaluate(self, x: Array) -> Array:
        """Evaluate the active approximation at ``x``, shape (n, M)."""
        return self.approximation()(x)

    def approximation(self) -> Barycentric | Lines:
        """Return the active approximation."""
        found = self._active_fit()
        return found.model if found else Lines(*self.table())

    def _active_fit(self) -> Fit | None:
        return {"rational": self.rational, "smooth": self.smooth, "linear": None}[self.active]

    # -- results ---------------------------------------------------------------------------------

    def insert(self, x: float, y: Array, scale: Array, tolerance: float) -> None:
        """Add a sample between the ends, and compare it with the predictions."""
        if self.rational is not None and self.n >= 2:
            self._compare(x, y, scale, tolerance)
        else:
            self.stale = True
        self.add(x, y)

    def extend(self, x: float, y: Array) -> None:
        """Add a predicted sample beyond the ends; the interval in between has yet to be tested.

        The sample may be slightly beyond a kink. A simple part therefore uses the predicted value.
        """
        self.add(x, self.evaluate(np.array([x]))[0] if self.is_simple else y)
        self.record.start_over(self.record.shape)
        self.stale = True

    def drop(self, end: int) -> None:
        """Forget the first (0) or the last (-1) sample, which belongs to another part."""
        del self.x[end], self.y[end]
        self._survey = self._largest = self.doubted = None
        self.stale = True

    def is_sure(self, scale: Array, tolerance: float) -> bool:
        """Return whether the error is known to be below the tolerance, or the part is simple."""
        return self.is_simple or (self.is_tested and self.claim(scale) <= tolerance)

    @property
    def is_simple(self) -> bool:
        """Whether a function with fewer parameters than samples fits all samples."""
        found = self._active_fit()
        return found is not None and found.converged and self.n > 2 * found.model.order

    def belongs(self, end: int, scale: Array, tolerance: float) -> bool:
        """Return whether the other samples predict the value of the first (0) or the last (-1) one."""
        x, y = self.table()
        keep = np.arange(self.n) != end % self.n
        known = fit(x[keep], y[keep] / scale, tolerance=tolerance).model(x[[end]])[0]
        return relative(_distance(known * scale, y[end]), scale) <= tolerance

    def add(self, x: float, y: Array) -> None:
        """Add a sample without comparing it with the predictions."""
        i = bisect.bisect(self.x, x)
        if self.n >= _SMOOTH_FROM:
            j = min((j for j in (i - 1, i) if 0 <= j < self.n), key=lambda j: abs(self.x[j] - x))
            if self.pairs.is_beside(x, self.x[j], self.x):
                found = self.smooth or self.rational
                slope = np.diff(found.model(np.array([self.x[j], x])), axis=0)[0] if found else 0.0
                self.pairs.add(x, _distance(y - slope, self.y[j]), self.x)
        self.x.insert(i, x)
        self.y.insert(i, y)
        self._survey = None
        if self.stale or self.doubted is None or len(self._poles.unvisited):
            self._largest = None

    def _compare(self, x: float, y: Array, scale: Array, tolerance: float) -> None:
        assert self.rational is not None
        at = np.array([x])
        i = min(max(bisect.bisect(self.x, x) - 1, 0), self.n - 2)
        t = (x - self.x[i]) / (self.x[i + 1] - self.x[i])
        errors: dict[Kind, float] = {
            "linear": relative(_distance(self.y[i] * (1 - t) + self.y[i + 1] * t, y), scale),
            "rational": relative(_distance(self.rational.model(at)[0], y), scale),
        }
        if self.smooth is not None:
            errors["smooth"] = relative(_distance(self.smooth.model(at)[0], y), scale)
        found = self._active_fit() or self.rational
        expected = relative(_distance(found.model(at)[0], found.companion(at)[0]), scale)
        self.record.add(x, errors, self.active, expected, self._rounding(scale))
        if self.rational.is_relative:
            error = _distance(self.rational.model(at)[0], y)
            self._small_differ |= bool((error > _SMALL_DIFFER * tolerance * np.abs(y)).any())
        if errors[self.active] > max(0.5 * tolerance, self._excuse(scale)) or self.active == "linear":
            self.stale = True
        if self.doubted and self.doubted[1] > 0.5 * tolerance:
            self.doubted = None

    def _nothing_new(self, scale: Array) -> bool:
        """Return whether the prediction errors of the checks are at most rounding errors."""
        if self.rational is not None and self.rational.is_relative:
            return not self._small_differ
        return max(self.record.errors(self.active, self.record.checks)) <= self._rounding(scale)

    def _rounding(self, scale: Array) -> float:
        return 10 * ROUNDING * max(1.0, float((np.abs(self.y[0]) / scale).max()))

    def _excuse(self, scale: Array) -> float:
        """Return the prediction error that rounding or noise explains."""
        floor = self._rounding(scale)
        return floor if self.noise is None else max(floor, 4 * relative(self.noise, scale))

    # -- fits ------------------------------------------------------------------------------------

    def update(self, scale: Array, tolerance: float) -> bool:
        """Fit again if there are new data, and return whether the approximation changed."""
        if not self.stale and (not self.record.checks or self.n < self._not_before or self._nothing_new(scale)):
            return False
        self._claim_before = np.inf if self.stale else self.claim(scale)
        self._not_before = self.n + (max(_LONG_CHECKED, self.n // 8) if self.active == "rational" else _LONG_CHECKED)
        x, y = self.table()
        scaled = y / scale
        warm = self.rational is not None and self.n > _WARM and self.n < 1.3 * self._cold_fit
        start = self.rational.support[:-3] if warm and self.rational else ()
        if not start:
            self._cold_fit = self.n
        found = unscaled(fit(x, scaled, start, tolerance), scale)
        if found.converged and not found.is_relative:
            found = without_doublets(found, fast_poles(found.model), x, y, scale, 0.1 * tolerance)
        poles = fast_poles(found.model)
        if not self.stale and self.active == "rational" and self._is_disputed(found, poles, scale):
            return False
        self.rational, self._poles = found, ModelPoles.of(found, poles, x, scale)
        if found.converged:
            self.smooth = None
        elif self.n >= _SMOOTH_FROM and self.n >= 1.05 * self._smoothed:
            smooth = smooth_fit(x, scaled)
            self.smooth = unscaled(smooth, scale) if smooth else None
            self._smoothed = self.n
        self.record.start_over(ErrorShape(x, poles, found.model.order) if self.n > 3 else None)
        self.stale, self._survey, self._largest, self._small_differ = False, None, None, False
        self.doubted = None
        self.active = "rational" if found.converged else self.record.best_kind(self.active, self.smooth is not None)
        self._estimate_noise(scale)
        return True

    def _is_disputed(self, found: Fit, poles: Array, scale: Array) -> bool:
        """Return whether a new approximation differs from a tested one by far more than the error of the latter.

        More samples that were predicted well must not worsen the approximation, which rounding errors can do.
        """
        assert self.rational is not None
        at = np.concatenate((self.survey(scale).x, beside(poles, self.x[0], self.x[-1])))
        difference = differences(found.model, self.rational.model, at, scale).max(initial=0.0)
        return bool(difference > _DISPUTED * self._claim_before)

    def _estimate_noise(self, scale: Array) -> None:
        """Estimate the noise from the residuals of a smooth approximation of low order, if pairs confirm it."""
        self.noise, self.pairs.are_wanted = None, False
        if self.active != "smooth" or self.smooth is None or self.n < 20 or self.smooth.model.order > self.n / 3:
            return
        errors = self.record.errors("smooth", _NOISE_CHECKS)
        spread = max(self.smooth.spread, 1e-300)
        if len(errors) < CHECKS or not 0.2 < float(np.sqrt(np.mean(np.square(errors)))) / spread < 4:
            return
        self.pairs.are_wanted = True
        if not 0.2 < self.pairs.sigma(scale) / spread < 4:
            return
        x, y = self.table()
        left = max(self.n - 2 * self.smooth.model.order, 1)
        residual = self.smooth.model(x) - y
        differences = np.quantile(_distance(residual[1:], residual[:-1]), _SHARE, axis=0)
        self.noise = differences / _BELOW * np.sqrt(self.n / left)

    # -- errors ----------------------------------------------------------------------------------

    def survey(self, scale: Array) -> Survey:
        """Return the errors expected between the samples."""
        if self._survey is None:
            self._survey = self._make_survey(scale)
            self._largest = self._survey.largest
        return self._survey

    def _make_survey(self, scale: Array) -> Survey:
        (x, y), record = self.table(), self.record
        survey = candidates(x, self._poles.at)
        found = self._active_fit() or self.rational
        if found is None or self.n < 4:
            return survey
        error = differences(found.model, found.companion, survey.x, scale)
        record.largest_difference = float(error.max(initial=0.0))
        trust = record.trust(self.x)
        if self.noise is not None:
            # Differences as small as the noise need no more points.
            error = np.maximum(error - 3 * relative(self.noise, scale), 0.0)
        survey.error = error * np.sqrt(trust[survey.gap] * trust[survey.gap + 1])
        if not record.is_telling() and self.noise is None and len(error):
            # Test the approximations here, even if samples nearby were predicted well.
            worst = int(error.argmax())
            survey.error[worst] = record.common * error[worst]
        survey.largest = record.common * float(error.max(initial=0.0))
        if self.active == "smooth":
            ends = np.array(self.ends)
            beyond = record.common * differences(found.model, found.companion, ends, scale).max(initial=0.0)
            missed = self._missed(found.model, scale)
            survey.error = np.maximum(survey.error, np.maximum(missed[survey.gap], missed[survey.gap + 1]))
            survey.largest = min(max(survey.largest, beyond, float(missed.max())), 1.0)
        elif self.active == "rational" and record.shape:
            size = record.shape(survey.x)
            record.largest_size = float(size.max(initial=-np.inf))
            survey.untested = np.exp(size - record.largest_size) * record.shape.untested(survey.x, x, survey.gap)
            largest = record.largest_by_shape(2 * max(found.residual, self._rounding(scale)))
            survey.error = np.maximum(survey.error, survey.untested * largest)
            survey.largest = max(survey.largest, largest)
            if self.n >= _KNOWN_FROM and self.is_tested:
                survey.largest = max(self._doubt(found.model, survey.x, scale), found.residual)
            self._poles.visit(x)
            survey.largest = max(survey.largest, float(self._poles.heights.max(initial=0.0)))
        if survey.largest > 1:
            # Assume that the function stays in the range of its values, even if the companion does not.
            beyond = np.abs(found.model(survey.x) - y[survey.gap]) / scale
            survey.largest = min(survey.largest, 1 + float(np.nan_to_num(beyond, nan=np.inf).max(initial=0.0)))
        return survey

    def _missed(self, model: Barycentric, scale: Array) -> Array:
        """Return the error of a smoothing approximation at each sample, shape (n,); 0 where it may be noise."""
        x, y = self.table()
        missed: Array = (_distance(model.without_spikes(x), y) / scale).max(axis=1)
        if self.noise is not None:
            missed[missed < _OUTLIER * relative(self.noise, scale)] = 0.0
        return missed

    def _doubt(self, model: Barycentric, at: Array, scale: Array) -> float:
        """Return the largest error of a tested approximation."""
        if self.doubted is None:
            low, high = min([self.x[0], *self.ends]), max([self.x[-1], *self.ends])
            at = np.concatenate((at, more_places(self._poles.at, low, high)))
            error = change(model, *self.table(), scale, self.record.worst(), at)
            worst = int(error.argmax())
            self.doubted = float(at[worst]), float(error[worst])
        return self.doubted[1]

    def unvisited(self, scale: Array) -> tuple[Array, Array]:
        """Return poles without samples nearby, and the largest possible errors next to them, relative to the scale."""
        self.survey(scale)
        poles = self._poles if self.active == "rational" else ModelPoles()
        return poles.unvisited, poles.heights

    def line_errors(self, scale: Array) -> Array:
        """Return the errors of straight lines between the samples, shape (n - 1,)."""
        x, y = self.table()
        return line_errors(x, y / scale)

    def claim(self, scale: Array, least: float = 0.0) -> float:
        """Return the largest expected error of the active approximation, relative to the scale.

        The error of straight lines is 0 in gaps shorter than ``least``.
        """
        errors = self.record.errors(self.active)
        if len(errors) < CHECKS:
            return np.inf
        # As long as values are predicted well, they do not change the errors expected elsewhere.
        surveyed = self.survey(scale).largest if self._largest is None else self._largest
        if self.n < _SMOOTH_FROM:
            count = len(errors)
        elif self.noise is not None:
            count = _NOISE_CHECKS
        elif self.active == "rational" and not self.is_tested:
            count = CHECKS + self.record.checks
        else:
            count = max(CHECKS, self.record.checks)
        present = max(errors[-self.record.checks :]) if self.record.checks else 0.0
        # Errors above the range of the values were those of earlier approximations.
        error = max(present, min(max(errors[-count:]), 1.0))
        if self.active == "linear":
            return max(error, float(np.where(np.diff(self.x) < least, 0.0, self.line_errors(scale)).max()))
        if self.active == "rational" and not self.is_tested:
            error = min(error, self._claim_before)
        return max(error, surveyed, self._excuse(scale) / 100 if self.noise is None else 0.0)

    def piece(self, start: float, scale: Array) -> Piece:
        """Return the active approximation as a piece that begins at ``start``."""
        found = self._active_fit()
        companion = found.companion if found else None
        return Piece(start, self.approximation(), companion, self.record.common, self.claim(scale) * scale)


def _distance(a: Array, b: Array) -> Array:
    with np.errstate(all="ignore"):
        distance: Array = np.abs(a - b)
    distance[~np.isfinite(distance)] = np.inf
    return distance


def relative(error: Array, scale: Array) -> float:
    """Return the largest of the errors of the components, each relative to its scale."""
    return float((error / scale).max())


def unscaled(found: Fit, scale: Array) -> Fit:
    """Convert a fit to the units of the values."""
    for model in {id(m): m for m in (found.model, found.companion)}.values():
        model.values = model.values * scale
    return found
