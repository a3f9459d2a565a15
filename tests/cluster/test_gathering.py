"""Results wait on a worker for others while there are points, and never for long."""

from __future__ import annotations

from adaptive_dask.cluster.worker_gathering import LONGEST, Gathering


def test_without_word_of_the_scheduler_nothing_waits() -> None:
    gathering = Gathering()
    assert not gathering.can_wait(100)
    gathering.note_points(None)
    assert not gathering.can_wait(100)


def test_the_scheduler_is_asked_for_points_once() -> None:
    gathering = Gathering()
    for _ in range(2):
        gathering.note_points(enough=2)
        assert [gathering.can_wait(points) for points in (4, 3, 2, 1, 1)] == [True, True, False, True, True]


def test_nothing_waits_when_there_are_no_points() -> None:
    gathering = Gathering()
    gathering.note_points(enough=2)
    assert [gathering.can_wait(points) for points in (2, 0, 0, 1)] == [False, False, False, True]


def test_a_timer_is_set_once_and_rings_for_the_oldest() -> None:
    gathering = Gathering()
    assert gathering.begin(10.0)
    assert not gathering.begin(10.01)
    gathering.end()  # those two were sent
    assert not gathering.begin(10.02), "the timer of the first is still set"
    left = gathering.ring(10.0 + LONGEST)
    assert left is not None
    assert abs(left - 0.02) < 1e-9
    assert gathering.ring(10.0 + LONGEST + left) == 0.0
    gathering.end()
    assert gathering.begin(11.0), "there is none any more"
    gathering.end()
    assert gathering.ring(11.0 + LONGEST) is None
