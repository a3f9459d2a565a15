"""BlockingRunner: starts a run and returns at its end."""

from __future__ import annotations

import contextlib
from typing import Any

from adaptive_dask.run.goals import GoalFunction
from adaptive_dask.run.options import with_arguments_of
from adaptive_dask.runner.local import LocalRun
from adaptive_dask.runner.runner import AsyncRunner


class BlockingRunner(AsyncRunner):
    """Runs a learner, and returns when the run has ended.

    Takes what `AsyncRunner` takes, and needs a goal. Ctrl-C cancels the run.

    Raises
    ------
    AdaptiveError
        If the run failed.
    """

    _blocks = True

    @with_arguments_of(AsyncRunner.__init__, allow_running_forever=False)
    def __init__(self, learner: Any, goal: GoalFunction | None = None, **kwargs: Any) -> None:
        try:
            super().__init__(learner, goal, **{"allow_running_forever": False, **kwargs})
            self.result()
        except BaseException:
            run = getattr(self, "_run", None)
            if run is not None and not run.done.done():  # Ctrl-C, or what another signal handler raised
                with contextlib.suppress(Exception):  # the interrupt is what is to be raised
                    self.cancel()
            raise

    def _start_local(self, run: LocalRun) -> None:
        if run.is_sequential:
            try:
                run.drive()  # evaluates in this thread
            finally:  # also after Ctrl-C, which leaves no other chance to
                run.replica.apply()
        else:
            super()._start_local(run)
