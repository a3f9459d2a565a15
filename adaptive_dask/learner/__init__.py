"""Learners: algorithms that choose where to evaluate a function."""

from __future__ import annotations

from typing import Any

import adaptive_dask

__all__ = sorted(name for name, home in adaptive_dask._HOME.items() if home.startswith("learner."))


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(adaptive_dask, name)
    return adaptive_dask.submodule(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *adaptive_dask.submodules(__path__)})
