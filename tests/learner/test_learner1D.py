import math
import pickle
import sys
import threading

import numpy as np
import pytest

from adaptive_dask.learner import learner1D
from adaptive_dask.learner.function_pickle import FunctionElsewhere, dumps_apart, loads_together
from adaptive_dask.learner.learner1D import (
    Learner1D,
    curvature_loss_function,
    interpolation_loss_function,
    resolution_loss_function,
    triangle_loss,
    uses_nth_neighbors,
)
from adaptive_dask.testing.functions import peak


def wave(x):
    return [math.sin(3 * x), math.cos(5 * x), x]


def learned(function, n=100, batch=7, **kwargs):
    learner = Learner1D(function, (-1, 1), **kwargs)
    while learner.npoints < n:
        points, _ = learner.ask(batch)
        learner.tell_many(points, [function(x) for x in points])
    return learner


def test_everything_public_is_importable():
    for name in learner1D.__all__:
        assert hasattr(learner1D, name)
    assert learner1D.uniform_sampling is learner1D.uniform_loss


def test_bounds_come_first_and_points_are_python_floats():
    learner = Learner1D(peak, (np.int64(-1), 1))
    assert learner.bounds == (-1.0, 1.0)
    assert learner.loss() == math.inf
    assert learner.ask(2) == ([-1.0, 1.0], [math.inf, math.inf])
    points, improvements = learner.ask(9)
    assert all(type(x) is float for x in points)
    assert all(type(x) is float for x in improvements)
    assert learner.pending_points == {-1.0, 1.0, *points}


def test_data_reads_like_a_dict():
    learner = learned(peak)
    data = learner.data
    assert len(data) == learner.npoints == len(list(data))
    assert dict(data) == dict(data.items()) == dict(zip(data.keys(), data.values(), strict=True))
    x = next(iter(data))
    assert x in data
    assert 0.123 not in data
    assert data[x] == peak(x)
    assert type(data[x]) is float
    assert data.get(0.123) is None
    with pytest.raises(KeyError):
        data[0.123]
    assert data == {x: peak(x) for x in data}
    assert data != {**data, x: -1.0}
    assert data != 3
    assert repr(data) == repr(dict(data))
    assert pickle.loads(pickle.dumps(data)) == dict(data)


def test_pending_points_are_not_data():
    learner = Learner1D(peak, (-1, 1))
    (x,), _ = learner.ask(1)
    assert x not in learner.data
    with pytest.raises(KeyError):
        learner.data[x]


def test_vectors():
    learner = learned(wave)
    assert learner.vdim == 3
    x = next(iter(learner.data))
    np.testing.assert_array_equal(learner.data[x], wave(x))
    learner.data[x][0] = 17
    np.testing.assert_array_equal(learner.data[x], wave(x))
    assert learner.data == {x: wave(x) for x in learner.data}
    table = learner.to_numpy()
    assert table.shape == (learner.npoints, 4)
    assert (np.diff(table[:, 0]) > 0).all()
    np.testing.assert_array_equal(table[5, 1:], learner.data[table[5, 0]])


def test_vectors_of_one_stay_arrays():
    learner = learned(lambda x: np.array([peak(x)]))
    assert learner.vdim == 1
    assert learner.data[-1.0].shape == (1,)
    learner.tell(0.111, 2.0)
    assert learner.data[0.111].shape == (1,)


@pytest.fixture
def threads_that_switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # they meet in more places, and wait less for each other
    yield
    sys.setswitchinterval(before)


@pytest.mark.long
@pytest.mark.usefixtures("threads_that_switch_often")
def test_data_can_be_read_while_another_thread_tells():
    learner = learned(peak)
    done = threading.Event()
    wrong = []

    def read():
        while not done.is_set():
            wrong.extend(x for x, y in learner.data.items() if y != peak(x))

    reader = threading.Thread(target=read)
    reader.start()
    for n in (1, 64, 300):
        for _ in range(20):
            points, _ = learner.ask(n)
            learner.tell_many(points, [peak(x) for x in points])
    done.set()
    reader.join()
    assert not wrong


def test_neighbors_and_losses():
    learner = Learner1D(lambda x: x**2, (0, 1))
    learner.tell_many([0, 1, 0.5], [0, 1, 0.25])
    learner.tell_pending(0.25)
    learner.tell_pending(7)
    assert learner.neighbors == {0.0: [None, 0.5], 0.5: [0.0, 1.0], 1.0: [0.5, None]}
    assert learner.neighbors_combined[0.0] == [None, 0.25]
    assert list(learner.neighbors_combined) == [0.0, 0.25, 0.5, 1.0]
    assert 0.25 not in learner.neighbors
    assert 7.0 not in learner.neighbors_combined
    assert learner.losses == {(0.0, 0.5): math.hypot(0.5, 0.25), (0.5, 1.0): math.hypot(0.5, 0.75)}
    assert learner.losses_combined[0.0, 0.25] == learner.losses[0.0, 0.5] / 2
    assert (0.0, 0.5) not in learner.losses_combined
    assert learner.loss() == math.hypot(0.5, 0.75)


def test_ask_without_telling_pending_changes_nothing():
    learner = learned(peak)
    for n in (0, 1, 5, 50, 500):
        assert learner.ask(n, tell_pending=False) == learner.ask(n, tell_pending=False)
    assert not learner.pending_points
    assert learner.ask(50, tell_pending=False) == learner.ask(50)


def test_asking_without_telling_pending_leaves_no_trace_in_ties():
    learner, untouched = (Learner1D(lambda x: 1.0, (-1, 1), triangle_loss) for _ in range(2))
    for each in (learner, untouched):
        for _ in range(15):
            (x,), _ = each.ask(1)
            each.tell(x, 1.0)
        each.ask(3)
    first = learner.ask(1, tell_pending=False)
    assert learner.ask(1, tell_pending=False) == first
    assert learner.ask(5, tell_pending=False)[0][0] == first[0][0]
    assert learner.ask(1) == first
    assert untouched.ask(1) == first
    assert learner.ask(20) == untouched.ask(20)


@pytest.mark.parametrize("seed", range(5))
def test_removing_some_pending_points_joins_the_intervals_beside_them(seed):
    rng = np.random.default_rng(seed)
    known, pending = np.split(rng.permutation(np.arange(-20, 21) / 20), [6])
    gone = pending[rng.random(len(pending)) < 0.6]
    learner, expected = (Learner1D(math.sin, (-1, 1)) for _ in range(2))
    for each in (learner, expected):
        for x in known.tolist():
            each.tell(x, math.sin(x))
    for x in pending.tolist():
        learner.tell_pending(x)
        if x not in gone:
            expected.tell_pending(x)
    learner._losses.remove_pending([learner._line.slots[x] for x in gone.tolist()])
    assert learner.losses_combined.keys() == expected.losses_combined.keys()
    for interval, loss in expected.losses_combined.items():
        assert learner.losses_combined[interval] == pytest.approx(loss)


def test_a_known_point_told_again_changes_nothing():
    learner = learned(peak)
    before, loss = dict(learner.data), learner.loss()
    learner.tell(-1.0, 77.0)
    learner.tell_many(list(before), [77.0] * len(before))
    assert learner.data == before
    assert learner.loss() == loss
    learner.tell_many([0.111] * 30, range(30))
    assert learner.data[0.111] == 0


def test_remove_unfinished():
    learner, other = learned(peak), learned(peak)
    learner.ask(40)
    learner.tell_pending(5.0)
    learner.remove_unfinished()
    assert learner.pending_points == set()
    assert learner.losses_combined == learner.losses
    assert learner.ask(60) == other.ask(60)


def test_new_and_copy_from():
    learner = learned(wave, loss_per_interval=curvature_loss_function())
    new = learner.new()
    assert (new.npoints, new.bounds, new.loss_per_interval) == (0, learner.bounds, learner.loss_per_interval)
    new.copy_from(learner)
    assert new.data == learner.data
    new.tell_many([], [], force=True)
    learner.tell_many([], [], force=True)
    assert new.loss() == pytest.approx(learner.loss(), rel=1e-12)
    new.copy_from(Learner1D(wave, (0, 1)))
    assert new.data == learner.data


@pytest.mark.parametrize("function", [peak, wave], ids=["scalar", "vector"])
@pytest.mark.parametrize(
    "loss",
    [
        None,
        curvature_loss_function(),
        resolution_loss_function(0.01),
        interpolation_loss_function(),
        lambda xs, ys: 1.0,
    ],
)
def test_pickle(function, loss):
    scale = 2.0
    learner = learned(lambda x: np.multiply(function(x), scale).tolist(), loss_per_interval=loss)
    copy = pickle.loads(pickle.dumps(learner))
    assert copy.function(0.1) == learner.function(0.1)
    assert copy.data == learner.data
    assert copy.loss() == learner.loss()
    assert copy.losses == learner.losses
    assert copy.ask(20) == learner.ask(20)
    assert pickle.loads(pickle.dumps(learner)).pending_points == set()


@pytest.mark.parametrize("function", [peak, lambda x: np.array([x, x * x])])
def test_states_without_a_shape_are_those_of_earlier_versions(function):
    learner = Learner1D(function, (0, 2))
    learner.tell_many([0.0, 1.0, 2.0], [function(x) for x in (0.0, 1.0, 2.0)])
    state = learner.__getstate__()
    state["as_arrays"] = bool(state.pop("shape"))
    copy = Learner1D.__new__(Learner1D)
    copy.__setstate__(state)
    assert copy.data == learner.data
    assert copy.loss() == learner.loss()


def test_pickle_apart_from_the_function():
    learner = learned(lambda x: peak(x))
    data, functions = dumps_apart(learner)
    assert len(functions) == 1
    apart = loads_together(data, None)
    assert isinstance(apart.function, FunctionElsewhere)
    assert apart.ask(10) == learner.ask(10)
    assert loads_together(data, functions).function(0.5) == peak(0.5)


def test_pickle_without_data():
    assert pickle.loads(pickle.dumps(Learner1D(peak, (0, 2)))).ask(3)[0] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("bounds", "error"),
    [
        ((1, -1), ValueError),
        ((1, 1), ValueError),
        ((0, math.nan), ValueError),
        ((-math.inf, 0), ValueError),
        ((-1.5e308, 1.5e308), ValueError),
        ((0, 1, 2), ValueError),
        ((0, 10**400), ValueError),
        (3, TypeError),
        (("0", "1"), TypeError),
        ((0, None), TypeError),
    ],
)
def test_bad_bounds(bounds, error):
    with pytest.raises(error, match=r"[Bb]ound"):
        Learner1D(peak, bounds)


def test_bad_loss():
    with pytest.raises(TypeError, match="loss_per_interval"):
        Learner1D(peak, (0, 1), loss_per_interval=3)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (0.5, None, TypeError, "without `return`"),
        (0.5, "1", TypeError, "real number or an array"),
        (0.5, 1j, TypeError, "real number or an array"),
        (0.5, [], ValueError, "shape"),
        (0.5, [[1.0, 2.0]], ValueError, "shape"),
        (0.5, [1.0, 2.0], ValueError, r"told before, \(\), got \(2,\)"),
        (0.5, [1.0, None], TypeError, "real number or an array"),
        (math.nan, 1.0, ValueError, "finite"),
        (math.inf, 1.0, ValueError, "finite"),
        ("a", 1.0, TypeError, "real number"),
        (None, 1.0, TypeError, "real number"),
    ],
)
def test_bad_results_are_refused_before_anything_changes(x, y, error, message):
    learner = Learner1D(peak, (-1, 1))
    learner.tell(0, 1)
    with pytest.raises(error, match=message):
        learner.tell(x, y)
    for more in (0, 30):
        points = np.linspace(0.1, 0.2, more).tolist()
        with pytest.raises(error, match=f"{message}|told before"):
            learner.tell_many([*points, x], [*points, y])
    assert learner.data == {0.0: 1.0}


def test_as_many_values_as_points():
    with pytest.raises(ValueError, match="value for each of 2 points, got 1"):
        Learner1D(peak, (0, 1)).tell_many([0, 1], [0])


def test_bad_number_of_points():
    learner = Learner1D(peak, (0, 1))
    with pytest.raises(ValueError, match="0 or more, got -1"):
        learner.ask(-1)
    with pytest.raises(TypeError):
        learner.ask(1.5)
    assert learner.ask(0) == ([], [])


def test_iterators_and_other_numbers_are_accepted():
    learner = Learner1D(peak, (0, 1))
    learner.tell_many((x for x in (np.float32(0), 1)), iter([np.int32(1), True]))
    learner.tell(np.float64(0.5), np.array(3))
    assert learner.data == {0.0: 1.0, 1.0: 1.0, 0.5: 3.0}


@pytest.mark.parametrize("vdim", [0, 2])
def test_custom_losses_get_what_they_were_promised(vdim):
    seen = []

    @uses_nth_neighbors(2)
    def loss(xs, ys):
        assert type(xs) is tuple
        assert type(ys) is tuple
        assert [x is None for x in xs] == [y is None for y in ys]
        for y in ys:
            assert y is None or (type(y) is float if vdim == 0 else y.shape == (vdim,))
        seen.append(xs)
        return xs[3] - xs[2]

    learner = Learner1D(None, (0, 10), loss)
    assert learner.nth_neighbors == 2
    for batch in (30, 100, 1):
        points, _ = learner.ask(batch)
        learner.tell_many(points, [x if vdim == 0 else [x] * vdim for x in points])
    assert max(len(xs) for xs in seen) == 6
    assert any(xs[0] is None and xs[5] is not None for xs in seen)
    assert any(None not in xs and xs == tuple(sorted(xs)) for xs in seen)


def test_the_scale_is_found_where_earlier_pickles_look_for_it():
    from adaptive_dask.learner.geometry.data_scale import DataScale as earlier
    from adaptive_dask.learner.intervals.data_scale import DataScale

    assert earlier is DataScale
