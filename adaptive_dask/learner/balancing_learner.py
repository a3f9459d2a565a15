"""BalancingLearner: many learners; a strategy chooses the one that gets the next point."""

from __future__ import annotations

import functools
import itertools
import operator
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from adaptive_dask import entry
from adaptive_dask.learner.base_learner import BaseLearner, takes_infeasible
from adaptive_dask.learner.checked import checked_size, paired
from adaptive_dask.learner.child_turns import ChildLosses, ChildState, ChildTurns, Strategy
from adaptive_dask.learner.children import ChildFunctions, ChildrenData
from adaptive_dask.learner.function_pickle import KeptByValue
from adaptive_dask.learner.told_data import checked_data

Point = tuple[int, Any]
Cdims = Sequence[Mapping[str, Any]] | tuple[Sequence[str], Iterable[Sequence[Any]]]
FileNames = Callable[[Any], str | os.PathLike[str]] | Iterable[str | os.PathLike[str]]

# Up to this number, all children are checked every time. With more, checks take at most this part of the time.
FEW_CHILDREN, LOOK_SHARE = 16, 100


class BalancingLearner(BaseLearner):
    """Learns many functions at once, one learner for each.

    A point is ``(index, x)``: the point x of the learner at this index.

    Parameters
    ----------
    learners : sequence of BaseLearner
        The children, all of one type. A child that is told results directly, or appended to ``learners``, is noticed in
        the next call. With more than 16 children, this takes some milliseconds (5 for a thousand).
    cdims : sequence of dict, or (names, iterable of values), optional
        Names and values that distinguish each child, for plots.
    strategy : {"loss_improvements", "loss", "npoints", "cycle"} or callable, default: "loss_improvements"
        The choice of the next child; see `strategy`.
    one_budget : bool, default: False
        If True, the ``npoints_goal`` of a run is the number of points of all children together, as for categories of a
        `Space`. If False, it is that of each child.

    Attributes
    ----------
    learners : list of BaseLearner
    cdims : list of dict, or None
    one_budget : bool
    data : mapping, (int, X) → Y
        The data of all children.

    Raises
    ------
    TypeError, ValueError
        If there are no children, they have different types, or cdims do not match them.

    Notes
    -----
    A child is skipped while it is done, has no more points, or raises an error when it is asked. The others continue.
    It is tried again after it was told a result.

    Children with less than a tenth of the mean number of points are always first, independent of their loss. Otherwise,
    a child whose first points are equal by chance would get no more points.

    With the strategies "loss_improvements" and "loss", a child of which every point is infeasible gets this share, and
    some more points while there are few: those that explore a region without values within one learner. Its loss counts
    only if no child has a value.

    Each call only updates the children that have changed, so its cost hardly depends on their number.
    """

    def __init__(
        self,
        learners: Sequence[Any],
        *,
        cdims: Cdims | None = None,
        strategy: Strategy = "loss_improvements",
        one_budget: bool = False,
    ) -> None:
        self._learners = _checked_children(learners)
        self.cdims = None if cdims is None else checked_cdims(cdims, len(self.learners))
        self.function = ChildFunctions(self.learners)
        self._data = ChildrenData(self.learners)
        self._strategy = strategy
        self.one_budget = bool(one_budget)
        self.refresh()

    @classmethod
    def from_product(
        cls,
        f: Callable[..., Any],
        learner_type: Callable[..., Any],
        learner_kwargs: Mapping[str, Any],
        combos: Mapping[str, Sequence[Any]],
        **options: Any,
    ) -> Self:
        """Create a learner for every combination of the values of named arguments.

        Parameters
        ----------
        f : callable
            Takes a point and the named arguments.
        learner_type : type
            The type of the children, called with ``function=`` and ``learner_kwargs``.
        learner_kwargs : dict
        combos : dict of str to sequence
            The values of each argument. Those of the last one vary fastest.
        **options
            Further arguments of `BalancingLearner`.

        Returns
        -------
        BalancingLearner
            Its `cdims` are the combinations.
        """
        arguments = named_product(**combos)
        learners = [learner_type(function=functools.partial(f, **each), **learner_kwargs) for each in arguments]
        return cls(learners, cdims=arguments, **options)

    @property
    def learners(self) -> list[Any]:
        """The children. You can append and remove some, and assign others."""
        return self._learners

    @learners.setter
    def learners(self, learners: Sequence[Any]) -> None:
        children = _checked_children(learners)
        if self.cdims is not None and len(children) != len(self.cdims):
            raise ValueError(f"learners must be {len(self.cdims)}, as many as cdims, got {len(children)}.")
        self._learners[:] = children  # in place, because the function and the data refer to the list
        self.refresh()

    def new(self) -> Self:
        """Return a balancing learner of new children, with the same settings and no data."""
        children = [child.new() for child in self.learners]
        return type(self)(children, cdims=self.cdims, strategy=self.strategy, one_budget=self.one_budget)

    @property
    def strategy(self) -> Strategy:
        """The choice of the child that gets the next point. It can be changed at any time.

        Among equal children, it is the one with the fewest points.

        - "loss_improvements": the child whose next point improves its loss the most;
        - "loss": the child with the largest loss, including pending points;
        - "npoints": the child with the fewest points;
        - "cycle": one after the other;
        - a function, which takes a child and returns a number: the child with the largest number. It may depend on the
          child's data and pending points, and is called when these have changed. NaN counts as infinite.
        """
        return self._strategy

    @strategy.setter
    def strategy(self, strategy: Strategy) -> None:
        self._turns = ChildTurns(self.learners, strategy)
        self._losses = ChildLosses(self.learners, self._turns.barren)
        self._strategy = strategy

    def refresh(self) -> None:
        """Update the state of all children, after some of them were changed directly."""
        self._n_known = len(self.learners)
        self._next_look = 0.0
        self._turns = ChildTurns(self.learners, self._strategy)
        self._losses = ChildLosses(self.learners, self._turns.barren)

    def _notice_changes(self, *, only_number: bool = False) -> None:
        """Refresh if children were told results directly, or were added, removed or replaced."""
        if len(self.learners) != self._n_known:
            self.refresh()
        if only_number:  # which is fast
            return
        if len(self.learners) <= FEW_CHILDREN:
            if not self._turns.is_current():
                self.refresh()
            return
        # Checking very many children takes longer than an ask, so it gets a share of the time.
        started = time.perf_counter()
        if started >= self._next_look:
            if not self._turns.is_current():
                self.refresh()
            self._next_look = started + LOOK_SHARE * (time.perf_counter() - started)

    # -- ask and tell ----------------------------------------------------------------------------

    def _takes_infeasible(self, point: Point) -> bool:
        i, x = _checked_point(point, len(self.learners))
        return takes_infeasible(self.learners[i], x)

    @property
    def infeasible(self) -> Mapping[Point, str]:
        """The points without a value of all children, as (index, point of the child), and the reasons."""
        return {(i, x): reason for i, child in enumerate(self.learners) for x, reason in child.infeasible.items()}

    def forget_failures(self) -> None:
        """Forget the points without a value of all children."""
        for child in self.learners:
            child.forget_failures()
        self.refresh()

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Point], list[float]]:
        """Choose the next points to evaluate.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of (int, X)
            Fewer than n if no child has more points.
        loss_improvements : list of float
            The expected reduction of the loss of each child.

        Raises
        ------
        Exception
            The error of a child, if no child has a point and none is pending.
        """
        n = checked_size(n)
        self._notice_changes()
        points: list[Point] = []
        improvements: list[float] = []
        before: dict[int, ChildState] = {}
        while len(points) < n:
            chosen = self._turns.next()
            if chosen is None:
                break
            i, x, improvement = chosen
            points.append((i, x))
            improvements.append(improvement)
            if not tell_pending:
                if n == 1:  # nothing has changed
                    break
                if i not in before:
                    before[i] = self._turns.state(i)
            self._turns.took(i)
            BalancingLearner.tell_pending(self, (i, x))  # overridden methods are called later
        self._turns.take_back(before)
        for i in before:
            self._losses.pending_changed(i)
        if n and not points and self._turns.total == self._turns.npoints:
            error = self._turns.error()
            if error is not None:
                raise error
        return points, improvements

    def tell(self, x: Point, y: Any) -> None:
        """Tell the value ``y`` of the function at ``x`` = (index, point of the child)."""
        self._notice_changes(only_number=True)
        i, point = _checked_point(x, len(self.learners))
        self.learners[i].tell(point, y)
        self._turns.told(i)
        self._losses.told(i)

    def tell_many(self, xs: Iterable[Point], ys: Iterable[Any]) -> None:
        """Tell the values ``ys`` of the function at ``xs``, together for each child."""
        self._notice_changes(only_number=True)
        groups: dict[int, tuple[list[Any], list[Any]]] = {}
        for x, y in paired(xs, ys):
            i, point = _checked_point(x, len(self.learners))
            points, values = groups.setdefault(i, ([], []))
            points.append(point)
            values.append(y)
        for i, (points, values) in groups.items():
            try:
                self.learners[i].tell_many(points, values)
            finally:
                self._turns.told(i)
                self._losses.told(i)

    def tell_pending(self, x: Point) -> None:
        """Mark ``x`` = (index, point of the child) as pending."""
        self._notice_changes(only_number=True)
        i, point = _checked_point(x, len(self.learners))
        self.learners[i].tell_pending(point)
        self._turns.changed(i)
        self._losses.pending_changed(i)

    def remove_unfinished(self) -> None:
        """Remove all pending points."""
        self._notice_changes(only_number=True)
        for i, child in enumerate(self.learners):
            if self._turns.has_pending(i):
                child.remove_unfinished()
                self._turns.got_free(i)
                self._losses.pending_changed(i)

    # -- results ---------------------------------------------------------------------------

    @property
    def npoints(self) -> int:
        """The number of evaluated points of all children."""
        self._notice_changes()
        return self._turns.npoints

    @property
    def data(self) -> Any:
        """The data of all children; assigned data are distributed to the children."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        of_children: list[dict[Any, Any]] = [{} for _ in self.learners]
        for x, y in checked_data(data).items():
            i, point = _checked_point(x, len(self.learners))
            of_children[i][point] = y
        before = [dict(child.data) for child in self.learners]
        done = 0
        try:
            for child, each in zip(self.learners, of_children, strict=True):
                child.data = each
                done += 1
        except BaseException:
            for child, each in zip(self.learners[:done], before, strict=False):
                child.data = each
            raise
        finally:
            self.refresh()

    def each_has(self, npoints: int) -> bool:
        """Return True if each child has at least ``npoints`` points, or has none pending and none to propose."""
        self._notice_changes(only_number=True)
        return self._turns.each_has(npoints)

    @property
    def nsamples(self) -> int:
        """The number of samples of all children, if they count samples."""
        return sum(child.nsamples for child in self.learners)

    @property
    def pending_points(self) -> set[Point]:  # type: ignore[override]
        """The pending points of all children, in a new set."""
        return {(i, x) for i, child in enumerate(self.learners) for x in child.pending_points}

    def loss(self, real: bool = True) -> float:
        """Return the largest loss of a child.

        Parameters
        ----------
        real : bool, default: True
            With False, the loss that is expected once the pending points are told.
        """
        self._notice_changes()
        return self._losses.largest(real)

    @property
    def done(self) -> Callable[[], bool]:
        """A function that returns True if all children are done; missing if children have no ``done``."""
        self._notice_changes()
        if not self._losses.know_done:
            raise AttributeError(f"A {type(self.learners[0]).__name__} has no method done.")
        return lambda: self._losses.all_done()

    def plot(
        self, cdims: Cdims | None = None, plotter: Callable[[Any], Any] | None = None, dynamic: bool = True
    ) -> Any:
        """Draw the children, with sliders; see `adaptive_dask.plotting.balancing_learner.draw`."""
        return super().plot(cdims=cdims, plotter=plotter, dynamic=dynamic)

    # -- copies and files ------------------------------------------------------------------------

    def save(self, fname: str | os.PathLike[str] | FileNames | None = None, compress: bool = True) -> None:
        """Save the data of the children.

        Parameters
        ----------
        fname : callable, iterable of str, or str; optional
            A function of a learner that returns the name of its file, or a name for each: then, each child has its own
            file. A single name: one file for all. By default, ``fname`` of this learner or, if it is not set, that of
            each child.
        compress : bool, default: True
        """
        fname = fname if fname is not None else self.fname
        if isinstance(fname, str | os.PathLike):
            entry("save")(self, fname, compress)
        else:
            entry("save_children")(self.learners, fname, compress)

    def load(
        self,
        fname: str | os.PathLike[str] | FileNames | None = None,
        compress: bool = True,
        *,
        missing_ok: bool = False,
    ) -> None:
        """Add data that `save` saved, from files with the same names; if one cannot be loaded, no data are added.

        With ``missing_ok=True``, children without a file are not changed.
        """
        fname = fname if fname is not None else self.fname
        if isinstance(fname, str | os.PathLike):
            entry("load")(self, fname, missing_ok)
        else:
            entry("load_children")(self.learners, fname, missing_ok)
        self.refresh()

    def load_dataframe(self, *args: Any, **kwargs: Any) -> None:
        """Add the data of a table; see `adaptive_dask.storage.frames.load_dataframe`."""
        try:
            super().load_dataframe(*args, **kwargs)
        finally:
            self.refresh()

    def _get_data(self) -> list[Any]:
        return [child._get_data() for child in self.learners]

    def _set_data(self, data: Sequence[Any]) -> None:
        if len(data) != len(self.learners):
            raise ValueError(f"The data must be those of {len(self.learners)} learners, got those of {len(data)}.")
        try:
            for child, each in zip(self.learners, data, strict=True):
                child._set_data(each)
        finally:
            self.refresh()

    def __getstate__(self) -> dict[str, Any]:
        strategy = KeptByValue(self.strategy) if callable(self.strategy) else self.strategy
        return {
            "learners": self.learners,
            "cdims": self.cdims,
            "strategy": strategy,
            "one_budget": self.one_budget,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        # By name, because the state of a subclass has more.
        names = ("learners", "cdims", "strategy")
        BalancingLearner.__init__(
            self, **{name: state[name] for name in names}, one_budget=state.get("one_budget", False)
        )


def named_product(**items: Sequence[Any]) -> list[dict[str, Any]]:
    """Return all combinations of values of names, as dicts; those of the last name vary fastest.

    >>> named_product(a=[1, 2], b="x")
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'}]
    """
    return [dict(zip(items, values, strict=True)) for values in itertools.product(*items.values())]


def _checked_point(x: Any, n: int) -> Point:
    """Check a point of one of n children."""
    try:
        index, point = x
        index = operator.index(index)
    except (TypeError, ValueError):
        raise TypeError(f"A point must be (index of the learner, point of that learner), got {x!r}.") from None
    if not 0 <= index < n:
        raise ValueError(f"A point must have the index of a learner, below {n}, got {x!r}.")
    return index, point


def _checked_children(learners: Sequence[Any]) -> list[Any]:
    children = list(learners)
    kinds = sorted({type(learner).__name__ for learner in children})
    if not kinds:
        raise ValueError("A BalancingLearner needs at least one learner.")
    if len({type(learner) for learner in children}) > 1:
        raise TypeError(f"learners must be of one type, so that their losses can be compared, got {', '.join(kinds)}.")
    return children


def checked_cdims(cdims: Cdims, n: int) -> list[dict[str, Any]]:
    """Return names and values for each of n children, as dicts."""
    rows: Iterable[Any] = cdims
    if isinstance(cdims, tuple | list) and len(cdims) == 2 and not isinstance(cdims[0], Mapping):
        names, values = cdims
        rows = (dict(zip(names, each, strict=True)) for each in values)
    rows = list(rows)
    if not all(isinstance(row, Mapping) for row in rows):
        raise TypeError(f"cdims must be a dict for each learner, or (names, values), got {cdims!r}.")
    checked = [dict(row) for row in rows]
    if len(checked) != n:
        raise ValueError(f"cdims must describe {n} learners, got {len(checked)}.")
    if len({tuple(row) for row in checked}) > 1:
        raise ValueError("cdims must have the same names for every learner.")
    return checked
