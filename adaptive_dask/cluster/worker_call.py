"""Points, evaluators and calls on a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from adaptive_dask.cluster.worker_thread import HeldThread
from adaptive_dask.output import Tail
from adaptive_dask.run.pickling import PackedValue


class Item(NamedTuple):
    """A point that waits; with ``alone``, it must not be evaluated in one call with others."""

    pid: int
    packed: PackedValue
    alone: bool = False


@dataclass(eq=False)
class Evaluator:
    """An evaluator of a run: a task that holds a thread of the worker.

    Attributes
    ----------
    thread : HeldThread
    width : int
        The number of points that it evaluates concurrently.
    is_taking : bool
        True if it takes more points.
    is_given_up : bool
        True if its call hangs and was given up, so that another evaluator can replace it.
    """

    thread: HeldThread
    width: int = 1
    is_taking: bool = True
    is_given_up: bool = False


@dataclass(eq=False)
class Call:
    """A call of the function, for one point or several.

    Attributes
    ----------
    output : Tail or None
        The output of the function, if it is captured.
    cancel : callable or None
        Cancels the call, if it can be cancelled.
    where : str
        Location of the function, if it is known.
    """

    evaluator: Evaluator
    items: Sequence[Item]
    output: Tail | None = None
    cancel: Callable[[], None] | None = None
    where: str = ""
    begin: float = field(default_factory=time.perf_counter)

    @property
    def ids(self) -> list[int]:
        return [item.pid for item in self.items]


def written_before(text: str, call: Call) -> str:
    """Return the text of an error, preceded by the output of the call."""
    return text if call.output is None else call.output.before(text)
