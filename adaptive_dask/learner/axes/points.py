"""UsersPoints: the known and pending points of a learner over a `Space`, in the coordinates of the user."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.axes.axis import Int, Linear
from adaptive_dask.learner.axes.keyword_function import NUMBER, SAMPLE, TUPLE
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.axes.translation import Translation
from adaptive_dask.learner.checked import paired
from adaptive_dask.learner.told_data import DataView

# Maximum number of requests if a learner proposes known points: near 1, numbers have several logarithms.
_MAX_ROUNDS = 64

# Number of proposed points that are not pending and keep their exact coordinates.
_MAX_PROPOSED = 4096


class UsersData(DataView[Any, Any]):
    """``{x: y}`` in the coordinates of the user, a view of the wrapped learner's data.

    Parameters
    ----------
    inner : mapping
        The data of the wrapped learner.
    told : dict
        The wrapped learner's point for each point of the user, in the order told.
    """

    def __init__(self, inner: Mapping[Any, Any], told: Mapping[Any, Any]) -> None:
        super().__init__()
        self._inner = inner
        self._told = told

    def __getitem__(self, x: Any) -> Any:
        return self._inner[self._told[x]]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._told)

    def __len__(self) -> int:
        return len(self._told)


class UsersPoints:
    """Points of the user, with their coordinates in the wrapped learner.

    The *key* of a point is its key in data: the point itself, or x of a sample (seed, x).

    Parameters
    ----------
    learner : BaseLearner
        The wrapped learner.
    space : Space
    form : "number", "tuple" or "sample"
        The form of points.

    Attributes
    ----------
    translation : Translation
    told : dict
        The wrapped learner's key for each key of the user, in the order told.
    pending : dict
        The points of the user that were proposed and have no result yet, as keys.
    are_countable : bool
        True if all axes have whole numbers.
    """

    def __init__(self, learner: Any, space: Space, form: str) -> None:
        self.translation = Translation(space, form, type(learner)._beyond_seam)
        self.told: dict[Any, Any] = {}
        self.pending: dict[Any, None] = {}
        self._learner = learner
        self._names = space.names
        self._of_samples = form == SAMPLE
        plain = int if self.translation.has_whole else float
        self._plain = plain if form == NUMBER else tuple
        self._lattice = Lattice(space.numeric, of_tuples=form == TUPLE)
        self.are_countable = self._lattice.is_all
        self._barred: set[Any] = set()  # keys at which `feasible` is false, as far as they were asked for
        self._barred_by: Any = None
        self._asked: dict[Any, Any] = {}  # as `told`, for points that were proposed
        self._users: dict[Any, Any] = {}  # the inverse, for samples, which share points

    # -- translation -------------------------------------------------------------------------------

    def to_user(self, u: Any) -> Any:
        """Return the user's point for one that the wrapped learner proposes."""
        if not self._of_samples:
            return self.translation.to_user(u)
        seed, place = u
        x = self._users.get(place)
        return seed, self.translation.to_user(place) if x is None else x

    def split(self, point: Any) -> tuple[Any, Any]:
        """Return the checked key of a point, and a seed or None.

        Raises
        ------
        TypeError, ValueError
            If it is not a point.
        """
        if not self._of_samples:
            return self.translation.checked(point), None
        try:
            seed, x = point
        except (TypeError, ValueError):
            raise TypeError(f"A point must be a pair (seed, {self._names[0]}), got {point!r}.") from None
        return self.translation.checked(x), seed

    def to_inner(self, key: Any, seed: Any) -> Any:
        """Return the wrapped learner's point for a key of the user and a seed.

        Raises
        ------
        ValueError
            If the key has no transformed coordinates, such as 0 on a logarithmic axis.
        """
        u = self.told.get(key)
        if u is None:
            u = self._asked.get(key)
        if u is None:
            u = self.translation.to_inner(key)
            while u in self._learner.data:
                u = self.translation.next(u)
        return (seed, u) if self._of_samples else u

    def all_to_inner(self, xs: list[Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
        """Return the keys and seeds of points that are told together, and distinct points of the wrapped learner."""
        split = [self.split(x) for x in xs]
        taken: dict[Any, Any] = {}
        us = []
        for key, seed in split:
            u = self.to_inner(key, None)
            if self._of_samples:
                u = u[1]
            while taken.setdefault(u, key) != key:
                u = self.translation.next(u)
            us.append((seed, u) if self._of_samples else u)
        return split, us

    def if_asked(self, xs: list[Any]) -> list[Any] | None:
        """Return the wrapped learner's points if all were proposed unchanged, otherwise None. Not for samples."""
        if self._of_samples or {type(x) for x in xs} != {self._plain}:
            return None
        us = list(map(self._asked.get, xs))
        return None if None in us else us

    def with_images(self, us: list[Any], ys: Iterable[Any]) -> tuple[list[Any], Iterable[Any]]:
        """Return results of the wrapped learner, repeated on the other side of seams."""
        if not self.translation.is_periodic:
            return us, ys
        pairs = paired(us, ys)
        pairs += [(image, y) for u, y in pairs for image in self.images(u)]
        return [u for u, _ in pairs], [y for _, y in pairs]

    def images(self, u: Any) -> list[Any]:
        """Return the other points of the wrapped learner that are the same point of the user."""
        if not self._of_samples:
            return self.translation.images(u)
        seed, place = u
        return [(seed, image) for image in self.translation.images(place)]

    def point(self, key: Any, seed: Any) -> Any:
        """Return the point with this key and seed."""
        return (seed, key) if self._of_samples else key

    def checked(self, point: Any) -> Any:
        """Return a point as it is stored in data.

        Raises
        ------
        TypeError, ValueError
            If it is not a point.
        """
        return self.point(*self.split(point))

    def are_all_known(self, *, or_pending: bool = False) -> bool:
        """Return True if all points between the bounds were told; False if they are not countable."""
        size = self._lattice.size
        pending = self.pending if or_pending and not self._of_samples else {}
        if self.are_countable and self._feasible is not None:
            return bool(self.told) and next(self._lattice.left(self._is_settled, pending), None) is None
        if not self.are_countable or len(self.told) + len(pending) < size:
            return False
        return sum(map(self.translation.is_inside, itertools.chain(self.told, pending))) == size

    @property
    def _feasible(self) -> Any:
        """The function that says where there are points; None if they are everywhere."""
        feasible = getattr(self._learner, "_feasible", None)
        if feasible is not self._barred_by:
            self._barred_by, self._barred = feasible, set()
            self._lattice.start_over()
        return feasible

    def _is_settled(self, key: Any) -> bool:
        """Return True if a point is known or not feasible, so that it is never proposed."""
        if key in self.told or (self._feasible is not None and key in self._barred):
            return True
        if self._feasible is None or not self._learner._is_barred(self.translation.to_inner(key)):
            return False
        self._barred.add(key)
        return True

    def is_done(self) -> bool:
        """Return True if all points are known, with enough samples each, or if the wrapped learner is done."""
        if self.are_all_known():
            has_more = self._of_samples and (self.pending or self._learner.ask(1, tell_pending=False)[0])
            if not has_more:
                return True
        return hasattr(self._learner, "done") and bool(self._learner.done())

    # -- asked, and pending ------------------------------------------------------------------------

    def propose(self, n: int, tell_pending: bool) -> tuple[list[Any], list[float]]:
        """Return up to n points that are neither known nor pending, and their gains, chosen by the wrapped learner.

        If it has no more points, all remaining countable points follow.
        """
        points, gains = self._choose(n, tell_pending)
        if len(points) < n and self.are_countable and not self._of_samples:
            chosen = {*self.pending, *points}
            rest = list(itertools.islice(self._lattice.left(self._is_settled, chosen), n - len(points)))
            inner = [self.to_inner(key, None) for key in rest]
            for u in inner if tell_pending else ():
                self._learner.tell_pending(u)
            self.note(rest, inner, tell_pending)
            points, gains = points + rest, gains + [0.0] * len(rest)
        return points, gains

    def _choose(self, n: int, tell_pending: bool) -> tuple[list[Any], list[float]]:
        points: dict[Any, float] = {}
        missing = n
        for _ in range(_MAX_ROUNDS):
            proposed, gains = self._learner.ask(missing, tell_pending)
            found = [self.to_user(u) for u in proposed]
            if not points and self._are_new(found):
                self.note(found[:n], proposed[:n], tell_pending)
                return found[:n], gains[:n]
            settled = 0
            for u, point, gain in zip(proposed, found, gains, strict=True):
                if point in points or self._is_known(point):
                    # Two points of the wrapped learner are one point of the user, so it is told the known value.
                    if tell_pending:
                        self._settle(u, point)
                    settled += 1
                elif len(points) < n:
                    self.note([point], [u], tell_pending)
                    points[point] = gain
            if not settled or len(points) == n or len(proposed) < missing:
                break
            # Without a change, the same points are proposed again, followed by others.
            missing = n - len(points) if tell_pending else 2 * missing
            points = points if tell_pending else {}
        return list(points), list(points.values())

    def note(self, points: list[Any], proposed: list[Any], are_pending: bool) -> None:
        """Store the exact coordinates of proposed points, and mark them as pending."""
        if are_pending:
            self.pending.update(dict.fromkeys(points))
            for u in proposed if self.translation.is_periodic else ():
                for image in self.images(u):
                    self._learner.tell_pending(image)
        if len(self._asked) > _MAX_PROPOSED + 2 * len(self.pending):
            pending = {self.split(each)[0] for each in self.pending}
            self._asked = {key: each for key, each in self._asked.items() if key in pending}
        if not self._of_samples:
            self._asked.update(zip(points, proposed, strict=True))
            return
        for (_, x), (_, u) in zip(points, proposed, strict=True):
            self._asked[x] = u
            self._users[u] = x

    def _are_new(self, points: list[Any]) -> bool:
        if self._of_samples:
            is_new = self.pending.keys().isdisjoint(points)
            return is_new and (not self.translation.is_periodic or len(set(points)) == len(points))
        new = dict.fromkeys(points).keys()
        return len(new) == len(points) and new.isdisjoint(self.told.keys()) and new.isdisjoint(self.pending.keys())

    def _is_known(self, point: Any) -> bool:
        return point in self.pending or (not self._of_samples and point in self.told)

    def _settle(self, u: Any, point: Any) -> None:
        if point in self.told:
            known = self.told[point]
            reason = self._learner.infeasible.get(known)
            self._learner.tell(u, self._learner.data[known] if reason is None else Infeasible(reason))
        else:
            self._learner.tell_pending(u)

    # -- told --------------------------------------------------------------------------------------

    def took(self, key: Any, seed: Any, u: Any) -> None:
        """Record that a point was told."""
        if self._of_samples:
            self.pending.pop((seed, key), None)
            u = u[1]
            self._users[u] = key
        else:
            self.pending.pop(key, None)
            self._asked.pop(key, None)
        self.told.setdefault(key, u)

    def took_asked(self, xs: list[Any], us: list[Any]) -> None:
        """Record that points were told whose coordinates `if_asked` returned."""
        for x, u in zip(xs, us, strict=True):
            self.pending.pop(x, None)
            self.told[x] = u
        for x in xs:
            self._asked.pop(x, None)

    def replace(self, told: dict[Any, Any], *, forget_pending: bool) -> None:
        """Replace all known points, with the wrapped learner's key for each key of the user."""
        self.told = told
        self._lattice.start_over()
        self._users = {u: key for key, u in told.items()} if self._of_samples else {}
        if forget_pending:
            self.pending = {x: None for x in self.pending if x not in told}


def complain(error: Exception, points: list[tuple[Any, Any]]) -> NoReturn:
    """Raise an error of the wrapped learner again, with the coordinates of the user.

    Parameters
    ----------
    error : Exception
    points : list of pairs
        A point of the wrapped learner, and the same of the user.
    """
    text = str(error)
    for u, x in points:
        if repr(u) in text:
            text = text.replace(repr(u), repr(x))
            break
    raise type(error)(text) from None


class Lattice:
    """Points of whole numbers, in the order of the space; the last coordinate varies fastest.

    Parameters
    ----------
    axes : sequence of Linear
    of_tuples : bool
        If True, points are tuples.

    Attributes
    ----------
    is_all : bool
        True if these are all points of the space, because every axis has whole numbers.
    size : int
        The number of points.
    """

    def __init__(self, axes: Sequence[Linear], *, of_tuples: bool) -> None:
        whole = [axis for axis in axes if isinstance(axis, Int)]
        self.is_all = len(whole) == len(axes)
        self.size = math.prod(axis.size for axis in whole)
        self._axes = whole
        self._of_tuples = of_tuples
        self._first = 0  # all points before this one are known

    def point(self, number: int) -> Any:
        """Return the point with this number."""
        coordinates = []
        for axis in reversed(self._axes):
            number, place = divmod(number, axis.size)
            coordinates.append(int(axis.low) + place)
        return tuple(reversed(coordinates)) if self._of_tuples else coordinates[0]

    def left(self, is_known: Callable[[Any], bool], pending: Container[Any]) -> Iterator[Any]:
        """Iterate over points neither known nor pending. Known points must stay known until `start_over`."""
        while self._first < self.size and is_known(self.point(self._first)):
            self._first += 1
        for number in range(self._first, self.size):
            point = self.point(number)
            if point not in pending and not is_known(point):
                yield point

    def start_over(self) -> None:
        """Allow that fewer points are known than before."""
        self._first = 0
