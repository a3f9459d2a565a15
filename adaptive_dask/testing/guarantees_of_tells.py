"""Guarantees of `tell`."""

from __future__ import annotations

import math
from typing import Any

from adaptive_dask.testing.subject import (
    Subject,
    describe,
    expect,
    expect_distinct,
    expect_same_state,
    nan_like,
    same_data,
)


def tells_never_asked(subject: Subject) -> None:
    """Results of points that were not asked for are accepted, and these points are not proposed later."""
    points = subject.points()
    learner = subject.make()
    for x in points:
        subject.tell(learner, x)
    _expect_count(learner, len(points))
    expect_distinct(points + subject.ask(learner, 10), "known points were proposed")


def tells_are_idempotent(subject: Subject) -> None:
    """Telling a known point again, with the same or another value, changes nothing."""
    learner = subject.make()
    points = subject.run(learner)
    other = subject.value(points[-1])
    subject.ask(learner, 2)
    before = describe(learner)
    for x in points:
        learner.tell(x, subject.value(x))
        expect_same_state(before, learner, f"telling {x!r} again")
    learner.tell(points[0], other)
    expect_same_state(before, learner, f"telling {points[0]!r} again, with another value,")
    learner.tell_many(points, [other for _ in points])
    expect_same_state(before, learner, "telling all points again at once")


def order_does_not_matter(subject: Subject) -> None:
    """The data do not depend on the order and grouping of tells, nor on calls of `ask`."""
    points = subject.points()
    expected = subject.make()
    for x in points:
        subject.tell(expected, x)
    for how in ("one by one", "at once", "in groups", "in groups, twice", "while others are pending"):
        shuffled = subject.random.sample(points, len(points))
        learner = subject.make()
        if how == "one by one":
            for x in shuffled:
                subject.tell(learner, x)
        elif how == "at once":
            _tell_many(subject, learner, shuffled)
        else:
            if "pending" in how:
                subject.ask(learner, 7)
            rest = shuffled + subject.random.sample(points, len(points)) if "twice" in how else shuffled
            while rest:
                size = subject.random.randint(1, 9)
                _tell_many(subject, learner, rest[:size])
                rest = rest[size:]
        expect(
            same_data(learner.data, expected.data),
            f"the data differ when the same results are told {how} in another order",
        )
        expect(
            learner.npoints == expected.npoints,
            f"told {how} in another order, {learner.npoints} points are counted, not {expected.npoints}",
        )
        subject.ask(learner, 3)


def npoints_counts(subject: Subject) -> None:
    """npoints is the number of points that were told."""
    learner = subject.make()
    expect(learner.npoints == 0, f"a new learner has {learner.npoints} points")
    for count in range(1, subject.n + 1):
        points = subject.ask(learner, 1)
        if not points:
            break
        before = learner.npoints
        subject.tell(learner, points[0])
        expect(learner.npoints >= before, f"a tell changed npoints from {before} to {learner.npoints}")
        _expect_count(learner, count)


def not_a_number(subject: Subject) -> None:
    """NaN values are kept, and `ask`, `tell` and `loss` still work."""
    learner, points = subject.make(), []
    for count in range(subject.n):
        asked = subject.ask(learner, 1)
        if not asked:
            break
        points += asked
        value = nan_like(subject.value(asked[0])) if count % 3 == 2 else subject.value(asked[0])
        if value is None:
            return
        learner.tell(asked[0], value)
        expect(isinstance(float(learner.loss()), float), "the loss is no number")
    _expect_count(learner, len(points))
    expect_distinct(points, "points were proposed again after values of NaN")
    learner = subject.make()
    points = subject.ask(learner, 4)
    learner.tell_many(points, [nan_like(subject.value(x)) for x in points])
    subject.run(learner, 10)


def loss_is_a_number(subject: Subject) -> None:
    """The loss is always a non-negative number, possibly infinite, and computing it changes nothing."""
    learner = subject.make()
    for _ in range(subject.n):
        for real in (True, False):
            loss = learner.loss(real=real)
            expect(
                isinstance(float(loss), float) and not math.isnan(loss) and loss >= 0,
                f"loss(real={real}) is {loss!r} with {learner.npoints} points",
            )
        points = subject.ask(learner, 2)
        for x in points[:1]:
            subject.tell(learner, x)


def _tell_many(subject: Subject, learner: Any, points: list[Any]) -> None:
    values = [subject.value(x) for x in points]
    subject.timed(f"tell_many of {len(points)} points", lambda: learner.tell_many(points, values))


def _expect_count(learner: Any, count: int) -> None:
    # Some learners evaluate a point several times and count samples separately.
    nsamples = getattr(learner, "nsamples", None)
    found = learner.npoints if nsamples is None else nsamples
    expect(found == count, f"{count} points were told, but {found} are counted")
    if nsamples is None:
        expect(len(learner.data) == count, f"{count} points were told, but there are data of {len(learner.data)}")


TELLS = [
    tells_never_asked,
    tells_are_idempotent,
    order_does_not_matter,
    npoints_counts,
    not_a_number,
    loss_is_a_number,
]
