"""The place of `RemoteResult` in pickles of earlier versions."""

from adaptive_dask.cluster.remote_result import RemoteResult as KeptResult

__all__ = ["KeptResult"]
