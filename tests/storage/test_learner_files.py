"""Files of learners' data: round trips, and everything that can be wrong with a file."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import gzip
import os
import pickle
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adaptive_dask.errors import DataFileError, DataFileMissingError
from adaptive_dask.learner.balancing_learner import BalancingLearner
from adaptive_dask.learner.data_saver import DataSaver
from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.learner.learnerND import LearnerND
from adaptive_dask.runner.sequential import simple
from adaptive_dask.storage import atomic_file, file_format


def peak(x: float) -> float:
    return x + 0.01 / (0.01 + x**2)


def vector(x: float) -> list[float]:
    return [x, x**2]


def plane(xy: tuple[float, float]) -> float:
    return xy[0] + 2 * xy[1] ** 2


def learner_1d(n: int = 20) -> Learner1D:
    learner = Learner1D(peak, (-1, 1))
    simple(learner, npoints_goal=n)
    return learner


MAKERS: list[Callable[[], Any]] = [
    lambda: Learner1D(peak, (-1, 1)),
    lambda: Learner1D(vector, (-1, 1)),
    lambda: Learner2D(plane, [(-1, 1), (-1, 1)]),
    lambda: LearnerND(plane, [(-1, 1), (-1, 1)]),
]


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("make", MAKERS)
def test_what_is_saved_is_loaded(make: Callable[[], Any], compress: bool, tmp_path: Path) -> None:
    learner, other = make(), make()
    simple(learner, npoints_goal=20)
    learner.save(tmp_path / "data.pickle", compress=compress)
    other.load(str(tmp_path / "data.pickle"))
    assert other.data.keys() == learner.data.keys()
    for x, y in learner.data.items():
        np.testing.assert_array_equal(other.data[x], y)
    assert other.npoints == learner.npoints
    other.ask(1)


def test_fname_names_the_file_and_folders_are_created(tmp_path: Path) -> None:
    learner = learner_1d()
    learner.fname = str(tmp_path / "new" / "folder" / "data.pickle")
    learner.save()
    other = learner.new()
    other.fname = learner.fname
    other.load()
    assert dict(other.data) == dict(learner.data)
    assert os.listdir(tmp_path / "new" / "folder") == ["data.pickle"]


def test_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    learner_1d().save("~/data.pickle")
    assert (tmp_path / "data.pickle").exists()


def test_without_a_name_there_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match="fname"):
        learner_1d().save()
    with pytest.raises(ValueError, match="fname"):
        learner_1d().load()


def test_data_are_added_to_those_there_are(tmp_path: Path) -> None:
    learner, other = learner_1d(), Learner1D(peak, (-1, 1))
    other.tell(0.123, peak(0.123))
    learner.save(tmp_path / "data")
    other.load(tmp_path / "data")
    assert dict(other.data) == {**dict(learner.data), 0.123: peak(0.123)}


def test_compression_makes_files_smaller_and_first_lines_can_be_read(tmp_path: Path) -> None:
    learner = learner_1d(300)
    learner.save(tmp_path / "small")
    learner.save(tmp_path / "large", compress=False)
    assert (tmp_path / "small").stat().st_size < (tmp_path / "large").stat().st_size
    first, second, _ = (tmp_path / "small").read_bytes().split(b"\n", 2)
    assert first == b"adaptive_dask data 1"
    assert b'"npoints": 300' in second
    assert b"Learner1D" in second


# -- what can be wrong


def unchanged(learner: Any, path: Path, match: str, error: type[Exception] = DataFileError) -> None:
    """Loading fails, says which file and why, and leaves the learner as it was."""
    before = pickle.dumps(learner.__getstate__()["xs"]), learner.loss(), set(learner.pending_points)
    with pytest.raises(error, match=match) as caught:
        learner.load(path)
    assert str(path) in str(caught.value)
    assert (pickle.dumps(learner.__getstate__()["xs"]), learner.loss(), set(learner.pending_points)) == before


@pytest.fixture
def target() -> Learner1D:
    learner = learner_1d(5)
    learner.ask(2)
    return learner


def test_a_file_that_is_not_there(target: Learner1D, tmp_path: Path) -> None:
    unchanged(target, tmp_path / "none", "data of a Learner1D, got no such file", DataFileMissingError)
    unchanged(target, tmp_path / "none", "no such file", FileNotFoundError)
    unchanged(target, tmp_path / "none", r"load\(fname, missing_ok=True\)", DataFileMissingError)
    error = DataFileMissingError("a", "b")
    assert str(pickle.loads(pickle.dumps(error))) == "a: b"


@pytest.mark.parametrize("kind", ["Learner1D", "DataSaver", "BalancingLearner", "children"])
def test_load_if_there_then_run(kind: str, tmp_path: Path) -> None:
    """The beginning of a script that is started again and again."""

    def script() -> Any:
        learner: Any = Learner1D(abs, (-1, 1))
        name: Any = tmp_path / "data"
        if kind == "DataSaver":
            learner = DataSaver(learner, arg_picker=abs)
        elif kind in ("BalancingLearner", "children"):
            learner = BalancingLearner([learner, Learner1D(abs, (-2, 2))])
        if kind == "children":
            name = [tmp_path / "0", tmp_path / "1"]
        learner.load(name, missing_ok=True)
        simple(learner, goal=lambda learner: learner.npoints >= npoints + 5)
        learner.save(name)
        return learner

    npoints = 0
    first = script()
    npoints = first.npoints
    second = script()
    assert second.npoints == npoints + 5
    if kind == "children":
        (tmp_path / "1").unlink()
        other = BalancingLearner([Learner1D(abs, (-1, 1)), Learner1D(abs, (-2, 2))])
        other.load([tmp_path / "0", tmp_path / "1"], missing_ok=True)
        assert [child.npoints for child in other.learners] == [second.learners[0].npoints, 0]
        assert other.npoints == second.learners[0].npoints


def test_only_a_missing_file_may_be_missing(target: Learner1D, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path in (tmp_path / "empty", tmp_path):
        with pytest.raises(DataFileError, match=r"got an? "):
            target.load(path, missing_ok=True)
    (tmp_path / "empty").unlink()
    target.fname = tmp_path / "empty"
    target.load(missing_ok=True)
    assert target.npoints == 5


def test_a_folder_is_no_file(target: Learner1D, tmp_path: Path) -> None:
    before = dict(target.data)
    with pytest.raises(DataFileError, match="got a folder"):
        target.load(tmp_path)
    assert target.data == before


@pytest.mark.parametrize("compress", [True, False])
def test_every_truncated_file_is_found_out(target: Learner1D, tmp_path: Path, compress: bool) -> None:
    learner_1d(10).save(tmp_path / "whole", compress)
    content = (tmp_path / "whole").read_bytes()
    for size in range(1, len(content), 7):
        (tmp_path / "part").write_bytes(content[:size])
        unchanged(target, tmp_path / "part", "truncated")


def test_a_damaged_file(target: Learner1D, tmp_path: Path) -> None:
    learner_1d(10).save(tmp_path / "file", compress=False)
    content = bytearray((tmp_path / "file").read_bytes())
    content[-20] ^= 1
    (tmp_path / "file").write_bytes(content)
    unchanged(target, tmp_path / "file", "checksum")


def test_bytes_behind_the_end(target: Learner1D, tmp_path: Path) -> None:
    learner_1d(10).save(tmp_path / "file")
    with open(tmp_path / "file", "ab") as file:
        file.write(b"x")
    unchanged(target, tmp_path / "file", "too long")


def test_a_later_format(target: Learner1D, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"adaptive_dask data 99\nwho knows")
    unchanged(target, tmp_path / "file", "format 99")


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"\x89PNG....", b"adaptive"])
def test_files_of_others(target: Learner1D, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    unchanged(target, tmp_path / "file", "file")


@pytest.mark.parametrize("data", [[1, 2, 3], {"a": 1}, {0.5: "text"}, (1, 2), None])
def test_pickles_of_others(target: Learner1D, tmp_path: Path, data: Any) -> None:
    (tmp_path / "plain").write_bytes(pickle.dumps(data))
    (tmp_path / "zipped").write_bytes(gzip.compress(pickle.dumps(data)))
    unchanged(target, tmp_path / "plain", "must contain")
    unchanged(target, tmp_path / "zipped", "must contain")


def test_another_kind_of_learner(target: Learner1D, tmp_path: Path) -> None:
    learner = Learner2D(plane, [(-1, 1), (-1, 1)])
    simple(learner, npoints_goal=5)
    learner.save(tmp_path / "file")
    unchanged(target, tmp_path / "file", "must contain data of a Learner1D, got data of a Learner2D")


class Bomb:
    """Unpickling it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kinds", [["Learner2D", "SpaceLearner"], ["BaseLearner", "object"], ["learner1D"]])
def test_the_data_of_another_learner_are_not_even_unpickled(
    target: Learner1D, tmp_path: Path, kinds: list[str]
) -> None:
    trace = tmp_path / "unpickled"
    (tmp_path / "file").write_bytes(file_format.encode(Bomb(trace), kinds, 1, compress=True))
    unchanged(target, tmp_path / "file", f"must contain data of a Learner1D, got data of a {kinds[0]}")
    assert not trace.exists()
    (tmp_path / "file").write_bytes(file_format.encode(Bomb(trace), ["Learner1D"], 1, compress=True))
    with contextlib.suppress(DataFileError):
        target.load(tmp_path / "file")
    assert trace.exists()


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        "{" * 100_000,
        "[]",
        "7",
        "null",
        "{}",
        '{"learner": "Learner1D", "npoints": 1, "compression": null, "size": 0, "crc": 0}',
        '{"learner": [], "npoints": 1, "compression": null, "size": 0, "crc": 0}',
        '{"learner": [["Learner1D"]], "npoints": 1, "compression": null, "size": 0, "crc": 0}',
        '{"learner": ["Learner1D"], "npoints": 1, "compression": "zip", "size": 0, "crc": 0}',
        '{"learner": ["Learner1D"], "npoints": 1, "compression": null, "size": "0", "crc": null}',
        "\x00\x1b",
    ],
    ids=lambda line: line[:20],
)
def test_a_description_that_makes_no_sense(target: Learner1D, tmp_path: Path, line: str) -> None:
    (tmp_path / "file").write_bytes(file_format.MAGIC + f"1\n{line}\n".encode())
    unchanged(target, tmp_path / "file", "the file is damaged: its description cannot be read")


def test_values_that_do_not_fit_the_data_there_are(target: Learner1D, tmp_path: Path) -> None:
    learner = Learner1D(vector, (-1, 1))
    simple(learner, npoints_goal=5)
    learner.save(tmp_path / "file")
    unchanged(target, tmp_path / "file", r"got \(2,\)")


class MyLearner(Learner1D):
    pass


def test_a_subclass_and_its_base_read_each_others_files(tmp_path: Path) -> None:
    mine = MyLearner(peak, (-1, 1))
    simple(mine, npoints_goal=5)
    mine.save(tmp_path / "file")
    plain = Learner1D(peak, (-1, 1))
    plain.load(tmp_path / "file")
    plain.save(tmp_path / "file")
    mine.load(tmp_path / "file")
    assert plain.npoints == mine.npoints == 5


# -- writing


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = learner_1d(10)
    learner.save(tmp_path / "file")
    old = (tmp_path / "file").read_bytes()

    def fail(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    for name in ["fsync", "replace"]:
        with monkeypatch.context() as patch:
            patch.setattr(atomic_file.os, name, fail)
            with pytest.raises(OSError, match="No space left"):
                learner_1d(20).save(tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == old
        assert os.listdir(tmp_path) == ["file"]


def test_who_could_read_the_old_file_can_read_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "data"
    atomic_file.write_atomically(str(path), b"old")
    path.chmod(0o664)
    atomic_file.write_atomically(str(path), b"new")
    assert path.stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_nobody_can_read_a_private_file_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    path = tmp_path / "data"
    atomic_file.write_atomically(str(path), b"old")
    path.chmod(mode)
    seen = []

    def look_after(original: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        seen.extend(other.stat().st_mode & 0o777 for other in tmp_path.iterdir())
        return result

    for name in ("open", "fchown", "fchmod", "fsync", "replace"):
        monkeypatch.setattr(atomic_file.os, name, functools.partial(look_after, getattr(os, name)))
    atomic_file.write_atomically(str(path), b"new")
    monkeypatch.undo()
    assert len(seen) > 5
    assert not any(each & ~(mode | 0o600) & 0o777 for each in seen)
    assert not any(each & 0o077 & ~mode for each in seen)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == mode


def test_a_named_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        content = pool.submit(path.read_bytes)
        learner_1d(20).save(path)
        assert stat.S_ISFIFO(path.stat().st_mode)
        (tmp_path / "file").write_bytes(content.result(10))
    loaded = learner_1d(0)
    loaded.load(tmp_path / "file")
    assert loaded.data == learner_1d(20).data


def test_a_folder_is_not_a_file_name(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=re.escape(repr(str(tmp_path)))):
        learner_1d(20).save(tmp_path)
    assert not os.listdir(tmp_path)


def test_a_link_is_followed_and_the_mask_is_kept(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "file")
    mask = os.umask(0o027)
    try:
        learner_1d().save(tmp_path / "link")
    finally:
        os.umask(mask)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").stat().st_mode & 0o777 == 0o640
