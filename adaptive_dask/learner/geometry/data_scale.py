"""`DataScale`, at the place where pickles of earlier versions expect it."""

from adaptive_dask.learner.intervals.data_scale import DataScale

__all__ = ["DataScale"]
