"""A reference to a result in the memory of a worker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future, get_client
from distributed.utils_comm import gather_from_workers

from adaptive_dask.errors import ResultLostError
from adaptive_dask.learner.picked import Reference

KEY_PREFIX = "adaptive-extra"


@dataclass(frozen=True)
class RemoteResult(Reference):
    """A result in the memory of a worker.

    The result exists as long as the scheduler knows the run that made it, or another run that was started with a
    learner that has this reference; see `DataSaver`.

    Attributes
    ----------
    key : str
        The key of the data in Dask.
    nbytes : int
        Its approximate size in bytes.
    """

    key: str
    nbytes: int = -1

    def load(self, client: Client | None = None, *, direct: bool = True) -> Any:
        """Fetch the result.

        Parameters
        ----------
        client : distributed.Client, optional
            The current client by default.
        direct : bool, default: True
            Fetch the result from the worker itself. With False the scheduler forwards it, for clients that cannot
            connect to the workers.

        Returns
        -------
        result : object
            With an asynchronous client, an awaitable of it.

        Raises
        ------
        ResultLostError
            If the result does not exist any more.
        ValueError
            If there is no client.
        """
        client = client or get_client()
        if client.asynchronous:
            return asyncio.ensure_future(self._fetch(client, direct))
        return client.sync(self._fetch, client, direct)

    def future(self, client: Client | None = None) -> Future[Any]:
        """Return a future of the result, to compute with it on its worker: ``client.submit(analyse, result.future())``.

        Parameters
        ----------
        client : distributed.Client, optional
            The current client by default.
        """
        return Future(self.key, client or get_client())

    async def _fetch(self, client: Client, direct: bool) -> Any:
        scheduler: Any = client.scheduler
        who_has = await scheduler.who_has(keys=[self.key])
        if who_has.get(self.key):
            if direct:
                data = (await gather_from_workers(who_has, rpc=client.rpc))[0]
            else:
                data = (await scheduler.gather(keys=[self.key])).get("data", {})
            if self.key in data:
                return data[self.key]
            who_has = await scheduler.who_has(keys=[self.key])
            if direct and who_has.get(self.key):
                raise ResultLostError(
                    f"{self} is on {', '.join(who_has[self.key])}, which cannot be reached from here. "
                    "load(direct=False) has the scheduler fetch it."
                )
        raise ResultLostError(
            f"{self} is not on the cluster any more: its worker was lost, the cluster was restarted, or the "
            "run it came from was forgotten. Results that must outlive that are written to files: "
            'DataSaver(extra="cluster", target=...).'
        )
