"""Guarantees of copies of a learner: by pickling, `new`, `copy_from`, files and data frames."""

from __future__ import annotations

import os
import pickle
import tempfile
from typing import Any

import cloudpickle

from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.testing.subject import Subject, describe, expect, expect_same_state, same_data, same_value


def pickled(subject: Subject) -> None:
    """A pickled copy has the data and the function, no pending points, and can continue."""
    _check_pickled(subject, "pickle", lambda learner: pickle.loads(pickle.dumps(learner)))


def cloudpickled(subject: Subject) -> None:
    """A cloudpickled copy has the data and the function, no pending points, and can continue."""
    _check_pickled(subject, "cloudpickle", lambda learner: cloudpickle.loads(cloudpickle.dumps(learner)))


def function_apart(subject: Subject) -> None:
    """The learner can be sent without its function, works without it, and can be combined with it again."""
    learner = subject.ran(subject.n // 2)
    packed, functions = dumps_apart(learner)
    hosted = loads_together(packed, None)
    expect(same_data(hosted.data, learner.data), "the data differ in a copy without the function")
    points = subject.run(hosted, 10)
    together = loads_together(dumps_apart(hosted)[0], functions)
    expect(same_data(together.data, hosted.data), "the data differ after the function was put back")
    for x in points[:1]:
        together.function(x)


def saved_and_loaded(subject: Subject) -> None:
    """A new learner that loads the file of another one has its data, and can continue."""
    learner, other = subject.ran(), subject.make()
    subject.ask(learner, 3)
    before = describe(learner)
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "learner")
        for compress in (True, False):
            learner.save(name, compress=compress)
            expect_same_state(before, learner, "save()")
            other = subject.make()
            other.load(name)
            _expect_copy(other, learner, "loaded")
        subject.run(other, 10)


def in_a_data_frame(subject: Subject) -> None:
    """A new learner that loads the data frame of another one has its data."""
    learner, other = subject.ran(), subject.make()
    other.load_dataframe(learner.to_dataframe())
    _expect_copy(other, learner, "loaded from a data frame")


def new(subject: Subject) -> None:
    """new() returns an independent learner with the same type, settings and function, and without data."""
    learner = subject.ran(subject.n // 2)
    subject.ask(learner, 2)
    before = describe(learner)
    other = learner.new()
    expect(type(other) is type(learner), f"new() returned a {type(other).__name__}, not a {type(learner).__name__}")
    expect(other.npoints == 0 and len(other.data) == 0, f"new() returned a learner with {other.npoints} points")
    expect(len(other.pending_points) == 0, "new() returned a learner with pending points")
    first = subject.make()
    points = subject.run(other, 5)
    expect(len(points) > 0, "the learner of new() has no points to propose")
    expect(points == subject.run(first, 5), "the learner of new() does not ask for what a new learner asks for")
    expect_same_state(before, learner, "telling the learner of new()")


def copied_from(subject: Subject) -> None:
    """copy_from adds the data of another learner, which stays independent. A second call changes nothing."""
    learner, other = subject.ran(), subject.make()
    before = describe(learner)
    for _ in range(2):
        other.copy_from(learner)
        _expect_copy(other, learner, "copied with copy_from")
    points = subject.run(other, 5)
    expect_same_state(before, learner, "telling the copy of copy_from")
    partial = subject.make()
    subject.run(partial, 3)
    partial.copy_from(other)
    expect(same_data(partial.data, other.data), "the data differ when copied to a learner that has some already")
    for x in points:
        subject.tell(partial, x)
    expect(same_data(partial.data, other.data), "telling known points to a copy changed its data")


def _check_pickled(subject: Subject, how: str, copy: Any) -> None:
    fresh = copy(subject.make())
    subject.run(fresh, 3)
    learner = subject.ran()
    expected_loss = learner.loss()
    subject.ask(learner, 3)
    before = describe(learner)
    other = copy(learner)
    expect_same_state(before, learner, f"{how}")
    _expect_copy(other, learner, f"copied with {how}")
    # Points on a grid have several triangulations, so losses may differ.
    expect(
        same_value(other.loss(), expected_loss) or 0.5 * expected_loss <= other.loss() <= 2 * expected_loss,
        f"the loss is {expected_loss} before and {other.loss()} after {how}",
    )
    points = subject.run(other, 10)
    for x in points[:1]:
        other.function(x)
    expect_same_state(before, learner, f"telling the copy of {how}")


def _expect_copy(other: Any, learner: Any, how: str) -> None:
    expect(same_data(other.data, learner.data), f"the data differ when {how}")
    expect(other.npoints == learner.npoints, f"{how}, {learner.npoints} points became {other.npoints}")
    expect(len(other.pending_points) == 0, f"{how}, points are pending: {other.pending_points}")


COPIES = [pickled, cloudpickled, function_apart, saved_and_loaded, in_a_data_frame, new, copied_from]
