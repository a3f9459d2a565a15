"""DataSaver: what is learned, what is kept, and where."""

from __future__ import annotations

import functools
import pickle
import traceback
from operator import itemgetter
from pathlib import Path
from typing import Any

import cloudpickle
import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.utils import infer_storage_options

from adaptive_dask.errors import DataFileError, DataFileMissingError
from adaptive_dask.learner.data_saver import DataSaver, make_datasaver
from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.learner.picked import Packed, Picked
from adaptive_dask.learner.sequence_learner import SequenceLearner
from adaptive_dask.run.goals import Goal, make_goal
from adaptive_dask.run.session import Session
from adaptive_dask.runner.sequential import simple
from adaptive_dask.storage import extra_files
from adaptive_dask.storage.extra_files import note_target


def f(x: float) -> dict[str, Any]:
    return {"y": x**2, "more": [x, "text"]}


def saver(**options: Any) -> DataSaver:
    return DataSaver(Learner1D(f, (-1, 1)), itemgetter("y"), **options)


def test_all_of_the_result_is_kept_and_a_part_is_learned() -> None:
    learner = saver()
    simple(learner, npoints_goal=10)
    assert learner.npoints == len(learner.extra_data) == 10
    assert learner.extra_data == {x: f(x) for x in learner.data}
    assert dict(learner.data) == {x: x**2 for x in learner.data}
    assert learner.loss() == learner.learner.loss()
    assert learner.bounds == (-1, 1)
    assert "more" in repr(learner.extra_data)


def test_the_function_has_what_the_bare_one_has() -> None:
    def g(x: float, a: int, b: str = "b") -> dict[str, Any]:
        return {"y": a * x}

    learner = DataSaver(Learner1D(functools.partial(g, a=2), (-1, 1)), itemgetter("y"))
    for function in (learner.function, cloudpickle.loads(cloudpickle.dumps(learner.function))):
        assert function.keywords == {"a": 2}
        assert function.args == ()
        assert function.func(1.0, a=3) == {"y": 3.0}
        assert function(0.5).y == 1.0
        with pytest.raises(AttributeError, match="no_such"):
            _ = function.no_such
    assert not hasattr(saver().function, "keywords")


def test_bare_results_and_picked_ones_may_be_told() -> None:
    one, other = saver(), saver()
    xs = [0.1, 0.2, 0.3]
    one.tell_many(xs, map(one.function, xs))
    for x in xs:
        other.tell(x, other.learner.function(x))
    assert one.extra_data == other.extra_data
    assert dict(one.data) == dict(other.data)


def test_a_known_point_keeps_its_result_and_a_refused_one_has_none() -> None:
    learner = saver()
    learner.tell(0.5, {"y": 1.0})
    learner.tell(0.5, {"y": 2.0})
    with pytest.raises(TypeError, match="real number"):
        learner.tell(0.25, {"y": "text"})
    assert learner.extra_data == {0.5: {"y": 1.0}}


def test_the_picker_runs_where_the_function_does() -> None:
    """In a session nothing of the learner but what was picked is touched; the rest arrives pickled."""
    learner = saver()
    hosted = loads_together(dumps_apart(learner)[0], None)
    function = cloudpickle.loads(cloudpickle.dumps(learner.function))
    session = Session(hosted, Goal(npoints=5))
    told = []
    while not session.done:
        outcomes = [(pid, pickle.loads(pickle.dumps(function(x)))) for pid, x in session.take(2)]
        told += session.tell(outcomes)
    assert all(isinstance(value, Packed) for value in hosted.extra_data._data.values())
    assert session.error is None
    learner.tell_many(*zip(*told, strict=True))
    assert learner.extra_data == {x: f(x) for x in hosted.data}
    assert dict(learner.data) == dict(hosted.data)
    # A snapshot for somebody else does not load them either.
    again = loads_together(dumps_apart(hosted)[0], dumps_apart(learner)[1])
    assert all(isinstance(value, Packed) for value in again.extra_data._data.values())
    assert again.function(0.5).extra == f(0.5)


def test_a_hosted_copy_says_that_it_has_no_picker() -> None:
    hosted = loads_together(dumps_apart(saver())[0], None)
    with pytest.raises(TypeError, match="copy without its function"):
        hosted.tell(0.5, f(0.5))
    assert hosted.npoints == 0


def test_copies_have_extra_data() -> None:
    learner = saver()
    simple(learner, npoints_goal=5)
    other = learner.new()
    assert not other.extra_data
    other.copy_from(learner)
    assert other.extra_data == learner.extra_data
    assert pickle.loads(pickle.dumps(learner)).extra_data == learner.extra_data


def test_files_have_extra_data(tmp_path: Path) -> None:
    learner, other = saver(), saver()
    simple(learner, npoints_goal=5)
    learner.save(tmp_path / "file")
    other.load(tmp_path / "file")
    assert other.extra_data == learner.extra_data
    with pytest.raises(DataFileError, match="got data of a DataSaver"):
        other.learner.load(tmp_path / "file")


def test_the_function_can_be_replaced() -> None:
    learner = saver()
    learner.function = lambda x: {"y": -1.0}
    assert learner.function(0.5).y == -1.0
    learner.function = learner.function
    assert learner.learner.function(0.5) == {"y": -1.0}


def test_points_that_are_lists() -> None:
    learner = DataSaver(Learner2D(lambda xy: {"y": xy[0]}, [(0, 1), (0, 1)]), itemgetter("y"))
    learner.tell([0.5, 0.5], {"y": 1.0})
    assert learner.extra_data == {(0.5, 0.5): {"y": 1.0}}


def test_make_datasaver_makes_learners() -> None:
    make = make_datasaver(Learner1D, arg_picker=itemgetter("y"))
    for learner in [make(f, (-1, 1)), make(function=f, bounds=(-1, 1))]:
        simple(learner, npoints_goal=3)
        assert learner.extra_data == {x: f(x) for x in (-1.0, 0.0, 1.0)}


def test_a_goal_of_the_learner_inside_is_found() -> None:
    learner = saver()
    assert make_goal(learner) == Goal()
    learner.learner.done = lambda: True
    assert make_goal(learner).is_reached(learner)


@pytest.mark.parametrize(
    ("options", "match"),
    [({"extra": "disk"}, "cluster"), ({"target": "/tmp/x"}, "give both")],
)
def test_options_that_make_no_sense(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        saver(**options)
    with pytest.raises(TypeError, match="arg_picker"):
        DataSaver(Learner1D(f, (-1, 1)), "y")  # type: ignore[arg-type]


# -- extra="cluster"


def large(x: float) -> dict[str, Any]:
    return {"y": x, "field": np.full(100_000, x)}


@pytest.fixture(params=["path", "url", "memory"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    places = {"path": str(tmp_path / "new" / "folder"), "url": f"file://{tmp_path}/", "memory": "memory://results"}
    return places[request.param]


def test_large_results_stay_where_workers_write_them(target: str) -> None:
    learner = DataSaver(Learner1D(large, (-1, 1)), itemgetter("y"), extra="cluster", target=target)
    function = cloudpickle.loads(cloudpickle.dumps(learner.function))
    for x in [0.25, 0.5]:
        on_the_wire = pickle.dumps(function(x))
        assert len(on_the_wire) < 1000
        learner.tell(x, pickle.loads(on_the_wire))
    assert dict(learner.data) == {0.25: 0.25, 0.5: 0.5}
    assert len(pickle.dumps(learner.extra_data)) < 1000
    other = learner.new()
    other.copy_from(learner)
    for x, reference in other.extra_data.items():
        np.testing.assert_array_equal(reference.load()["field"], large(x)["field"])
    # A bare result is put away too.
    other.tell(0.75, large(0.75))
    assert other.extra_data[0.75].load()["y"] == 0.75


def test_children_with_one_target_do_not_overwrite_each_other(tmp_path: Path) -> None:
    make = make_datasaver(Learner1D, itemgetter("y"), extra="cluster", target=str(tmp_path))
    learners = [make(functools.partial(lambda x, a: {"y": x, "a": a}, a=a), (-1, 1)) for a in range(3)]
    for learner in learners:
        simple(learner, npoints_goal=2)
    assert [learner.extra_data[1.0].load()["a"] for learner in learners] == [0, 1, 2]


def test_files_that_are_gone_or_damaged(tmp_path: Path) -> None:
    learner = saver(extra="cluster", target=str(tmp_path))
    simple(learner, npoints_goal=2)
    gone, damaged = learner.extra_data.values()
    Path(gone.url).unlink()
    with pytest.raises(DataFileMissingError, match="no such file"):
        gone.load()
    Path(damaged.url).write_bytes(Path(damaged.url).read_bytes()[:-5])
    with pytest.raises(DataFileError, match="cannot be unpickled"):
        damaged.load()
    assert "password" not in repr(type(gone)(gone.url, {"password": "password"}))


class LockedFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Takes a password in the URL and a key in the options, and tells both when it refuses."""

    protocol = "locked"
    cachable = False

    def __init__(self, username: str = "", password: str = "", key: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.given = f"{username} {password} {key}"

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        options = infer_storage_options(path)
        return {name: options[name] for name in ("username", "password") if name in options}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.rpartition("@")[2].removeprefix("locked://").lstrip("/")

    def _open(self, path: str, *args: Any, **kwargs: Any) -> Any:
        if self.given != "me secret-word secret-key":
            try:
                raise ValueError(f"wrong: {self.given}")
            except ValueError as error:
                raise PermissionError(f"locked://{self.given}@host refused") from error
        return super()._open(path, *args, **kwargs)


fsspec.register_implementation("locked", LockedFileSystem, clobber=True)


def secrets_of(thing: Any) -> list[str]:
    text = thing if isinstance(thing, bytes) else repr(thing).encode()
    return [secret for secret in ("secret-word", "secret-key") if secret.encode() in text]


def test_credentials_travel_to_workers_and_to_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra_files, "_credentials", {})
    learner = saver(extra="cluster", target="locked://me:secret-word@host/runs", storage_options={"key": "secret-key"})
    worker = cloudpickle.loads(cloudpickle.dumps(learner.function))
    learner.tell(0.5, pickle.loads(pickle.dumps(worker(0.5))))
    reference = learner.extra_data[0.5]
    assert reference.url.startswith("locked://host/runs/")
    assert reference.load()["y"] == worker(0.5).y
    assert learner.new().function.keep(1).load() == 1

    learner.save(tmp_path / "file", compress=False)
    apart, functions = dumps_apart(learner)
    for thing in (learner, learner.data, learner.extra_data, reference, worker, worker.keep):
        assert not secrets_of(thing)
    for content in (cloudpickle.dumps(learner), apart, *functions, (tmp_path / "file").read_bytes()):
        assert not secrets_of(content)
    assert not secrets_of(cloudpickle.dumps(worker(0.25)))

    # In another process, which has no credentials until somebody gives some.
    monkeypatch.setattr(extra_files, "_credentials", {})
    with pytest.raises(DataFileError, match="pass them") as raised:
        reference.load()
    assert not secrets_of("".join(traceback.format_exception(raised.value)))
    note_target("locked://me:secret-word@host/runs", {"key": "secret-key"})
    assert reference.load()["y"] == worker(0.5).y


@pytest.mark.parametrize(
    ("target", "options"),
    [("locked://me:secret-word@host/runs", {"key": "wrong"}), ("locked://host/runs", {"key": "secret-key"})],
)
def test_errors_say_nothing_of_credentials(
    target: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extra_files, "_credentials", {})
    learner = saver(extra="cluster", target=target, storage_options=options)
    with pytest.raises(PermissionError) as raised:
        learner.function(0.5)
    with pytest.raises(DataFileError) as reading:
        extra_files.ExtraFile("locked://host/runs/1.pickle").load(options)
    for error in (raised.value, reading.value):
        assert not secrets_of("".join(traceback.format_exception(error)))
        assert "refused" in str(error)
        assert "***" in str(error)


def test_picked_shows_both() -> None:
    picked = pickle.loads(pickle.dumps(Picked(1.0, {"a": 2})))
    assert repr(picked) == "Picked(y=1.0, extra={'a': 2})"


def test_elements_of_a_sequence_need_not_be_hashable() -> None:
    elements = [[1, 2], {"a": 3}, np.arange(1000), (4, [5])]
    learner = DataSaver(SequenceLearner(lambda element: {"y": len(element)}, elements), itemgetter("y"))
    simple(learner)
    assert learner.learner.result() == [2, 1, 1000, 2]
    assert list(learner.extra_data) == [(0, (1, 2)), (1, None), (2, None), (3, (4, (5,)))]
    assert [learner.extra_for(point)["y"] for point in enumerate(elements)] == [2, 1, 1000, 2]
