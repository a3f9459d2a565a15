"""Requests of a client to the host."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from adaptive_dask.cluster.loading import loading_on_scheduler
from adaptive_dask.cluster.protocol import Route
from adaptive_dask.cluster.versions import own_versions
from adaptive_dask.errors import RunNotFoundError
from adaptive_dask.run.pickling import unpack_error

if TYPE_CHECKING:
    from distributed import Client


async def ensure_host(client: Client) -> None:
    """Register the host with the client's scheduler, unless it has one.

    Raises
    ------
    ModuleMissingError
        If adaptive_dask is not installed on the scheduler.
    """
    with loading_on_scheduler("adaptive_dask", f"The scheduler of {client!r}"):
        await client.run_on_scheduler(_make_registration())


def _make_registration() -> Callable[..., Awaitable[None]]:
    """Return a function that registers the host, and loads its modules in a thread, because this takes half a second.

    It is a local function, because these are pickled by value; another one would import this package when it is loaded.
    """

    async def register(dask_scheduler: Any) -> None:
        import contextlib
        import importlib

        from distributed.utils import offload

        def load() -> Any:
            with contextlib.suppress(Exception):  # the host logs why there are no pages
                importlib.import_module("adaptive_dask").entry("load_pages")()
            return importlib.import_module("adaptive_dask.cluster.scheduler")

        if "adaptive" not in dask_scheduler.plugins:
            module = await offload(load)
            await dask_scheduler.register_scheduler_plugin(module.LearnerHost(), idempotent=True)

    return register


async def request(client: Client, route: Route, **arguments: Any) -> Any:
    """Send a request to the host on the client's event loop; raise its reply if that is an error.

    Raises
    ------
    RunNotFoundError
        If the scheduler has no host.
    VersionMismatchError
        If the scheduler has another version of adaptive_dask.
    """
    reply = await getattr(client.scheduler, route)(versions=own_versions(), **arguments)
    if reply is None:
        raise RunNotFoundError("The scheduler hosts no runs: no Runner was started on it.")
    if "error" in reply:
        # Loading an exception may import modules of the user, so it is not done on the event loop.
        raise await asyncio.to_thread(unpack_error, reply["error"])
    return reply["ok"]
