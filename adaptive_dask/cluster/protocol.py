"""The words that client, scheduler and workers share, and how points and values are packed.

Streams (Dask's batched streams between scheduler and worker; neither side may raise on one):

=================== ===================== ==========================================================
op                  from → to             fields
=================== ===================== ==========================================================
``adaptive-points`` scheduler → worker    run, ids, points (packed), sent
``adaptive-stop``   scheduler → worker    run
``adaptive-report`` worker → scheduler    run, slots, ids, values (packed), durations, failures,
                                          returned, echo, broken
=================== ===================== ==========================================================

``slots`` is the number of evaluators of the run that are at work on the worker, ``returned`` the ids
of points that the worker gives back unevaluated. ``sent`` is a time of the scheduler's clock, which
``echo`` brings back with the time that the worker held it, for measuring the round trip.

Routes (requests with a reply; what they raise fails their caller only): see `Route`.
"""

from __future__ import annotations

import enum
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import cloudpickle
import numpy as np

POINTS = "adaptive-points"
STOP = "adaptive-stop"
REPORT = "adaptive-report"

# All evaluators share a key prefix, so that Dask queues them and knows how long they take.
KEY_PREFIX = "adaptive-evaluate"


class Route(enum.StrEnum):
    """Handlers of the scheduler. Payloads and replies named in brackets are pickled bytes."""

    START = "adaptive_start"  # [RunSpec] → name
    RUNS = "adaptive_runs"  # → a dict for each run
    WATCH = "adaptive_watch"  # name, position, version, timeout → what is new since
    SNAPSHOT = "adaptive_snapshot"  # name → [learner], functions, position
    INSPECT = "adaptive_inspect"  # name, log_from → [points on their way, failures, log]
    CALL = "adaptive_call"  # name, [function, arguments] → [what function(learner, …) returned]
    TELL = "adaptive_tell"  # name, [points, values]
    CONTROL = "adaptive_control"  # name, action: cancel, pause, resume or forget
    FUNCTION = "adaptive_function"  # run → the cloudpickled function, for workers


@dataclass(frozen=True)
class RunSpec:
    """What a client sends to start a run.

    Attributes
    ----------
    name : str
    learner : bytes
        The learner without its functions (`dumps_apart`).
    functions : list of bytes
        Its functions, cloudpickled; to be restored on clients only.
    function : bytes
        ``learner.function``, cloudpickled: what the workers evaluate.
    goal : bytes
        The `Goal`, cloudpickled.
    ntasks : int or None
        How many points may be out at the same time.
    drain : bool
        Whether evaluations that are under way when the goal is reached are waited for and told.
    session : dict
        Further arguments of `Session`.
    """

    name: str
    learner: bytes
    functions: list[bytes]
    function: bytes
    goal: bytes
    ntasks: int | None
    drain: bool
    session: dict[str, Any]


class Echo(NamedTuple):
    """When the scheduler sent points, and for how long the worker held that time (both in seconds)."""

    sent: float
    held: float


Packed = float | bytes


def pack(value: Any) -> Packed:
    """Make a point or value fit for a stream: a float as it is, anything else pickled.

    Raises
    ------
    Exception
        Whatever pickling it raises.
    """
    kind = type(value)
    if kind is float or kind is np.float64:
        return float(value)
    return dumps(value)


def unpack(packed: Packed) -> Any:
    """Undo `pack`."""
    return packed if type(packed) is float else pickle.loads(packed)  # type: ignore[arg-type]


def dumps(value: Any) -> bytes:
    """Pickle a value, what comes from ``__main__`` by value, for the other side has another one."""
    try:
        data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:
        data = b"__main__"
    if b"__main__" in data:
        data = cloudpickle.dumps(value)
    return data


def pack_many(values: Iterable[Any]) -> list[Packed]:
    """`pack` each of the values."""
    return [pack(value) for value in values]
