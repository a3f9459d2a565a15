"""Runners."""

from adaptive_dask.local.sequential import SequentialExecutor
from adaptive_dask.run.goals import auto_goal, stop_after
from adaptive_dask.runner.hosted import attach, runs
from adaptive_dask.runner.many_runs import Runs
from adaptive_dask.runner.runner import AsyncRunner, BlockingRunner, Runner
from adaptive_dask.runner.sequential import replay_log, simple
from adaptive_dask.runner.start_many import run_many

# The base class of all runners.
BaseRunner = AsyncRunner

__all__ = [
    "AsyncRunner",
    "BaseRunner",
    "BlockingRunner",
    "Runner",
    "Runs",
    "SequentialExecutor",
    "attach",
    "auto_goal",
    "replay_log",
    "run_many",
    "runs",
    "simple",
    "stop_after",
]
