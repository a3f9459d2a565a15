"""Handlers for the requests of clients and the messages of workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from distributed import Scheduler
from distributed.protocol.serialize import to_serialize

from adaptive_dask.cluster.protocol import STOP, Report, Route, check_lifetime, check_versions
from adaptive_dask.cluster.scheduler_remote_results import RemoteResults
from adaptive_dask.cluster.scheduler_resources import HostResources
from adaptive_dask.cluster.scheduler_runs import RunTable, shown
from adaptive_dask.errors import RunExistsError, VersionMismatchError
from adaptive_dask.logs import get_logger
from adaptive_dask.run.pickling import dumps

logger = get_logger(__name__)

Handler = Callable[..., Awaitable[Any]]


class RunRoutes:
    """Answers requests; lives on the scheduler's event loop. The routes are described in `Route`.

    Clients that follow a run also send its id, because its name may be used again.

    Parameters
    ----------
    table : RunTable
    resources : HostResources
    """

    def __init__(self, table: RunTable, resources: HostResources) -> None:
        self._table = table
        self._resources = resources

    def handlers(self) -> dict[Route, Handler]:
        return {
            Route.RUNS: self.list_runs,
            Route.SNAPSHOT: self.snapshot_run,
            Route.INSPECT: self.inspect_run,
            Route.CALL: self.call_run,
            Route.TELL: self.tell_run,
            Route.DROP: self.drop_points,
            Route.GOAL: self.set_goal,
            Route.CONTROL: self.control_run,
        }

    def answering(self, handler: Handler) -> Handler:
        """Make a handler reply with errors instead of raising them, because Dask would log each with a traceback."""

        async def answer(versions: Any = None, **arguments: Any) -> dict[str, Any]:
            with self._resources.in_use():
                worker = arguments.get("worker")
                try:
                    check_versions(versions, "client" if worker is None else f"worker {worker}")
                    return {"ok": await handler(**arguments)}
                except VersionMismatchError as error:
                    run = self._table.active.get(str(arguments.get("run")))  # whose function is requested
                    if run is not None:
                        run.reports.cannot_work(str(worker), error)
                    return {"error": dumps(error)}  # every version can load it
                except Exception as error:
                    return {"error": await self._resources.pack(error)}

        return answer

    async def list_runs(self) -> list[dict[str, Any]]:
        """Return the state and the numbers of each run."""
        return [run.summary() for run in self._table.by_name.values()]

    async def snapshot_run(self, name: str, run_id: str | None = None) -> dict[str, Any]:
        """Return the learner, its functions, the number of results that it was told, and its past losses."""
        run = self._table.find(name, run_id)
        learner, position = await run.in_turn(run.learner.snapshot)
        losses = [tuple(loss) for loss in run.history.some_losses()]
        told = {"position": position, "summary": run.summary(), "losses": losses}
        return {"learner": _as_buffer(learner), "functions": run.spec.functions, "goal": run.goal, **told}

    async def inspect_run(self, name: str, log_from: int, run_id: str | None = None) -> Any:
        """Return the points in flight, failures and log."""
        run = self._table.find(name, run_id)
        return _as_buffer(await run.in_turn(run.learner.inspect, log_from))

    async def call_run(self, name: str, payload: bytes, run_id: str | None = None) -> Any:
        return _as_buffer(await self._table.find(name, run_id).call(payload))

    async def tell_run(self, name: str, points: bytes, values: bytes, run_id: str | None = None) -> None:
        await self._table.find(name, run_id).tell(points, values)

    async def drop_points(self, name: str, points: bytes, ids: list[int], run_id: str | None = None) -> bytes:
        return await self._table.find(name, run_id).drop(points, ids)

    async def set_goal(self, name: str, goal: bytes, run_id: str | None = None) -> None:
        await self._table.find(name, run_id).set_goal(goal)

    async def control_run(self, name: str, action: str, run_id: str | None = None) -> None:
        """Cancel, pause, resume, give up or forget a run. A run can be cancelled before it is started."""
        if action == "cancel" and isinstance(run_id, str) and run_id not in self._table.by_id:
            self._table.cancel_unknown(run_id)
        run = self._table.find(name, run_id)
        if action == "forget":
            if not run.state.has_ended:
                raise RunExistsError(f"The run {name!r} has not ended; cancel it first.")
            run.state.turns.give_up_if_late()
            self._table.forget(run)
        elif action == "cancel":
            run.state.cancel()
        elif action in ("pause", "resume", "give_up"):
            getattr(run, action)()
        else:
            raise ValueError(f"action must be cancel, pause, resume, give_up or forget, got {shown(action)}.")


def _as_buffer(data: bytes) -> Any:
    """Wrap bytes that may be large: Dask sends a buffer as it is, and would copy bytes on the event loop."""
    return to_serialize(memoryview(data))


class WorkerMessages:
    """Passes messages of workers to the runs; lives on the scheduler's event loop.

    Parameters
    ----------
    scheduler : Scheduler
    table : RunTable
    remote_results : RemoteResults

    Attributes
    ----------
    serving : set of str
        Workers that have a `PointService`, because they have requested a function.
    """

    def __init__(self, scheduler: Scheduler, table: RunTable, remote_results: RemoteResults) -> None:
        self._scheduler = scheduler
        self._table = table
        self._remote_results = remote_results
        self.serving: set[str] = set()

    def report(self, worker: str = "", run: str = "", **fields: Any) -> None:
        """Handle a report. Never raises, because an exception would close the worker's connection."""
        try:
            if worker not in self.serving:
                fields.pop("slots", None)  # a message without a handler would close the worker's connection
            active = self._table.active.get(run)
            if active is not None:
                active.reports.report(worker, Report.check(**fields))
                return
            ended = self._table.by_id.get(run)
            if ended is not None:
                self._table.note_hung(worker, ended, Report.check(**fields).hung)
            if fields.get("slots") and worker in self._scheduler.stream_comms:  # of a late evaluator
                self._scheduler.worker_send(worker, {"op": STOP, "run": run})
        except Exception:
            logger.exception("Ignored an invalid report of worker %s about run %s", worker, run)

    async def fetch_function(self, run: str, worker: str = "", lifetime: Any = None) -> tuple[Any, ...] | None:
        """Return the function of a run and how to call it, for a worker; None if the run has ended."""
        active = self._table.active.get(run)
        if worker in self._scheduler.workers:
            self.serving.add(worker)
        return None if active is None else active.fetch_function(worker, check_lifetime(lifetime))

    async def keep_result(self, run: str, worker: str, key: str, nbytes: int) -> None:
        """Keep a result on a worker, unless its run is forgotten."""
        self._remote_results.add(run, worker, key, nbytes)
        known = self._table.by_id.get(run)
        if known is None or self._table.is_superseded(known):
            self._remote_results.release(run)
