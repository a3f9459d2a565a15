"""The function of a run on a worker, and results that stay on the worker."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import cloudpickle
from distributed import Worker
from distributed.utils import sync

from adaptive_dask.cluster.protocol import Evaluation, Route, own_versions
from adaptive_dask.cluster.remote_result import KEY_PREFIX, RemoteResult
from adaptive_dask.cluster.worker_lifetime import lifetime_of
from adaptive_dask.errors import AdaptiveError, ResultLostError
from adaptive_dask.isolated.function import IsolatedFunction
from adaptive_dask.isolated.supervisor import EvaluationCancelledError, EvaluationFailedError
from adaptive_dask.learner.picked import keeping
from adaptive_dask.logs import get_logger
from adaptive_dask.run.pickling import unpack_error

logger = get_logger(__name__)


class RunFunction:
    """The function of a run, and the options for calling it.

    Parameters
    ----------
    run : str
    worker : Worker

    Attributes
    ----------
    evaluation : Evaluation
        Set by `get`.
    """

    def __init__(self, run: str, worker: Worker) -> None:
        self.evaluation = Evaluation()
        self._run = run
        self._worker = worker
        self._function: Callable[[Any], Any] | None = None
        self._lock = threading.Lock()

    def get(self) -> Callable[[Any], Any] | None:
        """Return the function; None if the run has ended.

        Raises
        ------
        Exception
            If the function cannot be fetched or loaded.
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
                if self.evaluation.isolate:
                    self._function = isolated = IsolatedFunction(contents[0], memory_limit=self.evaluation.memory_limit)
                    self._load_isolated(isolated)
                else:
                    self._function = _load_function(contents[0], self._worker, self._run)
                logger.info("The function of the run %s was loaded", self._run)
            return self._function

    def _load_isolated(self, function: IsolatedFunction) -> None:
        try:
            function.give_back(function.take())
        except EvaluationCancelledError:  # the run was cancelled; evaluators check this
            pass
        except BaseException as error:
            self._function = None
            function.close()
            if isinstance(error, EvaluationFailedError):
                raise error.exception or AdaptiveError(error.text) from None
            raise

    def close(self) -> None:
        """End the processes of the function, if it has any."""
        if isinstance(self._function, IsolatedFunction):
            self._function.close()

    async def _ask(self) -> Any:
        ask = getattr(self._worker.scheduler, Route.FUNCTION)
        lifetime = lifetime_of(self._worker)
        return await ask(
            run=self._run,
            worker=self._worker.address,
            lifetime=lifetime and lifetime.as_reported(),
            versions=own_versions(),
        )


def _load_function(pickled: bytes, worker: Worker, run: str) -> Callable[[Any], Any]:
    """Load a run's function; a `DataSaver` in it can keep its results on this worker."""

    def keep(result: Any) -> RemoteResult:
        reference: RemoteResult = sync(worker.loop, _keep, worker, run, result)
        return reference

    with keeping(keep):
        function: Callable[[Any], Any] = cloudpickle.loads(pickled)
    return function


async def _keep(worker: Worker, run: str, result: Any) -> RemoteResult:
    key = f"{KEY_PREFIX}-{uuid.uuid4().hex}"
    nbytes = worker.update_data({key: result})["nbytes"][key]
    # The scheduler has to hold the data before the reference leaves this worker, because Dask would free them.
    keep = getattr(worker.scheduler, Route.KEEP)
    reply = await keep(run=run, worker=worker.address, key=key, nbytes=nbytes, versions=own_versions())
    if not reply or "error" in reply:
        raise ResultLostError(f"The scheduler did not register the result {key} on {worker.address}.")
    return RemoteResult(key, nbytes)
