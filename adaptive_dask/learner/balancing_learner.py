"""BalancingLearner: many learners, of which the one that needs it most gets the next point."""

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
from adaptive_dask.learner.checked import checked_size
from adaptive_dask.learner.child_losses import ChildLosses
from adaptive_dask.learner.child_turns import ChildState, ChildTurns, Strategy
from adaptive_dask.learner.children import ChildFunctions, ChildrenData
from adaptive_dask.learner.function_pickle import KeptByValue
from adaptive_dask.learner.told_data import checked_data

Point = tuple[int, Any]
Cdims = Sequence[Mapping[str, Any]] | tuple[Sequence[str], Iterable[Sequence[Any]]]
FileNames = Callable[[Any], str | os.PathLike[str]] | Iterable[str | os.PathLike[str]]

# So few children are looked at every time; of more, looks take at most one part in this many of the time.
FEW_CHILDREN, LOOK_SHARE = 16, 100


class BalancingLearner(BaseLearner):
    """Learns many functions at once, one learner for each.

    A point is ``(index, x)``: the point x of the learner at that index.

    Parameters
    ----------
    learners : sequence of BaseLearner
        The children, all of one type. A child that is told directly, or appended to ``learners``, is noticed when
        the balancing learner is next looked at; with more than 16 children after some milliseconds (5 for a thousand).
    cdims : sequence of dict, or (names, iterable of values), optional
        What distinguishes the children, for plots: for each a dict of names and values.
    strategy : {"loss_improvements", "loss", "npoints", "cycle"} or callable, default: "loss_improvements"
        Whose turn it is, see `strategy`.
    one_budget : bool, default: False
        Whether the ``npoints_goal`` of a run is the number of points of all children together, as for categories of a
        `Space`, or of each child.

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
        If there are no children, they are of different types, or cdims do not fit them.

    Notes
    -----
    A child is not asked while it is done, has no more points, or raises when it is asked; the others continue.
    It is tried again once it was told something.

    No child starves: whenever one has less than a tenth of the mean number of points, it is served first,
    independent of its loss. Otherwise a child whose first points happen to look flat would never get more.

    An ask or a tell looks at the children that have changed only, so its cost hardly depends on their number.
    """

    def __init__(
        self,
        learners: Sequence[Any],
        *,
        cdims: Cdims | None = None,
        strategy: Strategy = "loss_improvements",
        one_budget: bool = False,
    ) -> None:
        self.learners = list(learners)
        kinds = sorted({type(learner).__name__ for learner in self.learners})
        if not kinds:
            raise ValueError("A BalancingLearner needs at least one learner.")
        if len({type(learner) for learner in self.learners}) > 1:
            raise TypeError(
                f"learners must be of one type, so that their losses can be compared, got {', '.join(kinds)}."
            )
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
        """Make a learner for every combination of the values of named arguments.

        Parameters
        ----------
        f : callable
            Takes a point and the named arguments.
        learner_type : type
            The kind of the children, called with ``function=`` and ``learner_kwargs``.
        learner_kwargs : dict
        combos : dict of str to sequence
            The values of each argument. The last one changes fastest among the children.
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

    def new(self) -> Self:
        """A balancing learner of new children, with the same settings and no data."""
        children = [child.new() for child in self.learners]
        return type(self)(children, cdims=self.cdims, strategy=self.strategy, one_budget=self.one_budget)

    @property
    def strategy(self) -> Strategy:
        """Which child gets the next point; it may be changed at any time.

        Among equals it is the one with fewest points.

        - "loss_improvements": the one whose next point improves its loss the most;
        - "loss": the one with the largest loss, points in flight taken into account;
        - "npoints": the one with fewest points;
        - "cycle": one after the other;
        - a function: it takes a child and returns a number, the largest of which wins. It may depend on the
          child's data and points in flight, and is called when these have changed. NaN counts as infinite.
        """
        return self._strategy

    @strategy.setter
    def strategy(self, strategy: Strategy) -> None:
        self._turns = ChildTurns(self.learners, strategy)
        self._strategy = strategy

    def refresh(self) -> None:
        """Look at all children again, after some of them were changed directly."""
        self._n_known = len(self.learners)
        self._next_look = 0.0
        self._turns = ChildTurns(self.learners, self._strategy)
        self._losses = ChildLosses(self.learners)

    def _notice_changes(self) -> None:
        """Refresh if children were told directly, or there are more of them."""
        if len(self.learners) <= FEW_CHILDREN:
            if not self._turns.is_current():
                self.refresh()
            return
        # A look at very many costs more than an ask: it gets a share of the time.
        started = time.perf_counter()
        if started >= self._next_look:
            if not self._turns.is_current():
                self.refresh()
            self._next_look = started + LOOK_SHARE * (time.perf_counter() - started)

    # -- ask and tell ----------------------------------------------------------------------------

    def _takes_infeasible(self, point: Point) -> bool:
        i, x = self._checked(point)
        return takes_infeasible(self.learners[i], x)

    @property
    def infeasible(self) -> Mapping[Point, str]:
        """The points without a value of all children, as (index, point of that child), and the reasons."""
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
            Whether the points become pending. With False the learner stays as it is.

        Returns
        -------
        points : list of (int, X)
            Fewer than n if no child has more.
        loss_improvements : list of float
            By how much each reduces the loss of its child.

        Raises
        ------
        Exception
            What a child raised, if no child has a point and none is in flight.
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
                if n == 1:  # nothing was changed yet
                    break
                if i not in before:
                    before[i] = self._turns.state(i)
            self._turns.took(i)
            BalancingLearner.tell_pending(self, (i, x))  # a subclass hears of all points when they are returned
        self._turns.take_back(before)
        for i in before:
            self._losses.pending_changed(i)
        if n and not points and self._turns.total == self._turns.npoints:
            error = self._turns.error()
            if error is not None:
                raise error
        return points, improvements

    def tell(self, x: Point, y: Any) -> None:
        """Tell the value ``y`` of the function at ``x`` = (index, point of that child)."""
        i, point = self._checked(x)
        self.learners[i].tell(point, y)
        self._turns.told(i)
        self._losses.told(i)

    def tell_many(self, xs: Iterable[Point], ys: Iterable[Any]) -> None:
        """Tell the values ``ys`` of the function at ``xs``, to each child its own values at once."""
        groups: dict[int, tuple[list[Any], list[Any]]] = {}
        for x, y in zip(xs, ys, strict=True):
            i, point = self._checked(x)
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
        """Tell that ``x`` = (index, point of that child) is being evaluated."""
        i, point = self._checked(x)
        self.learners[i].tell_pending(point)
        self._turns.changed(i)
        self._losses.pending_changed(i)

    def remove_unfinished(self) -> None:
        """Forget every pending point."""
        for i, child in enumerate(self.learners):
            if self._turns.has_pending(i):
                child.remove_unfinished()
                self._turns.got_free(i)
                self._losses.pending_changed(i)

    def _checked(self, x: Point) -> Point:
        try:
            index, point = x
            index = operator.index(index)
        except (TypeError, ValueError):
            raise TypeError(f"A point must be (index of the learner, point of that learner), got {x!r}.") from None
        if not 0 <= index < len(self.learners):
            raise ValueError(f"There is no learner {index}; there are {len(self.learners)}. The point was {x!r}.")
        if index >= self._n_known:
            self.refresh()
        return index, point

    # -- what is known ---------------------------------------------------------------------------

    @property
    def npoints(self) -> int:
        """The number of evaluated points of all children."""
        self._notice_changes()
        return self._turns.npoints

    @property
    def data(self) -> Any:
        """The data of all children; assigning gives each child its own, see there."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        of_children: list[dict[Any, Any]] = [{} for _ in self.learners]
        for x, y in checked_data(data).items():
            i, point = self._checked(x)
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
        """Whether each child has at least ``npoints`` points, or has none pending and none to propose."""
        return self._turns.each_has(npoints)

    @property
    def nsamples(self) -> int:
        """The number of samples of all children, where they count them."""
        return sum(child.nsamples for child in self.learners)

    @property
    def pending_points(self) -> set[Point]:  # type: ignore[override]
        """The pending points of all children; a new set each time."""
        return {(i, x) for i, child in enumerate(self.learners) for x in child.pending_points}

    def loss(self, real: bool = True) -> float:
        """The largest loss of a child.

        Parameters
        ----------
        real : bool, default: True
            With False, the loss that is expected once the pending points are told.
        """
        self._notice_changes()
        return self._losses.largest(real)

    @property
    def done(self) -> Callable[[], bool]:
        """``done()`` says whether all children are done; not there if they do not know."""
        self._notice_changes()
        if not self._losses.know_done:
            raise AttributeError(f"A {type(self.learners[0]).__name__} does not know when it is done.")
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
            A function of a learner that returns the name of its file, or a name for each: then each child
            has a file of its own. One name: one file for all. If not given, ``fname`` of this learner, and
            without that each child's own.
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
        """Add what `save` saved, from files named as there; if one cannot be loaded, none is.

        With ``missing_ok=True``, children without a file stay as they are.
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
            raise ValueError(f"The data are those of {len(data)} learners, and there are {len(self.learners)}.")
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
        # By name: the state of a subclass has more.
        names = ("learners", "cdims", "strategy")
        BalancingLearner.__init__(
            self, **{name: state[name] for name in names}, one_budget=state.get("one_budget", False)
        )


def named_product(**items: Sequence[Any]) -> list[dict[str, Any]]:
    """Every combination of the values of names, as dicts; the last name changes fastest.

    >>> named_product(a=[1, 2], b="x")
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'}]
    """
    return [dict(zip(items, values, strict=True)) for values in itertools.product(*items.values())]


def checked_cdims(cdims: Cdims, n: int) -> list[dict[str, Any]]:
    """Names and values for each of n children, in one form."""
    rows: Iterable[Any] = cdims
    if isinstance(cdims, tuple | list) and len(cdims) == 2 and not isinstance(cdims[0], Mapping):
        names, values = cdims
        rows = (dict(zip(names, each, strict=True)) for each in values)
    checked = [dict(row) for row in rows]
    if len(checked) != n:
        raise ValueError(f"cdims describe {len(checked)} learners, and there are {n}.")
    if len({tuple(row) for row in checked}) > 1:
        raise ValueError("cdims must have the same names for every learner.")
    return checked
