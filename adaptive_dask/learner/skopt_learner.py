"""SKOptLearner: finds the minimum of a function with scikit-optimize."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from typing import Any, Self

import numpy as np

from adaptive_dask.learner.base_learner import BaseLearner
from adaptive_dask.learner.checked import checked_number, checked_size
from adaptive_dask.learner.function_pickle import ByValue
from adaptive_dask.learner.told_data import Data, ToldData
from adaptive_dask.missing_module import needed

Point = Any

# A model is fitted for each point, which takes longer with more points. One call fits this number of models, and draws
# further points where the last model expects an improvement.
MAX_FITS = 4
CANDIDATES = 2000

# The model includes this number of pending points, the last proposed ones, because the time for a Gaussian process
# grows with the third power of the number of points.
MAX_LIES = 50

# Number of draws of known points in a row after which a space, such as one of few whole numbers, counts as used up.
MAX_DRAWS = 200


class SKOptLearner(BaseLearner):
    """Finds the minimum of a function with a model by ``skopt.Optimizer``.

    Parameters
    ----------
    function : callable
        Takes a number, or a tuple if there are several dimensions, and returns a number.
    **kwargs
        Arguments of ``skopt.Optimizer``: ``dimensions`` and, for example, ``base_estimator``, ``acq_func``,
        ``acq_optimizer``, ``n_initial_points``, ``random_state``. Acquisition functions "per second" (``"EIps"``,
        ``"PIps"``) are not supported, because functions do not return their duration.

    Attributes
    ----------
    data : dict, X → float
    space : skopt.space.Space
    optimizer : skopt.Optimizer

    Raises
    ------
    ImportError
        If scikit-optimize is not installed.

    Notes
    -----
    Pending points count as evaluated with the smallest known value (the "constant liar", Ginsbourger, Le Riche,
    Carraro, "Kriging is well-suited to parallelize optimization", 2010). Any number of points can therefore be
    requested together, or one by one while others are pending.

    Values that are not finite are stored in ``data``. The model uses the largest known finite value instead, so that
    the search avoids these points. Points outside the space are stored, and not used otherwise.
    """

    data = Data()
    # The model has no periods: points of the other side continue the function beyond the seam.
    _beyond_seam = 0.125

    def __init__(self, function: Callable[[Any], float], **kwargs: Any) -> None:
        skopt = _skopt()
        if str(kwargs.get("acq_func", "")).endswith("ps"):
            raise ValueError(
                f"acq_func must not need the duration of evaluations, got {kwargs['acq_func']!r}. Use another one."
            )
        self.function = function
        self._settings = kwargs
        # Old models are not needed and would make the learner large.
        self.optimizer = skopt.Optimizer(**{"model_queue_size": 1, **kwargs})
        self._n_initial = int(kwargs.get("n_initial_points", 10))
        self._start_over()

    def _start_over(self) -> None:
        """Forget all results and pending points."""
        self._data: ToldData[Point, float] = ToldData()
        self._inside: dict[Point, float] = {}  # data inside the space
        self._pending: dict[Point, None] = {}  # in the order in which they were proposed
        self._fitted_to: tuple[Any, ...] | None = None
        self._loss: tuple[int, float] = (0, math.inf)

    @property
    def space(self) -> Any:
        """The space of points of scikit-optimize."""
        return self.optimizer.space

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self.space.n_dims)

    @property
    def pending_points(self) -> Set[Point]:  # type: ignore[override]
        """The points that were proposed and have no result yet."""
        return self._pending.keys()

    @property
    def npoints(self) -> int:
        """The number of evaluated points."""
        return len(self._data)

    def new(self) -> Self:
        """Return a learner with the same function and settings and no data."""
        return type(self)(self.function, **self._settings)

    # -- ask -------------------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Point], list[float]]:
        """Choose the next points to evaluate.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of float or tuple
            Fewer than n if the space has no more.
        loss_improvements : list of float
            The expected difference of each value to the smallest known value; infinite without a model.
        """
        n = checked_size(n)
        before = None if tell_pending else (dict(self._pending), copy.deepcopy(self.optimizer), self._fitted_to)
        points: list[Point] = []
        improvements: list[float] = []
        for k in range(n):
            is_enough = k == MAX_FITS and bool(self.optimizer.models)
            chosen = self._draw_where_expected(n - k) if is_enough else self._next_point()
            for x, improvement in chosen:
                points.append(x)
                improvements.append(improvement)
                self._pending[x] = None
            if len(points) == n or not chosen:
                break
        if before is not None:
            self._pending, self.optimizer, self._fitted_to = before
        return points, improvements

    def _can_model(self) -> bool:
        asked = len(self._inside) + min(len(self._pending), MAX_LIES)
        has_model = self.optimizer.base_estimator_ is not None
        return has_model and asked >= self._n_initial and any(map(math.isfinite, self._inside.values()))

    def _next_point(self) -> list[tuple[Point, float]]:
        if not self._can_model():
            return [(x, math.inf) for x in self._draw(1)]
        self._fit()
        if not self.optimizer.models:  # too few points are inside the space
            return [(x, math.inf) for x in self._draw(1)]
        with warnings.catch_warnings():  # its warnings concern known points, which are replaced here
            warnings.simplefilter("ignore")
            x = self._from_optimizer(self.optimizer.ask())
        if self._is_known(x):
            return [(x, self._expected([x])[0]) for x in self._draw(1)]
        return [(x, self._expected([x])[0])]

    def _fit(self) -> None:
        """Fit the model to the data, and to assumed values at pending points."""
        state = (len(self._data), tuple(self._pending))
        if state == self._fitted_to:
            return
        xs, ys = self._known()
        xs += [self._to_optimizer(x) for x in list(self._pending)[-MAX_LIES:] if self._is_inside(x)]
        ys += [min(ys)] * (len(xs) - len(ys))
        optimizer = self.optimizer
        # The optimizer fits with the last point: the others are told first, because it counts the points that it was
        # told.
        told = len(xs) - 1 if optimizer.models else 0
        optimizer.Xi, optimizer.yi = xs[:told], ys[:told]
        optimizer.tell(xs[told:], ys[told:])
        self._fitted_to = state

    def _known(self) -> tuple[list[list[Any]], list[float]]:
        """Return points and values for a model, inside the space and finite."""
        worst = max(filter(math.isfinite, self._inside.values()))
        ys = [y if math.isfinite(y) else worst for y in self._inside.values()]
        return [self._to_optimizer(x) for x in self._inside], ys

    def _draw(self, n: int) -> list[Point]:
        """Return points of the initial design, or random points after all of it was used."""
        points: list[Point] = []
        design = getattr(self.optimizer, "_initial_samples", None) or []
        for x in map(self._from_optimizer, design):
            if len(points) < n and not self._is_known(x) and x not in points:
                points.append(x)
        for _ in range(MAX_DRAWS * n):
            if len(points) == n:
                break
            x = self._from_optimizer(self.space.rvs(random_state=self.optimizer.rng)[0])
            if not self._is_known(x) and x not in points:
                points.append(x)
        return points

    def _draw_where_expected(self, n: int) -> list[tuple[Point, float]]:
        """Return random points, drawn with probabilities that increase with the expected improvement."""
        candidates = [
            self._from_optimizer(x)
            for x in self.space.rvs(n_samples=max(CANDIDATES, 4 * n), random_state=self.optimizer.rng)
        ]
        candidates = [x for x in dict.fromkeys(candidates) if not self._is_known(x)]
        if not candidates:
            return []
        expected = np.array(self._expected(candidates))
        weights = expected + max(1e-3 * float(expected.max()), 1e-300)
        chosen = self.optimizer.rng.choice(
            len(candidates), size=min(n, len(candidates)), replace=False, p=weights / weights.sum()
        )
        return [(candidates[i], float(expected[i])) for i in chosen]

    def _expected(self, points: Sequence[Point]) -> list[float]:
        """Return the expected difference of each point's value to the smallest value."""
        from skopt.acquisition import gaussian_ei

        optimizer = self.optimizer
        rows = optimizer.space.transform([self._to_optimizer(x) for x in points])
        expected = gaussian_ei(rows, optimizer.models[-1], y_opt=min(optimizer.yi), xi=0.0)
        return [max(0.0, float(value)) for value in np.nan_to_num(expected)]

    # -- tell ------------------------------------------------------------------------------------

    def tell(self, x: Point, y: float) -> None:
        """Tell the value ``y`` of the function at ``x``; known points are ignored."""
        x = self._checked(x)
        value = checked_number(y, x)
        if x not in self._data:
            self._data.put(x, value)
            if self._is_inside(x):
                self._inside[x] = value
        self._pending.pop(x, None)

    def tell_pending(self, x: Point) -> None:
        """Mark ``x`` as pending, so that it is not proposed again."""
        x = self._checked(x)
        if x not in self._data:
            self._pending[x] = None

    def remove_unfinished(self) -> None:
        """Remove all pending points."""
        self._pending = {}

    def _checked(self, x: Any) -> Point:
        """Check a point: return a coordinate in one dimension, a tuple in more."""
        given = x.tolist() if isinstance(x, np.ndarray) else x
        if self.ndim == 1 and not self._is_row(given):
            given = (given,)
        if not isinstance(given, Iterable):
            raise TypeError(f"A point must be a sequence of {self.ndim} coordinates, got {x!r}.")
        coordinates = tuple(given)
        if len(coordinates) != self.ndim:
            raise ValueError(f"A point must have {self.ndim} coordinate{'s' * (self.ndim > 1)}, got {x!r}.")
        point = tuple(map(_checked_coordinate, coordinates, self.space.dimensions))
        return point[0] if self.ndim == 1 else point

    def _is_row(self, x: Any) -> bool:
        """Return True if ``x`` holds coordinates; a category can be a tuple itself."""
        return isinstance(x, list | tuple) and x not in getattr(self.space.dimensions[0], "categories", ())

    def _from_optimizer(self, x: Iterable[Any]) -> Point:
        point = tuple(x)
        return self._checked(point[0] if self.ndim == 1 else point)

    def _to_optimizer(self, x: Point) -> list[Any]:
        return [x] if self.ndim == 1 else list(x)

    def _is_inside(self, x: Point) -> bool:
        return self._to_optimizer(x) in self.space

    def _is_known(self, x: Point) -> bool:
        return x in self._data or x in self._pending

    # -- results ---------------------------------------------------------------------------

    def loss(self, real: bool = True) -> float:
        """Return how badly a model of the data explains them: 1 - R².

        It is infinite until the initial design is complete. It says little about the minimum, so a goal in points is
        usually better.
        """
        if self._loss[0] != len(self._data):
            self._loss = (len(self._data), self._score())
        return self._loss[1]

    def _score(self) -> float:
        finite = sum(map(math.isfinite, self._inside.values()))
        estimator = self.optimizer.base_estimator_
        if estimator is None or finite < max(2, self._n_initial):
            return math.inf
        from sklearn.base import clone

        xs, ys = self._known()
        rows = self.space.transform(xs)
        with warnings.catch_warnings():  # as in scikit-optimize: length scales often reach their bounds
            warnings.simplefilter("ignore")
            score = float(clone(estimator).fit(rows, ys).score(rows, ys))
        return math.inf if math.isnan(score) else max(0.0, 1 - score)

    def plot(self, nsamples: int = 200) -> Any:
        """Draw the values and the model; see `adaptive_dask.plotting.skopt_learner.draw`."""
        return super().plot(nsamples)

    def to_numpy(self) -> Any:
        """Return the data as an array of shape (npoints, ndim + 1)."""
        return np.array([(*self._to_optimizer(x), y) for x, y in self._data.items()])

    def __getstate__(self) -> dict[str, Any]:
        return {
            "function": ByValue(self.function),
            "settings": self._settings,
            "optimizer": self.optimizer,
            "data": self._get_data(),
            "loss": self._loss,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        SKOptLearner.__init__(self, state["function"], **state["settings"])
        self.optimizer = state["optimizer"]
        self._set_data(state["data"])
        self._loss = state["loss"]


def _checked_coordinate(x: Any, dimension: Any) -> Any:
    """Check a coordinate: a category is not changed, a number becomes one of Python."""
    value = x.item() if isinstance(x, np.generic) else x
    if hasattr(dimension, "categories"):
        if not isinstance(value, Hashable):
            raise TypeError(f"A coordinate in {dimension} must be hashable, got {x!r}.")
        return value
    if not isinstance(value, int | float) or math.isnan(value):
        raise TypeError(f"A coordinate in {dimension} must be a number, got {x!r}.")
    return value


def _skopt() -> Any:
    with needed("A SKOptLearner needs scikit-optimize", '"adaptive_dask[skopt]"'):
        import skopt
    return skopt
