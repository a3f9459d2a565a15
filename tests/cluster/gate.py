"""A function that the test lets go, for workers in its own process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

# Functions travel by value, so they find the gate where both sides look.
_shelf: Any = sys.modules.setdefault("gates_of_adaptive_tests", ModuleType("gates_of_adaptive_tests"))


class Gate:
    """Counts who is inside, and lets nobody go until it is opened.

    Attributes
    ----------
    inside, most, entered, cancelled : int
        How many are there now, were at most, ever came, and were cancelled.
    holds : callable
        Which points it holds; the others pass.
    """

    def __init__(self, holds: Callable[[Any], bool] = lambda x: True) -> None:
        self.opened = threading.Event()
        self.holds = holds
        self.inside = self.most = self.entered = self.cancelled = 0
        self._lock = threading.Lock()
        self._name = f"gate{id(self)}"
        setattr(_shelf, self._name, self)

    def count(self, step: int) -> None:
        with self._lock:
            self.inside += step
            self.entered += step > 0
            self.most = max(self.most, self.inside)

    @property
    def function(self) -> Callable[[float], float]:
        """Squares; blocks its thread at the gate."""
        name = self._name

        def square(x: float) -> float:
            import sys

            gate = getattr(sys.modules["gates_of_adaptive_tests"], name)
            gate.count(+1)
            try:
                if gate.holds(x):
                    gate.opened.wait(120)
            finally:
                gate.count(-1)
            return x**2

        return square

    @property
    def coroutine(self) -> Callable[[float], Any]:
        """Squares; awaits the opening of the gate."""
        name = self._name

        async def square(x: float) -> float:
            import asyncio
            import sys

            gate = getattr(sys.modules["gates_of_adaptive_tests"], name)
            gate.count(+1)
            try:
                while gate.holds(x) and not gate.opened.is_set():
                    await asyncio.sleep(0.005)  # between two looks
            except asyncio.CancelledError:
                gate.cancelled += 1
                raise
            finally:
                gate.count(-1)
            return x**2

        return square
