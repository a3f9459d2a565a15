"""Guarantees of `ask`."""

from __future__ import annotations

from typing import Any

from adaptive_dask.testing.subject import Subject, describe, expect, expect_distinct, expect_same_state, key_of, short


def ask_without_data(subject: Subject) -> None:
    """A new learner can be asked for points."""
    points = subject.ask(subject.make(), 1)
    expect(len(points) == 1, "a new learner has no point to propose")


def ask_zero(subject: Subject) -> None:
    """ask(0) returns nothing and changes nothing."""
    learner = subject.make()
    expect(subject.ask(learner, 0) == [], "ask(0) returned points")
    subject.run(learner, 5)
    before = describe(learner)
    expect(subject.ask(learner, 0) == [], "ask(0) returned points")
    expect_same_state(before, learner, "ask(0)")


def ask_many(subject: Subject) -> None:
    """ask(1000) returns distinct points, with and without data, and later calls return other points."""
    for n in (0, 5):
        learner = subject.make()
        subject.run(learner, n)
        known = subject.run(learner, 3)
        points = subject.ask(learner, 1000) + subject.ask(learner, 10)
        expect_distinct([*known, *points], "points were proposed again while pending or known")
        for x in points[:20]:
            subject.tell(learner, x)


def ask_without_tells(subject: Subject) -> None:
    """A learner that is told nothing always proposes new points."""
    learner = subject.make()
    points = [x for _ in range(subject.n) for x in subject.ask(learner, 1)]
    expect_distinct(points, "points were proposed again while pending")


def points_never_repeated(subject: Subject) -> None:
    """Pending and known points are not proposed, in any order and delay of results."""
    learner = subject.make()
    out: list[Any] = []
    points: list[Any] = []
    for _ in range(3 * subject.n):
        if len(points) < subject.n and (not out or subject.random.random() < 0.5):
            asked = subject.ask(learner, subject.random.randint(1, 4))
            out += asked
            points += asked
        elif out:
            subject.tell(learner, out.pop(subject.random.randrange(len(out))))
    expect_distinct(points, "points were proposed again while pending or known")


def ask_that_changes_nothing(subject: Subject) -> None:
    """ask(n, tell_pending=False) does not change the learner: a second call returns the same points."""
    learner = subject.ran(subject.n // 2)
    subject.ask(learner, 3)
    for n in (1, 4):
        before = describe(learner)
        points = subject.ask(learner, n, tell_pending=False)
        expect_same_state(before, learner, f"ask({n}, tell_pending=False)")
        again = subject.ask(learner, n, tell_pending=False)
        expect(
            list(map(key_of, points)) == list(map(key_of, again)),
            f"ask({n}, tell_pending=False) returned {points} at first and then {again}",
        )


def pending_points(subject: Subject) -> None:
    """Points are pending from `ask` to `tell`."""
    learner = subject.make()
    subject.run(learner, 3)
    expect(len(learner.pending_points) == 0, f"all points are told, and {short(learner.pending_points)} are pending")
    points = subject.ask(learner, 4)
    for left in range(len(points), 0, -1):
        found = len(learner.pending_points)
        expect(found == left, f"{left} points were asked for and are not told, but {found} are pending")
        subject.tell(learner, points[left - 1])
    expect(len(learner.pending_points) == 0, f"all points are told, and {short(learner.pending_points)} are pending")


def tell_pending(subject: Subject) -> None:
    """A point marked with `tell_pending` is not proposed, and a known point stays known."""
    points = subject.points()
    learner = subject.make()
    subject.tell(learner, points[0])
    before = describe(learner)
    learner.tell_pending(points[0])
    expect_same_state(before, learner, "tell_pending of a known point")
    for x in points[1:]:
        learner.tell_pending(x)
        learner.tell_pending(x)
    expect(
        len(learner.pending_points) == len(points) - 1,
        f"{len(points) - 1} points were told to be pending, {len(learner.pending_points)} are",
    )
    expect_distinct(points + subject.ask(learner, 10), "points were proposed that are pending or known")


def remove_unfinished(subject: Subject) -> None:
    """remove_unfinished forgets pending points and nothing else; late results are still accepted."""
    learner = subject.make()
    learner.remove_unfinished()
    known = subject.run(learner, subject.n // 2)
    before = describe(learner)
    points = subject.ask(learner, 5)
    learner.remove_unfinished()
    expect(len(learner.pending_points) == 0, f"{short(learner.pending_points)} are still pending")
    expect_same_state(before, learner, "asking and remove_unfinished()")
    again = subject.ask(learner, 5)
    expect_distinct(known + again, "known points were proposed")
    expect(
        len(again) >= len(points), f"{len(points)} points were removed, but only {len(again)} can be asked for again"
    )
    learner.remove_unfinished()
    for x in points:
        subject.tell(learner, x)
    expect(len(learner.pending_points) == 0, f"late results made {short(learner.pending_points)} pending")


ASKS = [
    ask_without_data,
    ask_zero,
    ask_many,
    ask_without_tells,
    points_never_repeated,
    ask_that_changes_nothing,
    pending_points,
    tell_pending,
    remove_unfinished,
]
