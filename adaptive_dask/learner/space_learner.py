"""SpaceLearner: the common part of learners over a region, with data, pending points and a partition."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.checked import checked_coordinates, checked_size, checked_value, in_shape, paired
from adaptive_dask.learner.geometry.coordinates import Coordinates
from adaptive_dask.learner.geometry.failed_region import Flags
from adaptive_dask.learner.geometry.partition import Partition
from adaptive_dask.learner.geometry.refinement import Proposal
from adaptive_dask.learner.geometry.region import Region
from adaptive_dask.learner.geometry.simplices import Floats
from adaptive_dask.learner.infeasible_points import NAN_REASON, RegionLearner
from adaptive_dask.learner.told_data import ToldData

Point = tuple[float, ...]
Function = Callable[..., Any]


class SavedPartition(NamedTuple):
    """The partition of a region, as it is saved.

    Attributes
    ----------
    region : tuple
        Identifies the region, because data may be loaded by another learner.
    absorbed : int
        Number of the points of the region that are part of the partition, from the first.
    content
        The result of `Partition.save`.
    """

    region: tuple[Any, ...]
    absorbed: int
    content: Any


class DividedData(dict[Point, Any]):
    """The data of a learner, in the order in which they were told.

    Attributes
    ----------
    partition : SavedPartition, optional
    barred : sequence of (int, tuple of float)
        Points of the partition without data, with their indices among the absorbed points.
    """

    partition: SavedPartition | None = None
    barred: Sequence[tuple[int, Point]] = ()


class SpaceLearner(RegionLearner):
    """Learns f: ℝ^N → ℝ^M over a bounded region, by dividing it into pieces.

    Results and pending points are only stored when they are told. The partition absorbs them together when it is
    needed. This makes batches fast, and a learner that is only told results, such as a copy of a remote learner,
    computes no geometry at all.

    Parameters
    ----------
    function : callable
    region : Region
    corners : list of tuple of float
        The first points to be proposed: the corners of the region, if the partition needs them.
    """

    def __init__(self, function: Function, region: Region, corners: list[Point]) -> None:
        self.function = function
        self._region = region
        self._coordinates = Coordinates(region)
        self._bounds_points = corners
        self._start_over()

    def _start_over(self) -> None:
        self._forget_reasons()
        self._barred: set[Point] = set()  # where `feasible` is false; the partition has these points
        self._data: ToldData[Point, Any] = ToldData()
        self.pending_points: set[Point] = set()
        self._bounds_left = list(self._bounds_points)
        self._shape: tuple[int, ...] | None = None
        self._backlog: list[Point] = []  # not yet in the partition
        self._unplaced: list[Point] = []
        self._numbers: dict[Point, int] = {}
        self._next_number = -1
        self._partition_or_none: Partition | None = None
        self._saved: SavedPartition | None = None
        self._absorbed: list[Point] = []
        self._proposal: Proposal | None = None

    @abc.abstractmethod
    def _new_partition(self) -> Partition: ...

    @property
    def ndim(self) -> int:
        """The number of coordinates of a point."""
        return len(self._region.bbox)

    @property
    def bbox(self) -> tuple[tuple[float, float], ...]:
        """The bounding box of the region, a pair (lower, upper) for each dimension."""
        return self._region.bbox

    def inside_bounds(self, point: Sequence[float]) -> bool:
        """Return True if a point belongs to the region."""
        return self._region.contains(point)

    @property
    def vdim(self) -> int:
        """The number of components of a value; 1 for scalars, and without data."""
        return math.prod(self._shape or ())

    @property
    def bounds_are_done(self) -> bool:
        """True if all corners of the region have been evaluated."""
        self._bounds_left = [p for p in self._bounds_left if p not in self._data and p not in self._barred]
        return not self._bounds_left

    def tell(self, point: Sequence[float], value: Any) -> None:
        """Tell the value of the function at a point.

        Parameters
        ----------
        point : sequence of float
            Points outside the region are stored in ``data`` and have no other effect.
        value : float, sequence of float, or Infeasible
            Values that are not finite are stored; the function counts as constant around them.

        Raises
        ------
        ValueError, TypeError
            If the point is not a point, or the value has another shape than those before. Nothing is told then.
        """
        SpaceLearner.tell_many(self, [point], [value])

    def tell_many(self, xs: Iterable[Any], ys: Iterable[Any]) -> None:
        """Tell the values ``ys`` of the function at ``xs``, with the same result as one by one.

        Raises
        ------
        ValueError, TypeError
            As in `tell`, or if there are not as many values as points. Then nothing is told.
        """
        results: list[tuple[Point, float | Floats | Infeasible]] = []
        ndim, shape = self.ndim, self._shape
        for x, y in paired(xs, ys):
            point = checked_coordinates(x, ndim)
            value = y
            if isinstance(y, Infeasible):
                pass
            elif type(y) is not float or shape != ():
                value = checked_value(y, point)
                if shape is None:
                    shape = np.shape(value)
                value = in_shape(value, shape, point)
            if self._nan is not None and not isinstance(value, Infeasible) and self._has_no_value(value):
                value = Infeasible(NAN_REASON)
            results.append((point, value))
        if self._shape is None and shape is not None:
            self._set_shape(shape)
        if self._infeasible or any(isinstance(value, Infeasible) for _, value in results):
            known = {point for point, value in results if not isinstance(value, Infeasible)}
            self._forget_points(known)
            results = [each for each in results if each[0] not in known or not isinstance(each[1], Infeasible)]
        for point, value in results:
            self._take(point, value)

    def _set_shape(self, shape: tuple[int, ...]) -> None:
        """Set the shape of the values, which is that of the first one."""
        self._shape = shape
        for point in self._infeasible:
            self._data.put(point, self._no_value())

    def _take(self, point: Point, value: float | Floats | Infeasible) -> None:
        self.pending_points.discard(point)
        if point in self._data:
            return
        if point in self._barred:
            self._barred.remove(point)
            self._rebuild()
        if isinstance(value, Infeasible):
            self._infeasible.put(point, value.reason)
            value = self._no_value()
        self._data.put(point, value)
        if point in self._numbers or self.inside_bounds(point):
            self._backlog.append(point)
            self._proposal = None

    def tell_pending(self, point: Sequence[float]) -> None:
        """Mark a point as pending, so that it is not proposed again."""
        point = checked_coordinates(point, self.ndim)
        if point in self._data or point in self.pending_points:
            return
        self.pending_points.add(point)
        proposal, self._proposal = self._proposal, None
        if (
            proposal is not None
            and self._partition_or_none is not None
            and self._coordinates.unscale(proposal.point) == point
        ):
            self._partition_or_none.accept(proposal, self._number(point))
        elif point not in self._bounds_points and self.inside_bounds(point):
            self._unplaced.append(point)

    def remove_unfinished(self) -> None:
        """Remove all pending points."""
        self.pending_points.clear()
        self._unplaced.clear()
        self._numbers.clear()
        self._proposal = None
        if self._partition_or_none is not None:
            self._partition_or_none.clear_pending()

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Point], list[float]]:
        """Choose the next points to evaluate.

        The corners of the region are first. Fewer points are returned only if the remaining pieces are too small to be
        divided.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of tuple of float
        loss_improvements : list of float
            The loss of the piece that each point divides.
        """
        n = checked_size(n)
        self._proposal = None
        points: list[Point] = []
        gains: list[float] = []
        count = 0
        while True:
            partition = self._partition
            before = (set(self.pending_points), dict(self._numbers), partition.snapshot()) if not tell_pending else None
            first, barred = self._choose(partition, n, points, gains)
            if before is not None:
                self.pending_points, self._numbers, snapshot = before
                partition.restore(snapshot)
            if barred is None:
                break
            # The point becomes part of the partition, which changes the next proposals.
            self._barred.add(barred)
            self._backlog.append(barred)
            count += 1
            if not tell_pending:
                points, gains = [], []
            if not self._check_barred(count):
                break
        if n and not (points or self.pending_points or self._data) and self._barred:  # all pieces are small
            self._complain_of_barred(len(self._barred))
        if not tell_pending:
            # That point will probably become pending next; finding it again would need a search in the mesh.
            self._proposal = first if len(points) == n == 1 and isinstance(first, Proposal) else None
        return points, gains

    def _choose(
        self, partition: Partition, n: int, points: list[Point], gains: list[float]
    ) -> tuple[Any, Point | None]:
        """Add points until there are n, or one is barred; return the first proposal and the barred point."""
        first: Any = None
        if not self.bounds_are_done:
            corners = [p for p in self._bounds_left if p not in self.pending_points]
            for corner in corners[: n - len(points)]:
                if self._is_barred(corner):
                    return first, corner
                self.pending_points.add(corner)
                points.append(corner)
                gains.append(math.inf)
        while len(points) < n:
            proposal = partition.propose()
            if proposal is None:
                break
            first = proposal if first is None else first
            point = self._coordinates.unscale(proposal.point)
            known = point in self.pending_points
            if point in self._data or point in self._barred or (known and point not in self._numbers):
                partition.give_up(proposal)
                continue
            if not known and self._is_barred(point):
                return first, point
            partition.accept(proposal, self._number(point))
            if known:
                continue
            self.pending_points.add(point)
            points.append(point)
            gains.append(proposal.gain)
        return first, None

    def loss(self, real: bool = True) -> float:
        """Return the largest loss of a piece of the region; infinite until all corners have been evaluated.

        Parameters
        ----------
        real : bool, default: True
            If False, the loss that is expected with the pending points.
        """
        if not self.bounds_are_done:
            return math.inf
        return self._partition.loss(real)

    @property
    def _partition(self) -> Partition:
        """The partition, with all results and pending points."""
        partition = self._partition_or_none
        if partition is None:
            partition = self._new_partition()
            if self._saved is not None:
                _, absorbed, content = self._saved
                points = self._backlog[:absorbed]
                partition.resume(content, self._coordinates.scale(points), *_table(self, points))
                del self._backlog[:absorbed]
                self._absorbed += points
                self._saved = None
            self._partition_or_none = partition
        if self._backlog or self._unplaced:
            try:
                self._take_in(partition)
            except BaseException:
                # If a loss function raises an error, the partition is incomplete and must be built again.
                self._discard_partition()
                raise
        return partition

    def _take_in(self, partition: Partition) -> None:
        if self._backlog:
            points, self._backlog = self._backlog, []
            self._absorbed += points
            table, failed = _table(self, points)
            numbers = [self._numbers.pop(point, None) for point in points]
            partition.absorb(self._coordinates.scale(points), table, numbers, failed)
        if self._unplaced:
            unplaced = [p for p in self._unplaced if p in self.pending_points and p not in self._numbers]
            if unplaced:
                partition.add_pending(
                    dict(zip(map(self._number, unplaced), self._coordinates.scale(unplaced), strict=True))
                )
            self._unplaced = []

    def _discard_partition(self) -> None:
        self._partition_or_none = self._saved = None
        self._absorbed = []
        self._proposal = None
        self._numbers.clear()
        self._backlog = [*sorted(self._barred), *filter(self.inside_bounds, self._data)]

    def _setting_changed(self, name: str) -> None:
        """Compute all losses again, for example with another loss function."""
        if name == "_whole":
            self._coordinates = replace(self._coordinates, whole=self._whole)
        if name == "feasible":
            self._barred.clear()
            self._bounds_left = list(self._bounds_points)
        self._rebuild()

    def _barred_points(self) -> list[Point]:
        return list(self._barred)

    def _rebuild(self) -> None:
        """Build the partition again, for example because the scale has changed."""
        self._discard_partition()
        pending, self.pending_points = self.pending_points, set()
        for point in pending:
            SpaceLearner.tell_pending(self, point)

    def _number(self, point: Point) -> int:
        number = self._numbers.get(point)
        if number is None:
            number = self._numbers[point] = self._next_number
            self._next_number -= 1
        return number

    def _get_data(self) -> DividedData:
        """Return the data with the current partition, so that a copy continues with the same pieces."""
        data = DividedData(super()._get_data())
        data.partition = self._saved
        if self._absorbed and self._partition_or_none is not None:
            data.partition = SavedPartition(self._scaled_region(), len(self._absorbed), self._partition_or_none.save())
            data.barred = [(i, point) for i, point in enumerate(self._absorbed) if point in self._barred]
        return data

    def _set_data(self, data: Any) -> None:
        is_new = not self.data and self._partition_or_none is None
        super()._set_data(data)
        saved = getattr(data, "partition", None)
        if is_new and saved is not None and saved.region == self._scaled_region():
            barred = getattr(data, "barred", ())
            if barred and self._feasible is None:
                return
            self._saved = saved
            for i, point in barred:
                self._barred.add(point)
                self._backlog.insert(i, point)

    def _scaled_region(self) -> tuple[Any, ...]:
        return (self.bbox, *self._coordinates.scale(self._bounds_points))

    def _inside_data(self) -> tuple[list[Point], Floats]:
        """Return the points of the region in the order told, and their values, shape (n, vdim)."""
        points = [point for point in self.data if self.inside_bounds(point)]
        return points, np.array([np.ravel(self.data[point]) for point in points], dtype=float).reshape(-1, self.vdim)

    def _samples(self) -> tuple[list[Point], Floats, Flags | None]:
        """Return `_inside_data` and barred points, and which of these points have a value."""
        points, values = self._inside_data()
        if not self._infeasible and not self._barred:
            return points, values, None
        barred = sorted(self._barred)
        values = np.append(values, np.full((len(barred), values.shape[1]), np.nan), axis=0)
        feasible = [point not in self._infeasible for point in points] + [False] * len(barred)
        return points + barred, values, np.array(feasible)

    def to_numpy(self) -> Floats:
        """Return the data as an array of shape (npoints, ndim + vdim), sorted by point."""
        if not self.data:
            return np.zeros((0, self.ndim + self.vdim))
        return np.array([(*point, *np.ravel(value)) for point, value in sorted(self.data.items(), key=_by_point)])


def _table(learner: SpaceLearner, points: Sequence[Point]) -> tuple[Floats, Flags | None]:
    """Return the values at points as rows of an array, and at which points there are none, if any."""
    data, vdim = learner._data, learner.vdim
    infeasible, barred = learner._infeasible, learner._barred
    failed = [point in infeasible or point in barred for point in points] if infeasible or barred else []
    if not any(failed):
        return np.array([data[point] for point in points], dtype=float).reshape(len(points), vdim), None
    table = np.full((len(points), vdim), np.nan)
    for row, point in enumerate(points):
        if not failed[row]:
            table[row] = np.ravel(data[point])
    return table, np.array(failed)


def _by_point(item: tuple[Point, Any]) -> Point:
    return item[0]
