"""Tools for testing learners: functions from the literature, and checks that every learner should pass."""

from adaptive_dask.testing.check_learner import GUARANTEES, LearnerCheckError, check_learner

__all__ = ["GUARANTEES", "LearnerCheckError", "check_learner"]
