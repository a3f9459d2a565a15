"""Learners whose every answer is known, and a status, for tests of what drives and shows runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Self

from adaptive_dask.learner.base_learner import BaseLearner
from adaptive_dask.run.status import RunStatus


class CountingLearner(BaseLearner):
    """Asks for 0, 1, 2, … and notes every call.

    Parameters
    ----------
    function : callable, optional
    supply : int, optional
        How many points there are to ask for; endless by default.

    Attributes
    ----------
    calls : list of tuple
        The calls that changed something, ``(method, *args)``.
    ask_error : Exception or None
        Raised by the next `ask`.
    """

    def __init__(self, function: Any = abs, supply: int | None = None) -> None:
        self.function = function
        self.supply = supply
        self.data: dict[int, Any] = {}
        self.pending_points: set[int] = set()
        self.asked = 0
        self.calls: list[tuple[Any, ...]] = []
        self.ask_error: Exception | None = None

    @property
    def npoints(self) -> int:
        return len(self.data)

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[int], list[float]]:
        if self.ask_error is not None:
            raise self.ask_error
        end = self.asked + n if self.supply is None else min(self.asked + n, self.supply)
        points = list(range(self.asked, end))
        if tell_pending:
            self.calls.append(("ask", n))
            self.asked = end
            self.pending_points.update(points)
        return points, [1.0] * len(points)

    def tell(self, x: int, y: Any) -> None:
        if x in self.data:
            return
        if isinstance(y, str):
            raise TypeError(f"not a number: {y!r}")
        self.calls.append(("tell", x, y))
        self.pending_points.discard(x)
        self.data[x] = y

    def tell_many(self, xs: Iterable[int], ys: Iterable[Any]) -> None:
        for x, y in zip(xs, ys, strict=True):
            self.tell(x, y)

    def tell_pending(self, x: int) -> None:
        self.pending_points.add(x)

    def remove_unfinished(self) -> None:
        self.calls.append(("remove_unfinished",))
        self.pending_points.clear()

    def loss(self, real: bool = True) -> float:
        return 1 / (1 + self.npoints)

    def new(self) -> Self:
        return type(self)(self.function, self.supply)

    def _get_data(self) -> dict[int, Any]:
        return dict(self.data)

    def _set_data(self, data: dict[int, Any]) -> None:
        self.tell_many(data.keys(), data.values())


class StrictLearner(CountingLearner):
    """Takes it as an error of its driver to be told a point twice."""

    def tell(self, x: int, y: Any) -> None:
        assert x not in self.data, f"{x} was told twice"
        super().tell(x, y)


def make_status(**fields: Any) -> RunStatus:
    """The status of a run that has just started, apart from these fields."""
    known: dict[str, Any] = {
        **dict.fromkeys(("slots", "busy", "in_flight", "evaluated", "failed", "npoints"), 0),
        **dict.fromkeys(("function_seconds", "slot_seconds", "learner_seconds", "elapsed", "started"), 0.0),
        **dict.fromkeys(("ended", "goal", "waits_for", "checkpoint")),
        **{"name": "scan", "learner": "Learner1D", "status": "running", "loss": math.nan, "hung": {}},
    }
    return RunStatus(**known | fields)
