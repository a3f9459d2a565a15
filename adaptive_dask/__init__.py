"""Adaptive sampling of expensive functions on a Dask cluster.

>>> import adaptive_dask as adaptive
>>> learner = adaptive.Learner1D(f, bounds=(-1, 1))
>>> runner = adaptive.Runner(learner, loss_goal=0.01)

Names are imported when they are first used, so that ``import adaptive_dask`` is cheap.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from types import ModuleType
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


def submodule(package: str, name: str) -> ModuleType:
    """Import a module of a package when it is first used as an attribute, so that it needs no import statement.

    Raises
    ------
    AttributeError
        If the package has no such module.
    """
    full_name = f"{package}.{name}"
    if name.startswith("_") or importlib.util.find_spec(full_name) is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return importlib.import_module(full_name)


def submodules(path: Iterable[str]) -> set[str]:
    """The names of a package's modules."""
    return {module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    return submodule(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *submodules(__path__)})
