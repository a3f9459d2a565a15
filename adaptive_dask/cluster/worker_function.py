"""The function of a run on a worker: fetched once, when the first evaluator comes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from distributed.utils import sync

from adaptive_dask.cluster.protocol import Evaluation, Route
from adaptive_dask.cluster.versions import own_versions
from adaptive_dask.cluster.worker_kept import load_function
from adaptive_dask.cluster.worker_lifetime import lifetime_of
from adaptive_dask.run.pickling import unpack_error

if TYPE_CHECKING:
    from distributed import Worker


class RunFunction:
    """The function of a run, and how it is to be called.

    Parameters
    ----------
    run : str
    worker : Worker

    Attributes
    ----------
    evaluation : Evaluation
        Known when the function is.
    """

    def __init__(self, run: str, worker: Worker) -> None:
        self.evaluation = Evaluation()
        self._run = run
        self._worker = worker
        self._function: Callable[[Any], Any] | None = None
        self._lock = threading.Lock()

    def get(self) -> Callable[[Any], Any] | None:
        """The function; None when the run is over.

        Raises
        ------
        Exception
            If it cannot be had or loaded.
        """
        with self._lock:
            if self._function is None:
                reply = sync(self._worker.loop, self._ask)
                if reply and "error" in reply:
                    raise unpack_error(reply["error"])
                contents = reply and reply["ok"]
                if contents is None:
                    return None
                self.evaluation = Evaluation(*contents[1:])
                self._function = load_function(contents[0], self._worker, self._run)
            return self._function

    async def _ask(self) -> Any:
        ask = getattr(self._worker.scheduler, Route.FUNCTION)
        lifetime = lifetime_of(self._worker)
        return await ask(
            run=self._run,
            worker=self._worker.address,
            lifetime=lifetime and lifetime.as_reported(),
            versions=own_versions(),
        )
