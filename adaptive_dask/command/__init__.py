"""Functions that run a program."""

from adaptive_dask.command.command import Command

__all__ = ["Command"]
