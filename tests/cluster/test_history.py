"""What a run remembers of its past: right, and bounded."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from adaptive_dask.cluster import scheduler_history
from adaptive_dask.cluster.scheduler_history import EDGES, MAX_WORK_ENTRIES, MAX_WORKERS, OTHERS, ProgressHistory


class Clock:
    """A time that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(scheduler_history.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_losses_are_kept_over_decades_and_only_ever_appended(clock: Clock) -> None:
    history = ProgressHistory()
    kept = []
    for n in range(1, 200_000):
        clock.now += 0.01
        history.note_loss(n, 1 / n)
        if n in (10, 1000, 100_000):
            kept.append(list(history.losses))
    assert len(history.losses) < 3000
    for before in kept:
        assert history.losses[: len(before)] == before
    points = [entry.npoints for entry in history.losses]
    assert points[:20] == list(range(1, 21))
    assert all(b <= a * 1.01 + 1 for a, b in pairwise(points))


def test_a_loss_that_does_not_change_is_kept_once(clock: Clock) -> None:
    history = ProgressHistory()
    for _ in range(100):
        clock.now += 1
        history.note_loss(7, 0.5)
    assert [entry.loss for entry in history.losses] == [0.5]


def test_a_loss_that_stays_and_then_changes_is_kept_where_it_did(clock: Clock) -> None:
    history = ProgressHistory()
    for n in range(1, 101):
        clock.now += 1
        history.note_loss(n, 0.5 if n < 80 else 0.25)
    assert [(entry.npoints, entry.loss) for entry in history.losses] == [(1, 0.5), (79, 0.5), (80, 0.25)]


def test_the_last_loss_is_kept_however_little_changed(clock: Clock) -> None:
    history = ProgressHistory()
    for n in (1, 10_000, 10_001):
        clock.now += 100 if n == 1 else 0.001
        history.note_loss(n, 1 / n)
    assert [entry.npoints for entry in history.losses] == [1, 10_000]
    history.note_loss(10_001, 1 / 10_001, is_last=True)
    assert [entry.npoints for entry in history.losses] == [1, 10_000, 10_001]
    clock.now += 100
    for _ in range(2):
        history.note_loss(20_000, 1 / 10_001, is_last=True)
    assert [entry.npoints for entry in history.losses] == [1, 10_000, 10_001, 20_000]


def test_work_is_thinned_out_evenly(clock: Clock) -> None:
    history = ProgressHistory()
    for second in range(50_000):
        clock.now += 1
        history.note_work(second * 0.1)
        history.note_evaluations("a", [0.3] * 3, 0, 0.0)
    assert MAX_WORK_ENTRIES / 2 <= len(history.work) <= MAX_WORK_ENTRIES
    gaps = {round(b.seconds - a.seconds) for a, b in pairwise(history.work)}
    assert max(gaps) <= 2 * min(gaps)
    assert history.work[0].evaluated == 0
    assert history.thinned > 0


def test_the_present_pace_is_that_of_the_last_seconds(clock: Clock) -> None:
    history = ProgressHistory()
    assert history.points_per_second() == 0
    for pace in (100, 5):
        for _ in range(60):
            history.note_work(0)
            history.note_evaluations("a", [0.1] * pace, 0, 0.0)
            clock.now += 1
    assert history.points_per_second() == pytest.approx(5, rel=0.15)
    clock.now += 1000
    assert history.points_per_second() < 0.1


@pytest.mark.parametrize("seconds", [1e-7, 1e-6, 0.0031, 0.5, 0.7071, 0.70711, 1.0, 1.41, 1.42, 3600.0])
def test_a_duration_is_counted_where_it_belongs(seconds: float) -> None:
    history = ProgressHistory()
    history.note_evaluations("a", [seconds], 0, 0.0)
    (step,) = [i for i, count in enumerate(history.durations) if count]
    assert EDGES[step] <= max(seconds, EDGES[0]) < EDGES[step + 1]


def test_durations_beyond_all_sense_are_counted_too() -> None:
    history = ProgressHistory()
    history.note_evaluations("a", [0.0, 1e9, -0.0], 1, 2.0)
    assert history.durations[0] == 2
    assert history.durations[-1] == 1
    assert history.workers["a"].failures == 1


def test_workers_that_come_and_go_are_counted_together() -> None:
    history = ProgressHistory()
    for i in range(1000):
        history.note_evaluations(f"worker-{i}", [0.5] * (1 + i % 7), 0, 0.0)
    assert len(history.workers) <= MAX_WORKERS + 1
    assert OTHERS in history.workers
    assert sum(count.evaluated for count in history.workers.values()) == sum(1 + i % 7 for i in range(1000))
    assert sum(history.durations) == sum(1 + i % 7 for i in range(1000))
    assert math.isclose(sum(count.seconds for count in history.workers.values()), 0.5 * sum(history.durations))


def test_evaluations_without_a_value_are_no_failures() -> None:
    history = ProgressHistory()
    history.note_evaluations("a", [0.1], 2, 0.2)
    history.note_infeasible(["a", "gone"])
    count = history.workers["a"]
    assert (count.evaluated, count.failures, history.evaluated) == (2, 1, 3)
    history.note_infeasible(["a", "a"])
    assert (count.evaluated, count.failures) == (3, 0)
