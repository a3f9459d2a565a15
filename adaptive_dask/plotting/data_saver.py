"""Plots of a DataSaver: those of the wrapped learner."""

from __future__ import annotations

from typing import Any

from adaptive_dask.learner.data_saver import DataSaver


def draw(learner: DataSaver, *args: Any, **options: Any) -> Any:
    """Draw the wrapped learner, with the arguments of its ``plot``."""
    return learner.learner.plot(*args, **options)
