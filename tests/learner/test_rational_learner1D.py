"""RationalLearner1D: what it needs, what it claims, and what it makes of functions that are not smooth."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adaptive_dask.learner.rational_learner1D import RationalLearner1D

GRID = np.linspace(-1, 1, 20_001)


def run(f: Callable[[Any], Any], n: int, in_flight: int = 1, seed: int = 0, **options: Any) -> RationalLearner1D:
    """A learner of ``n`` points, told in random order; fewer if it is done."""
    learner = RationalLearner1D(f, (-1, 1), **options)
    random = np.random.default_rng(seed)
    queue = list(learner.ask(in_flight)[0])
    while learner.npoints < n and not learner.done():
        x = queue.pop(random.integers(len(queue)))
        learner.tell(x, f(x))
        queue += learner.ask(1)[0]
    return learner


def error(learner: RationalLearner1D, exact: Callable[[Any], Any]) -> float:
    """The largest error relative to the range of the values."""
    truth = exact(GRID)
    return float(np.abs(learner.interpolator()(GRID) - truth).max() / np.ptp(truth.real))


def amplitude(x: Any) -> Any:
    return 0.02 / (x - 0.3 + 0.02j) + 0.003j / (x + 0.41 + 0.003j)


SMOOTH: dict[str, tuple[Callable[[Any], Any], int]] = {
    "peak": (lambda x: x + 1e-4 / (1e-4 + (x - 0.123) ** 2), 30),
    "tanh": (lambda x: np.tanh(20 * x), 50),
    "waves": (lambda x: np.sin(50 * x), 130),
    "exp": (np.exp, 30),
    "amplitude": (amplitude, 30),
}


@pytest.mark.parametrize("in_flight", [1, 16])
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_take_few_points(name: str, in_flight: int) -> None:
    f, n = SMOOTH[name]
    learner = run(f, 2 * n + in_flight, in_flight)
    assert learner.done()
    assert learner.npoints <= n + 2 * in_flight
    assert learner.loss() <= 1e-6
    assert error(learner, f) < 1e-5


def test_poles_are_the_resonances() -> None:
    learner = run(amplitude, 60, 4)
    poles, uncertainty = learner.poles(return_uncertainty=True)
    np.testing.assert_allclose(poles, [-0.41 - 0.003j, 0.3 - 0.02j], atol=1e-7)
    assert (uncertainty < 1e-6).all()
    np.testing.assert_allclose(learner.residues(), [0.003j, 0.02], atol=1e-7)
    zeros = learner.zeros()
    np.testing.assert_allclose(amplitude(zeros), 0, atol=1e-6)


def test_spurious_poles_are_not_shown() -> None:
    learner = run(np.exp, 60)
    assert len(learner.poles()) == 0
    random = np.random.default_rng(0)
    noisy = run(lambda x: np.sin(3 * x) + 1e-3 * random.normal(), 80)
    assert len(noisy.poles()) == 0


@pytest.mark.parametrize("in_flight", [1, 16])
def test_a_kink_divides_the_domain(in_flight: int) -> None:
    learner = run(lambda x: abs(x - 0.1), 80, in_flight)
    assert learner.done()
    assert learner.npoints < 60
    assert error(learner, lambda x: abs(x - 0.1)) < 1e-6


def test_a_step_is_narrowed_down_until_there_is_no_number_in_between() -> None:
    learner = run(lambda x: float(x > 1 / 3), 120)
    assert learner.done()
    x = sorted(learner.data)
    step = next(i for i, each in enumerate(x) if learner.data[each])
    assert x[step] - x[step - 1] < 1e-15
    assert error(learner, lambda x: np.where(x > 1 / 3, 1.0, 0.0)) == 0


def test_no_error_is_claimed_as_long_as_a_step_is_wide() -> None:
    learner = RationalLearner1D(lambda x: float(x > 1 / 3), (-1, 1))
    for _ in range(40):
        for x in learner.ask(1)[0]:
            learner.tell(x, float(x > 1 / 3))
        assert learner.loss() >= 0.3
        assert not learner.done()


def test_noise_is_measured_and_ends_the_run() -> None:
    random = np.random.default_rng(5)
    learner = run(lambda x: np.sin(3 * x) + 1e-3 * random.normal(), 150)
    assert learner.done()
    assert isinstance(learner.noise, float)
    assert 0.4e-3 < learner.noise < 2.5e-3
    assert error(learner, lambda x: np.sin(3 * x)) < 4e-3
    assert run(np.sin, 40).noise == 0


@pytest.mark.parametrize("width", [2e-3, 2e-4])
def test_the_error_of_an_exact_fit_is_that_of_rounding(width: float) -> None:
    def f(x: Any) -> Any:
        return ((x + 0.5) / width + 1.2) ** 2 / (((x + 0.5) / width) ** 2 + 1)

    learner = run(f, 80)
    assert learner.done()
    x = np.concatenate((GRID, -0.5 + width * np.linspace(-9, 9, 999)))
    true = np.abs(learner.interpolator()(x) - f(x)).max() / np.ptp(f(x))
    assert 0.1 < learner.loss() / max(true, 2e-15) < 10


def test_features_that_are_not_resolved_yet_do_not_count_as_noise() -> None:
    def f(x: float) -> float:
        noise = np.random.default_rng([1, int((x + 2) * 1e15)]).normal()
        return float(np.sin(3 * x) + np.exp(-50 * x * x) + 1e-3 * noise)

    learner = run(f, 250)
    assert learner.done()
    assert 0.4e-3 < learner.noise < 2.5e-3


def test_a_fast_wave_is_not_taken_for_noise() -> None:
    learner = run(lambda x: np.sin(150 * x), 100)
    assert not learner.done()
    assert learner.noise == 0
    assert learner.loss() > 0.01


def test_the_loss_is_infinite_until_there_were_predictions() -> None:
    learner = RationalLearner1D(np.exp, (-1, 1))
    assert learner.loss() == np.inf
    for n in range(12):
        x = learner.ask(1)[0][0]
        learner.tell(x, np.exp(x))
        assert learner.loss() == np.inf or n > 4
    assert learner.loss() < 1e-3


def test_values_that_are_not_finite_are_kept_and_avoided() -> None:
    def f(x: float) -> float:
        return np.nan if 0.3 < x < 0.6 else np.tanh(5 * x)

    learner = RationalLearner1D(f, (-1, 1))
    for _ in range(60):
        x = learner.ask(1)[0][0]
        learner.tell(x, f(x))
    assert any(np.isnan(y) for y in learner.data.values())
    interpolator = learner.interpolator()
    at = np.array([-0.9, 0.1, 0.45, 0.9])
    np.testing.assert_allclose(interpolator(at), [np.tanh(-4.5), np.tanh(0.5), np.nan, np.tanh(4.5)], atol=1e-4)


def test_vectors_share_points_and_have_scales_of_their_own() -> None:
    def f(x: Any) -> Any:
        return np.stack([1e5 * np.exp(x), 1e-6 * np.tanh(10 * x), np.zeros_like(x)], axis=-1)

    learner = run(f, 60)
    assert learner.done()
    difference = np.abs(learner.interpolator()(GRID) - f(GRID)).max(axis=0)
    assert difference[0] < 1e-1
    assert difference[1] < 1e-11
    assert difference[2] == 0
    assert learner.interpolator().error(GRID).shape == (20_001, 3)


def test_what_is_known_travels() -> None:
    learner = run(amplitude, 20, 4)
    learner.tell_pending(0.123)
    for other in (pickle.loads(pickle.dumps(learner)), copy.deepcopy(learner)):
        assert other.loss() == learner.loss()
        assert not other.pending_points
        assert other.data == learner.data
        assert other.ask(5, tell_pending=False)[0] == other.ask(5)[0]
    interpolator = pickle.loads(pickle.dumps(learner.interpolator()))
    np.testing.assert_array_equal(interpolator(GRID), learner.interpolator()(GRID))


def test_data_that_are_told_at_once_are_checked_too() -> None:
    learner = RationalLearner1D(np.exp, (-1, 1))
    x = np.linspace(-1, 1, 41)
    learner.tell_many(x, np.exp(x))
    assert learner.loss() < 1e-9
    assert learner.npoints == 41


def test_points_outside_of_the_bounds_are_kept_and_ignored() -> None:
    learner = run(np.exp, 15)
    before = learner.loss()
    learner.tell(2.0, 1e9)
    assert learner.data[2.0] == 1e9
    assert learner.loss() == before
    assert np.isnan(learner.interpolator()(np.array([2.0])))[0]


@pytest.mark.parametrize("rtol", [0, 1, -1, np.nan, np.inf, 2])
def test_a_tolerance_is_between_0_and_1(rtol: float) -> None:
    with pytest.raises(ValueError, match="rtol must be"):
        RationalLearner1D(np.exp, (-1, 1), rtol)


def test_odd_values_are_refused_and_leave_no_trace() -> None:
    learner = run(np.exp, 10)
    x = learner.ask(1)[0][0]
    for value in (None, "1", [], [1.0, 2.0], object(), {"y": 1}):
        with pytest.raises((TypeError, ValueError)):
            learner.tell(x, value)
        with pytest.raises((TypeError, ValueError)):
            learner.tell_many([0.111, x], [1.0, value])
    assert learner.npoints == 10
    assert learner.pending_points == {x} | (learner.pending_points - {x})


def test_the_tolerance_may_be_changed() -> None:
    learner = run(np.tanh, 60, rtol=1e-2)
    assert learner.done()
    learner.rtol = 1e-12
    assert learner.rtol == 1e-12
    assert learner.new().rtol == 1e-12


def test_data_can_be_assigned_and_bounds_changed() -> None:
    learner = run(np.exp, 20)
    other = learner.new()
    other.data = dict(learner.data)
    assert other.data == learner.data
    assert other.loss() < 1e-6
    other.bounds = (-1, 0.5)
    assert other.data == learner.data
    assert np.isnan(other.interpolator()(np.array([0.7])))[0]
    other.data = {}
    assert other.npoints == 0
    assert other.loss() == np.inf


def test_a_state_of_an_earlier_version_is_learned_again() -> None:
    learner = run(amplitude, 40)
    again = learner.new()
    again.tell_many(learner.data, learner.data.values())
    expected = again.data, again.loss(), again.ask(2)
    state = learner.__getstate__()
    assert state["data"] == learner.data
    assert state["settings"] == {"bounds": (-1.0, 1.0), "rtol": 1e-6}
    until_01 = {"function": amplitude, "_bounds": (-1.0, 1.0), "_rtol": 1e-6, "_data": state["data"], "_pieces": None}
    other_classes = {**state, "layout": state["layout"][1:], "learned": b"of classes that are not there"}
    for earlier in (until_01, other_classes):
        other = RationalLearner1D(len, (0, 3))
        other.__setstate__(earlier)
        assert (other.data, other.loss(), other.ask(2)) == expected
        assert other.rtol == 1e-6


@pytest.mark.parametrize("batch", [2, 3, 5, 11])
def test_the_loss_does_not_depend_on_batches(batch: int) -> None:
    learner = RationalLearner1D(lambda x: x + 1e-4 / (x - 0.3 + 1e-4j), (-1, 1))
    while learner.loss() > 1e-6:
        (x,), _ = learner.ask(1)
        learner.tell(x, learner.function(x))
    xs, ys = list(learner.data), list(learner.data.values())
    again = learner.new()
    for start in range(0, len(xs), batch):
        again.tell_many(xs[start : start + batch], ys[start : start + batch])
    assert again.loss() <= 1e-6


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 3, 17, 35])
def test_narrow_peaks_of_which_only_the_tails_were_seen_are_looked_at(seed: int) -> None:
    random = np.random.default_rng(seed)
    at, width = random.uniform(-0.95, 0.95, 12), 10 ** random.uniform(-5, -2, 12)
    height = random.uniform(0.5, 1.5, 12)

    def f(x: Any) -> Any:
        return sum(a * w**2 / ((x - c) ** 2 + w**2) for a, c, w in zip(height, at, width, strict=True))

    learner = RationalLearner1D(f, (-1, 1))
    while not learner.done():
        (x,), _ = learner.ask(1)
        learner.tell(x, f(x))
        assert learner.npoints < 120
    beside = (at[:, np.newaxis] + width[:, np.newaxis] * np.linspace(-5, 5, 101)).ravel()
    assert np.abs(learner.interpolator()(beside) - f(beside)).max() < 1e-5


def test_values_far_below_the_tolerance_have_small_relative_errors() -> None:
    resonances = [(0.2, 1e-4), (0.2002, 1e-4), (0.74, 1e-3), (0.75, 1e-3)]

    def f(x: Any) -> Any:
        return abs(1 / np.prod([(x - c + 1j * w) / (1j * w) for c, w in resonances], axis=0)) ** 2

    top = max(f(c) for c, _ in resonances)
    learner = RationalLearner1D(lambda x: f(x) / top, (0, 1))
    for _ in range(80):
        (x,), _ = learner.ask(1)
        learner.tell(x, learner.function(x))
    x = np.linspace(0, 1, 1001)
    exact = learner.function(x)
    assert exact.min() < 1e-13
    assert np.abs(learner.interpolator()(x) / exact - 1).max() < 1e-5


CLAIMED: dict[str, Callable[[Any], Any]] = {
    "front": lambda x: np.tanh(30 * (x - 0.2)) + 0.3 * x,
    "peaks": lambda x: 100 + sum(w**2 / ((x - c) ** 2 + w**2) for c, w in ((-0.6, 0.3), (0.1, 3e-3), (0.4, 2e-3))),
    "gaussian": lambda x: np.exp(-((x - 0.3) ** 2) / 0.02) - x,
    "chirp": lambda x: np.sin(15 * x * x + 4 * x),
    "root": lambda x: np.sqrt((x + 0.2) ** 2 + 0.01),
}


@pytest.mark.long
@pytest.mark.parametrize("in_flight", [1, 4, 16])
@pytest.mark.parametrize("name", CLAIMED)
def test_the_error_that_is_claimed_is_about_the_true_one(name: str, in_flight: int) -> None:
    f = CLAIMED[name]
    learner = run(f, 150, in_flight)
    assert learner.done()
    true = max(error(learner, f), 1e-13)
    assert true / 10 < max(learner.loss(), 1e-13) < 10 * true


def test_no_small_error_is_claimed_as_long_as_a_bound_is_not_known() -> None:
    learner = RationalLearner1D(np.exp, (-1, 1))
    low, high = learner.ask(2)[0]
    learner.tell(low, np.exp(low))
    x = np.linspace(-0.95, 0.2, 40)
    learner.tell_many(x, np.exp(x))
    assert not learner.done()
    while not learner.done():
        for x in learner.ask(1)[0]:
            learner.tell(x, np.exp(x))
        assert learner.npoints < 100
    assert error(learner, np.exp) < 1e-6
    assert high in learner.pending_points


def test_a_jump_with_a_single_sample_beyond_it_is_not_overlooked() -> None:
    def f(x: Any) -> Any:
        return np.where(x < 0.96, x + 1.0, 0.1)

    learner = run(f, 200)
    assert learner.done()
    assert error(learner, f) < 1e-6


def test_a_sample_where_two_sides_are_expected_to_meet_does_not_prove_that_they_do() -> None:
    def f(x: Any) -> Any:
        return np.abs(x + 0.20217497945509744) * (1 + 0.19 * x) + np.sin(2.7 * x)

    for seed in range(4):
        learner = run(f, 200, seed=seed)
        assert learner.done()
        assert error(learner, f) < 1e-5


def test_poles_of_rounding_errors_do_not_hold_up_a_run() -> None:
    random = np.random.default_rng(0)
    at, width, height = random.uniform(-0.95, 0.95, 12), 10 ** random.uniform(-5, -2, 12), random.uniform(0.5, 1.5, 12)

    def f(x: Any) -> Any:
        return sum(a * w**2 / ((x - c) ** 2 + w**2) for a, c, w in zip(height, at, width, strict=True))

    assert run(f, 100).done()


@pytest.mark.parametrize("seed", [2, 4])
def test_rounding_of_points_far_from_zero_does_not_hold_up_a_run(seed: int) -> None:
    def f(x: Any) -> Any:
        u = x / 5.3e-9 - 10
        return (u - 0.47 - 2e-3j) / (u - 0.47 + 2e-3j) * (u - 0.936 - 2e-4j) / (u - 0.936 + 2e-4j)

    learner = RationalLearner1D(f, (9 * 5.3e-9, 11 * 5.3e-9))
    random, queue = np.random.default_rng(seed), list(learner.ask(8)[0])
    while learner.npoints < 45 and not learner.done():
        x = queue.pop(random.integers(len(queue)))
        learner.tell(x, f(x))
        queue += learner.ask(1)[0]
    assert learner.done()


@pytest.mark.parametrize("place", [-0.61, -0.05, 0.1, 0.37, 0.66])
def test_the_sample_that_closes_a_kink_makes_no_poles(place: float) -> None:
    learner = run(lambda x: abs(x - place), 100)
    assert learner.done()
    assert learner.npoints < 45
    assert error(learner, lambda x: abs(x - place)) < 1e-6


def test_a_side_that_is_not_known_well_does_not_take_the_sample_at_the_crossing() -> None:
    place, slope, frequency = -0.20217497945509744, 1.626803236312119, 1.5842580667796393

    def f(x: Any) -> Any:
        return abs(x - place) * (1 + slope * x / 2) + np.sin(frequency * x)

    learner = run(f, 100)  # where the two approximations meet after 26 points, the function has crossed already
    assert learner.done()
    near = place + np.concatenate([-np.geomspace(1e-6, 0.1, 100), np.geomspace(1e-6, 0.1, 100)])
    assert np.abs(learner.interpolator()(near) - f(near)).max() < 1e-5


@pytest.mark.parametrize("in_flight", [1, 16])
def test_a_jump_is_narrowed_down_before_the_parts_are_tested(in_flight: int) -> None:
    for place in (-0.58, 1 / 3, 0.71):
        learner = run(lambda x, a=place: float(x > a), 36 if in_flight == 1 else 75, in_flight)
        x = np.array(sorted(learner.data))
        i = np.searchsorted(x, place)
        assert x[i] - x[i - 1] < 2e-3


SINGULAR: dict[str, Callable[[Any], Any]] = {
    "root at both ends": lambda x: np.sqrt(np.clip(1 - x * x, 0, None)),
    "one more root": lambda x: np.sqrt(np.clip(1 - x * x, 0, None)) * (2 + x),
    "two powers": lambda x: np.where(x > 0.2, 1.5 * np.abs(x - 0.2) ** 0.9, -(np.abs(x - 0.2) ** 1.4)),
}


@pytest.mark.long
@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("name", SINGULAR)
def test_a_singularity_is_tested_where_it_is(name: str, in_flight: int) -> None:
    f, distance = SINGULAR[name], np.geomspace(1e-12, 0.1, 300)
    learner = run(f, 250, in_flight)
    assert learner.done()
    x = np.concatenate((GRID, -1 + distance, 1 - distance, 0.2 - distance, 0.2 + distance))
    true = np.abs(learner.interpolator()(x) - f(x)).max() / np.ptp(f(x))
    assert 0.1 < learner.loss() / true < 10


def test_a_sample_that_moves_to_the_other_side_of_a_kink_may_be_a_support_point() -> None:
    learner = run(lambda x: np.clip(np.sin(5.3 * x), -0.3, 0.3), 200)
    assert learner.done()
