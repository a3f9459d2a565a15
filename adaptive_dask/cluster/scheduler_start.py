"""Start runs: load the learner and open the checkpoint."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import cast

from adaptive_dask import config
from adaptive_dask.cluster.loading import loading_on_scheduler
from adaptive_dask.cluster.protocol import RunSpec
from adaptive_dask.cluster.scheduler_learner import HostedLearner
from adaptive_dask.cluster.scheduler_remote_results import RemoteResults
from adaptive_dask.cluster.scheduler_run import HostedRun
from adaptive_dask.cluster.scheduler_runs import RunTable, shown
from adaptive_dask.cluster.scheduler_shares import Shares
from adaptive_dask.cluster.scheduler_state import Host
from adaptive_dask.cluster.scheduler_threads import ThreadCall
from adaptive_dask.errors import LearnerBusyError, RunNotFoundError
from adaptive_dask.logs import get_logger
from adaptive_dask.run.pickling import PackedError, unpack
from adaptive_dask.storage.checkpoint import Checkpoint

logger = get_logger(__name__)

# The time limit for loading a learner, which includes imports, as a multiple of the learner's timeout.
LOADING_FACTOR = 12

# The number of runs of a message that are loaded concurrently, because each waits for the busy event loop several
# times.
MAX_LOADING = 16


class RunStarter:
    """Starts runs that clients send; lives on the scheduler's event loop.

    Parameters
    ----------
    table : RunTable
    host : Host
    shares : Shares
    remote_results : RemoteResults
    """

    def __init__(self, table: RunTable, host: Host, shares: Shares, remote_results: RemoteResults) -> None:
        self._table = table
        self._host = host
        self._resources = host.resources
        self._shares = shares
        self._remote_results = remote_results

    async def start_run(self, spec: bytes) -> str:
        """Host a run; reply with its name."""
        return await self._start(await self._resources.apart(unpack, spec))

    async def start_runs(self, specs: bytes) -> list[PackedError | None]:
        """Host many runs; reply for each with None or the error that prevented its start."""
        unpacked: list[RunSpec] = await self._resources.apart(unpack, specs)
        # A few at a time, not counting runs that wait for a checkpoint or a slow learner.
        starting = []
        loading: deque[asyncio.Future[PackedError | None]] = deque()
        for spec in unpacked:
            starting.append(asyncio.ensure_future(self._try_to_start(spec)))
            if spec.checkpoint is None:
                loading.append(starting[-1])
            if len(loading) == MAX_LOADING:
                await asyncio.wait([loading.popleft()], timeout=self._resources.learner_threads().timeout)
        return await asyncio.gather(*starting)

    async def _try_to_start(self, spec: RunSpec) -> PackedError | None:
        try:
            await self._start(spec)
        except Exception as error:
            return await self._resources.pack(error)
        return None

    async def _start(self, spec: RunSpec) -> str:
        spec.check()
        config.check()
        with self._table.starting(spec):
            predecessors = self._table.find_predecessors(spec)
            learner = await self._load(spec)
            try:
                client = await self._resources.get_client()
                # before an earlier run of this name, which may hold the same results, is released
                await self._remote_results.claim(spec.id, learner.remote_keys)
                if spec.id in self._table.cancelled:
                    raise RunNotFoundError(f"The run {shown(spec.name)} was cancelled before it was started.")
                waits = self._table.successors.check(spec.name, predecessors)  # some may have ended since
            except BaseException:
                self._remote_results.release(spec.id)
                await self._resources.apart(learner.driver.close)
                raise
            run = HostedRun(spec, learner, self._host)
            self._table.add(run)
            self._table.successors.add(run, waits)
            run.start(client, self._shares.least_served)
            self._shares.update_soon(0.0)
            logger.info("The run %r was started, with the id %s", spec.name, spec.id)
        return spec.name

    async def _load(self, spec: RunSpec) -> HostedLearner:
        checkpoint = None
        if spec.checkpoint is not None:
            checkpoint = await self._resources.apart(Checkpoint, spec.checkpoint, spec.name)
        threads = self._resources.loading_threads()
        timeout = LOADING_FACTOR * threads.timeout
        is_given_up = threading.Event()
        late: list[ThreadCall] = []
        loading = threads.begin(_load, spec, checkpoint, is_given_up, on_late=late.append)
        await asyncio.wait([loading], timeout=timeout)
        if not loading.done():
            is_given_up.set()
            loading.cancel()
            where = late[0].describe() if late else f"{timeout:.0f} s"
            raise LearnerBusyError(
                f"The learner of the run {spec.name!r} could not be loaded on the scheduler; that took {where} so far. "
                f"It may take {LOADING_FACTOR} times the scheduler's setting adaptive-dask.learner-timeout "
                "of dask.config."
            )
        return cast(HostedLearner, loading.result())


def _load(spec: RunSpec, checkpoint: Checkpoint | None, is_given_up: threading.Event) -> HostedLearner:
    try:
        with loading_on_scheduler("the learner, its loss function or the goal, which run there"):
            learner = HostedLearner(spec, checkpoint)
        if is_given_up.is_set():
            raise LearnerBusyError("The learner was loaded too late.")
    except BaseException:
        if checkpoint is not None:
            checkpoint.close()
        raise
    return learner
