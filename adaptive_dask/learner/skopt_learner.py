"""SKOptLearner: looks for the minimum of a function with scikit-optimize."""

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

# A model is fitted for each point, which takes longer the more points there are: no more than so many in
# one call, the others are drawn where the last of these models expects improvement.
MAX_FITS = 4
CANDIDATES = 2000

# The model learns of so many points in flight, the last that were asked for; the time that a Gaussian
# process takes grows with the third power of their number.
MAX_LIES = 50

# How often a point is drawn before a space counts as used up, as one of few whole numbers may be.
MAX_DRAWS = 200


class SKOptLearner(BaseLearner):
    """Looks for the minimum of a function with a model of it, by ``skopt.Optimizer``.

    Parameters
    ----------
    function : callable
        Takes a number, or a tuple if there are several dimensions, and returns a number.
    **kwargs
        Arguments of ``skopt.Optimizer``: ``dimensions``, and for example ``base_estimator``, ``acq_func``,
        ``acq_optimizer``, ``n_initial_points``, ``random_state``. Acquisition functions "per second"
        (``"EIps"``, ``"PIps"``) are not supported, as functions return no times.

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
    Points in flight count as evaluated with the smallest value known (the "constant liar", Ginsbourger,
    Le Riche, Carraro, "Kriging is well-suited to parallelize optimization", 2010), so that any number of
    points can be asked for at a time, and one by one while others are in flight.

    A value that is not finite is kept in ``data``; for the model it is the largest finite value known,
    which keeps the search away. A point outside of the space is kept as well and not used otherwise.
    """

    data = Data()
    # Its model knows no periods: what it is told of the other side continues the function beyond the seam.
    _beyond_seam = 0.125

    def __init__(self, function: Callable[[Any], float], **kwargs: Any) -> None:
        skopt = _skopt()
        if str(kwargs.get("acq_func", "")).endswith("ps"):
            raise ValueError(
                f"acq_func={kwargs['acq_func']!r} needs times, which functions do not return; take another."
            )
        self.function = function
        self._settings = kwargs
        # Old models are of no use here and would make the learner large.
        self.optimizer = skopt.Optimizer(**{"model_queue_size": 1, **kwargs})
        self._n_initial = int(kwargs.get("n_initial_points", 10))
        self._start_over()

    def _start_over(self) -> None:
        """Forget all results and pending points."""
        self._data: ToldData[Point, float] = ToldData()
        self._inside: dict[Point, float] = {}  # the data of the space
        self._pending: dict[Point, None] = {}  # in the order in which they were asked for
        self._fitted_to: tuple[Any, ...] | None = None
        self._loss: tuple[int, float] = (0, math.inf)

    @property
    def space(self) -> Any:
        """The space of points, as scikit-optimize describes it."""
        return self.optimizer.space

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self.space.n_dims)

    @property
    def pending_points(self) -> Set[Point]:  # type: ignore[override]
        """The points that were asked for and not yet told."""
        return self._pending.keys()

    @property
    def npoints(self) -> int:
        """The number of evaluated points."""
        return len(self._data)

    def new(self) -> Self:
        """A learner with the same function and settings and no data."""
        return type(self)(self.function, **self._settings)

    # -- ask -------------------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Point], list[float]]:
        """Choose the next points to evaluate.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            Whether the points become pending. With False the learner stays as it is.

        Returns
        -------
        points : list of float or tuple
            Fewer than n if the space has no more.
        loss_improvements : list of float
            By how much each is expected to be below the smallest value known; infinite as long as there is
            no model.
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
        if not self.optimizer.models:  # too few of the points are inside of the space
            return [(x, math.inf) for x in self._draw(1)]
        with warnings.catch_warnings():  # it warns of known points, which are replaced here
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
        # The optimizer fits when it is told: all at once at first, as it counts what it was told, then the last one.
        told = len(xs) - 1 if optimizer.models else 0
        optimizer.Xi, optimizer.yi = xs[:told], ys[:told]
        optimizer.tell(xs[told:], ys[told:])
        self._fitted_to = state

    def _known(self) -> tuple[list[list[Any]], list[float]]:
        """Points and values for a model: inside of the space, and finite."""
        worst = max(filter(math.isfinite, self._inside.values()))
        ys = [y if math.isfinite(y) else worst for y in self._inside.values()]
        return [self._to_optimizer(x) for x in self._inside], ys

    def _draw(self, n: int) -> list[Point]:
        """Points of the initial design, and at random when that is used up."""
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
        """Points at random, the more likely the more improvement is expected there."""
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
        """By how much each point is expected to be below the smallest value."""
        from skopt.acquisition import gaussian_ei

        optimizer = self.optimizer
        rows = optimizer.space.transform([self._to_optimizer(x) for x in points])
        expected = gaussian_ei(rows, optimizer.models[-1], y_opt=min(optimizer.yi), xi=0.0)
        return [max(0.0, float(value)) for value in np.nan_to_num(expected)]

    # -- tell ------------------------------------------------------------------------------------

    def tell(self, x: Point, y: float) -> None:
        """Tell the value ``y`` of the function at ``x``; nothing happens if it is known."""
        x = self._checked(x)
        value = checked_number(y, x)
        if x not in self._data:
            self._data.put(x, value)
            if self._is_inside(x):
                self._inside[x] = value
        self._pending.pop(x, None)

    def tell_pending(self, x: Point) -> None:
        """Tell that ``x`` is being evaluated, so that it is not proposed again."""
        x = self._checked(x)
        if x not in self._data:
            self._pending[x] = None

    def remove_unfinished(self) -> None:
        """Forget every pending point."""
        self._pending = {}

    def _checked(self, x: Any) -> Point:
        """A point as it is kept: its coordinate in one dimension, a tuple in more."""
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
        """Whether ``x`` holds coordinates; a category may be a tuple itself, as the sizes of hidden layers are."""
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

    # -- what is known ---------------------------------------------------------------------------

    def loss(self, real: bool = True) -> float:
        """How badly a model of the data explains them: 1 - R².

        Infinite until there are as many points as the initial design has. It says little about the minimum; a
        goal in points is mostly the better one.
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
        with warnings.catch_warnings():  # as scikit-optimize does: bounds of length scales are reached often
            warnings.simplefilter("ignore")
            score = float(clone(estimator).fit(rows, ys).score(rows, ys))
        return math.inf if math.isnan(score) else max(0.0, 1 - score)

    def plot(self, nsamples: int = 200) -> Any:
        """Draw the values and the model; see `adaptive_dask.plotting.skopt_learner.draw`."""
        return super().plot(nsamples)

    def to_numpy(self) -> Any:
        """The data as an array of shape (npoints, ndim + 1)."""
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
    """A category as it is, and a number as Python's own."""
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
