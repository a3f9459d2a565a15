"""Results wait on a worker for others while there are points, and never for long."""

from __future__ import annotations

from adaptive_dask.cluster.worker_outbox import MAX_RESULT_DELAY_S, ResultBatching


def test_without_word_of_the_scheduler_nothing_waits() -> None:
    batching = ResultBatching()
    assert not batching.can_wait(100)
    batching.note_points(None)
    assert not batching.can_wait(100)


def test_the_scheduler_is_asked_for_points_once() -> None:
    batching = ResultBatching()
    for _ in range(2):
        batching.note_points(enough=2)
        assert [batching.can_wait(points) for points in (4, 3, 2, 1, 1)] == [True, True, False, True, True]


def test_nothing_waits_when_there_are_no_points() -> None:
    batching = ResultBatching()
    batching.note_points(enough=2)
    assert [batching.can_wait(points) for points in (2, 0, 0, 1)] == [False, False, False, True]


def test_a_timer_is_set_once_and_rings_for_the_oldest() -> None:
    batching = ResultBatching()
    assert batching.begin(10.0)
    assert not batching.begin(10.01)
    batching.end()  # those two were sent
    assert not batching.begin(10.02), "the timer of the first is still set"
    left = batching.ring(10.0 + MAX_RESULT_DELAY_S)
    assert left is not None
    assert abs(left - 0.02) < 1e-9
    assert batching.ring(10.0 + MAX_RESULT_DELAY_S + left) == 0.0
    batching.end()
    assert batching.begin(11.0), "there is none any more"
    batching.end()
    assert batching.ring(11.0 + MAX_RESULT_DELAY_S) is None
