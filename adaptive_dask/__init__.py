"""Adaptive sampling of expensive functions on a Dask cluster.

>>> import adaptive_dask as adaptive
>>> learner = adaptive.Learner1D(f, bounds=(-1, 1))
>>> runner = adaptive.Runner(learner, loss_goal=0.01)

Names are imported when they are first used, so that ``import adaptive_dask`` is cheap.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "AsyncRunner": "runner",
    "AverageLearner": "learner.average_learner",
    "AverageLearner1D": "learner.average_learner1D",
    "BalancingLearner": "learner.balancing_learner",
    "BaseLearner": "learner.base_learner",
    "BlockingRunner": "runner",
    "DataSaver": "learner.data_saver",
    "IntegratorLearner": "learner.integrator_learner",
    "Learner1D": "learner.learner1D",
    "Learner2D": "learner.learner2D",
    "LearnerND": "learner.learnerND",
    "Runner": "runner",
    "SKOptLearner": "learner.skopt_learner",
    "SequenceLearner": "learner.sequence_learner",
    "active_plotting_tasks": "notebook",
    "attach": "runner",
    "live_info": "notebook",
    "live_plot": "notebook",
    "load": "storage.checkpoint",
    "make_datasaver": "learner.data_saver",
    "notebook_extension": "notebook",
    "run_many": "runner",
    "runs": "runner",
    "simple": "runner",
    "uses_nth_neighbors": "learner.base_learner",
}
_MODULES = {
    "cluster",
    "errors",
    "goals",
    "learner",
    "notebook",
    "notebook_integration",
    "plotting",
    "runner",
    "session",
    "storage",
    "testing",
    "utils",
}

__all__ = [  # noqa: RUF022  what is used most comes first
    "Learner1D",
    "Learner2D",
    "LearnerND",
    "AverageLearner",
    "AverageLearner1D",
    "IntegratorLearner",
    "SequenceLearner",
    "BalancingLearner",
    "DataSaver",
    "make_datasaver",
    "SKOptLearner",
    "Runner",
    "AsyncRunner",
    "BlockingRunner",
    "run_many",
    "attach",
    "runs",
    "simple",
    "load",
    "notebook_extension",
    "live_plot",
    "active_plotting_tasks",
    "BaseLearner",
    "uses_nth_neighbors",
    "learner",
    "runner",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
