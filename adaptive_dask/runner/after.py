"""The order of runs that start when others have finished (``run_many(..., after=…)``)."""

from __future__ import annotations

import graphlib
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from adaptive_dask.plain import check_name, safe_repr
from adaptive_dask.runner.arguments import Plan
from adaptive_dask.runner.cluster import ClusterRun
from adaptive_dask.runner.many_runs import Runs
from adaptive_dask.runner.runner import AsyncRunner

# A predecessor: the number of a new run, or the name and the id of a hosted run; without an id, the newest of that
# name.
Predecessor = int | tuple[str, str | None]


def find_predecessors(after: Any, plans: Sequence[Plan]) -> tuple[list[tuple[tuple[str, str | None], ...]], list[int]]:
    """Return the predecessors of each run, and an order in which the runs can be started.

    Parameters
    ----------
    after : object
        As for `run_many`.
    plans : sequence of Plan

    Returns
    -------
    after : list of tuple of (str, str or None)
        For each run the names and ids of its predecessors.
    order : list of int
        Numbers of the runs; each run follows its predecessors.

    Raises
    ------
    TypeError, ValueError
        If `after` is invalid, or if runs would wait for each other.
    """
    names = {plan.name: number for number, plan in enumerate(plans)}
    found: list[list[Predecessor]] = [[] for _ in plans]
    if isinstance(after, Mapping):
        for key, entry in after.items():
            number = _as_predecessor(key, names)
            if not isinstance(number, int):
                raise ValueError(f"keys of after must be names or numbers of the new runs, got {safe_repr(key)}.")
            found[number] += _as_predecessors(entry, names)
    elif isinstance(after, list | tuple):
        if len(after) != len(plans):
            raise ValueError(f"after must have one entry for each of the {len(plans)} learners, got {len(after)}.")
        found = [_as_predecessors(entry, names) for entry in after]
    else:
        found = [_as_predecessors(after, names) for _ in plans]
    own = {number: [each for each in before if isinstance(each, int)] for number, before in enumerate(found)}
    try:
        order = list(graphlib.TopologicalSorter(own).static_order())
    except graphlib.CycleError as error:
        cycle = " → ".join(repr(plans[number].name) for number in error.args[1])
        raise ValueError(f"after must not let runs wait for each other, got the cycle {cycle}.") from None
    pairs = [tuple((plans[e].name, plans[e].id) if isinstance(e, int) else e for e in before) for before in found]
    return pairs, order


def _as_predecessors(entry: Any, names: Mapping[str, int]) -> list[Predecessor]:
    if entry is None:
        return []
    if isinstance(entry, list | tuple | set | frozenset | Runs):
        return list(dict.fromkeys(_as_predecessor(each, names) for each in entry))
    return [_as_predecessor(entry, names)]


def _as_predecessor(given: Any, names: Mapping[str, int]) -> Predecessor:
    if hasattr(given, "__index__") and not isinstance(given, bool):
        number = operator.index(given)
        if not 0 <= number < len(names):
            raise ValueError(f"after must have numbers of the learners, from 0 to {len(names) - 1}, got {number}.")
        return number
    if isinstance(given, AsyncRunner):
        run = given._run
        if not isinstance(run, ClusterRun):
            raise ValueError(
                f"after must have runs on this Dask cluster, got {given.name!r}, which is not on a cluster."
            )
        return run.name, run.id
    if not isinstance(given, str):
        raise TypeError(f"after must have names of runs, numbers of learners or runners, got {safe_repr(given)}.")
    check_name(given)
    return names.get(given, (given, None))
