"""Learners: algorithms that choose where to evaluate a function."""

from __future__ import annotations

from typing import Any

import adaptive_dask

# The names defined in this package: a `Space` and its axes are not learners.
__all__ = sorted(name for name, home in adaptive_dask._HOME.items() if home.rpartition(".")[0] == "learner")

# Modules that users import: those of the learners, and two more.
PUBLIC_MODULES = tuple(
    sorted({adaptive_dask._HOME[name].rpartition(".")[2] for name in __all__} | {"kinds", "triangulation"})
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(adaptive_dask, name)
    return adaptive_dask.submodule(__name__, name)


def __dir__() -> list[str]:
    return sorted({*__all__, *PUBLIC_MODULES})
