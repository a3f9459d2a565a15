"""For type checkers and editors, which cannot see names that are imported when they are first used."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from adaptive_dask import errors as errors
from adaptive_dask import learner as learner
from adaptive_dask import notebook_integration as notebook_integration
from adaptive_dask import plotting as plotting
from adaptive_dask import runner as runner
from adaptive_dask import testing as testing
from adaptive_dask import types as types
from adaptive_dask import utils as utils
from adaptive_dask.command import Command as Command
from adaptive_dask.errors import Infeasible as Infeasible
from adaptive_dask.learner.average_learner import AverageLearner as AverageLearner
from adaptive_dask.learner.average_learner1D import AverageLearner1D as AverageLearner1D
from adaptive_dask.learner.axes.axis import Categories as Categories
from adaptive_dask.learner.axes.axis import Fixed as Fixed
from adaptive_dask.learner.axes.axis import Int as Int
from adaptive_dask.learner.axes.axis import Linear as Linear
from adaptive_dask.learner.axes.axis import Log as Log
from adaptive_dask.learner.axes.axis import Periodic as Periodic
from adaptive_dask.learner.axes.space import Space as Space
from adaptive_dask.learner.balancing_learner import BalancingLearner as BalancingLearner
from adaptive_dask.learner.base_learner import BaseLearner as BaseLearner
from adaptive_dask.learner.base_learner import uses_nth_neighbors as uses_nth_neighbors
from adaptive_dask.learner.data_saver import DataSaver as DataSaver
from adaptive_dask.learner.data_saver import make_datasaver as make_datasaver
from adaptive_dask.learner.integrator_learner import IntegratorLearner as IntegratorLearner
from adaptive_dask.learner.learner1D import Learner1D as Learner1D
from adaptive_dask.learner.learner2D import Learner2D as Learner2D
from adaptive_dask.learner.learnerND import LearnerND as LearnerND
from adaptive_dask.learner.rational_learner1D import RationalLearner1D as RationalLearner1D
from adaptive_dask.learner.sequence_learner import SequenceLearner as SequenceLearner
from adaptive_dask.learner.skopt_learner import SKOptLearner as SKOptLearner
from adaptive_dask.learner.sparse_grid_learner import SparseGridLearner as SparseGridLearner
from adaptive_dask.notebook import active_plotting_tasks as active_plotting_tasks
from adaptive_dask.notebook import live_info as live_info
from adaptive_dask.notebook import live_plot as live_plot
from adaptive_dask.notebook import notebook_extension as notebook_extension
from adaptive_dask.runner import AsyncRunner as AsyncRunner
from adaptive_dask.runner import BlockingRunner as BlockingRunner
from adaptive_dask.runner import Runner as Runner
from adaptive_dask.runner import attach as attach
from adaptive_dask.runner import run_many as run_many
from adaptive_dask.runner import runs as runs
from adaptive_dask.runner import simple as simple
from adaptive_dask.storage.checkpoint import load as load

__version__: Final[str]
__all__: list[str]
KINDS: dict[str, dict[str, str]]
ENTRIES: dict[str, str]
PUBLIC_MODULES: tuple[str, ...]
_HOME: dict[str, str]

def entry(name: str) -> Callable[..., Any]: ...
def submodule(package: str, name: str) -> ModuleType: ...
