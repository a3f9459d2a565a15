"""Keeps what was not picked in the memory of the worker that made it, as data of Dask."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cloudpickle
from distributed.utils import sync

from adaptive_dask.cluster.kept_result import KEY_PREFIX, KeptResult
from adaptive_dask.cluster.protocol import Route
from adaptive_dask.cluster.versions import own_versions
from adaptive_dask.errors import ResultLostError
from adaptive_dask.learner.picked import keeping

if TYPE_CHECKING:
    from distributed import Worker


def load_function(pickled: bytes, worker: Worker, run: str) -> Callable[[Any], Any]:
    """Load a run's function; a `DataSaver` in it keeps results on this worker if it was told to."""

    def keep(result: Any) -> KeptResult:
        kept: KeptResult = sync(worker.loop, _keep, worker, run, result)
        return kept

    with keeping(keep):
        function: Callable[[Any], Any] = cloudpickle.loads(pickled)
    return function


async def _keep(worker: Worker, run: str, result: Any) -> KeptResult:
    key = f"{KEY_PREFIX}-{uuid.uuid4().hex}"
    nbytes = worker.update_data({key: result})["nbytes"][key]
    # Before the reference can get anywhere, somebody holds the data.
    keep = getattr(worker.scheduler, Route.KEEP)
    reply = await keep(run=run, worker=worker.address, key=key, nbytes=nbytes, versions=own_versions())
    if not reply or "error" in reply:
        raise ResultLostError(f"The scheduler did not take note of the result {key} on {worker.address}.")
    return KeptResult(key, nbytes)
