"""Save the learner of a run periodically, independent of the user's thread."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

from adaptive_dask.logs import get_logger
from adaptive_dask.plain import as_positive_seconds
from adaptive_dask.runner import program_end
from adaptive_dask.runner.run import Run
from adaptive_dask.runner.task import RunTask
from adaptive_dask.user_code import guarded, require_plain_function

logger = get_logger(__name__)

# Time to wait for the last save at the end of the program (seconds).
LAST_SAVE = 60.0


class PeriodicSaving(RunTask):
    """Saves a learner at once, at intervals, and when the run or the program ends.

    A copy of the learner is saved in a separate thread, so that no file contains a part of a batch of results. You can
    await this object; this and `result` raise the error of the last save.

    Parameters
    ----------
    run : Run
    save : callable
        Called with the learner to save.
    interval : float
        In seconds.

    Attributes
    ----------
    saves : int
        Number of saves.
    error : Exception or None
        The error of the last attempt. It is logged, and does not prevent the next attempt.
    """

    def __init__(self, run: Run, save: Callable[[Any], Any], interval: float) -> None:
        self._end: concurrent.futures.Future[None] = concurrent.futures.Future()
        super().__init__(self._end, self._cancel)
        self.saves = 0
        self.error: Exception | None = None
        self._run = run
        self._save = save
        self._interval = interval
        self._wake = threading.Event()
        self._is_cancelled = False
        run.done.add_done_callback(lambda _: self._wake.set())
        program_end.call_at_end(self._at_exit)
        self._thread = threading.Thread(target=self._work, name=f"adaptive-saving-{run.name}", daemon=True)
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the last save, after the end of the run."""
        self._thread.join(timeout)

    def _cancel(self) -> None:
        self._is_cancelled = True
        self._wake.set()

    def _work(self) -> None:
        try:
            while not self._is_cancelled:
                is_last = self._wake.is_set()
                self._attempt()
                if is_last:
                    break
                self._wake.wait(self._interval)
        finally:
            program_end.call_no_more(self._at_exit)
            if self._is_cancelled:
                self._end.cancel()
                self._end.set_running_or_notify_cancel()
            elif self.error is not None:
                self._end.set_exception(self.error)
            else:
                self._end.set_result(None)

    def _attempt(self) -> None:
        try:
            with self._run.borrowed_learner() as learner:
                guarded(self._save, learner)
        except Exception as error:
            self.error = error
            logger.exception("The learner of the run %r could not be saved", self._run.name)
        else:
            self.error = None
            self.saves += 1

    def _at_exit(self) -> None:
        self._wake.set()
        self._thread.join(LAST_SAVE)


def start_saving(
    run: Run, save_kwargs: dict[str, Any] | None, interval: float, method: Callable[[Any], Any] | None
) -> PeriodicSaving:
    """Start to save the learner of a run; see `AsyncRunner.start_periodic_saving`.

    Raises
    ------
    ValueError
        If neither ``save_kwargs`` nor ``method`` is given, or if the interval is not positive.
    TypeError
        If the interval is not a duration, or ``method`` is not a plain function.
    """
    if method is None and save_kwargs is None:
        raise ValueError("Periodic saving needs save_kwargs, the arguments of learner.save, or method, a function.")
    if method is not None and not callable(method):
        raise TypeError(f"method must be a function of the learner, got {method!r}.")
    require_plain_function("method", method, "It is called in a thread, which does not wait for it.")
    interval = as_positive_seconds("interval", interval)
    arguments = dict(save_kwargs or {})
    saving = PeriodicSaving(run, method or (lambda learner: learner.save(**arguments)), interval)
    run.savings.append(saving)
    return saving
