"""HoloViews is loaded when something is drawn, not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from adaptive_dask.plotting.backend import load_holoviews

FIRST_PICTURE = """
import sys
import adaptive_dask as adaptive
learner = adaptive.Learner1D(abs, bounds=(-1, 1))
import adaptive_dask.plotting
assert not {"holoviews", "bokeh", "matplotlib", "pandas"} & set(sys.modules), "imported too early"
learner.plot()
import holoviews
assert holoviews.Store.loaded_backends() == ["bokeh"]
"""


def test_nothing_is_imported_before_the_first_picture() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_PICTURE], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holoviews", None)
    with pytest.raises(ImportError, match=r'pip install "adaptive_dask\[notebook\]"'):
        load_holoviews()
