"""The helpers of python-adaptive's module of the same name."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import adaptive.utils as theirs
import pytest

import adaptive_dask
from adaptive_dask import utils


@pytest.mark.parametrize("compress", [True, False])
def test_saved_objects_are_loaded_by_either_package(compress: bool, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "data.pickle"
    data = {"a": [1, 2.5], (0, 1): None}
    assert utils.save(path, data, compress) is True
    assert path.read_bytes().startswith(b"\x1f\x8b") == compress
    assert theirs.load(str(path), compress) == data
    theirs.save(str(path), [data], compress)
    assert utils.load(path) == [data]


def test_a_learners_file_is_loaded_as_its_data(tmp_path: Path) -> None:
    learner = adaptive_dask.Learner1D(abs, (-1, 1))
    learner.tell_many([-1.0, 1.0], [1.0, 1.0])
    learner.save(tmp_path / "data")
    assert utils.load(str(tmp_path / "data")) == dict(learner.data)


def test_what_cannot_be_saved_or_loaded_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        utils.load(tmp_path / "none")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        utils.save(tmp_path / "file" / "data", 1)
    (tmp_path / "cut").write_bytes(gzip.compress(b"x" * 100)[:-9])
    with pytest.raises(EOFError):
        utils.load(tmp_path / "cut")


class Client:
    """What `daskify` needs of a Dask client whose event loop is another one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = type("Loop", (), {"asyncio_loop": loop})()
        self.computed = 0
        self.futures: list[Any] = []

    def compute(self, task: Any) -> Any:
        self.computed += 1
        future = type("Future", (), {"status": "finished", "task": task})()
        self.futures.append(future)
        return future

    async def gather(self, future: Any, asynchronous: bool) -> Any:
        assert asynchronous
        assert asyncio.get_running_loop() is self.loop.asyncio_loop
        return future.task.compute(scheduler="synchronous")


@pytest.mark.parametrize("cache", [True, False])
async def test_a_daskified_function_is_awaited(cache: bool) -> None:
    client = Client(asyncio.get_running_loop())

    @utils.daskify(client, cache=cache)
    def add(x: float, y: float = 1) -> float:
        """Adds."""
        return x + y

    assert asyncio.iscoroutinefunction(add)
    assert add.__doc__ == "Adds."
    assert [await add(1), await add(1), await add(1, y=2)] == [2, 2, 3]
    assert client.computed == (2 if cache else 3)
    client.futures[0].status = "error"
    await add(1)
    assert client.computed == (3 if cache else 4), "an error is not kept"


def test_restore_gives_learners_their_state_back() -> None:
    learner = adaptive_dask.Learner1D(abs, (-1, 1))
    learner.tell(1.0, 1.0)
    with utils.restore(learner):
        learner.tell(-1.0, 1.0)
        assert learner.npoints == 2
    assert learner.npoints == 1


def test_decorators_for_learners_of_others() -> None:
    class Learner:
        """A learner."""

        @utils.cache_latest
        def loss(self, real: bool = True) -> float:
            """The loss."""
            return 0.5 if real else 0.25

        @utils.copy_docstring_from(loss)
        def other(self) -> None:
            """Another one."""

    learner = Learner()
    assert learner.loss(real=False) == learner._cache["loss"] == 0.25
    assert Learner.loss.__name__ == "loss"
    assert Learner.other.__doc__ == "The loss."


def test_default_arguments_go_to_a_frame_and_back() -> None:
    pandas = pytest.importorskip("pandas")

    def f(x: float, a: int = 1, b: str = "b") -> float:
        return x

    df = pandas.DataFrame({"x": [1, 2]})
    utils.assign_defaults(f, df)
    assert list(df["function.a"]) == [1, 1]
    df["function.a"] = 3
    with pytest.warns(UserWarning, match="a=3"):
        partial = utils.partial_function_from_dataframe(f, df)
    assert partial.keywords == {"a": 3}
