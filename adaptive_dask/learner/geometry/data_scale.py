"""Where pickles of earlier versions look for `DataScale`."""

from adaptive_dask.learner.intervals.data_scale import DataScale

__all__ = ["DataScale"]
