import math
import pickle

import numpy as np
import pytest

from adaptive_dask.learner.learner1D import Learner1D, interpolation_loss_function
from adaptive_dask.learner.losses.interpolation import even_split

# The table of tests/benchmarks/interpolation_error.py: function, bounds, and whether 100 points resolve it.
FUNCTIONS = {
    "peak": (lambda x: x + 0.01**2 / (0.01**2 + (x - 0.3127) ** 2), (-1, 1), True),
    "peak in the middle": (lambda x: x + 0.01**2 / (0.01**2 + x**2), (-1, 1), True),
    "tanh": (lambda x: np.tanh(20 * x), (-1, 1), True),
    "gaussian": (lambda x: np.exp(-2 * x**2), (-5, 5), True),
    "sine": (lambda x: np.sin(x), (0, 4 * np.pi), True),
    "sinc": (lambda x: np.sinc(x), (-5, 5), True),
    "lorentzian": (lambda x: 1 / (1 + 1000 * x**2), (-1, 1), True),
    "chirp": (lambda x: np.sin(20 * x**2), (0, 3), False),
}
SIZES = [100, 920, 1000, 1080]


def errors(function, bounds, norm="mean", in_flight=1, sizes=SIZES):
    """The error of linear interpolation over the smallest possible one, at each size."""
    x = np.linspace(*bounds, 200_001)
    y = function(x)
    bend = np.abs(np.diff(y, 2)) / (x[1] - x[0]) ** 2
    length = bounds[1] - bounds[0]
    if norm == "mean":
        limit, measure = (np.mean(bend ** (1 / 3)) * length) ** 3 / (12 * length), np.mean
    else:
        limit, measure = (np.mean(bend ** (1 / 2)) * length) ** 2 / 8, np.max
    learner = Learner1D(function, bounds, interpolation_loss_function(norm))
    found, queue = [], learner.ask(in_flight)[0]
    while len(found) < len(sizes):
        point = queue.pop(0)
        learner.tell(point, float(function(point)))
        queue += learner.ask(1)[0]
        if learner.npoints in sizes:
            points = learner.to_numpy()
            found.append(measure(np.abs(np.interp(x, *points.T) - y)) * len(points) ** 2 / limit)
    return np.array(found)


@pytest.mark.long
@pytest.mark.parametrize(("function", "bounds", "resolved"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_mean_error_is_near_the_optimum_also_with_many_points_in_flight(function, bounds, resolved):
    sequential = errors(function, bounds)
    assert sequential[1:].max() <= 1.3
    assert sequential[0] <= 1.5 or not resolved
    assert (errors(function, bounds, in_flight=64) / sequential)[1:].max() <= 1.2


@pytest.mark.parametrize(("function", "bounds", "resolved"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_largest_error_is_near_the_optimum(function, bounds, resolved):
    # The longest interval is up to 1.44 times the mean, which counts squared here.
    assert errors(function, bounds, norm="max")[1:].max() <= 3


def resolve(function, bounds, n, **kwargs):
    learner = Learner1D(function, bounds, interpolation_loss_function(**kwargs))
    while learner.npoints < n:
        points, _ = learner.ask(4)
        learner.tell_many(points, [function(x) for x in points])
    return learner


def mean_error(learner):
    x = np.linspace(*learner.bounds, 100_001)
    points = learner.to_numpy()
    return np.abs(np.interp(x, *points.T) - [learner.function(t) for t in x]).mean()


@pytest.mark.parametrize("periods", [1, 2, 3, 4, 8, 12, 16])
@pytest.mark.parametrize("shape", [math.sin, math.cos])
def test_not_fooled_by_samples_at_the_same_phase(periods, shape):
    learner = resolve(lambda x: shape(2 * math.pi * periods * x), (0, 1), 40 * periods)
    assert mean_error(learner) < 2e-3


@pytest.mark.parametrize("centre", np.linspace(-0.9, 0.9, 13))
def test_finds_a_peak_on_a_straight_line(centre):
    learner = resolve(lambda x: x + 0.01**2 / (0.01**2 + (x - centre) ** 2), (-1, 1), 250)
    assert mean_error(learner) < 1e-3


def test_explores_where_the_function_looks_straight_less_and_less():
    def straight_share(n):
        points = resolve(lambda x: math.tanh(20 * x), (-1, 1), n).to_numpy()[:, 0]
        straight = points[abs(points) > 0.5]
        return len(straight) / n, np.diff(straight[straight > 0]).max()

    (share, gap), (later_share, later_gap) = straight_share(200), straight_share(3200)
    assert gap < 0.15
    assert later_gap < gap / 3
    assert later_share < share / 1.5


def test_loss_is_the_error_on_an_interval():
    learner = resolve(lambda x: 2 * x**2, (-1, 1), 300, norm="max")
    for (left, right), loss in learner.losses.items():
        # Relative to the height of the data, 2; the rest is the curvature that might be hidden.
        assert loss == pytest.approx((right - left) ** 2 / 4, rel=0.01)
    learner = resolve(lambda x: 2 * x**2, (-1, 1), 300, norm="mean")
    for (left, right), loss in learner.losses.items():
        # Relative to the height and to the width, both 2.
        assert loss == pytest.approx((right - left) ** 3 * 4 / 12 / 4, rel=0.01)


def test_nothing_is_claimed_about_two_points():
    learner = Learner1D(None, (0, 1), interpolation_loss_function(max_length=2))
    learner.tell_many([0, 1], [0, 0])
    assert learner.loss() == math.inf
    learner.tell(0.5, 0)
    assert 0 < learner.loss() < 0.1


@pytest.mark.parametrize("many", [False, True])
def test_min_and_max_length(many):
    loss = interpolation_loss_function(min_length=0.01, max_length=0.25)
    learner = Learner1D(None, (0, 100), loss)
    xs = [0, 0.9, 2, 27.5, 50, 100]
    if many:
        learner.tell_many(xs, np.sin(xs))
    else:
        for x in xs:
            learner.tell(x, math.sin(x))
        learner.tell_many([], [], force=True)
    assert learner.losses[0.0, 0.9] == 0
    assert learner.losses[27.5, 50.0] > 0
    assert [learner.losses[i] for i in ((2.0, 27.5), (50.0, 100.0))] == [math.inf, math.inf]
    learner = resolve(lambda x: float(x > 0.3), (0, 1), 400, min_length=0.01, max_length=0.05)
    gaps = np.diff(learner.to_numpy()[:, 0])
    assert gaps.max() <= 0.05
    learner = resolve(lambda x: float(x > 0.3), (0, 1), 60, min_length=0.01)
    assert np.diff(learner.to_numpy()[:, 0]).min() > 0.004


def test_of_a_vector_the_worst_component_counts():
    peaks = [-0.5, 0.2]
    learner = resolve(lambda x: [1e-4 / (1e-4 + (x - c) ** 2) for c in peaks], (-1, 1), 400)
    points = learner.to_numpy()[:, 0]
    for c in peaks:
        assert (abs(points - c) < 0.05).sum() > 80


def test_asks_of_many_are_asks_of_one_after_the_other():
    function = FUNCTIONS["peak"][0]
    one, many = (resolve(function, (-1, 1), 300) for _ in range(2))
    for n in (1, 7, 64, 300):
        points, improvements = many.ask(n)
        assert points == [one.ask(1)[0][0] for _ in range(n)]
        assert len(improvements) == n
        assert min(improvements) > 0


def test_first_asks():
    learner = Learner1D(None, (0, 1), interpolation_loss_function())
    points, improvements = learner.ask(5)
    assert points[:2] == [0, 1]
    assert points[2] == pytest.approx(math.log2(1.5))
    assert improvements == [math.inf] * 5
    assert Learner1D(None, (0, 1), interpolation_loss_function()).ask(1)[0] == [0]


def test_even_split_makes_the_gaps_of_de_bruijn_and_erdős():
    gaps = [1.0]
    for n in range(1, 200):
        gap = max(gaps)
        gaps.remove(gap)
        gaps += [gap * even_split(gap), gap * (1 - even_split(gap))]
        np.testing.assert_allclose(sorted(gaps), sorted(np.log2(1 + 1 / np.arange(n + 1, 2 * n + 2))))
    assert even_split(1e-12) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "arguments", [{"norm": "sum"}, {"min_length": -1}, {"min_length": 0.2, "max_length": 0.1}, {"max_length": math.nan}]
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=r"norm|length"):
        interpolation_loss_function(**arguments)


def test_pickle():
    loss = pickle.loads(pickle.dumps(interpolation_loss_function("max", 0.001, 0.3)))
    assert (loss.norm, loss.min_length, loss.max_length, loss.order) == ("max", 0.001, 0.3, 2)
