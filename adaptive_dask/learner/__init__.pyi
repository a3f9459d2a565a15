"""For type checkers and editors, which cannot see names that are imported when they are first used."""

from adaptive_dask.learner import average_learner as average_learner
from adaptive_dask.learner import average_learner1D as average_learner1D
from adaptive_dask.learner import axes_learner as axes_learner
from adaptive_dask.learner import balancing_learner as balancing_learner
from adaptive_dask.learner import base_learner as base_learner
from adaptive_dask.learner import data_saver as data_saver
from adaptive_dask.learner import integrator_learner as integrator_learner
from adaptive_dask.learner import kinds as kinds
from adaptive_dask.learner import learner1D as learner1D
from adaptive_dask.learner import learner2D as learner2D
from adaptive_dask.learner import learnerND as learnerND
from adaptive_dask.learner import rational_learner1D as rational_learner1D
from adaptive_dask.learner import sequence_learner as sequence_learner
from adaptive_dask.learner import skopt_learner as skopt_learner
from adaptive_dask.learner import sparse_grid_learner as sparse_grid_learner
from adaptive_dask.learner import triangulation as triangulation
from adaptive_dask.learner.average_learner import AverageLearner as AverageLearner
from adaptive_dask.learner.average_learner1D import AverageLearner1D as AverageLearner1D
from adaptive_dask.learner.axes_learner import AxesLearner as AxesLearner
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

__all__: list[str]
PUBLIC_MODULES: tuple[str, ...]
