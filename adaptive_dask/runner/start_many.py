"""run_many: starts many runs at once."""

from __future__ import annotations

import uuid
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any

from distributed import Client

from adaptive_dask.learner.any_learner import is_learner
from adaptive_dask.run.goals import GOAL_NAMES, GoalFunction
from adaptive_dask.run.options import RunOptions
from adaptive_dask.runner.after import find_predecessors
from adaptive_dask.runner.arguments import Plan, make_plan
from adaptive_dask.runner.cluster_start import make_spec, start_later, start_together, wait_for_start
from adaptive_dask.runner.embedded import find_client, is_local
from adaptive_dask.runner.many_runs import Runs
from adaptive_dask.runner.replica import Callback
from adaptive_dask.runner.runner import AsyncRunner
from adaptive_dask.runner.starting import hosted_run

# Arguments that may have one value for each run.
_ONE_EACH = (*GOAL_NAMES, "goal", "weight", "name", "checkpoint", "resources")


def run_many(
    learners: Iterable[Any],
    goal: GoalFunction | Sequence[GoalFunction] | None = None,
    *,
    executor: Client | None = None,
    name: str | Sequence[str] | None = None,
    after: Any = None,
    on_results: Callback | None = None,
    **arguments: Any,
) -> Runs:
    """Start a run for each of many learners on a Dask cluster, and return at once.

    The runs share the cluster: if there are more runs than slots, some of them wait. Each run has its own status and
    results, and a run that fails does not affect the others. A run needs no thread, except for its checkpoint.

    Parameters
    ----------
    learners : iterable of BaseLearner
        Different learners, which are kept current with the results.
    goal : callable or sequence of callables, optional
        As for `AsyncRunner`. For this and for ``loss_goal``, ``npoints_goal``, ``end_time_goal``, ``duration_goal``,
        ``weight`` and ``resources``, you can pass one value for all runs, or a list or tuple with one for each.
    executor : distributed.Client, optional
        By default, the current client, or that of a new local cluster.
    name : str or sequence of str, optional
        A name for each run, or a prefix that is followed by a number.
    after : mapping, list, str, int or runner, optional
        The runs that have to finish before a run starts. A mapping has entries for some of the runs, by name or number.
        A list or tuple has an entry for each run. An entry is a run, several runs, or None. Any other value applies to
        all runs. A run is given by its number in `learners`, its name or its runner; it may have been started earlier.
        If a run fails, its successors fail with a `PredecessorError`; if it is cancelled, they are cancelled.
    on_results : callable, optional
        Called with each batch of results of any run, ``on_results(learner, xs, ys)``.
    **arguments
        Further arguments of `AsyncRunner`, the same for all runs. `checkpoint` is a folder or URL that gets a folder
        for each run, or a list.

    Returns
    -------
    Runs
        A sequence of runners, in the order of the learners.

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid, if runs would wait for each other, if an object cannot be pickled, or if the executor
        is not a Dask client. Then no run is started. Other errors at the start of a run are failures of this run, see
        `Runs.failures`.

    Examples
    --------
    >>> runs = adaptive.run_many([adaptive.Learner1D(f(a), (0, 1)) for a in range(1000)], npoints_goal=100)
    >>> for runner in runs.as_completed():
    ...     print(runner.name, runner.learner.loss())
    """
    learners = _check_learners(learners)
    for learner in learners:
        if is_local(executor, learner):
            raise ValueError(
                "run_many starts runs on a Dask cluster: give its dask.distributed.Client as executor=, also for "
                "functions that are `async def`. On another executor, run a BalancingLearner of the learners, or a "
                "Runner for each."
            )
    plans = _make_plans(learners, goal=goal, name=name, **arguments)
    predecessors, order = find_predecessors(after, plans)
    plans = [replace(plan, after=before) for plan, before in zip(plans, predecessors, strict=True)]
    known: dict[int, tuple[Any, bytes]] = {}
    specs = [make_spec(learner, plan, known) for learner, plan in zip(learners, plans, strict=True)]
    client = find_client(executor)
    hosted = [hosted_run(client, plan.name, plan.id, learner) for learner, plan in zip(learners, plans, strict=True)]
    runners = [AsyncRunner._of(run, plan, on_results=on_results) for run, plan in zip(hosted, plans, strict=True)]

    def start() -> Coroutine[Any, Any, None]:
        return start_together(client, [hosted[i] for i in order], [specs[i] for i in order])

    if client.asynchronous:
        start_later(client, start)
    else:
        wait_for_start(client, hosted, start)
    return Runs(client, runners)


def _check_learners(given: Any) -> list[Any]:
    if is_learner(given) or not isinstance(given, Iterable):
        raise TypeError(f"learners must be a list of learners, got {given!r}. For a single one use Runner.")
    learners: list[Any] = list(given)
    if not learners:
        raise ValueError("learners must be a list of learners, got an empty one.")
    if len({id(learner) for learner in learners}) < len(learners):
        raise ValueError("learners must be different objects, got one of them twice. Each run needs its own learner.")
    return learners


def _make_plans(learners: Sequence[Any], *, name: Any, checkpoint: Any = None, **arguments: Any) -> list[Plan]:
    count = len(learners)
    numbers = [f"{i:0{len(str(count - 1))}}" for i in range(count)]
    given = name if isinstance(name, list | tuple) else None
    if given is None:
        if name is not None and not (isinstance(name, str) and name):
            raise ValueError(f"name must be a string that is not empty, or one for each run, got {name!r}.")
        stem = name or f"{type(learners[0]).__name__}-{uuid.uuid4().hex[:8]}"
        name = [f"{stem}-{number}" for number in numbers]
    if checkpoint is not None and not isinstance(checkpoint, list | tuple):
        checkpoint = [f"{str(checkpoint).rstrip('/')}/{folder}" for folder in given or numbers]
    arguments |= {"name": name, "checkpoint": checkpoint}
    each = {key: value for key, value in arguments.items() if key in _ONE_EACH and isinstance(value, list | tuple)}
    for key, values in each.items():
        if len(values) != count:
            raise ValueError(
                f"{key} has {len(values)} entries for {count} learners; give one for each, or one for all."
            )
    if len(set(each["name"])) < count:
        raise ValueError("name must have a different name for each run.")
    return [
        make_plan(learner, RunOptions(**{**arguments, **{key: values[i] for key, values in each.items()}}))
        for i, learner in enumerate(learners)
    ]
