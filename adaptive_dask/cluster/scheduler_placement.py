"""Where the evaluators of a run may be, when it asked for resources or for workers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from adaptive_dask.cluster.protocol import MAX_HUNG_THREADS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from distributed import Scheduler
    from distributed.scheduler import WorkerState

    Hung = Mapping[str, Mapping[str, tuple[str, int]]]


class Placement:
    """How many evaluators there is room for; lives on the scheduler's event loop.

    Parameters
    ----------
    scheduler : Scheduler
    tasks : dict
        What the tasks ask of Dask.
    """

    def __init__(self, scheduler: Scheduler, tasks: dict[str, Any]) -> None:
        self._scheduler = scheduler
        self._resources: dict[str, float] = tasks.get("resources", {})
        self._workers: frozenset[str] = frozenset()
        if not tasks.get("allow_other_workers"):
            self._workers = frozenset(map(str, tasks.get("workers", ())))

    @property
    def names_workers(self) -> bool:
        """Whether only certain workers will do."""
        return bool(self._workers)

    def capacity(self) -> float:
        """How many evaluators can be at work at once; infinite where every thread of the cluster will do."""
        if not self._resources and not self._workers:
            return math.inf
        return sum(self._room_on(worker) for worker in self._fitting())

    def waits_for(self, hung: Hung) -> str | None:
        """What there has to be before an evaluator can come; None if there is all of it.

        Parameters
        ----------
        hung : mapping
            By worker, how many threads are in calls of which run that were given up, as in `Holders`: each still holds
            its resources, and its thread if there are more than `MAX_HUNG_THREADS`.
        """
        number = len(self._scheduler.workers)
        needs = ", ".join(f"{name}={amount:g}" for name, amount in self._resources.items())
        if number and self.capacity():
            return self._held(needs, hung)
        what = "a worker" + (f" with {needs}" if needs else "")
        if self._workers:
            what += f", one of {', '.join(sorted(self._workers))}"
        return f"{what}; " + (f"none of {number} is such" if number else "the cluster has none")

    def _held(self, needs: str, hung: Hung) -> str | None:
        """Whose points hold the resources or the threads, if that is why no evaluator comes."""
        calls: dict[str, int] = {}
        holding = []
        for worker in self._fitting():
            places = self._resources_for(worker) if needs else worker.nthreads
            here = [
                (name, count - (0 if needs else MAX_HUNG_THREADS))
                for name, count in hung.get(worker.address, {}).values()
            ]
            here = [(name, count) for name, count in here if count > 0]
            if places > sum(count for _, count in here):
                return None
            if places:
                holding.append(worker.address)
                for name, count in here:
                    calls[name] = calls.get(name, 0) + count
        holders = " and ".join(f"{count} of the evaluations of run {name!r}" for name, count in calls.items())
        return (
            f"{needs or 'a thread'} on {', '.join(sorted(holding))}, held by {holders}, given up and still going on; "
            "if they hang, restart the worker"
        )

    def _fitting(self) -> Iterator[WorkerState]:
        for worker in self._scheduler.workers.values():
            if not self._workers or not self._workers.isdisjoint((worker.address, str(worker.name), worker.host)):
                yield worker

    def _room_on(self, worker: WorkerState) -> int:
        return int(min(worker.nthreads, self._resources_for(worker)))

    def _resources_for(self, worker: WorkerState) -> float:
        """For how many evaluators it has resources; infinite if none are asked for."""
        amounts = [worker.resources.get(name, 0.0) / amount for name, amount in self._resources.items()]
        return min((math.floor(amount + 1e-9) for amount in amounts), default=math.inf)
