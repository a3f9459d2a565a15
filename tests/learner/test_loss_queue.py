import numpy as np
import pytest

from adaptive_dask.learner.loss_queue import LossQueue


class Reference:
    """The same queue, slow."""

    def __init__(self, tie_break):
        self.priorities = {}
        self.tie_break = tie_break

    def set(self, item, priority):
        self.priorities[item] = priority

    def peek(self):
        present = [(-p, self.tie_break(i, p), i) for i, p in self.priorities.items() if p > -np.inf]
        return min(present)[2] if present else None


@pytest.mark.parametrize(("size", "seed"), [(10, 0), (10, 1), (10, 2), (2000, 0)])
def test_agrees_with_a_sorted_dict(size, seed):
    rng = np.random.default_rng(seed)
    ties = rng.integers(3, size=size).tolist()
    queue, reference = LossQueue(lambda i, p: (ties[i],)), Reference(lambda i, p: (ties[i],))
    for _ in range(150):
        items = rng.choice(size, size=int(rng.integers(1, min(size, 200))), replace=False)
        priorities = rng.integers(40, size=len(items)) / 4
        priorities[rng.random(len(items)) < 0.1] = -np.inf
        if rng.random() < 0.5:
            queue.set_many(items, priorities)
        else:
            for item, priority in zip(items.tolist(), priorities.tolist(), strict=True):
                queue.set(item, priority)
        for item, priority in zip(items.tolist(), priorities.tolist(), strict=True):
            reference.set(item, priority)
        assert queue.peek() == reference.peek()
        for _ in range(int(rng.integers(20))):
            expected = reference.peek()
            assert queue.pop() == expected
            if expected is not None:
                assert queue.priority(expected) == -np.inf
                reference.set(expected, -np.inf)


@pytest.mark.parametrize("n", [1, 100, 3000, 9000])
def test_pop_many_is_pop_many_times(n):
    priorities = np.random.default_rng(0).random(7000)
    queue = LossQueue()
    queue.set_many(np.arange(7000), priorities)
    items, popped = queue.pop_many(n)
    order = np.argsort(-priorities)[:n]
    assert items == order.tolist()
    assert popped == priorities[order].tolist()
    assert queue.pop() == (np.argsort(-priorities)[n] if n < 7000 else None)


def test_an_item_is_popped_once_however_often_it_was_set():
    queue = LossQueue()
    for priority in (1.0, 2.0, 1.0, 2.0):
        queue.set(3, priority)
        assert queue.peek() == 3
    assert queue.pop() == 3
    assert queue.pop() is None
    queue.set(3, 2.0)
    assert queue.pop() == 3


def test_unwatched_changes_do_not_pile_up():
    queue = LossQueue()
    queue.set_many(np.arange(1000), np.ones(1000))
    assert queue.peek() == 0
    for i in range(100_000):
        queue.set(i % 1000, 2.0 + i)
    assert len(queue._heap) < 20_000
    assert queue.peek() == 999


def test_remove_and_clear():
    queue = LossQueue()
    queue.set(5, 1.0)
    queue.set(700, 3.0)
    queue.remove(700)
    queue.remove(10_000)
    assert queue.peek() == 5
    queue.clear()
    assert queue.peek() is None
    assert queue.priority(5) == -np.inf


def test_a_tie_break_that_grows_is_seen():
    lengths = [8.0, 8.0, 8.0]
    queue = LossQueue(lambda i, p: (-lengths[i], float(i)))
    for item in range(3):
        queue.set(item, 0.0)
    assert queue.peek() == 0
    lengths[0], lengths[1] = 2.0, 4.0
    assert queue.pop_many(2) == ([2, 1], [0.0, 0.0])
    queue.set(1, 0.0)
    assert queue.peek() == 1
