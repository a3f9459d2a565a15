"""What a checkpoint keeps, whatever happens to the process that writes it."""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import struct
import threading
import traceback
import zlib
from functools import partial

import fsspec
import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem

import adaptive_dask as adaptive
from adaptive_dask.errors import CheckpointError, CheckpointInUseError
from adaptive_dask.run.failures import Failure
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Session
from adaptive_dask.storage import checkpoint_files, checkpoint_folder, checkpoint_lock, checkpoint_writer
from adaptive_dask.storage.checkpoint import Checkpoint, _read_logs, load
from adaptive_dask.storage.checkpoint_files import Listing
from adaptive_dask.storage.checkpoint_folder import folder_at
from adaptive_dask.storage.checkpoint_format import (
    FIRST_LINE,
    Entry,
    file_of,
    pack_column,
    record,
    records_of,
    unpack_column,
)

from ..patience import TIMEOUT, wait_until
from ..settings import change


def square(x):
    return x * x


def make():
    return adaptive.Learner1D(square, bounds=(-1, 1))


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    change(monkeypatch, "checkpoint.interval", 0.01)
    monkeypatch.setattr(checkpoint_writer, "RETRY_AFTER_S", 0.02)
    monkeypatch.setattr(checkpoint_lock, "SETTLE_S", 0.01)


class PlainFileSystem(LocalFileSystem):
    """Opens a file and writes, as sftp, smb, ftp and hdfs do: a crash leaves half of it."""

    protocol = "plain"

    @classmethod
    def _strip_protocol(cls, path):
        # fsspec before 2025 does not look at `protocol` and would write to a folder "plain:".
        return super()._strip_protocol(str(path).removeprefix("plain://"))


fsspec.register_implementation("plain", PlainFileSystem, clobber=True)


@pytest.fixture(params=["folder", "url", "plain"])
def place(request, tmp_path):
    """Where a checkpoint may be."""
    if request.param == "folder":
        return str(tmp_path / "runs" / "scan")
    return f"memory://{tmp_path.name}/scan" if request.param == "url" else f"plain://{tmp_path}/scan"


class Run:
    """A session with a checkpoint."""

    def __init__(self, place, learner, npoints, **options):
        self.checkpoint = Checkpoint(place, "test")
        resumed = self.checkpoint.begin(learner, [])
        self.learner = learner
        self.session = Session(learner, Goal(npoints=npoints), journal=self.checkpoint.writer, **options)
        self.session.resume(resumed.asked, resumed.held, resumed.told)
        self.resumed = resumed
        self.out = []

    def evaluate(self, n=10**6, *, ahead=3, rng=random):
        """Evaluate so many points, out of order, with some always on their way."""
        while n > 0:
            self.out += self.session.take(ahead - len(self.out))
            if not self.out:
                break
            pid, x = self.out.pop(rng.randrange(len(self.out)))
            self.session.tell([(pid, self.learner.function(x))])
            n -= 1

    def crash(self):
        """Leave everything as it is; what was noted is in the log, and nothing of its end."""
        writer = self.checkpoint.writer
        wait_until(lambda: not (writer._noted or writer._entries or writer._records))
        writer._is_lost = True
        writer._lock.release = lambda: None
        writer.close()
        found = json.loads(writer._folder.read("lock"))
        writer._folder.write("lock", json.dumps({**found, "begun": "of a process that is gone"}).encode())


@pytest.mark.parametrize(
    "values",
    [
        [1.0, float("inf"), -0.0],
        [1, -5, 2**62],
        [1, 2**80],
        [True, False],
        [(0.5, 1.5), (2.5, -1.0)],
        [(0, 1.5), (1, -1.0)],
        [(0.5,), (2.5, -1.0)],
        ["a", None, {"b": 1}],
        [np.float64(2.5), 1.0],
    ],
)
def test_columns_come_back_as_they_were(values):
    back = unpack_column(pack_column(values))
    assert back == values
    assert [type(value) for value in back] == [type(value) for value in values]


def test_columns_of_arrays_come_back_as_they_were():
    for arrays in (
        [np.arange(3.0), np.ones(3)],
        [np.arange(3.0), np.ones(2)],
        [np.array(["a", None], dtype=object)] * 2,
        [np.eye(2, dtype=np.complex64)],
    ):
        back = unpack_column(pack_column(arrays))
        for old, new in zip(arrays, back, strict=True):
            assert type(new) is np.ndarray
            assert new.dtype == old.dtype
            assert np.array_equal(new, old)


def test_a_run_goes_on_with_its_results_and_with_the_points_on_their_way(place):
    run = Run(place, make(), 50)
    run.evaluate(20)
    out = dict(run.out)
    run.crash()
    data = dict(run.learner.data)
    assert len(data) == 20
    assert len(out) == 2

    again = Run(place, make(), 50)
    assert dict(again.learner.data) == data
    assert set(again.learner.pending_points) == set(out.values())
    assert again.session.told == 20
    first = [x for _, x in again.session.take(2)]
    assert first == list(out.values())
    again.session.tell((pid, square(x)) for pid, x in again.session.points.in_flight.items())
    again.evaluate()
    again.checkpoint.close()
    assert again.learner.npoints == 50
    assert dict(load(place).data) == dict(again.learner.data)

    further = Run(place, make(), 60)
    further.evaluate()
    further.checkpoint.close()
    assert load(place).npoints == 60


def test_crash_after_crash(place):
    rng = random.Random(5)
    data = {}
    for crashes in itertools.count():  # noqa: B007
        run = Run(place, make(), 300)
        assert {**dict(run.learner.data), **data} == dict(run.learner.data)
        run.evaluate(rng.randrange(40), ahead=5, rng=rng)
        data = dict(run.learner.data)
        if run.session.done:
            break
        run.crash()
        assert len(run.checkpoint._folder.names()) < 12
    run.checkpoint.close()
    assert crashes > 5
    assert dict(load(place).data) == data
    assert len(data) == 300


def test_in_order_points_on_their_way_keep_their_order(tmp_path):
    """Also when results were waiting for their turn."""
    rng = random.Random(2)
    asked, held = [], {}
    for _ in range(30):
        run = Run(tmp_path, make(), 60, ordered=4)
        assert [*run.learner.data, *run.session.points.unresolved.values()] == asked
        assert {pid: y for pid, y in run.resumed.held.items() if pid in run.resumed.asked} == held
        run.evaluate(7, ahead=4, rng=rng)
        if run.session.done:
            break
        run.crash()
        asked, held = [*run.learner.data, *run.session.points.unresolved.values()], dict(run.session.points.held)
    run.checkpoint.close()
    assert run.learner.npoints == 60


@pytest.mark.long
@pytest.mark.parametrize("cut", ["everywhere", "damaged"])
def test_a_torn_tail_is_dropped(tmp_path, cut):
    place = tmp_path / "scan"
    run = Run(place, make(), 12)
    for _ in range(6):
        run.evaluate(2)
        wait_until(lambda: not run.checkpoint.writer.unsaved)
    run.checkpoint.close()
    (log,) = place.glob("log-*")
    content = log.read_bytes()
    sizes = set()
    for n in range(0, len(content) + 1, 1 if cut == "everywhere" else 7):
        if cut == "everywhere":
            log.write_bytes(content[:n])
        else:
            log.write_bytes(content[:n].ljust(len(content) + 100, b"\0") if n > 30 else content)
        learner = load(place)
        assert all(y == x * x for x, y in learner.data.items())
        sizes.add(learner.npoints)
    assert max(sizes) == 12
    assert len(sizes) >= 5


@pytest.mark.long
@pytest.mark.parametrize("step", range(4))
def test_a_crash_while_logs_are_merged_loses_nothing(place, monkeypatch, step):
    for goal in (10, 20, 30):
        run = Run(place, make(), goal)
        run.evaluate(9)
        run.crash()
        monkeypatch.setattr(checkpoint_files, "_MERGE_SHARE", 0.0)
    data = dict(run.learner.data)
    steps = itertools.count()

    class CrashError(Exception):
        pass

    def crashing(method):
        def call(self, *args):
            if next(steps) == step:
                if method.__name__ == "write" and not self.is_atomic:
                    method(self, args[0], args[1][: len(args[1]) // 2])
                raise CrashError
            return method(self, *args)

        return call

    kind = type(run.checkpoint._folder)
    with monkeypatch.context() as context:
        for name in ("write", "remove"):
            context.setattr(kind, name, crashing(getattr(kind, name)))
        try:
            checkpoint_files.merge_logs(run.checkpoint._folder, 1, run.checkpoint._lock.mark)
        except CrashError:
            pass
        else:
            assert step >= 3
    assert dict(load(place).data) == data
    again = Run(place, make(), 40)
    assert data.items() <= dict(again.learner.data).items()
    again.evaluate()
    again.checkpoint.close()
    assert dict(load(place).data) == dict(again.learner.data)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, "the closing record", None])
def test_half_of_a_merged_log_does_not_take_the_place_of_the_others(tmp_path, monkeypatch, cut):
    place = f"plain://{tmp_path}/scan"
    for goal in (10, 20, 30):
        run = Run(place, make(), goal)
        run.evaluate(9)
        run.crash()
        monkeypatch.setattr(checkpoint_files, "_MAX_RESULTS_IN_RECORD", 5)
        monkeypatch.setattr(checkpoint_files, "_MAX_MERGED_BYTES", 0)
    monkeypatch.undo()
    data = dict(run.learner.data)
    folder = run.checkpoint._folder
    merged, written = None, folder.write

    def write(name, content):
        nonlocal merged
        closing = len(content) - len(record({"closed": True}))
        merged = name, {None: len(content), "the closing record": closing}.get(cut) or int(cut * len(content))
        written(name, content[: merged[1]])

    monkeypatch.setattr(folder, "write", write)
    if cut is None:
        monkeypatch.setattr(folder, "remove", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError if cut is None else OSError):
        checkpoint_files.merge_logs(folder, 1, "f00")
    assert merged[0] in folder.names()
    assert dict(load(place).data) == data
    again = Run(place, make(), 40)
    assert data.items() <= dict(again.learner.data).items()
    again.evaluate()
    again.checkpoint.close()
    assert dict(load(place).data) == dict(again.learner.data)


def test_data_from_elsewhere_are_in_the_checkpoint(place):
    learner = make()
    learner.tell_many([-1.0, 1.0, 0.25], [1.0, 1.0, 0.0625])
    run = Run(place, learner, 10)
    run.session.tell_from_elsewhere(0.123, 0.5)
    run.evaluate(3)
    run.crash()
    assert dict(load(place).data) == dict(learner.data)
    fresh = make()
    fresh.tell(0.777, 0.888)
    again = Run(place, fresh, 11)
    assert dict(again.learner.data) == {**dict(learner.data), 0.777: 0.888}
    again.crash()  # before anything is told
    assert dict(load(place).data) == dict(again.learner.data)
    third = Run(place, make(), 12)
    assert dict(third.learner.data) == dict(again.learner.data)
    assert set(third.learner.pending_points) == set(again.learner.pending_points)
    third.evaluate()
    third.checkpoint.close()
    assert load(place).npoints == 12


def test_a_point_that_failed_is_tried_again_by_the_next_run(tmp_path):
    run = Run(tmp_path, make(), 5, on_error="skip")
    pid, x = run.session.take(1)[0]
    run.session.tell([(pid, Failure("no"))])
    run.evaluate()
    run.checkpoint.close()
    assert run.learner.npoints == 5
    again = Run(tmp_path, make(), 6)
    assert [point for _, point in again.session.take(1)] == [x]
    again.checkpoint.close()


def test_a_point_that_was_given_up_stays_so(tmp_path):
    run = Run(tmp_path, make(), 20)
    run.evaluate(4)
    pid, _ = run.out.pop()
    run.session.drop([pid])
    out = dict(run.out)
    run.crash()
    again = Run(tmp_path, make(), 20)
    assert again.resumed.asked == out
    again.checkpoint.close()


def test_points_that_a_goal_has_no_place_for_are_dropped(tmp_path):
    run = Run(tmp_path, make(), 50)
    run.evaluate(10, ahead=6)
    assert len(run.out) == 5
    run.crash()
    again = Run(tmp_path, make(), 12)
    assert len(again.session.take(10)) == 2
    again.session.tell((pid, square(x)) for pid, x in again.session.points.in_flight.items())
    assert again.session.done
    assert again.learner.npoints == 12
    again.checkpoint.close()
    further = Run(tmp_path, make(), 14)
    assert not further.resumed.asked
    further.evaluate()
    further.checkpoint.close()


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (lambda: adaptive.Learner1D(square, bounds=(0, 1)), r"bounds=\[0\.0, 1\.0\].*got.*bounds=\[-1\.0, 1\.0\]"),
        (lambda: adaptive.Learner2D(square, bounds=[(0, 1)] * 2), "must be the checkpoint of a Learner2D.*Learner1D"),
        (lambda: adaptive.SequenceLearner(square, range(5)), "SequenceLearner.length=5.*Learner1D"),
    ],
)
def test_the_checkpoint_of_another_learner_is_refused(place, other, text):
    run = Run(place, make(), 5)
    run.evaluate()
    run.checkpoint.close()
    with pytest.raises(CheckpointError, match=text) as caught:
        Run(place, other(), 5)
    assert "scan" in str(caught.value)
    Run(place, make(), 5).checkpoint.close()  # it was released, and is as it was


def test_another_loss_or_function_is_the_same_learner(tmp_path):
    run = Run(tmp_path, make(), 5)
    run.evaluate()
    run.checkpoint.close()
    loss = adaptive.learner.learner1D.curvature_loss_function()
    Run(tmp_path, adaptive.Learner1D(abs, (-1, 1), loss_per_interval=loss), 5).checkpoint.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: adaptive.AverageLearner(lambda seed: seed / 7, atol=0.01),
        lambda: adaptive.AverageLearner1D(lambda point: point[0] + point[1], (-1, 1), min_samples=3),
        lambda: adaptive.IntegratorLearner(np.cos, (0, 3), tol=1e-10),
        lambda: adaptive.SequenceLearner(square, range(100)),
        lambda: adaptive.Learner2D(sum, [(-1, 1), (-1, 1)]),
        lambda: adaptive.LearnerND(sum, [(-1, 1)] * 3),
        lambda: adaptive.BalancingLearner([adaptive.Learner1D(partial(pow, 2.0), (-1, 1)) for _ in range(3)]),
        lambda: adaptive.DataSaver(adaptive.Learner1D(lambda x: {"y": x, "more": "x"}, (0, 1)), lambda v: v["y"]),
        lambda: adaptive.SKOptLearner(lambda x: float(x) ** 2, dimensions=[(-2.0, 2.0)], random_state=1),
        lambda: adaptive.Learner1D(lambda x: np.array([x, -x]), (-1, 1)),
    ],
)
def test_every_learner_goes_on(make, tmp_path):
    run = Run(tmp_path, make(), 20)
    run.evaluate(7)
    out = [x for _, x in run.out]
    run.crash()
    again = Run(tmp_path, make(), 11)
    assert again.learner.npoints == run.learner.npoints
    assert str(again.learner._get_data()) == str(run.learner._get_data())
    assert [x for _, x in again.session.take(len(out))] == out
    again.session.tell((pid, again.learner.function(x)) for pid, x in again.session.points.in_flight.items())
    again.evaluate()
    again.checkpoint.close()
    assert again.learner.npoints >= 11
    assert str(load(tmp_path)._get_data()) == str(again.learner._get_data())


class AskAndTell:
    """Somebody's own learner, with no more than it needs."""

    def __init__(self):
        self.known = {}
        self.function = square

    def ask(self, n):
        start = len(self.known)
        return list(range(start, start + n)), [1.0] * n

    def tell(self, x, y):
        self.known[x] = y

    def loss(self):
        return 1.0


def test_somebodys_own_learner(tmp_path):
    run = Run(tmp_path, AskAndTell(), 10)
    run.evaluate(4, ahead=1)
    run.crash()
    again = Run(tmp_path, AskAndTell(), 10)
    assert again.learner.known == run.learner.known
    again.evaluate(ahead=1)
    again.checkpoint.close()
    assert load(tmp_path).known == {x: x * x for x in range(10)}


# ---- what is wrong with the folder


def test_two_runs_on_one_checkpoint(place):
    run = Run(place, make(), 50)
    with pytest.raises(CheckpointInUseError, match=r"lock of run 'test' on .* \(process"):
        Run(place, make(), 50)
    run.evaluate()
    run.checkpoint.close()
    assert load(place).npoints == 50
    Run(place, make(), 50).checkpoint.close()


def test_two_runs_that_begin_at_the_same_time(place, monkeypatch):
    """Both see that there is no lock; in a store without anything that happens in one step, both write one."""
    monkeypatch.setattr(checkpoint_lock, "SETTLE_S", 0.0)
    both = threading.Barrier(2)
    kind = type(folder_at(place))
    create, read = kind.create, kind.read

    def create_together(folder, name, content):
        monkeypatch.setattr(kind, "read", lambda folder, name: None)  # both look before one writes
        both.wait(TIMEOUT)
        created = create(folder, name, content)
        both.wait(TIMEOUT)
        monkeypatch.setattr(kind, "read", read)
        both.wait(TIMEOUT)
        return created

    monkeypatch.setattr(kind, "create", create_together)
    outcomes = []

    def begin(who):
        try:
            outcomes.append(Checkpoint(place, who))
        except CheckpointInUseError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=begin, args=(who,)) for who in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert sorted(isinstance(outcome, Checkpoint) for outcome in outcomes) == [False, True]
    monkeypatch.undo()
    (winner,) = (outcome for outcome in outcomes if isinstance(outcome, Checkpoint))
    winner.close()


def test_no_run_writes_over_the_logs_of_another(tmp_path):
    """Also when both believe for a moment that the checkpoint is theirs."""
    place = f"memory://{tmp_path.name}/scan"
    first = Run(place, AskAndTell(), 40)
    first.checkpoint._folder.remove("lock")
    second = Run(place, AskAndTell(), 40)
    second.learner.known = dict.fromkeys(range(20), 0.0)  # other points than those of the first
    first.evaluate(9, ahead=1)
    second.evaluate(8, ahead=1)
    known = {**first.learner.known, **{x: x * x for x in range(20, 28)}}
    for run in (first, second):
        run.crash()
    assert load(place).known == known
    first.checkpoint._lock.release()
    again = Run(place, AskAndTell(), 1)
    assert again.learner.known == known
    again.checkpoint.close()
    assert load(place).known == known


@pytest.mark.long
def test_a_lock_of_another_machine_is_watched(place, monkeypatch):
    monkeypatch.setattr(checkpoint_lock, "STALE_AFTER_S", 1.0)
    run = Run(place, make(), 5)
    run.evaluate()
    run.checkpoint.close()
    folder = run.checkpoint._folder
    owner = {"id": "far", "run": "x", "host": "far", "pid": 1, "place": "far", "begun": "0", "beats": 0}
    folder.write("lock", json.dumps(owner).encode())
    stop = threading.Event()

    def beat():
        for beats in itertools.count(1):
            folder.write("lock", json.dumps({**owner, "beats": beats}).encode())
            if stop.wait(0.05):
                break

    beating = threading.Thread(target=beat)
    beating.start()
    with pytest.raises(CheckpointInUseError, match="far"):
        Run(place, make(), 5)
    stop.set()
    beating.join()
    Run(place, make(), 5).checkpoint.close()  # nobody writes it any more


def test_who_was_stopped_for_too_long_writes_no_more(place, monkeypatch):
    run = Run(place, make(), 50)
    run.evaluate(5)
    run.crash()
    other = Run(place, make(), 50)
    monkeypatch.setattr(checkpoint_lock, "HEARTBEAT_S", 0.0)
    with pytest.raises(CheckpointInUseError):
        run.checkpoint._lock.keep()
    other.evaluate()
    other.checkpoint.close()
    assert load(place).npoints == 50


def test_a_folder_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("Chapter 1")
    with pytest.raises(CheckpointError, match=r"must be a checkpoint.*thesis\.tex"):
        Checkpoint(tmp_path, "test")
    assert os.listdir(tmp_path) == ["thesis.tex"]
    with pytest.raises(CheckpointError, match="must be a folder, got a file"):
        Checkpoint(tmp_path / "thesis.tex", "test")
    with pytest.raises(CheckpointError, match="must be a checkpoint, got a folder without one"):
        load(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="fsspec"):
        Checkpoint("nosuchprotocol://bucket/x", "test")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="must be a folder"):
        Checkpoint(tmp_path / "file" / "scan", "test")


def test_a_later_format_is_refused(tmp_path):
    run = Run(tmp_path, make(), 5)
    run.checkpoint.close()
    (file,) = tmp_path.glob("learner-*")
    file.write_bytes(file.read_bytes().replace(b"checkpoint 1", b"checkpoint 9", 1))
    with pytest.raises(CheckpointError, match="must have format 1, got format 9"):
        load(tmp_path)
    file.write_bytes(b"something else altogether")
    with pytest.raises(CheckpointError, match="got a file that begins with b'something"):
        load(tmp_path)
    file.unlink()
    run.checkpoint._folder.write("log-000001-000001", b"")
    with pytest.raises(CheckpointError, match="learner is missing"):
        load(tmp_path)


def test_a_full_disk_stops_nothing_and_loses_nothing(place, monkeypatch):
    run = Run(place, make(), 60)
    run.evaluate(10)
    writer = run.checkpoint.writer
    full = threading.Event()
    full.set()
    folder = run.checkpoint._folder
    target = checkpoint_folder.GrowingFile if folder.can_append else type(folder)
    name = "append" if folder.can_append else "write"
    method = getattr(target, name)

    def fails(self, *args):
        if full.is_set():
            if folder.can_append:
                content = b"".join(args[0])
                self._file.write(content[: len(content) // 2])
            raise OSError(28, "No space left on device")
        return method(self, *args)

    monkeypatch.setattr(target, name, fails)
    run.evaluate(30)
    wait_until(lambda: run.checkpoint.status()["problem"])
    run.evaluate(10)
    assert "No space left" in run.checkpoint.status()["problem"]
    assert run.checkpoint.status()["unsaved"] >= 40
    full.clear()
    wait_until(lambda: not (run.checkpoint.status()["problem"] or writer.unsaved))
    assert load(place).npoints == 50
    run.evaluate()
    run.checkpoint.close()
    assert dict(load(place).data) == dict(run.learner.data)


def remove(folder, *names):
    """Delete files as somebody else would."""
    for name in names or folder.names():
        if folder.can_append or type(folder._files) is PlainFileSystem:
            os.remove(os.path.join(getattr(folder, "_root", folder.path), name))
        else:
            folder.remove(name)


@pytest.mark.long
@pytest.mark.parametrize("what", ["everything", "learner", "log", "functions"])
@pytest.mark.parametrize("when", ["during", "at the end"])
def test_files_that_are_deleted_are_told_and_written_again(place, monkeypatch, what, when):
    if when == "during":
        monkeypatch.setattr(checkpoint_writer, "HEARTBEAT_S", 0.05)
    run = Run(place, make(), 60)
    run.evaluate(20)
    folder, writer = run.checkpoint._folder, run.checkpoint.writer
    wait_until(lambda: not run.checkpoint.status()["unsaved"])
    names = [name for name in folder.names() if what == "everything" or name.startswith(what)]
    assert names
    remove(folder, *names)
    if when == "during":
        wait_until(lambda: writer.problem)
        assert "was deleted or moved" in run.checkpoint.status()["problem"]
        assert run.checkpoint.status()["unsaved"] == 20
        run.evaluate(5)
        wait_until(lambda: not (writer.problem or writer.unsaved))
        assert dict(load(place).data) == dict(run.learner.data)
    run.evaluate()
    run.checkpoint.close()
    assert run.checkpoint.status() == {"path": run.checkpoint.path, "unsaved": 0, "problem": None}
    again = load(place)
    assert dict(again.data) == dict(run.learner.data)
    assert again.npoints == 60
    Run(place, make(), 60).checkpoint.close()


@pytest.mark.parametrize("crash", [True, False])
def test_a_folder_that_is_moved_is_written_again(tmp_path, monkeypatch, crash):
    monkeypatch.setattr(checkpoint_writer, "HEARTBEAT_S", 0.05)
    Run(tmp_path / "scan", make(), 10).checkpoint.close()
    run = Run(tmp_path / "scan", make(), 60)
    run.evaluate(20)
    wait_until(lambda: not run.checkpoint.writer.unsaved)
    (tmp_path / "scan").rename(tmp_path / "old")
    wait_until(lambda: run.checkpoint.writer.problem)
    run.evaluate(7)
    wait_until(lambda: not run.checkpoint.writer.problem)
    run.crash() if crash else run.checkpoint.close()
    assert load(tmp_path / "scan").npoints == 27
    assert load(tmp_path / "old").npoints >= 20


@pytest.mark.parametrize("change", ["replaced", "cut"])
def test_a_log_that_is_not_the_same_any_more_is_written_again(tmp_path, change):
    run = Run(tmp_path, make(), 60)
    run.evaluate(20)
    wait_until(lambda: not run.checkpoint.writer.unsaved)
    (log,) = tmp_path.glob("log-*")
    content = log.read_bytes()
    if change == "replaced":
        log.unlink()
    log.write_bytes(content[: len(content) // 2])
    run.evaluate(5)
    run.checkpoint.close()
    assert dict(load(tmp_path).data) == dict(run.learner.data)


def test_what_cannot_be_written_again_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_writer, "HEARTBEAT_S", 0.05)
    run = Run(tmp_path, make(), 60)
    run.evaluate(5)
    remove(run.checkpoint._folder)
    wait_until(lambda: run.checkpoint.writer.problem)
    run.checkpoint.writer._pack_learner = lambda: 1 / 0
    run.evaluate(5)
    run.checkpoint.close()
    assert "ZeroDivisionError" in run.checkpoint.status()["problem"]
    assert run.checkpoint.status()["unsaved"]


NONSENSE = {
    "empty": b"",
    "binary": bytes(range(256)),
    "deep": b"[" * 100_000,
    "list": b"[1]",
    "number": b"7",
    "types": b'{"id": 7, "run": [], "host": {}, "pid": "abc", "place": null, "begun": 1, "beats": "x", "time": null}',
    "long": b'{"pid": ' + b"9" * 5000 + b"}",
    "nan": b'{"pid": NaN, "time": NaN}',
}


@pytest.mark.long
@pytest.mark.parametrize("here", [False, True], ids=["", "of this machine"])
@pytest.mark.parametrize("content", NONSENSE.values(), ids=NONSENSE)
def test_a_lock_that_makes_no_sense_is_taken_over_after_a_while(place, monkeypatch, content, here):
    monkeypatch.setattr(checkpoint_lock, "STALE_AFTER_S", 0.3)
    folder = folder_at(place)
    if here:
        process = b'"place": ' + json.dumps(checkpoint_lock._process()["place"]).encode()
        content = content.replace(b'"place": null', process).replace(b"{", b"{" + process + b", ", 1)
    folder.write("lock", content)
    run = Run(place, make(), 5)
    run.evaluate()
    run.checkpoint.close()
    assert load(place).npoints == 5
    assert "lock" not in folder.names()
    folder.write("lock", content)
    run.checkpoint._lock.let_go()  # it is not its own


def record_of(body):
    return struct.pack("<II", len(body), zlib.crc32(body)) + body


@pytest.mark.parametrize("name", ["log-000002-000002", "learner-000001", "functions"])
@pytest.mark.parametrize(
    "body",
    [
        b"\x91" * 100_000 + b"\x01",
        b"\xc1",
        b"\x81\x90\x01",
        b"\x01\x01",
        b"\x07",
        b"\x93\x01\x02\x03",
        b"\x81\xa1x\x01",
    ],
    ids=["deep", "never used", "list as key", "too much", "number", "list", "no column"],
)
def test_content_that_makes_no_sense_is_an_error_that_says_so(tmp_path, name, body):
    run = Run(tmp_path, make(), 5)
    run.evaluate()
    run.checkpoint.close()
    (file,) = tmp_path.glob(f"{name[:7]}*" if name != "functions" else name)
    records = record_of(body) * (2 if name.startswith("learner") else 1)
    file.write_bytes(file_of([records]))
    for attempt in (lambda: load(tmp_path), lambda: Run(tmp_path, make(), 9).checkpoint.close()):
        try:
            attempt()
        except CheckpointError as error:
            assert str(tmp_path) in str(error)  # noqa: PT017
        else:
            assert name == "functions"  # these are not needed for the data


def test_a_place_that_cannot_be_reached_is_refused():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"ftp://me:secret-word@127.0.0.1:{listener.getsockname()[1]}/scan"
        for attempt in (lambda: Checkpoint(url, "test"), lambda: load(url)):
            with pytest.raises(CheckpointError, match=r"(?s)ftp://\*\*\*@127.*refused.*Check the address") as raised:
                attempt()
            assert "secret-word" not in "".join(traceback.format_exception(raised.value))


def test_what_cannot_be_pickled_costs_nothing_else(tmp_path):
    run = Run(tmp_path, AskAndTell(), 10)
    run.learner.function = lambda x: threading.Lock() if x == 3 else x
    run.evaluate(ahead=1)
    run.checkpoint.close()
    assert set(load(tmp_path).known) == set(range(10)) - {3}
    status = run.checkpoint.status()
    assert "cannot be pickled" in status["problem"]
    assert status["unsaved"] == 1


def test_a_lock_that_the_disk_has_no_room_for_is_not_left(tmp_path, monkeypatch):
    def fails(file, content):
        file.write(content[:5])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(checkpoint_folder, "_write_all", fails)
        with pytest.raises(CheckpointError, match="No space left"):
            Checkpoint(tmp_path, "test")
    assert os.listdir(tmp_path) == []
    Checkpoint(tmp_path, "test").close()


def test_large_results_are_in_small_records(tmp_path, monkeypatch):
    """Whoever makes or unpacks a record keeps all other threads waiting."""
    change(monkeypatch, "checkpoint.interval", "60 s")
    learner = AskAndTell()
    learner.function = lambda x: np.full(12_500, float(x)) if x >= 50_000 else float(x)  # of 100 kB
    run = Run(tmp_path, learner, 50_200)
    run.session.tell([(pid, learner.function(x)) for pid, x in run.session.take(50_000)])
    run.evaluate(ahead=1)
    run.checkpoint.close()
    (log,) = tmp_path.glob("log-*")
    content = log.read_bytes()
    records = records_of(str(log), content)
    sizes = [len(entry.get("x", b"..")[1]) + len(entry.get("y", b"..")[1]) for entry in records.contents]
    assert sum(size < 100 for size in sizes) <= 2
    assert sorted(sizes)[-2] <= 2 * checkpoint_writer.MAX_RECORD_BYTES  # one of them found out how large results are
    loaded = load(tmp_path).known
    assert list(loaded) == list(range(50_200))
    assert np.array_equal(loaded[50_100], learner.function(50_100))


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_is_tried_again_is_written_once(place, monkeypatch, is_whole):
    """The first try had put it there, when its error came; or it had put a part of it there."""
    run = Run(place, AskAndTell(), 100)
    folder = run.checkpoint._folder
    run.learner.function = lambda x: threading.Lock() if x == 10 else x  # so there is more than one record
    tries = itertools.count(1)
    wait_until(lambda: not run.checkpoint.writer._records)

    def failing(method, fails_at):
        def call(*args):
            if "lock" in args or next(tries) != fails_at:
                return method(*args)
            method(*(args if is_whole else (*args[:-1], args[-1][: len(args[-1]) // 2])))
            raise OSError(5, "Input/output error")

        return call

    if not folder.can_append:
        monkeypatch.setattr(folder, "write", failing(folder.write, 1))
    elif is_whole:
        monkeypatch.setattr(os, "fdatasync", failing(os.fdatasync, 1))
    else:
        monkeypatch.setattr(checkpoint_folder, "_write_all", failing(checkpoint_folder._write_all, 3))
    run.evaluate(50, ahead=1)
    run.checkpoint.close()
    assert next(tries) > 2
    told = _read_logs(folder, Listing.of(folder), 1).points
    assert sorted(told) == [x for x in range(50) if x != 10]


@pytest.mark.parametrize("where", ["length", "checksum", "body", "zeros"])
def test_damage_in_the_middle_costs_what_is_there_and_is_told(tmp_path, monkeypatch, where):
    run = Run(tmp_path, make(), 60)
    for _ in range(6):
        run.evaluate(10)
        wait_until(lambda: not run.checkpoint.writer.unsaved)
    run.checkpoint.close()
    (log,) = tmp_path.glob("log-*")
    content = bytearray(log.read_bytes())
    length = int.from_bytes(content[len(FIRST_LINE) :][:4], "little")
    second = len(FIRST_LINE) + 8 + length
    if where == "zeros":
        content[second : second + 100] = bytes(100)
    else:
        content[second + {"length": 1, "checksum": 5, "body": 60}[where]] ^= 1
    log.write_bytes(content)
    with pytest.warns(RuntimeWarning, match=f"damaged in the middle: {log.name}"):
        loaded = load(tmp_path)
    assert 40 <= loaded.npoints < 60
    assert dict(loaded.data).items() <= dict(run.learner.data).items()
    again = Run(tmp_path, make(), 60)
    wait_until(lambda: not again.checkpoint.writer._bell.is_set())
    assert "damaged" in again.checkpoint.status()["problem"]
    again.evaluate()
    again.checkpoint.close()
    assert again.learner.npoints == 60
    assert "damaged" in again.checkpoint.status()["problem"]
    monkeypatch.setattr(checkpoint_files, "_MERGE_SHARE", 0.0)
    Run(tmp_path, make(), 60).checkpoint.close()  # logs are merged, and without what is damaged
    assert load(tmp_path).npoints == 60
    final = Run(tmp_path, make(), 60)
    assert final.checkpoint.status()["problem"] is None
    final.checkpoint.close()


def test_entries_merge_to_what_they_say_one_after_the_other():
    rng = random.Random(3)
    one, parts = Entry(), []
    fresh = itertools.count()
    out = set()
    for _ in range(200):
        ids = [next(fresh) for _ in range(5)]
        gone = set(rng.sample(sorted(out), min(len(out), 3)))
        out = (out | set(ids)) - gone
        entry = Entry([float(pid) for pid in gone], [1.0] * len(gone), gone=gone)
        entry.asked = {pid: float(pid) for pid in ids}
        entry.held = dict.fromkeys(ids[:1], 2.0)
        parts.append(entry)
        records = records_of("x", file_of([entry.encode()]))
        assert (records.rest, records.is_closed) == (0, True)
        (content,) = records.contents
        assert Entry.decode(content) == entry
    merged = Entry()
    for entry in parts:
        one.absorb(entry)
    for i in range(0, 200, 20):
        some = Entry()
        for entry in parts[i : i + 20]:
            some.absorb(entry)
        merged.absorb(some)
    assert (merged.points, merged.values, merged.asked, merged.held) == (one.points, one.values, one.asked, one.held)
    pieces, left = [], [one]
    while left:
        entry = left.pop(0)
        halves = entry.halves()
        if halves is None:
            pieces.append(entry)
        else:
            left = [*halves, *left]
    again = Entry()
    for piece in pieces:
        again.absorb(piece)
    assert (again.points, again.asked, again.held) == (one.points, one.asked, one.held)
