"""Holds results that stay on workers for as long as a run is known that they belong to."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Scheduler

# The event loop turns to others after so many results.
AT_A_TIME = 100


class KeptResults:
    """Which results of which runs Dask is to keep.

    To Dask every run is a client that wants them, as a published dataset is; whatever nobody wants any more is freed.

    Parameters
    ----------
    scheduler : Scheduler
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def add(self, run: str, worker: str, key: str, nbytes: int) -> None:
        """A worker has a new result of a run."""
        if worker in self._scheduler.workers:
            self._scheduler.update_data(who_has={key: [worker]}, nbytes={key: nbytes}, client=_holder(run))

    async def claim(self, run: str, keys: Sequence[str]) -> None:
        """Hold what is there of these results for one more run."""
        for i in range(0, len(keys), AT_A_TIME):
            known = [key for key in keys[i : i + AT_A_TIME] if key in self._scheduler.tasks]
            self._scheduler.client_desires_keys(known, client=_holder(run))
            await asyncio.sleep(0)

    def release(self, run: str) -> None:
        """A run is forgotten."""
        holder = self._scheduler.clients.get(_holder(run))
        if holder is None:
            return
        some = [task.key for task in itertools.islice(holder.wants_what, AT_A_TIME)]
        self._scheduler.client_releases_keys(some, client=_holder(run))
        if holder.wants_what:
            asyncio.get_running_loop().call_soon(self.release, run)
        else:
            del self._scheduler.clients[_holder(run)]


def _holder(run: str) -> str:
    return f"adaptive-extra-{run}"
