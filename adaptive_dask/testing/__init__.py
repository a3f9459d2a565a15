"""What helps to test learners: functions that the field knows, and checks that every learner should pass."""

from adaptive_dask.testing.check_learner import GUARANTEES, LearnerCheckError, check_learner

__all__ = ["GUARANTEES", "LearnerCheckError", "check_learner"]
