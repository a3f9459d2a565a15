"""Pictures are made and rendered with both backends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

holoviews = pytest.importorskip("holoviews")


@pytest.fixture(params=["bokeh", pytest.param("matplotlib", marks=pytest.mark.long)])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    name: str = request.param
    holoviews.extension(name, inline=True)
    holoviews.Store.set_current_backend(name)
    yield name
    if name == "matplotlib":
        import matplotlib.pyplot as plt

        plt.close("all")
