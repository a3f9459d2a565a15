"""Pictures as a browser draws them: at once, also of many triangles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import holoviews
import numpy as np
import pytest
from bokeh.embed import file_html
from bokeh.resources import INLINE

import adaptive_dask as adaptive

# In milliseconds, on a busy machine; as paths these edges take minutes.
AT_ONCE = 20_000


def learner_of(npoints: int) -> adaptive.LearnerND:
    learner = adaptive.LearnerND(lambda xy: float(xy[0]), [(0, 1), (0, 1)])
    rng = np.random.default_rng(1)
    points = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), *map(tuple, rng.random((npoints, 2)).tolist())]
    learner.tell_many(points, [x for x, _ in points])
    return learner


@pytest.mark.parametrize("kind", ["triangles", "isolines"])
def test_many_lines_are_drawn_at_once(kind: str, page: Any, tmp_path: Path) -> None:
    holoviews.extension("bokeh", inline=True)
    learner = learner_of(5_000)
    picture = learner.plot(tri_alpha=0.5) if kind == "triangles" else learner.plot_isoline(np.linspace(0, 1, 100))
    file = tmp_path / "picture.html"
    file.write_text(file_html(holoviews.render(picture, backend="bokeh"), INLINE, kind))
    page.goto(file.as_uri(), timeout=AT_ONCE)
    page.wait_for_function("window.Bokeh?.documents[0]?.is_idle", timeout=AT_ONCE)
    page.screenshot(timeout=AT_ONCE)  # comes only after the browser has drawn
