"""The messages between client, scheduler and workers.

Streams (Dask's batched streams between scheduler and worker; neither side may raise on one):

=================== ===================== ==========================================================
op                  from → to             fields
=================== ===================== ==========================================================
``adaptive-points`` scheduler → worker    run, ids, points (packed), sent, seconds
``adaptive-stop``   scheduler → worker    run, keep (the number of evaluators that stay; None ends the run
                                          there and forgets its points), now (True cancels coroutines)
``adaptive-drop``   scheduler → worker    run, ids
``adaptive-report`` worker → scheduler    run, slots, places, hung, ids, values (packed), durations,
                                          failures, log, returned, given_up, echo, broken, lifetime
=================== ===================== ==========================================================

``slots`` is the number of evaluators of the run on the worker, ``places`` the number of points that they evaluate
concurrently, ``hung`` the number of threads in calls that were given up, ``returned`` the ids of points that the worker
returns without evaluation. ``sent`` is a time of the scheduler's clock, which ``echo`` returns with the time that the
worker held it, to measure the round trip. ``seconds`` is the expected duration of a point; a worker with less time left
returns it. ``lifetime`` contains the total lifetime of the worker and the rest of it.

Routes (requests with a reply; an error is raised in the caller): see `Route`.
"""

from __future__ import annotations

import enum
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import adaptive_dask
from adaptive_dask.errors import VersionMismatchError
from adaptive_dask.plain import check_name, check_plain
from adaptive_dask.run.options import SessionOptions
from adaptive_dask.run.pickling import PackedValue

POINTS = "adaptive-points"
STOP = "adaptive-stop"
DROP = "adaptive-drop"
REPORT = "adaptive-report"

# All evaluators share a key prefix, so that Dask queues them and knows their duration.
KEY_PREFIX = "adaptive-evaluator"

# The number of hanging threads of a run on a worker that are returned to Dask; further ones keep their slots.
MAX_HUNG_THREADS = 32

# Incremented if the messages change between two releases.
PROTOCOL = 1


class Evaluation(NamedTuple):
    """Options for calling the function of a run.

    Attributes
    ----------
    vectorized : bool
        True if the function accepts many points in one call.
    point_timeout : float or None
        Time limit of an evaluation, in seconds.
    ntasks : int or None
        The largest number of points in flight.
    isolate : bool
        True if the function is evaluated in separate processes.
    memory_limit : int or None
        The number of bytes that an evaluation in such a process may allocate.
    """

    vectorized: bool = False
    point_timeout: float | None = None
    ntasks: int | None = None
    isolate: bool = False
    memory_limit: int | None = None


class Route(enum.StrEnum):
    """Handlers of the scheduler. Payloads and replies named in brackets are pickled bytes."""

    START = "adaptive_start"  # [RunSpec] → name
    START_MANY = "adaptive_start_many"  # [RunSpecs] → for each None, or its error (`pack_error`)
    RUNS = "adaptive_runs"  # → a dict for each run
    WATCH = "adaptive_watch"  # watcher, runs: [(key, run_id, position, version)] → news since then, by key
    NUDGE = "adaptive_nudge"  # watcher: answers its request at once, because it wants to watch other runs
    # Clients that follow a run also send its run_id, because its name may be used again.
    SNAPSHOT = "adaptive_snapshot"  # name → [learner], functions, [goal], position, summary, losses
    INSPECT = "adaptive_inspect"  # name, log_from → [points in flight, failures, log]
    CALL = "adaptive_call"  # name, [function, arguments] → [result of function(learner, …)]
    TELL = "adaptive_tell"  # name, [points, values]
    DROP = "adaptive_drop"  # name, [points], ids → [ids and points that were given up]
    GOAL = "adaptive_goal"  # name, [Goal]
    CONTROL = "adaptive_control"  # name, action: cancel, pause, resume, give_up or forget
    FUNCTION = "adaptive_function"  # run, worker, lifetime → the cloudpickled function and an `Evaluation`
    KEEP = "adaptive_keep"  # run, worker, key, nbytes: a result that stays on a worker


def make_id() -> str:
    """Return an id for a run; the client that starts the run calls this."""
    return uuid.uuid4().hex[:12]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The settings of a run that a client and the scheduler write in the same way.

    Attributes
    ----------
    name : str
    weight : float
        The run's part of the cluster relative to other runs.
    drain : float
        The time to wait for evaluations that are in progress when the goal is reached, in seconds.
    evaluation : Evaluation
    session : SessionOptions
    checkpoint : str or None
        A folder on the scheduler's machine, or a URL.
    tasks : dict
        Options of the evaluators' tasks: resources, priority, workers, allow_other_workers, annotations.
    after : tuple of (str, str or None)
        Names and ids of runs that have to finish before this one starts; without an id, the newest of that name.
    id : str
        Unlike the name, it is never used again.
    """

    name: str
    weight: float
    drain: float
    evaluation: Evaluation
    session: SessionOptions
    checkpoint: str | None = field(default=None, repr=False)  # it may contain a password
    tasks: dict[str, Any] = field(default_factory=dict)
    after: tuple[tuple[str, str | None], ...] = ()
    id: str = field(default_factory=make_id)


@dataclass(frozen=True, kw_only=True)
class RunSpec(RunSettings):
    """A run as a client sends it to the scheduler.

    Attributes
    ----------
    learner : bytes
        The learner without its functions (`dumps_apart`).
    functions : list of bytes
        Its functions, cloudpickled; restored only on clients.
    function : bytes
        ``learner.function``, cloudpickled, which workers evaluate.
    goal : bytes
        The `Goal`, cloudpickled.
    on_error : str or bytes
        The handling of points that failed for good; a function is cloudpickled.
    """

    learner: bytes
    functions: list[bytes]
    function: bytes
    goal: bytes
    on_error: str | bytes

    def check(self) -> None:
        """Check that messages can contain all values; other values would close the connections of workers.

        Raises
        ------
        ValueError
        """
        check_name(self.name)
        check_plain("id", self.id)
        check_plain("evaluation", tuple(self.evaluation))
        check_plain("tasks", self.tasks)
        check_plain("after", self.after)
        if self.id in (run_id for _, run_id in self.after):
            raise ValueError(f"after must name other runs, got {self.name!r} for itself.")


class Echo(NamedTuple):
    """The time at which the scheduler sent points, and the time that the worker held this value (seconds)."""

    sent: float
    held: float


@dataclass
class Report:
    """A worker's report, checked.

    Attributes
    ----------
    slots : int or None
        The number of evaluators of the run on the worker.
    places : int or None
        The number of points that these evaluate concurrently; None for one each.
    hung : int
        The number of threads in calls that were given up.
    ids, values, durations : sequence
        Id, packed value and seconds of each point that was evaluated.
    failures : dict
        By id, the traceback and the pickled exception or None.
    log : str
        The location of the worker's log, if there are failures.
    seconds_of_failures : float
    returned : sequence of int
        Points that are returned without evaluation.
    given_up : sequence of str
        The keys of evaluators that hang and were given up.
    echo : Echo or None
    broken : tuple or None
        The reason why the function cannot be loaded: the missing module or None, and the traceback.
    lifetime : tuple or None
        The total lifetime of the worker and the rest of it in seconds; None if it has none.
    """

    slots: int | None = None
    places: int | None = None
    hung: int = 0
    ids: Sequence[int] = ()
    values: Sequence[PackedValue] = ()
    durations: Sequence[float] = ()
    failures: Mapping[int, tuple[str, bytes | None]] = field(default_factory=dict)
    log: str = ""
    seconds_of_failures: float = 0.0
    returned: Sequence[int] = ()
    given_up: Sequence[str] = ()
    echo: Echo | None = None
    broken: tuple[str | None, str] | None = None
    lifetime: tuple[float, float] | None = None

    @classmethod
    def check(cls, **fields: Any) -> Report:
        """Create a report from the fields of a message.

        Raises
        ------
        ValueError, TypeError
            If a field is invalid. No part of such a report may be used.
        """
        report = cls(**fields)
        for name in ("slots", "places", "hung"):
            count = getattr(report, name)
            if count is not None and (type(count) is not int or count < 0):
                raise ValueError(f"{name} is {count!r}")
        if not len(report.ids) == len(report.values) == len(report.durations):
            raise ValueError(f"{len(report.ids)} ids, {len(report.values)} values, {len(report.durations)} durations")
        # Sets of types instead of loops, because this runs on the event loop for many points.
        if not set(map(type, (*report.ids, *report.returned, *report.failures))) <= {int}:
            raise TypeError("an id is not a whole number")
        if not set(map(type, report.values)) <= {float, bytes}:
            raise TypeError("a value is not packed")
        if not 0 <= sum(report.durations) + report.seconds_of_failures < math.inf:
            raise ValueError("a duration is not a number of seconds")
        for text, error in report.failures.values():
            if not isinstance(text, str) or not isinstance(error, bytes | None):
                raise TypeError("a failure is not a text and a pickled exception")
        if not isinstance(report.log, str) or not all(isinstance(key, str) for key in report.given_up):
            raise TypeError("the log or the key of a task is not a text")
        if report.echo is not None:
            sent, held = map(float, report.echo)
            if not math.isfinite(sent + held):
                raise ValueError(f"echo is {report.echo!r}")
        if report.broken is not None:
            module, text = report.broken
            if not isinstance(module, str | None) or not isinstance(text, str):
                raise TypeError("broken is not a module and a text")
        check_lifetime(report.lifetime)
        return report


def check_lifetime(lifetime: Any) -> tuple[float, float] | None:
    """Return a lifetime, see `Report.lifetime`, if it is valid.

    Raises
    ------
    ValueError, TypeError
        If it is invalid.
    """
    if lifetime is None:
        return None
    total, left = map(float, lifetime)
    if not (total > 0 and left == left):
        raise ValueError(f"lifetime must be two numbers of seconds, got {lifetime!r}")
    return total, left


def own_versions() -> list[Any]:
    """Return the versions of this process, for a message."""
    return [adaptive_dask.__version__, PROTOCOL]


def check_versions(theirs: Any, who: str) -> None:
    """Compare the versions in a message with those of the scheduler, which is this process.

    Parameters
    ----------
    theirs : list
        The versions in a message; None if it contains none.
    who : str
        The sender: "client" or "worker tcp://…".

    Raises
    ------
    VersionMismatchError
        If they differ.
    """
    ours = own_versions()
    if isinstance(theirs, list | tuple) and list(theirs) == ours:
        return
    raise VersionMismatchError(
        f"adaptive_dask differs: the {who} has {_describe(theirs)}, the scheduler has {_describe(ours)}. Install one "
        f"version for client, scheduler and workers, for example: pip install adaptive_dask=={ours[0]}, and restart "
        "the processes that had another one."
    )


def _describe(versions: Any) -> str:
    if not isinstance(versions, list | tuple) or len(versions) != 2:
        return "an unknown version"
    return f"{str(versions[0])[:40]} (protocol {str(versions[1])[:10]})"
