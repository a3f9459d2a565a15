"""Where pickles of earlier versions look for `RemoteResult`."""

from adaptive_dask.cluster.remote_result import RemoteResult as KeptResult

__all__ = ["KeptResult"]
