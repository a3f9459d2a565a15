"""Pictures of learners, one module per kind of learner. Nothing is imported before something is drawn."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adaptive_dask.learner.base_learner import BaseLearner

# The class of a learner, and the module of this package that draws it.
_MODULES = {
    "adaptive_dask.learner.average_learner.AverageLearner": "average_learner",
    "adaptive_dask.learner.average_learner1D.AverageLearner1D": "average_learner1D",
    "adaptive_dask.learner.balancing_learner.BalancingLearner": "balancing_learner",
    "adaptive_dask.learner.data_saver.DataSaver": "data_saver",
    "adaptive_dask.learner.integrator_learner.IntegratorLearner": "integrator_learner",
    "adaptive_dask.learner.learner1D.Learner1D": "learner1D",
    "adaptive_dask.learner.learner2D.Learner2D": "learner2D",
    "adaptive_dask.learner.learnerND.LearnerND": "learnerND",
    "adaptive_dask.learner.skopt_learner.SKOptLearner": "skopt_learner",
    "adaptive_dask.learner.sequence_learner.SequenceLearner": "sequence_learner",
}


def draw(learner: BaseLearner, *args: Any, **options: Any) -> Any:
    """Draw what a learner knows.

    Parameters
    ----------
    learner : BaseLearner
        Of a kind for which there is a module here, or of a subclass.
    *args, **options
        What the ``draw`` of that module takes, for example `adaptive_dask.plotting.learner1D.draw`.

    Returns
    -------
    holoviews.Overlay, HoloMap or DynamicMap
        For any backend. It is a picture of this moment; the data are copied.

    Raises
    ------
    NotImplementedError
        If learners of this kind cannot be drawn.
    ImportError
        If HoloViews is not installed.
    """
    for kind in type(learner).__mro__:
        name = _MODULES.get(f"{kind.__module__}.{kind.__qualname__}")
        if name is not None:
            return importlib.import_module(f"{__name__}.{name}").draw(learner, *args, **options)
    kinds = ", ".join(name.rpartition(".")[2] for name in _MODULES)
    raise NotImplementedError(f"A {type(learner).__name__} cannot be drawn; these can: {kinds}.")
