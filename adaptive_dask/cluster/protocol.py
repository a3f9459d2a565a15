"""The messages between client, scheduler and workers.

Streams (Dask's batched streams between scheduler and worker; neither side may raise on one):

=================== ===================== ==========================================================
op                  from → to             fields
=================== ===================== ==========================================================
``adaptive-points`` scheduler → worker    run, ids, points (packed), sent, seconds
``adaptive-stop``   scheduler → worker    run, keep (how many evaluators may stay; None ends the run there,
                                          and its points are forgotten), now (whether what can be cancelled is)
``adaptive-drop``   scheduler → worker    run, ids
``adaptive-report`` worker → scheduler    run, slots, places, hung, ids, values (packed), durations,
                                          failures, log, returned, given_up, echo, broken, lifetime
=================== ===================== ==========================================================

``slots`` is the number of evaluators of the run that are at work on the worker, ``places`` how many points
they are at, at once, ``hung`` how many threads are still in calls that were given up, ``returned`` the ids
of points that the worker gives back unevaluated. ``sent`` is a time of the scheduler's clock, which
``echo`` brings back with the time that the worker held it, for measuring the round trip. A point is expected to
take ``seconds``; a worker that will not be there for so long gives it back. ``lifetime`` is for how long the worker
is there in all, and from now on.

Routes (requests with a reply; what they raise fails their caller only): see `Route`.
"""

from __future__ import annotations

import enum
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from adaptive_dask.plain import check_name, check_plain
from adaptive_dask.run.options import SessionOptions
from adaptive_dask.run.pickling import PackedValue

POINTS = "adaptive-points"
STOP = "adaptive-stop"
DROP = "adaptive-drop"
REPORT = "adaptive-report"

# All evaluators share a key prefix, so that Dask queues them and knows how long they take.
KEY_PREFIX = "adaptive-evaluator"

# With so many threads of a run hanging on a worker, no more are given back to Dask: each keeps its slot.
MAX_HUNG_THREADS = 32


class Evaluation(NamedTuple):
    """How a run's function is to be called.

    Attributes
    ----------
    vectorized : bool
        Whether it takes many points in one call.
    point_timeout : float or None
        How long an evaluation may take, in seconds.
    ntasks : int or None
        How many points may be out at the same time.
    isolate : bool
        Whether it is evaluated in processes of its own.
    memory_limit : int or None
        How many bytes an evaluation in such a process may allocate.
    """

    vectorized: bool = False
    point_timeout: float | None = None
    ntasks: int | None = None
    isolate: bool = False
    memory_limit: int | None = None


class Route(enum.StrEnum):
    """Handlers of the scheduler. Payloads and replies named in brackets are pickled bytes."""

    START = "adaptive_start"  # [RunSpec] → name
    START_MANY = "adaptive_start_many"  # [RunSpecs] → for each None, or what is wrong with it (`pack_error`)
    RUNS = "adaptive_runs"  # → a dict for each run
    WATCH = "adaptive_watch"  # watcher, runs: [(key, run_id, position, version)] → what is new since, by key
    NUDGE = "adaptive_nudge"  # watcher → its request is answered at once, for it wants to watch others too
    # Who follows a run says its run_id, too, as its name may be used again.
    SNAPSHOT = "adaptive_snapshot"  # name → [learner], functions, [goal], position, summary, losses
    INSPECT = "adaptive_inspect"  # name, log_from → [points on their way, failures, log]
    CALL = "adaptive_call"  # name, [function, arguments] → [what function(learner, …) returned]
    TELL = "adaptive_tell"  # name, [points, values]
    DROP = "adaptive_drop"  # name, [points], ids → [ids and points that were given up]
    GOAL = "adaptive_goal"  # name, [Goal]: the run's from now on
    CONTROL = "adaptive_control"  # name, action: cancel, pause, resume, give_up or forget
    FUNCTION = "adaptive_function"  # run, worker, lifetime → the cloudpickled function and an `Evaluation`
    KEEP = "adaptive_keep"  # run, worker, key, nbytes: a result that stays on a worker


def make_id() -> str:
    """An id for a run, made by whoever starts it."""
    return uuid.uuid4().hex[:12]


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
    weight : float
        The run's part of the cluster, compared with those of other runs.
    drain : float
        For how many seconds evaluations that are under way when the goal is reached are waited for, to be told.
    on_error : str or bytes
        What is done about a point that failed for good; a function is cloudpickled.
    evaluation : Evaluation
    session : SessionOptions
    checkpoint : str or None
        A folder, as the scheduler sees it, or a URL.
    tasks : dict
        What the evaluators' tasks ask of Dask: resources, priority, workers, allow_other_workers, annotations.
    id : str
        Unlike the name, never used twice.
    """

    name: str
    learner: bytes
    functions: list[bytes]
    function: bytes
    goal: bytes
    weight: float
    drain: float
    on_error: str | bytes
    evaluation: Evaluation
    session: SessionOptions
    checkpoint: str | None = field(default=None, repr=False)  # it may have a password in it
    tasks: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=make_id)

    def check(self) -> None:
        """Refuse what messages about the run could not carry: to send it would cost others their connections.

        Raises
        ------
        ValueError
        """
        check_name(self.name)
        check_plain("id", self.id)
        check_plain("evaluation", tuple(self.evaluation))
        check_plain("tasks", self.tasks)


class Echo(NamedTuple):
    """When the scheduler sent points, and for how long the worker held that time (both in seconds)."""

    sent: float
    held: float


@dataclass(frozen=True)
class Report:
    """A worker's report, checked.

    Attributes
    ----------
    slots : int or None
        How many evaluators of the run are at work there now.
    places : int or None
        How many points those are at, at once; None for one each.
    hung : int
        How many threads there are still in calls that were given up.
    ids, values, durations : sequence
        What was evaluated: id, packed value and seconds of each point.
    failures : dict
        By id, the traceback and the pickled exception or None.
    log : str
        Where the worker's log is, if there are failures.
    seconds_of_failures : float
    returned : sequence of int
        Points that come back unevaluated.
    given_up : sequence of str
        The keys of evaluators' tasks that hang and were given up.
    echo : Echo or None
    broken : tuple or None
        Why the function could not be loaded: the missing module or None, and the traceback.
    lifetime : tuple or None
        For how many seconds the worker is there in all, and from now on; None of one that stays.
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
        """Make a report of a message's fields.

        Raises
        ------
        ValueError, TypeError
            If it makes no sense. Nothing of such a report may be used.
        """
        report = cls(**fields)
        for name in ("slots", "places", "hung"):
            count = getattr(report, name)
            if count is not None and (type(count) is not int or count < 0):
                raise ValueError(f"{name} is {count!r}")
        if not len(report.ids) == len(report.values) == len(report.durations):
            raise ValueError(f"{len(report.ids)} ids, {len(report.values)} values, {len(report.durations)} durations")
        # On the event loop, for many points: so sets of types instead of loops.
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
        If it is not.
    """
    if lifetime is None:
        return None
    total, left = map(float, lifetime)
    if not (total > 0 and left == left):
        raise ValueError(f"lifetime must be two numbers of seconds, got {lifetime!r}")
    return total, left
