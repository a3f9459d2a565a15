"""Helpers around learners, under the name that python-adaptive has for them."""

from __future__ import annotations

from adaptive_dask.learner.balancing_learner import named_product
from adaptive_dask.local.sequential import SequentialExecutor

__all__ = ["SequentialExecutor", "named_product"]
