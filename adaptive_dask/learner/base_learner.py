"""The protocol that every learner keeps."""

from __future__ import annotations

import abc
import os
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSet, Set
from typing import Any, Self, TypeVar

from adaptive_dask import entry
from adaptive_dask.learner import subclasses, summary
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.losses.tagged import tagged

Loss = TypeVar("Loss", bound=Callable[..., Any])


def uses_nth_neighbors(n: int) -> Callable[[Loss], Loss]:
    """Declare how many neighbours on each side a loss function looks at.

    Parameters
    ----------
    n : int
        For `Learner1D` the loss is called with the interval's two points and ``n`` more on each
        side, None where there is none. For `LearnerND` ``n`` is 0 or 1: with 1 the loss also gets
        the values at the points opposite each face.

    Returns
    -------
    callable
        A decorator that sets ``nth_neighbors`` on the loss function and returns it.
    """
    if n < 0:
        raise ValueError(f"A loss cannot use {n} neighbours; give 0 or more.")

    return lambda loss: tagged(loss, nth_neighbors=n)


class BaseLearner(abc.ABC):
    """An algorithm that learns a function f: X → Y by choosing where to evaluate it.

    A learner is asked for points, and told results. The guarantees that runners build on, and that
    every learner keeps:

    - ``ask`` never raises for lack of data, never proposes a point that is pending or known, and may
      return fewer points than were asked for only when there are no more that make sense.
    - ``tell`` accepts results in any order, also of points that were never asked for. Telling a known
      point again changes nothing.
    - The data do not depend on the order or grouping of tells.
    - A learner is pickled with its data and its function; points in flight are not part of it.

    Attributes
    ----------
    function : callable
        The function to learn, X → Y.
    data : mapping, X → Y
        The results that were told.
    pending_points : set of X
        Points that were asked for and not yet told.
    npoints : int
        The number of evaluated points.
    fname : str or path, optional
        Where `save` and `load` go when they are given no name. It does not travel with the learner.
    """

    fname: str | os.PathLike[str] | None = None
    function: Callable[..., Any]
    data: Mapping[Any, Any] | MutableMapping[Any, Any]
    pending_points: Set[Any] | MutableSet[Any]

    # How far beyond the bounds of a periodic axis of a space it is told the points of the other side, as a share of
    # the period.
    _beyond_seam: float = 0.0

    # Over a space it is another object, with the same methods. Type checkers would skip `__init__` for any other type.
    def __new__(cls, *args: Any, **options: Any) -> Self:
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
            How many points.
        tell_pending : bool, default: True
            Whether the points become pending. With False the learner stays as it is.

        Returns
        -------
        points : list of X
        loss_improvements : list of float
            By how much each point is expected to reduce the loss.
        """

    @abc.abstractmethod
    def tell(self, x: Any, y: Any) -> None:
        """Tell the value ``y`` of the function at ``x``."""

    def tell_many(self, xs: Iterable[Any], ys: Iterable[Any]) -> None:
        """Tell the values ``ys`` of the function at ``xs``, in one go."""
        for x, y in zip(xs, ys, strict=True):
            self.tell(x, y)

    @abc.abstractmethod
    def tell_pending(self, x: Any) -> None:
        """Tell that ``x`` is being evaluated, so that it is not proposed again."""

    @abc.abstractmethod
    def remove_unfinished(self) -> None:
        """Forget every pending point."""

    @abc.abstractmethod
    def loss(self, real: bool = True) -> float:
        """How far the function is from being known; a learner stops being needed as it falls.

        Parameters
        ----------
        real : bool, default: True
            With False, the loss that is expected once the pending points are told.
        """

    @abc.abstractmethod
    def new(self) -> Self:
        """A learner with the same function and settings and no data."""

    def copy_from(self, other: BaseLearner) -> None:
        """Add the data of another learner of the same kind to this one."""
        self._set_data(other._get_data())

    def _takes_infeasible(self, point: Any) -> bool:
        """Whether `Infeasible` can be told at a point."""
        return False

    @property
    def infeasible(self) -> Mapping[Any, str]:
        """The points where the function has no value, each with the reason; see `Infeasible`."""
        return {}

    def forget_failures(self) -> None:
        """Forget the points without a value, so that they may be asked for again.

        Also in a run: ``runner.call(lambda learner: learner.forget_failures())``.
        """
        return  # of a learner that needs a value at every point

    def plot(self, *args: Any, **kwargs: Any) -> Any:
        """Draw the data with HoloViews; takes the arguments of `adaptive_dask.plotting.draw`."""
        return entry("draw")(self, *args, **kwargs)

    def __repr__(self) -> str:
        return summary.as_text(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return summary.as_html(self)

    def save(self, fname: str | os.PathLike[str] | None = None, compress: bool = True) -> None:
        """Save the data in a file; see `adaptive_dask.storage.save`."""
        entry("save")(self, fname, compress)

    def load(
        self, fname: str | os.PathLike[str] | None = None, compress: bool = True, *, missing_ok: bool = False
    ) -> None:
        """Add the data of a file, also of python-adaptive's; see `adaptive_dask.storage.load`.

        Parameters
        ----------
        fname : str or path, optional
            ``self.fname`` if not given.
        compress : bool, default: True
            Ignored: the file itself tells whether it is compressed.
        missing_ok : bool, default: False
            Keep the learner as it is if there is no such file.
        """
        entry("load")(self, fname, missing_ok)

    def to_dataframe(self, *args: Any, **options: Any) -> Any:
        """The data as a table; see `adaptive_dask.storage.frames.to_dataframe`."""
        return entry("to_dataframe")(self, *args, **options)

    def to_parquet(self, url: str | os.PathLike[str], **options: Any) -> None:
        """Write the table to a Parquet file; see `adaptive_dask.storage.parquet.to_parquet`."""
        entry("to_parquet")(self, url, **options)

    def to_xarray(self, n: Any = None, **options: Any) -> Any:
        """The data, or their interpolation on a grid, as a Dataset; see `adaptive_dask.storage.grids.to_xarray`."""
        return entry("to_xarray")(self, n, **options)

    def to_zarr(self, url: str | os.PathLike[str], n: Any = None, **options: Any) -> None:
        """Write that Dataset to a Zarr store; see `adaptive_dask.storage.zarr_store.to_zarr`."""
        entry("to_zarr")(self, url, n, **options)

    def load_dataframe(self, df: Any, *args: Any, **options: Any) -> None:
        """Add the data of a table; see `adaptive_dask.storage.frames.load_dataframe`."""
        entry("load_dataframe")(self, df, *args, **options)

    def _get_data(self) -> Any:
        """The data in a form that can be pickled and given to `_set_data`."""
        return dict(self.data)

    def _set_data(self, data: Any) -> None:
        """Add data that came from `_get_data`."""
        if data:
            self.tell_many(data.keys(), data.values())

    def _assign(self, data: Mapping[Any, Any]) -> None:
        """Tell what was assigned to ``data``, after everything else was forgotten; see `told_data.Data`."""
        self._set_data(data)

    def _pending_to_tell(self) -> list[Any]:
        """The pending points, as `tell_pending` takes them."""
        return list(self.pending_points)


def takes_infeasible(learner: Any, point: Any) -> bool:
    """Whether a learner, which may be of a class of the user, can be told `Infeasible` at a point."""
    return isinstance(learner, BaseLearner) and learner._takes_infeasible(point)


LearnerType = TypeVar("LearnerType", bound=BaseLearner)
