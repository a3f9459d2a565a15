"""Pictures of a LearnerND: they show the interpolation of its data."""

from __future__ import annotations

import sys
from typing import Any

import holoviews
import numpy as np
import pytest
from scipy.spatial import ConvexHull

import adaptive_dask as adaptive
from adaptive_dask.plotting.level_set import level_set
from adaptive_dask.plotting.region_data import MOST_TRIANGULATED
from tests.plotting.looking import axis_labels, part, parts, title


def plane(xyz: tuple[float, ...]) -> float:
    """Linear, so that it is interpolated exactly."""
    return 1 + 2 * xyz[0] - sum(xyz[1:])


def run(learner: Any, npoints: int = 60) -> Any:
    points, _ = learner.ask(npoints)
    learner.tell_many(points, [learner.function(p) for p in points])
    return learner


def learner_of(ndim: int, npoints: int = 60, function: Any = plane) -> adaptive.LearnerND:
    learner: adaptive.LearnerND = run(adaptive.LearnerND(function, [(-1, 1), (0, 2), (0, 4), (0, 1)][:ndim]), npoints)
    return learner


@pytest.mark.parametrize("npoints", [0, 1, 60])
def test_two_dimensions(npoints: int, backend: str) -> None:
    learner = learner_of(2, npoints)
    overlay = learner.plot(10, 0.5)
    holoviews.render(overlay, backend=backend)
    if npoints == 60:
        x, y, z = part(overlay, "Image").columns().values()
        assert z == pytest.approx(1 + 2 * x - y)


def test_more_dimensions_are_refused_with_advice() -> None:
    with pytest.raises(NotImplementedError, match=r"plot_slice\(\{2: 2\}\)"):
        learner_of(3).plot()
    with pytest.raises(NotImplementedError, match="plot_isosurface"):
        learner_of(3).plot_isoline()
    with pytest.raises(NotImplementedError, match="three variables"):
        learner_of(2).plot_3D(return_fig=True)


def test_a_hull_is_blank_outside(backend: str) -> None:
    learner = run(adaptive.LearnerND(plane, ConvexHull([[0, 0], [0, 1], [1, 0]])))
    values = part(learner.plot(n=20), "Image").dimension_values(2, flat=False)
    assert np.isnan(values[-1, -1])
    assert np.isfinite(values[0, 0])


@pytest.mark.parametrize("ndim", [2, 3, 4])
@pytest.mark.parametrize("npoints", [0, 1, 60])
def test_along_a_line(ndim: int, npoints: int, backend: str) -> None:
    learner = learner_of(ndim, npoints)
    overlay = learner.plot_slice(dict.fromkeys(range(1, ndim), 0.5), n=11)
    holoviews.render(overlay, backend=backend)
    curve = part(overlay, "Curve")
    x, y = curve.dimension_values(0), curve.dimension_values(1)
    if npoints == 60:
        assert x.tolist() == np.linspace(-1, 1, 11).tolist()
        assert y == pytest.approx(1 + 2 * x - 0.5 * (ndim - 1))
    else:
        assert len(x) == 0
        assert "too few" in title(overlay, backend)


@pytest.mark.parametrize("npoints", [0, 1, 60])
def test_across_a_plane(npoints: int, backend: str) -> None:
    overlay = learner_of(3, npoints).plot_slice({1: 0.5}, n=10)
    holoviews.render(overlay, backend=backend)
    assert axis_labels(overlay, backend) == ("x", "z")
    assert "y = 0.5" in title(overlay, backend)
    if npoints == 60:
        x, z, value = part(overlay, "Image").columns().values()
        assert value == pytest.approx(0.5 + 2 * x - z)


def test_vectors(backend: str) -> None:
    learner = learner_of(3, 40, lambda p: [p[0], p[1], 7.0])
    curves = parts(learner.plot_slice({0: 0, 1: 1}), "Curve")
    assert [curve.label for curve in curves] == ["value[0]", "value[1]", "value[2]"]
    assert len(learner.plot_slice({0: 0, 1: 1}, component=2)) == 1
    assert learner.plot_slice({0: 0}).keys() == [0, 1, 2]
    holoviews.render(learner.plot_slice({0: 0}, component=1), backend=backend)
    assert part(learner_of(2, 40, lambda p: [p[0], 5.0]).plot(component=1), "Image").range(2) == pytest.approx((5, 5))


def test_in_many_dimensions_it_is_the_nearest_point(backend: str) -> None:
    learner = adaptive.LearnerND(plane, [(-1, 1)] * 6)
    run(learner, 50)
    overlay = learner.plot_slice(dict.fromkeys(range(2, 6), 0.0))
    assert "nearest points" in title(overlay, backend)
    assert set(np.unique(part(overlay, "Image").dimension_values(2))) <= set(learner.data.values())


def test_many_points_are_thinned_and_the_title_says_so(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_TRIANGULATED, 3, 300)
    learner = learner_of(3, 8)
    rng = np.random.default_rng(1)
    points = [tuple(p) for p in (rng.random((2000, 3)) * (2, 2, 4) - (1, 0, 0)).tolist()]
    learner.tell_many(points, [plane(p) for p in points])
    overlay = learner.plot_slice({2: 1.0})
    assert title(overlay, backend).startswith("2,008 points, of which 300 are drawn; z = 1")
    x, y, value = part(overlay, "Image").columns().values()
    assert value == pytest.approx(2 * x - y)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        ({5: 0}, "from 0 to 2, got 5"),
        ({0: 3}, "between -1"),
        ({}, "must leave one or two"),
        ({0: 0, 1: 0, 2: 0}, "must leave one or two"),
    ],
)
def test_a_cut_that_makes_no_sense(cut: dict[int, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        learner_of(3).plot_slice(cut)


def test_a_cut_that_is_no_mapping() -> None:
    with pytest.raises(TypeError, match="cut_mapping"):
        learner_of(3).plot_slice([0.5])  # type: ignore[arg-type]


@pytest.mark.parametrize("npoints", [0, 1, 60])
def test_isolines(npoints: int, backend: str) -> None:
    overlay = learner_of(2, npoints).plot_isoline([0.0, 1.0, 99.0])
    holoviews.render(overlay, backend=backend)
    white, black = overlay.Path
    if npoints == 60:
        path = black.array().reshape(-1, 2)
        level = 1 + 2 * path[:, 0] - path[:, 1]
        assert np.abs(level - level.round()).max() < 1e-9
        assert set(level.round()) == {0.0, 1.0}
        assert title(overlay, backend) == "60 points; no point is at 99"
    assert len(white) == len(black)


def test_a_level_set_is_closed_and_shared() -> None:
    learner = run(adaptive.LearnerND(lambda p: sum(x * x for x in p), [(-1, 1)] * 3), 300)
    simplices = np.array(list(learner.tri.simplices))
    points = np.array(learner.tri.vertices)
    values = (points**2).sum(axis=1)
    vertices, triangles = level_set(points, values, simplices, 0.5)
    assert np.abs((vertices**2).sum(axis=1) - 0.5).max() < 0.3
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()
    assert len(vertices) - len(counts) + len(triangles) == 2  # a sphere (Euler)


def test_a_level_set_leaves_out_what_is_not_known() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    vertices, lines = level_set(
        points, np.array([0.0, 1.0, 0.0, np.nan]), np.array([[0, 1, 2], [1, 2, 3]], dtype=np.intp), 0.5
    )
    assert sorted(map(tuple, vertices.tolist())) == [(0.5, 0.0), (0.5, 0.5)]
    assert lines.tolist() in ([[0, 1]], [[1, 0]])


@pytest.mark.parametrize("npoints", [0, 1, 60])
@pytest.mark.parametrize("is_hull", [False, True])
def test_in_space(npoints: int, is_hull: bool) -> None:
    corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    learner = run(adaptive.LearnerND(plane, ConvexHull(corners)), npoints) if is_hull else learner_of(3, npoints)
    for figure in (
        learner.plot_3D(True, True, backend="matplotlib"),
        learner.plot_isosurface(1.0, return_fig=True, backend="matplotlib"),
    ):
        figure.canvas.draw()
        assert [figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()] == ["x", "y"]
    marks = learner.plot_3D(return_fig=True, backend="matplotlib").axes[0].collections[0]
    drawn = np.array(marks._offsets3d).T.reshape(-1, 3)
    assert sorted(map(tuple, drawn.round(9).tolist())) == sorted(tuple(np.round(p, 9).tolist()) for p in learner.data)


def test_an_isosurface_is_where_the_function_has_the_value() -> None:
    (surface,) = (
        learner_of(3).plot_isosurface(0.5, hull_opacity=0, return_fig=True, backend="matplotlib").axes[0].collections
    )
    faces = surface._faces if hasattr(surface, "_faces") else surface._vec[:3].T  # before Matplotlib 3.11
    corners = np.asarray(faces).reshape(-1, 3)
    assert 1 + 2 * corners[:, 0] - corners[:, 1] - corners[:, 2] == pytest.approx(0.5)


def test_a_level_that_is_not_there_is_said() -> None:
    figure = learner_of(3).plot_isosurface(99.0, return_fig=True, backend="matplotlib")
    assert figure.axes[0].get_title() == "60 points; no point is at 99, but between -7 and 3"


def test_out_of_a_notebook_there_is_nowhere_to_show_it() -> None:
    with pytest.raises(RuntimeError, match="return_fig=True"):
        learner_of(3).plot_3D()


def test_plotly_is_not_needed_and_asked_for_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    assert type(learner_of(3).plot_3D(return_fig=True)).__module__.startswith("matplotlib")
    for draw in (learner_of(3).plot_3D, learner_of(3).plot_isosurface):
        with pytest.raises(ImportError, match=r'pip install "adaptive_dask\[plotly\]"'):
            draw(return_fig=True, backend="plotly")
        with pytest.raises(ValueError, match="backend must be 'plotly' or 'matplotlib', got 'bokeh'"):
            draw(return_fig=True, backend="bokeh")


def test_figures_of_plotly() -> None:
    plotly = pytest.importorskip("plotly")
    learner = learner_of(3)
    learner.tell((0.1, 0.2, 0.3), np.nan)
    figure = learner.plot_3D(with_triangulation=True, return_fig=True)
    assert isinstance(figure, plotly.graph_objects.Figure)
    edges, points, squares = figure.data
    assert edges.mode == "lines"
    assert len(points.x) + len(squares.x) == learner.npoints
    assert dict(zip(zip(points.x, points.y, points.z, strict=True), points.marker.color, strict=True)) == {
        point: value for point, value in learner.data.items() if np.isfinite(value)
    }
    assert "1 not finite" in figure.layout.title.text
    assert len(figure.layout.scene.xaxis.range) == 2
    surface, hull = learner.plot_isosurface(0.5, return_fig=True).data
    assert surface.type == hull.type == "mesh3d"
    assert hull.opacity == 0.2
    (hull,) = learner.plot_isosurface(99.0, return_fig=True).data
    with pytest.raises(RuntimeError, match="return_fig=True"):
        learner.plot_3D()
