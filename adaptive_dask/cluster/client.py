"""What a client asks of the host."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from adaptive_dask.cluster.protocol import Route, unpack
from adaptive_dask.cluster.scheduler import LearnerHost
from adaptive_dask.cluster.versions import own_versions
from adaptive_dask.errors import ModuleMissingError, RunNotFoundError

if TYPE_CHECKING:
    from distributed import Client


async def ensure_host(client: Client) -> None:
    """Register the host with the client's scheduler, unless it has one.

    Raises
    ------
    ModuleMissingError
        If adaptive_dask is not installed on the scheduler.
    """
    try:
        await client.register_plugin(LearnerHost())
    except ImportError as error:
        raise ModuleMissingError(
            f"The scheduler of {client!r} cannot load adaptive_dask ({error}). "
            "Install adaptive_dask, the same version as here, in the scheduler's environment and the workers'."
        ) from error


async def request(client: Client, route: Route, **arguments: Any) -> Any:
    """Ask the host, and raise what it answers with if that is an error.

    Runs on the client's event loop.

    Raises
    ------
    RunNotFoundError
        If the scheduler has no host, and so no runs.
    VersionMismatchError
        If the scheduler has another version of adaptive_dask.
    """
    reply = await getattr(client.scheduler, route)(versions=own_versions(), **arguments)
    if reply is None:
        raise RunNotFoundError("The scheduler hosts no runs: no Runner was started on it.")
    if "error" in reply:
        # Loading an exception may import modules of the user's: not on the event loop.
        error: BaseException = await asyncio.to_thread(unpack, reply["error"])
        raise error
    return reply["ok"]
