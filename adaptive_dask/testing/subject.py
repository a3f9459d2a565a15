"""A learner under test, with its constructor, the values of its function, and a time limit for its calls."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from adaptive_dask.learner.picked import Picked


class Broken(AssertionError):
    """Raised if a guarantee is broken, with the expected and the actual behaviour."""


def expect(condition: Any, message: str) -> None:
    """Raise `Broken` unless a condition holds."""
    if not condition:
        raise Broken(message)


class Subject:
    """Creates learners and calls their methods.

    Parameters
    ----------
    make : callable
        Returns a new learner without data.
    function : callable
        Returns the value at a point. It is called once for each point.
    n : int
        Number of points with which the guarantees are checked.
    seed : int
        Seed of all random choices.

    Attributes
    ----------
    slowest : (float, str)
        The longest call of the learner: its processor time in seconds, and its name.
    """

    def __init__(self, make: Callable[[], Any], function: Callable[[Any], Any], n: int, seed: int) -> None:
        self.make = make
        self.n = n
        self.random = random.Random(seed)
        self.slowest = (0.0, "no call")
        self._function = function
        self._values: dict[Any, Any] = {}

    def value(self, x: Any) -> Any:
        """Return the value of the function at a point, always the same one."""
        key = key_of(x)
        if key not in self._values:
            self._values[key] = self._function(x)
        return self._values[key]

    def timed(self, what: str, call: Callable[[], Any]) -> Any:
        was_enabled = gc.isenabled()
        gc.disable()  # the time of a collection depends on all objects of the process
        try:
            begin = time.thread_time()
            result = call()
            self.slowest = max(self.slowest, (time.thread_time() - begin, what))
        finally:
            if was_enabled:
                gc.enable()
        return result

    def ask(self, learner: Any, n: int, **options: Any) -> list[Any]:
        """Ask for points, and check that they are valid and new."""
        known = len(learner.data) if hasattr(learner, "data") else "some"
        asked = self.timed(f"ask({n}) with {known} points known", lambda: learner.ask(n, **options))
        expect(
            isinstance(asked, tuple) and len(asked) == 2, f"ask({n}) must return (points, improvements), got {asked!r}"
        )
        points, improvements = map(list, asked)
        expect(len(points) <= n, f"ask({n}) returned {len(points)} points")
        expect(
            len(points) == len(improvements),
            f"ask({n}) returned {len(points)} points and {len(improvements)} loss improvements",
        )
        nans = [x for x, each in zip(points, improvements, strict=True) if np.isnan(each)]
        expect(not nans, f"ask({n}) returned a loss improvement of NaN at {short(nans)}")
        expect_distinct(points, f"ask({n}) returned the same point twice")
        return points

    def tell(self, learner: Any, x: Any) -> None:
        self.timed(f"tell({x!r})", lambda: learner.tell(x, self.value(x)))

    def run(self, learner: Any, n: int | None = None) -> list[Any]:
        """Ask for and tell up to n points, and return them. The default is `n` of the subject."""
        points: list[Any] = []
        n = self.n if n is None else n
        while len(points) < n:
            asked = self.ask(learner, 1)
            if not asked:
                break
            self.tell(learner, asked[0])
            points += asked
        return points

    def ran(self, n: int | None = None) -> Any:
        """Return a learner with data and without pending points."""
        learner = self.make()
        self.run(learner, n)
        return learner

    def points(self) -> list[Any]:
        """Return points that a learner would ask for."""
        return self.run(self.make())


def key_of(x: Any) -> Any:
    """Return a hashable key of a point, which may be unhashable."""
    try:
        hash(x)
    except TypeError:
        return repr(x)
    return x


def expect_distinct(points: Iterable[Any], what: str) -> None:
    """Raise `Broken` if points occur more than once, with a message that begins with `what`."""
    seen: set[Any] = set()
    twice = []
    for x in points:
        if key_of(x) in seen:
            twice.append(x)
        seen.add(key_of(x))
    expect(not twice, f"{what}: {short(twice)}")


def same_data(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> bool:
    """Return whether two learners have the same points and, except for rounding in means, the same values."""
    return set(a) == set(b) and all(same_value(a[x], b[x]) for x in a)


def same_value(a: Any, b: Any) -> bool:
    """Return whether two values are equal, where NaN equals NaN."""
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    try:
        return bool(np.allclose(a, b, rtol=1e-9, atol=0, equal_nan=True))
    except (TypeError, ValueError):
        return bool(a == b)


def nan_like(value: Any) -> Any:
    """Return a value of the same form with all numbers replaced by NaN, or None if it has no numbers."""
    if isinstance(value, Picked):
        return Picked(nan_like(value.y), value.extra)
    if isinstance(value, Mapping):
        return {name: nan_like(each) for name, each in value.items()}
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        return None
    return float("nan") if array.ndim == 0 else np.full(array.shape, np.nan)


def describe(learner: Any) -> dict[str, Any]:
    """Return the properties that a call without effects must not change."""
    state: dict[str, Any] = {"npoints": learner.npoints, "data": dict(learner.data)}
    if hasattr(learner, "pending_points"):
        state["pending points"] = set(learner.pending_points)
    if hasattr(learner, "loss"):
        state["loss"] = learner.loss()
        state["expected loss"] = learner.loss(real=False)
    return state


def expect_same_state(before: dict[str, Any], learner: Any, after: str) -> None:
    """Raise `Broken` if a property differs from the earlier result of `describe`."""
    for name, value in describe(learner).items():
        old = before[name]
        if name == "data":
            same = same_data(value, old)
        else:
            same = same_value(value, old) if name.endswith("loss") else value == old
        expect(same, f"{after} changed the {name}: {short(old)} before, {short(value)} after")


def short(value: Any) -> str:
    """Format a value for a message."""
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "…"
