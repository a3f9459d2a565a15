"""Keep results in the memory of workers until their runs are forgotten."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from distributed import Scheduler

# The number of results that are handled without a break of the event loop.
MAX_RESULTS_PER_STEP = 100


class RemoteResults:
    """The remote results of runs.

    Like a published dataset, each run is a client of Dask that wants its results. Dask frees a result that no client
    wants.

    Parameters
    ----------
    scheduler : Scheduler
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def add(self, run: str, worker: str, key: str, nbytes: int) -> None:
        """Keep a new result of a run, on a worker."""
        if worker in self._scheduler.workers:
            self._scheduler.update_data(who_has={key: [worker]}, nbytes={key: nbytes}, client=_holder(run))

    async def claim(self, run: str, keys: Sequence[str]) -> None:
        """Keep existing results for one more run."""
        for i in range(0, len(keys), MAX_RESULTS_PER_STEP):
            known = [key for key in keys[i : i + MAX_RESULTS_PER_STEP] if key in self._scheduler.tasks]
            self._scheduler.client_desires_keys(known, client=_holder(run))
            await asyncio.sleep(0)

    def release(self, run: str) -> None:
        """Release the results of a run that is forgotten."""
        holder = self._scheduler.clients.get(_holder(run))
        if holder is None:
            return
        some = [task.key for task in itertools.islice(holder.wants_what, MAX_RESULTS_PER_STEP)]
        self._scheduler.client_releases_keys(some, client=_holder(run))
        if holder.wants_what:
            asyncio.get_running_loop().call_soon(self.release, run)
        else:
            del self._scheduler.clients[_holder(run)]


def _holder(run: str) -> str:
    return f"adaptive-extra-{run}"
