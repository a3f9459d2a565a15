"""A learner of somebody else's has a picture, a dashboard follower and a layout of its files, by registering itself."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import cloudpickle
import pytest

import adaptive_dask
from adaptive_dask import BaseLearner, DataSaver, Learner1D, SequenceLearner, simple
from adaptive_dask.dashboard.samples.kinds import make_follower
from adaptive_dask.dashboard.samples.values import ValuesFollower
from adaptive_dask.learner import kinds
from adaptive_dask.plotting import draw
from adaptive_dask.storage.frame_layouts import PlainLayout, layout_of


class Halving(BaseLearner):
    """Asks for 1, 1/2, 1/4, and so on."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.data: dict[float, float] = {}
        self.pending_points: set[float] = set()

    @property
    def npoints(self) -> int:
        return len(self.data)

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[float], list[float]]:
        known = self.data.keys() | self.pending_points
        points = [x for x in (2.0**-k for k in range(len(known) + n)) if x not in known][:n]
        if tell_pending:
            self.pending_points.update(points)
        return points, points

    def tell(self, x: float, y: float) -> None:
        self.data[x] = y
        self.pending_points.discard(x)

    def tell_pending(self, x: float) -> None:
        self.pending_points.add(x)

    def remove_unfinished(self) -> None:
        self.pending_points.clear()

    def loss(self, real: bool = True) -> float:
        return min(self.data, default=1.0)

    def new(self) -> Self:
        return type(self)(self.function)


class HalvingFollower(ValuesFollower):
    """Shows values in their order."""


def draw_halving(learner: Halving, mark: str = "o") -> tuple[str, list[float]]:
    return mark, sorted(learner.data)


def read_halving(learner: Halving, data: Any) -> tuple[list[float], list[float]]:
    """Read the files of an earlier version, which had exponents."""
    return [2.0**-k for k, _ in data["exponents"]], [y for _, y in data["exponents"]]


kinds.register(
    Halving,
    draw=draw_halving,
    follower=HalvingFollower,
    layout=PlainLayout([("width_name", "width")], ("height_name", "height")),
    reader=read_halving,
)


class Derived(Halving):
    """Without a record."""


def square(width: float) -> float:
    return width**2


def saved(x: float) -> dict[str, float]:
    return {"y": x}


def run(learner: Any) -> Any:
    simple(learner, npoints_goal=4)
    return learner


@pytest.fixture(params=[Halving, Derived])
def learner(request: pytest.FixtureRequest) -> Halving:
    made: Halving = run(request.param(square))
    return made


def test_it_is_drawn(learner: Halving) -> None:
    assert learner.plot() == draw(learner) == ("o", [0.125, 0.25, 0.5, 1.0])
    assert learner.plot(mark="x")[0] == "x"


def test_the_dashboard_follows_it(learner: Halving) -> None:
    follower = make_follower(learner)
    assert type(follower) is HalvingFollower
    assert follower.prepare(follower.read(learner, []))["npoints"] == 4


def test_its_data_frame_has_its_columns(learner: Halving) -> None:
    df = learner.to_dataframe()
    assert list(df.columns) == ["width", "height"]
    again = learner.new()
    again.load_dataframe(df)
    assert again.data == learner.data


def test_its_old_files_are_read(learner: Halving, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(pickle.dumps({"exponents": [(3, 7.0), (5, 8.0)]}))
    again = learner.new()
    again.load(tmp_path / "old")
    assert again.data == {0.125: 7.0, 0.03125: 8.0}


def test_its_new_files_are_read(learner: Halving, tmp_path: Path) -> None:
    learner.save(tmp_path / "new")
    again = learner.new()
    again.load(tmp_path / "new")
    assert again.data == learner.data


@pytest.mark.long
def test_a_class_pickled_by_value_takes_its_record_along() -> None:
    """As to a scheduler, where the module with the class is not installed."""

    class Local(Halving):
        pass

    kinds.register(Local, follower=lambda learner: "follower")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        content = cloudpickle.dumps(Local(square))
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    script = (
        "import pickle, sys\nfrom adaptive_dask.dashboard.samples.kinds import make_follower\n"
        "learner = pickle.load(sys.stdin.buffer)\nprint(make_follower(learner), type(learner).__mro__[1].__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=content, capture_output=True, check=True)
    assert done.stdout.split() == [b"follower", b"Halving"]


def test_parts_are_inherited_and_replaced_one_by_one() -> None:
    class Mine(Learner1D):
        pass

    kinds.register(Mine, draw=lambda learner, **options: "mine")
    assert Mine(square, (0, 1)).plot() == "mine"
    assert layout_of(Mine(square, (0, 1))) is layout_of(Learner1D(square, (0, 1)))
    kinds.register(Mine, follower=lambda learner: "followed")
    assert Mine(square, (0, 1)).plot() == "mine"
    assert make_follower(Mine(square, (0, 1))) == "followed"
    assert DataSaver(Mine(saved, (0, 1)), lambda value: value["y"]).plot() == "mine"
    assert type(make_follower(Learner1D(square, (0, 1)))).__name__ == "LineFollower"


def test_a_class_of_the_same_name_as_one_of_ours_is_not_taken_for_it() -> None:
    other = type("Learner2D", (SequenceLearner,), {"__module__": __name__})
    learner = other(square, [1.0, 2.0])
    assert layout_of(learner) is layout_of(SequenceLearner(square, [1.0, 2.0]))


def test_it_need_not_be_a_base_learner() -> None:
    @kinds.register
    class Foreign:
        data: dict[Any, Any] = {}  # noqa: RUF012

    assert type(make_follower(Foreign())) is ValuesFollower
    with pytest.raises(NotImplementedError, match="got an object of class Foreign"):
        draw(Foreign())  # type: ignore[arg-type]
    kinds.register(Foreign, draw=lambda learner, *args: args)
    assert draw(Foreign(), 1, 2) == (1, 2)  # type: ignore[arg-type]


def test_a_part_by_name_is_imported_when_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures_of_mine.py").write_text("def draw(learner):\n    return 'by name'\n")
    monkeypatch.syspath_prepend(tmp_path)

    class Named(Halving):
        pass

    kinds.register(Named, draw="pictures_of_mine:draw")
    assert "pictures_of_mine" not in sys.modules
    try:
        assert Named(square).plot() == "by name"
    finally:
        sys.modules.pop("pictures_of_mine", None)


@pytest.mark.parametrize("part", ["draw", "follower", "reader", "inside"])
def test_a_part_that_cannot_be_called_is_refused(part: str) -> None:
    with pytest.raises(TypeError, match=f"{part} must be callable"):
        kinds.register(Derived, **{part: 3})  # type: ignore[arg-type]


def test_an_object_is_no_class() -> None:
    with pytest.raises(TypeError, match="learner must be a class, got"):
        kinds.register(Derived(square))  # type: ignore[type-var]


def everything_named() -> Iterable[str]:
    yield from adaptive_dask.ENTRIES.values()
    for name, parts in adaptive_dask.KINDS.items():
        yield name
        yield from parts.values()


@pytest.mark.parametrize("name", sorted(set(everything_named())))
def test_every_name_of_a_record_is_there(name: str) -> None:
    module, _, attribute = name.partition(":")
    assert hasattr(importlib.import_module(f"adaptive_dask.{module}"), attribute)


def test_every_record_is_of_parts_that_there_are() -> None:
    assert all(set(parts) <= set(kinds.PARTS) for parts in adaptive_dask.KINDS.values())


def test_registering_and_finding_loads_nothing_heavy() -> None:
    script = (
        "import sys\nimport adaptive_dask.learner.learner1D\nfrom adaptive_dask.learner import kinds\n"
        "class Mine(adaptive_dask.learner.learner1D.Learner1D): ...\n"
        "kinds.register(Mine, draw='nowhere:draw')\n"
        "print({'pandas', 'holoviews', 'bokeh', 'dask'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "set()"


def test_the_dashboard_looks_inside_of_a_derived_data_saver() -> None:
    class Saver(adaptive_dask.DataSaver): ...

    learner = Saver(Saver(adaptive_dask.Learner1D(len, (0, 1)), len), len)
    assert kinds.find(kinds.find(learner, "inside")(learner), "inside") is not None
    assert kinds.find(adaptive_dask.Learner1D(len, (0, 1)), "inside") is None
