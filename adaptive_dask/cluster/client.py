"""Requests of a client to the host."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from distributed import Client

from adaptive_dask.cluster.loading import loading_on_scheduler
from adaptive_dask.cluster.protocol import Route, own_versions
from adaptive_dask.errors import RunNotFoundError, SchedulerLostError
from adaptive_dask.plain import one_line
from adaptive_dask.run.pickling import unpack_error

_ADVICE = "If the scheduler lives, its runs continue: connect a new client and join them with adaptive.attach(name)."


async def ensure_host(client: Client) -> None:
    """Register the host with the client's scheduler, unless it has one.

    Raises
    ------
    ModuleMissingError
        If adaptive_dask is not installed on the scheduler.
    SchedulerLostError
        If the scheduler cannot be reached.
    """
    with loading_on_scheduler("adaptive_dask", f"The scheduler of {client!r}"), _reaching_scheduler(client):
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
    SchedulerLostError
        If the scheduler cannot be reached.
    """
    with _reaching_scheduler(client):
        reply = await getattr(client.scheduler, route)(versions=own_versions(), **arguments)
    if reply is None:
        raise RunNotFoundError("The scheduler hosts no runs: no Runner was started on it.")
    if "error" in reply:
        # Loading an exception may import modules of the user, so it is not done on the event loop.
        raise await asyncio.to_thread(unpack_error, reply["error"])
    return reply["ok"]


def require_open(client: Client) -> None:
    """Raise a `SchedulerLostError` if a client is closed: its event loop may be closed, too."""
    if client.scheduler is None or client.status == "closed":
        raise SchedulerLostError(f"The client is closed. {_ADVICE}")


@contextlib.contextmanager
def _reaching_scheduler(client: Client) -> Iterator[None]:
    """Explain errors of Dask for a client that is closed, or whose scheduler has gone."""
    require_open(client)
    try:
        yield
    except Exception as error:
        # While a client closes, Dask raises other errors as well.
        if not isinstance(error, OSError) and client.status not in ("closing", "closed"):
            raise
        raise SchedulerLostError(f"The scheduler cannot be reached: {one_line(str(error))}. {_ADVICE}") from error
