"""Other settings for a test."""

from __future__ import annotations

from typing import Any

import dask
import pytest

from adaptive_dask import config


def change(patch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    """Change a setting of ``adaptive-dask.yaml`` in this process until the patch is undone."""
    assert name in config.KINDS
    *path, last = name.split(".")
    settings = dask.config.config
    for part in [config.PREFIX, *path]:
        settings = settings.setdefault(part, {})
    patch.setitem(settings, last, value)
