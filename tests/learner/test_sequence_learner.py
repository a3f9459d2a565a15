"""SequenceLearner: every element once, whatever the elements are."""

from __future__ import annotations

import pickle
import random

import cloudpickle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.learner.sequence_learner import SequenceLearner


def size(element):
    return len(element)


def run(learner, n=3):
    while not learner.done():
        points, _ = learner.ask(n)
        learner.tell_many(points, [learner.function(point) for point in points])
    return learner


@pytest.mark.parametrize(
    "sequence",
    [[{"a": 1}, {}, {"b": 1, "c": 2}], ["abc", "", "x"], ([1], [2, 3], []), np.eye(4), range(0), "word"],
    ids=repr,
)
def test_any_sequence_of_anything(sequence):
    learner = run(SequenceLearner(size, sequence))
    assert learner.result() == [len(element) for element in sequence]
    assert list(learner.data) == list(range(len(sequence)))
    assert learner.loss() == 0
    assert learner.ask(10) == ([], [])


def test_a_lazy_sequence_is_read_when_asked():
    learner = SequenceLearner(lambda x: -x, range(10**12))
    assert learner.ask(2)[0] == [(0, 0), (1, 1)]
    assert learner.loss() == 1


def test_points_are_index_and_element():
    learner = SequenceLearner(str.upper, ["a", "b", "c", "d"])
    points, improvements = learner.ask(3)
    assert points == [(0, "a"), (1, "b"), (2, "c")]
    assert improvements == [0.25] * 3
    assert learner.pending_points == {0, 1, 2}
    assert learner.function(points[1]) == "B"
    learner.tell(points[1], "B")
    assert learner.data == {1: "B"}
    assert learner.pending_points == {0, 2}
    assert learner.loss() == 0.75
    assert learner.loss(real=False) == 0.25
    assert not learner.done()
    with pytest.raises(ValueError, match="1 of 4"):
        learner.result()
    learner.remove_unfinished()
    assert learner.ask(9, tell_pending=False)[0] == [(0, "a"), (2, "c"), (3, "d")]
    assert not learner.pending_points


@given(st.integers(0, 30), st.lists(st.integers(0, 10), max_size=20), st.randoms())
def test_every_element_is_asked_once(n, sizes, rng):
    sequence = [object() for _ in range(n)]
    learner = SequenceLearner(id, sequence)
    out, seen = [], []
    for k in [*sizes, 100]:
        points, _ = learner.ask(k)
        seen += points
        out += points
        rng.shuffle(out)
        while out and rng.random() < 0.5:
            point = out.pop()
            learner.tell(point, learner.function(point))
    assert [index for index, _ in seen] == list(range(n))
    assert all(element is sequence[index] for index, element in seen)
    replica = learner.new()
    for point in reversed(seen):
        if point[0] in learner.data:
            replica.tell(point, learner.data[point[0]])
    assert replica.data == learner.data
    assert list(replica.data) == sorted(replica.data)


def test_tells_are_idempotent():
    learner = SequenceLearner(size, ["a", "b"])
    learner.tell((0, "a"), 1)
    learner.tell((np.int64(0), "a"), 2)
    learner.tell_many([(0, "a"), (1, None), (1, None)], [3, 4, 5])
    learner.tell_pending((0, "a"))
    assert learner.data == {0: 1, 1: 4}
    assert not learner.pending_points


def test_copies():
    learner = SequenceLearner(lambda x: [x], [3, 4, 5])
    points, _ = learner.ask(2)
    learner.tell(points[1], learner.function(points[1]))
    copy = pickle.loads(pickle.dumps(learner))
    new = learner.new()
    assert new.npoints == 0
    new.copy_from(learner)
    for other in (copy, new):
        assert other.data == {1: [4]}
        assert other.data is not learner.data
        assert other.ask(3)[0] == [(0, 3), (2, 5)]
        assert other.function((0, 3)) == [3]
    assert pickle.loads(pickle.dumps(learner.function))((0, 1)) == [1]


def test_the_function_travels_apart():
    learner = SequenceLearner(lambda x: x + 1, [1, 2])
    data, functions = dumps_apart(learner)
    without = loads_together(data, None)
    with pytest.raises(TypeError, match="on the workers"):
        without.function((0, 1))
    again, none = dumps_apart(without)
    assert none == []
    assert loads_together(again, functions).function((0, 1)) == 2
    assert cloudpickle.loads(functions[0])((0, 5)) == 6
    assert without.new().ask(1)[0] == [(0, 1)]


@pytest.mark.parametrize("sequence", [iter([1]), {1, 2}, {1: 2}, 3, None])
def test_no_sequence(sequence):
    with pytest.raises(TypeError, match="sequence must have"):
        SequenceLearner(size, sequence)


@pytest.mark.parametrize(
    ("point", "error"),
    [
        ((2, "c"), ValueError),
        ((-1, "a"), ValueError),
        (("x", "a"), TypeError),
        (0, TypeError),
        ((0.5, "a"), TypeError),
    ],
)
def test_bad_points_change_nothing(point, error):
    learner = SequenceLearner(size, ["a", "b"])
    with pytest.raises(error):
        learner.tell(point, 1)
    with pytest.raises(error):
        learner.tell_many([(0, "a"), point], [1, 1])
    with pytest.raises(ValueError, match="ys must have a value for each"):
        learner.tell_many([(0, "a"), (1, "b")], [1])
    assert not learner.data
    with pytest.raises(ValueError, match="-1"):
        learner.ask(-1)


def test_as_python_adaptive():
    peer_module = pytest.importorskip("adaptive.learner.sequence_learner")
    sequence = [str(i) * i for i in range(40)]
    ours, peer = SequenceLearner(size, sequence), peer_module.SequenceLearner(size, sequence)
    rng = random.Random(0)
    out = []
    while not peer.done():
        n = rng.randint(0, 5)
        asked = ours.ask(n)
        assert asked == tuple(map(list, peer.ask(n)))
        out += asked[0]
        rng.shuffle(out)
        while out and rng.random() < 0.7:
            point = out.pop()
            ours.tell(point, ours.function(point))
            peer.tell(point, peer.function(point))
        assert ours.data == peer.data
        assert ours.pending_points == peer.pending_points
        assert ours.loss() == peer.loss()
        assert ours.done() == peer.done()
    assert ours.result() == peer.result()


@pytest.mark.parametrize("labels", [["a", "b", "c"], [2, 0, 1], [1, 2, 3], [0.5, 0.5, 0.5]])
def test_elements_of_a_labelled_series_are_taken_by_position(labels):
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([10.0, 20.0, 30.0], index=labels)
    learner = SequenceLearner(lambda x: 2 * x, series)
    one_by_one = learner.new()
    points, _ = learner.ask(3)
    assert points == [(0, 10.0), (1, 20.0), (2, 30.0)] == [one_by_one.ask(1)[0][0] for _ in range(3)]
    learner.tell_many(points, map(learner.function, points))
    assert learner.result() == [20.0, 40.0, 60.0]
    again = pickle.loads(pickle.dumps(learner)).new()
    again.load_dataframe(learner.to_dataframe())
    assert again.result() == learner.result()
