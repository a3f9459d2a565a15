"""Evaluate points on executors of this machine, without a Dask cluster."""
