"""The protocol of all learners."""

from __future__ import annotations

import abc
import inspect
import os
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSet, Set
from typing import Any, Self, TypeVar

from adaptive_dask import entry
from adaptive_dask.learner import subclasses, summary
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.checked import paired, refuse_learn
from adaptive_dask.learner.losses.tagged import tagged

Loss = TypeVar("Loss", bound=Callable[..., Any])


def uses_nth_neighbors(n: int) -> Callable[[Loss], Loss]:
    """Declare the number of neighbours on each side that a loss function uses.

    Parameters
    ----------
    n : int
        For `Learner1D`, the loss is called with the two points of the interval and ``n`` more on each side, or None
        beyond the bounds. For `LearnerND`, ``n`` is 0 or 1. With 1, the loss is also called with the points opposite
        each face and their values. Points across the seam of a periodic axis are moved by the period.

    Returns
    -------
    callable
        A decorator that sets ``nth_neighbors`` on the loss function and returns it.
    """
    if n < 0:
        raise ValueError(f"n must be the number of neighbours of a loss, 0 or more, got {n}.")

    return lambda loss: tagged(loss, nth_neighbors=n)


class BaseLearner(abc.ABC):
    """An algorithm that learns a function f: X → Y by choosing where to evaluate it.

    Learners propose points and are told results. Every learner guarantees to runners that

    - ``ask`` raises no errors for lack of data, never proposes a pending or known point, and returns fewer points than
      requested only if there are no more useful points.
    - ``tell`` accepts results in any order, and of points that were not proposed. Telling a known point again has no
      effect.
    - the data do not depend on the order or grouping of tells.
    - a learner is pickled with its data and its function, without pending points.

    Attributes
    ----------
    function : callable
        The function to learn, X → Y.
    data : mapping, X → Y
        The results that were told.
    pending_points : set of X
        Points that were proposed and have no result yet.
    npoints : int
        The number of evaluated points.
    fname : str or path, optional
        The default file of `save` and `load`. It is not copied or pickled.
    """

    fname: str | os.PathLike[str] | None = None
    function: Callable[..., Any]
    data: Mapping[Any, Any] | MutableMapping[Any, Any]
    pending_points: Set[Any] | MutableSet[Any]

    # How far points are repeated beyond the bounds of a periodic axis of a space, as a share of the period.
    _beyond_seam: float = 0.0

    # Over a space, it is another object with the same methods. For another type, type checkers would ignore `__init__`.
    def __new__(cls, *args: Any, **options: Any) -> Self:
        if "learn" in options and not _may_learn(cls):
            refuse_learn(f"a {cls.__name__}", options)
        if any(isinstance(each, Space) for each in (*args, *options.values())):
            over_space: Self = entry("learner_over_space")(cls, args, options)
            return over_space
        return super().__new__(cls)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith("adaptive_dask.learner."):
            subclasses.travels(cls)
        subclasses.goes_through_overrides(cls)

    @property
    @abc.abstractmethod
    def npoints(self) -> int:
        """The number of evaluated points."""

    @abc.abstractmethod
    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Any], list[float]]:
        """Choose the next points to evaluate.

        Parameters
        ----------
        n : int
            The number of points.
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of X
        loss_improvements : list of float
            The expected reduction of the loss by each point.
        """

    @abc.abstractmethod
    def tell(self, x: Any, y: Any) -> None:
        """Tell the value ``y`` of the function at ``x``."""

    def tell_many(self, xs: Iterable[Any], ys: Iterable[Any]) -> None:
        """Tell the values ``ys`` of the function at ``xs``."""
        for x, y in paired(xs, ys):
            self.tell(x, y)

    @abc.abstractmethod
    def tell_pending(self, x: Any) -> None:
        """Mark ``x`` as pending, so that it is not proposed again."""

    @abc.abstractmethod
    def remove_unfinished(self) -> None:
        """Remove all pending points."""

    @abc.abstractmethod
    def loss(self, real: bool = True) -> float:
        """Return an error estimate of the current approximation; lower is better.

        Parameters
        ----------
        real : bool, default: True
            With False, the loss that is expected once the pending points are told.
        """

    @abc.abstractmethod
    def new(self) -> Self:
        """Return a learner with the same function and settings and no data."""

    def copy_from(self, other: BaseLearner) -> None:
        """Add the data of another learner of the same type to this one."""
        self._set_data(other._get_data())

    def _takes_infeasible(self, point: Any) -> bool:
        """Return True if `Infeasible` can be told at a point."""
        return False

    @property
    def infeasible(self) -> Mapping[Any, str]:
        """The points where the function has no value, with the reasons; see `Infeasible`."""
        return {}

    def forget_failures(self) -> None:
        """Forget the points without a value, so that they can be proposed again.

        In a run, use ``runner.call(lambda learner: learner.forget_failures())``.
        """
        return  # learners that need a value at every point

    def plot(self, *args: Any, **kwargs: Any) -> Any:
        """Draw the data with HoloViews; takes the arguments of `adaptive_dask.plotting.draw`."""
        return entry("draw")(self, *args, **kwargs)

    def __repr__(self) -> str:
        return summary.as_text(self)

    def _repr_html_(self) -> str:
        """Return the representation in notebooks."""
        return summary.as_html(self)

    def save(self, fname: str | os.PathLike[str] | None = None, compress: bool = True) -> None:
        """Save the data in a file; see `adaptive_dask.storage.save`."""
        entry("save")(self, fname, compress)

    def load(
        self, fname: str | os.PathLike[str] | None = None, compress: bool = True, *, missing_ok: bool = False
    ) -> None:
        """Add the data of a file, including files of python-adaptive; see `adaptive_dask.storage.load`.

        Parameters
        ----------
        fname : str or path, optional
            ``self.fname`` if not given.
        compress : bool, default: True
            Ignored: compression is detected.
        missing_ok : bool, default: False
            Do not raise an error if the file does not exist.
        """
        entry("load")(self, fname, missing_ok)

    def to_dataframe(self, *args: Any, **options: Any) -> Any:
        """Return the data as a table; see `adaptive_dask.storage.frames.to_dataframe`."""
        return entry("to_dataframe")(self, *args, **options)

    def to_parquet(self, url: str | os.PathLike[str], **options: Any) -> None:
        """Write the table to a Parquet file; see `adaptive_dask.storage.parquet.to_parquet`."""
        entry("to_parquet")(self, url, **options)

    def to_xarray(self, n: Any = None, **options: Any) -> Any:
        """Return the data, or an interpolation on a grid, as a Dataset; see `adaptive_dask.storage.grids.to_xarray`."""
        return entry("to_xarray")(self, n, **options)

    def to_zarr(self, url: str | os.PathLike[str], n: Any = None, **options: Any) -> None:
        """Write this Dataset to a Zarr store; see `adaptive_dask.storage.zarr_store.to_zarr`."""
        entry("to_zarr")(self, url, n, **options)

    def load_dataframe(self, df: Any, *args: Any, **options: Any) -> None:
        """Add the data of a table; see `adaptive_dask.storage.frames.load_dataframe`."""
        entry("load_dataframe")(self, df, *args, **options)

    def _get_data(self) -> Any:
        """Return the data in a form that can be pickled and passed to `_set_data`."""
        return dict(self.data)

    def _set_data(self, data: Any) -> None:
        """Add data from `_get_data`."""
        if data:
            self.tell_many(data.keys(), data.values())

    def _assign(self, data: Mapping[Any, Any]) -> None:
        """Tell the results assigned to ``data``, after all others were forgotten; see `told_data.Data`."""
        self._set_data(data)

    def _pending_to_tell(self) -> list[Any]:
        """Return the pending points, as `tell_pending` takes them."""
        return list(self.pending_points)


def _may_learn(cls: Any) -> bool:
    """Return True if the constructor of a learner may have the argument ``learn``."""
    if "learn" in inspect.signature(cls.__init__).parameters:
        return True
    return not cls.__init__.__module__.startswith("adaptive_dask.learner.")  # it may be among a user's ``**options``


def takes_infeasible(learner: Any, point: Any) -> bool:
    """Return True if a learner, which may be of a user's class, can be told `Infeasible` at a point."""
    return isinstance(learner, BaseLearner) and learner._takes_infeasible(point)


LearnerType = TypeVar("LearnerType", bound=BaseLearner)
