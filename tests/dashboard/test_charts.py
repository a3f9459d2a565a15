"""What is on the axes and in the texts of the page."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.plotting import figure

from adaptive_dask.dashboard.header import Header
from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples.children import ChildrenChart
from adaptive_dask.dashboard.style import LogTicks

from ..fakes import make_status


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1e-3, 1e3], [1e-3, 1e-2, 1e-1, 1, 10, 100, 1000]),
        ([0.3, 4.0], [0.5, 1, 2]),
        ([2.2, 3.1], [2.5, 3.0]),
        ([0.0622, 0.0634], [0.0625, 0.063]),
        ([7.0, 7.0], [7.0]),
    ],
)
def test_a_logarithmic_axis_always_has_ticks(values: list[float], expected: list[float]) -> None:
    patch = Patch()
    LogTicks(figure().xaxis[0]).fit(patch, values)
    ((_, _, put),) = json.loads(patch.encode())
    inside = [tick for tick in put["ticks"] if min(values) <= tick * (1 + 1e-9) and tick <= max(values) * (1 + 1e-9)]
    assert inside == pytest.approx(expected)


def test_an_update_does_not_undo_a_zoom() -> None:
    chart = ChildrenChart()
    data: dict[str, Any] = {
        "first": np.arange(3.0),
        "loss": np.ones(3),
        "points": np.ones(3),
        "name": ["a", "b", "c"],
        "step": 1,
        "note": "",
    }
    ends = []
    for _ in range(2):
        patch = Patch()
        chart.show(data, patch)
        ends.append([value for what, _, value in json.loads(patch.encode()) if what == "put" and "end" in value])
    assert ends == [[{"end": 3.0}], []]


def test_a_run_says_what_it_waits_for() -> None:
    status = make_status(waits_for="a worker with GPU<1>; none of 2 is such")
    patch = Patch()
    run = SimpleNamespace(numbers=lambda: status, error=None)
    look: Any = SimpleNamespace(run=run, runs=[run], wanted=None)
    Header(Document()).update(look, patch)
    assert "Waits for a worker with GPU&lt;1&gt;; none of 2 is such." in json.loads(patch.encode())[0][2]["text"]
