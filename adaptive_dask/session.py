"""`Session`, under its public name; see `adaptive_dask.run.session`."""

from adaptive_dask.run.session import Session

__all__ = ["Session"]
