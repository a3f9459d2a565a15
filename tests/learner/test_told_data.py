"""``learner.data``: a dict to users, which only telling changes, and which can be assigned as a whole."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.learner.learners import LEARNERS, run, vector

KINDS = {name: make for name, make in LEARNERS.items() if name != "AverageLearner1D"}
each_kind = pytest.mark.parametrize("name", KINDS)
every_kind = pytest.mark.parametrize("name", LEARNERS)


def same(a: Any, b: Any) -> bool:
    return list(a) == list(b) and all(np.array_equal(a[x], b[x]) for x in b)


@each_kind
def test_assigned_data_are_told(name: str) -> None:
    learner, other = run(KINDS[name]()), run(KINDS[name](), 7)
    other.data = dict(learner.data)
    assert same(other.data, learner.data)
    assert other.npoints == learner.npoints
    assert other.loss() == pytest.approx(learner.loss(), rel=0.1)
    asked = other.ask(3)[0]
    assert not {x if name != "SequenceLearner" else x[0] for x in asked} & set(other.data)
    again = pickle.loads(pickle.dumps(other))
    assert same(again.data, learner.data)
    other.data = {}
    assert (other.npoints, len(other.data)) == (0, 0)
    run(other, 3)
    assert other.npoints >= 3


@each_kind
def test_some_results_are_taken_out(name: str) -> None:
    learner = run(KINDS[name]())
    points = list(learner.data)
    learner.data = {x: learner.data[x] for x in points[1:]}
    assert points[0] not in learner.data
    assert learner.npoints == len(points) - 1
    run(learner, len(points) + 3)


@each_kind
def test_points_stay_pending(name: str) -> None:
    learner = KINDS[name]()
    asked, _ = learner.ask(2)
    first = asked[0][0] if name == "SequenceLearner" else asked[0]
    value = vector(0.1) if name == "vectors" else 1.0
    pending = set(learner.pending_points)
    learner.data = {first: value}
    assert set(learner.pending_points) == pending - {first}


@every_kind
def test_data_that_are_refused_change_nothing(name: str) -> None:
    learner = run(LEARNERS[name]())
    learner.ask(1)
    before = dict(learner.data), learner.npoints, learner.loss(), set(learner.pending_points)
    results: Any = {**learner.data, "no point": object()}
    for wrong in (results, [(0.0, 1.0)], 3, None):
        with pytest.raises((AttributeError, TypeError, ValueError)):
            learner.data = wrong
        assert same(learner.data, before[0])
        assert (learner.npoints, learner.loss(), set(learner.pending_points)) == before[1:]


def test_means_cannot_be_assigned_but_samples_can() -> None:
    learner = run(LEARNERS["AverageLearner1D"]())
    with pytest.raises(AttributeError, match="tell_many_at_point"):
        learner.data = dict(learner.data)
    other = LEARNERS["AverageLearner1D"]()
    other.data = learner._data_samples
    assert (other.nsamples, other.npoints) == (learner.nsamples, learner.npoints)
    assert set(other.data.items()) == set(learner.data.items())


def test_extra_data_stay() -> None:
    learner = run(KINDS["DataSaver"]())
    learner.data = {x: y for x, y in learner.data.items() if x > 0}
    assert set(learner.data) < set(learner.extra_data)


@every_kind
def test_data_read_like_a_dict(name: str) -> None:
    learner = run(LEARNERS[name]())
    data, plain = learner.data, dict(learner.data)
    x = next(iter(plain))
    assert isinstance(data, dict)
    assert bool(data)
    assert len(data) == len(plain)
    assert list(data) == list(data.keys()) == list(plain)
    assert list(reversed(data)) == list(reversed(plain))
    assert np.array_equal(list(data.values()), list(plain.values()))
    assert x in data
    assert not {object(), None, "x"} & data.keys()
    assert data.get("no point", 3) == 3
    assert np.array_equal(data.get(x), plain[x])
    for one in (data.copy(), copy.copy(data), copy.deepcopy(data), pickle.loads(pickle.dumps(data)), {**data}):
        assert type(one) is dict
        assert same(one, plain)
    for one in (data | {"more": 1}, {"more": 1} | data):
        assert type(one) is dict
        assert len(one) == len(plain) + 1
        assert one["more"] == 1
    if name != "vectors":
        assert data == plain
        assert plain == data
        assert data != {}
        assert repr(data) == repr(plain)


@pytest.mark.parametrize("name", ["Learner1D", "AverageLearner1D", "AverageLearner", "SequenceLearner", "DataSaver"])
def test_data_as_json(name: str) -> None:
    learner = LEARNERS[name]()
    assert json.dumps(learner.data) == json.dumps(learner.data, indent=None) == "{}"
    run(learner)
    assert json.dumps(learner.data) == json.dumps(dict(learner.data))
    assert json.dumps(learner.data, indent=1) == json.dumps(dict(learner.data), indent=1)


@every_kind
def test_data_are_not_changed_in_place(name: str) -> None:
    learner = run(LEARNERS[name]())
    data, before = learner.data, dict(learner.data)
    x = next(iter(before))
    changes: list[Callable[[], Any]] = [
        lambda: data.__setitem__(x, 1.0),
        lambda: data.__delitem__(x),
        lambda: data.pop(x),
        data.popitem,
        data.clear,
        lambda: data.update({x: 1.0}),
        lambda: data.setdefault(x, 1.0),
        lambda: data.__ior__({x: 1.0}),
    ]
    for change in changes:
        with pytest.raises(TypeError, match=r"learner\.tell\(x, y\).*learner\.data = "):
            change()
    assert same(data, before)
