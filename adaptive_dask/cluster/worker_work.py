"""What a worker's evaluators are at: points, the places of evaluators, and calls under way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from adaptive_dask.cluster.worker_thread import HeldThread
from adaptive_dask.output import Tail
from adaptive_dask.run.pickling import PackedValue


class Item(NamedTuple):
    """A point that waits; ``alone`` if it must not be evaluated together with others."""

    pid: int
    packed: PackedValue
    alone: bool = False


@dataclass(eq=False)
class Seat:
    """An evaluator's place at a run.

    Attributes
    ----------
    thread : HeldThread
    width : int
        How many points it is at, at once.
    is_taking : bool
        Whether it takes more points.
    is_given_up : bool
        Whether it hangs, and was given up; it has no place any more.
    """

    thread: HeldThread
    width: int = 1
    is_taking: bool = True
    is_given_up: bool = False


@dataclass(eq=False)
class Work:
    """Points under way in one call.

    Attributes
    ----------
    output : Tail or None
        What the function writes, where that is noted.
    cancel : callable or None
        Cancels the call, where that is possible.
    """

    seat: Seat
    items: Sequence[Item]
    output: Tail | None = None
    cancel: Callable[[], None] | None = None
    begin: float = field(default_factory=time.perf_counter)

    @property
    def ids(self) -> list[int]:
        return [item.pid for item in self.items]


def written_before(text: str, work: Work) -> str:
    """The text of an error, with what the call had written."""
    return text if work.output is None else work.output.before(text)
