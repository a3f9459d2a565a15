"""Holds results that stay on workers for as long as a run is known that they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Scheduler


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

    def claim(self, run: str, keys: Iterable[str]) -> None:
        """Hold what is there of these results for one more run."""
        known = [key for key in keys if key in self._scheduler.tasks]
        if known:
            self._scheduler.client_desires_keys(known, client=_holder(run))

    def release(self, run: str) -> None:
        """A run is forgotten."""
        holder = self._scheduler.clients.get(_holder(run))
        if holder is not None:
            self._scheduler.client_releases_keys([task.key for task in holder.wants_what], client=_holder(run))
            self._scheduler.clients.pop(_holder(run), None)


def _holder(run: str) -> str:
    return f"adaptive-extra-{run}"
