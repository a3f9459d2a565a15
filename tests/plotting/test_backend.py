"""HoloViews is loaded when something is drawn, not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from adaptive_dask.plotting.backend import load_holoviews

pytestmark = pytest.mark.long

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


FILES = """
import sys
import holoviews
import adaptive_dask as adaptive
learner = adaptive.Learner2D(lambda xy: xy[0] * xy[1], [(-1, 1), (-1, 1)])
adaptive.simple(learner, npoints_goal=20)
for ending in ("pdf", "png", "svg"):
    holoviews.save(learner.plot(), f"{sys.argv[1]}/scan.{ending}", backend="matplotlib")
holoviews.save(learner.plot(), f"{sys.argv[1]}/scan.html")
holoviews.render(learner.plot(), backend="matplotlib").savefig(f"{sys.argv[1]}/figure.png")
"""


def test_pictures_are_written_to_files_as_the_docs_say(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FILES, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sorted(sizes) == ["figure.png", "scan.html", "scan.pdf", "scan.png", "scan.svg"]
    assert min(sizes.values()) > 1000
