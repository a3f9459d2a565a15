"""SparseGridLearner: what it approximates, how well, and what it says of it."""

from __future__ import annotations

import math
import pickle
import random

import numpy as np
import pytest
import scipy.stats

import adaptive_dask as adaptive
from adaptive_dask.learner.sparse_grid.domain import Axis, Domain
from adaptive_dask.learner.sparse_grid.hierarchy import Hierarchy
from adaptive_dask.learner.sparse_grid.interpolant import SparseInterpolant
from adaptive_dask.learner.sparse_grid.rules import LocalRule, periodic_rule, uniform_leja_rule
from adaptive_dask.learner.sparse_grid_learner import SparseGridLearner


def ishigami(point):
    x, y, z = point
    return math.sin(x) + 7 * math.sin(y) ** 2 + 0.1 * z**4 * math.sin(x)


ISHIGAMI_BOUNDS = [(-math.pi, math.pi)] * 3


def product(point):
    return math.exp(0.3 * sum(point)) * math.cos(point[0] - point[-1])


def run(learner, n, in_flight=1, seed=0):
    """Ask and tell until `n` points are known, in random order."""
    order, out = random.Random(seed), []
    while learner.npoints < n:
        out += learner.ask(in_flight - len(out))[0]
        point = out.pop(order.randrange(len(out)))
        learner.tell(point, learner.function(point))
    return learner


def random_points(bounds, n=500):
    low, high = np.array(bounds, dtype=float).T
    return low + np.random.default_rng(1).uniform(size=(n, len(bounds))) * (high - low)


RULES = {"leja": uniform_leja_rule(), "periodic": periodic_rule(), "linear": LocalRule(1), "quadratic": LocalRule(2)}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_basis_function_is_1_at_its_node_and_0_at_all_but_its_descendants(rule):
    nodes = np.array([rule.node(k) for k in range(33)])
    values = rule.values(range(33), nodes)
    for k in range(33):
        lines = {}
        for j in range(33):
            line = [j]
            while line[-1]:
                line.append(rule.parent(line[-1]))
            lines[j] = line
            if k not in line:
                assert values[k, j] == 0
        assert values[k, k] == pytest.approx(1)
        assert all(rule.parent(child) == k for child in rule.children(k))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_norm_of_a_basis_function(rule):
    t, weights = np.polynomial.legendre.leggauss(700)
    for k in range(20):
        assert rule.norm(k) == pytest.approx(np.sqrt(rule.values([k], t)[0] ** 2 @ weights / 2), rel=5e-3)


def test_functions_of_a_periodic_rule_are_all_trigonometric_polynomials():
    rule, t = periodic_rule(), np.linspace(-1, 1, 201)
    nodes = np.array([rule.node(k) for k in range(11)])
    assert len(set(nodes)) == 11
    assert np.abs(nodes).max() < 1
    table, at_nodes = rule.values(range(11), t), rule.values(range(11), nodes)
    assert table[:, 0] == pytest.approx(table[:, -1])
    for degree in range(6):
        for f in (np.sin, np.cos):
            coefficients = np.linalg.solve(at_nodes.T, f(np.pi * degree * nodes))
            assert coefficients @ table == pytest.approx(f(np.pi * degree * t), abs=1e-12)
            assert coefficients[2 * degree + 1 :] == pytest.approx(0, abs=1e-12)


def test_coefficients_do_not_depend_on_the_order_of_values():
    rule = uniform_leja_rule()
    nodes = [((0, i), (1, j)) for i in range(1, 6) for j in range(1, 6)]
    nodes += [((axis, k),) for axis in (0, 1) for k in range(1, 6)] + [()]

    def value(index):
        at = dict(index)
        return np.array([math.sin(3 * rule.node(at.get(0, 0)) + rule.node(at.get(1, 0)) ** 2)])

    expected = None
    for seed in range(5):
        random.Random(seed).shuffle(nodes)
        hierarchy = Hierarchy([rule, rule])
        added = [index for node in nodes for index in hierarchy.add(node, value(node))]
        assert sorted(added) == sorted(nodes)
        expected = expected or hierarchy.coefficients
        for index in nodes:
            assert hierarchy.coefficients[index] == pytest.approx(expected[index], abs=1e-14)
    interpolant = SparseInterpolant([rule, rule], hierarchy.coefficients)
    t = np.array([[rule.node(dict(i).get(0, 0)), rule.node(dict(i).get(1, 0))] for i in nodes])
    assert interpolant(t) == pytest.approx(np.array([value(index) for index in nodes]), abs=1e-13)


@pytest.mark.parametrize(
    "bounds",
    [(0.1, 7.3), scipy.stats.norm(1, 2), scipy.stats.beta(2, 3, loc=-1, scale=4), scipy.stats.expon()],
    ids=["pair", "normal", "beta", "exponential"],
)
def test_a_node_is_recognised_by_its_coordinate(bounds):
    axis = Axis(bounds, "bounds[0]")
    for k in range(60):
        assert axis.number(axis.leja, axis.coordinate(axis.leja, k)) == k
        assert axis.number(LocalRule(1), axis.coordinate(LocalRule(1), k)) == k


def test_scattered_points_are_in_the_domain_and_on_no_grid():
    domain = Domain([(0, 1), scipy.stats.norm()])
    points = [domain.scattered(i) for i in range(200)]
    assert len(set(points)) == 200
    assert all(domain.contains(point) for point in points)


@pytest.mark.parametrize("in_flight", [1, 16])
def test_a_smooth_function_to_rounding_with_300_points(in_flight):
    learner = run(SparseGridLearner(ishigami, ISHIGAMI_BOUNDS), 300, in_flight)
    x = random_points(ISHIGAMI_BOUNDS)
    exact = np.array([ishigami(point) for point in x])
    error = np.max(np.abs(learner.interpolator()(x) - exact)) / np.ptp(exact)
    assert error < 1e-10
    assert learner.done()
    assert learner.loss() >= error / 10


def test_moments_and_sobol_indices_of_ishigami():
    learner = run(SparseGridLearner(ishigami, ISHIGAMI_BOUNDS), 300)
    a, b = 7, 0.1
    variance = a**2 / 8 + b * math.pi**4 / 5 + b**2 * math.pi**8 / 18 + 0.5
    first = np.array([0.5 * (1 + b * math.pi**4 / 5) ** 2, a**2 / 8, 0]) / variance
    third = b**2 * math.pi**8 * (1 / 18 - 1 / 50) / variance
    assert learner.mean().value == pytest.approx(a / 2)
    assert learner.integral().value == pytest.approx(a / 2 * (2 * math.pi) ** 3)
    assert learner.variance().value == pytest.approx(variance)
    indices = learner.sobol_indices()
    assert indices["first"].value == pytest.approx(first, abs=1e-8)
    assert indices["total"].value == pytest.approx(first + np.array([third, 0, third]), abs=1e-8)
    assert (indices["first"].error < 1e-3).all()


def test_the_mean_under_a_distribution():
    learner = SparseGridLearner(lambda p: math.exp(p[0]) * p[1], [scipy.stats.norm(0, 0.5), (0, 2)])
    run(learner, 80)
    assert learner.mean().value == pytest.approx(math.exp(0.125), rel=1e-8)
    second = math.exp(0.5) * 4 / 3
    assert learner.variance().value == pytest.approx(second - math.exp(0.25), rel=1e-6)


def test_components_and_complex_values():
    def f(point):
        x, y = point
        return np.array([[np.exp(1j * x), y**2], [x * y, 1.0]])

    learner = run(SparseGridLearner(f, [(0, 1)] * 2), 60)
    x = random_points([(0, 1)] * 2, 50)
    values = learner.interpolator()(x)
    assert values.shape == (50, 2, 2)
    assert values == pytest.approx(np.array([f(point) for point in x]), abs=1e-9)
    assert learner.mean().value.shape == (2, 2)
    assert learner.sobol_indices()["first"].value.shape == (2, 2, 2)
    assert learner.interpolator().error(x).shape == (50, 2, 2)


def test_where_polynomials_do_not_converge_other_bases_take_over():
    def kink(point):
        return math.exp(-sum(abs(x - 0.2) for x in point))

    bounds = [(-1, 1)] * 3
    learner = run(SparseGridLearner(kink, bounds), 1000)
    x = random_points(bounds)
    exact = np.array([kink(point) for point in x])
    error = learner.interpolator()(x) - exact
    assert np.sqrt(np.mean(error**2)) < 0.04 * exact.std()  # Leja points alone: 0.078
    assert 0.1 * np.max(np.abs(error)) < learner.loss() * np.ptp(exact) < 10 * np.max(np.abs(error))


def test_polynomials_that_converge_late_take_over():
    learner = run(SparseGridLearner(lambda p: math.sin(16 * p[0] * p[1]), [(0, 1)] * 2), 700)
    x = random_points([(0, 1)] * 2)
    assert learner.interpolator()(x) == pytest.approx(np.sin(16 * x[:, 0] * x[:, 1]), abs=1e-6)


def test_the_loss_is_honest_where_few_points_see_the_error():
    def f(point):
        return (1 + sum(0.5 * (k + 1) * x for k, x in enumerate(point))) ** -6 - 0.01  # has no logarithm

    bounds = [(0, 1)] * 5
    learner = run(SparseGridLearner(f, bounds), 200, in_flight=4)
    x = random_points(bounds, 2000)
    exact = np.array([f(point) for point in x])
    error = np.max(np.abs(learner.interpolator()(x) - exact)) / np.ptp([*exact, *learner.data.values()])
    assert error / 10 < learner.loss() < 10 * error


def test_one_input_and_fifty():
    learner = run(SparseGridLearner(lambda p: math.sin(5 * p[0]), [(0, 1)]), 40)
    x = np.linspace(0, 1, 101)
    assert learner.interpolator()(x) == pytest.approx(np.sin(5 * x), abs=1e-12)
    learner = run(SparseGridLearner(lambda p: p[0] * p[49] + p[7], [(0, 1)] * 50), 200, in_flight=16)
    assert learner.npoints == 200


def test_outside_of_the_bounds_there_is_nan():
    fit = run(SparseGridLearner(product, [(0, 1)] * 2), 40).interpolator()
    values = fit(np.array([[0.5, 0.5], [1.5, 0.5], [0.5, -0.1]]))
    assert np.isnan(values).tolist() == [False, True, True]
    again = pickle.loads(pickle.dumps(fit))
    x = random_points([(0, 1)] * 2)
    assert (again(x) == fit(x)).all()
    with pytest.raises(ValueError, match=r"x must have the shape \(n, 2\)"):
        fit(np.zeros((3, 3)))


def test_values_that_are_not_finite_are_passed_over():
    def f(point):
        return math.nan if point[0] < 0.2 else product(point)

    learner = run(SparseGridLearner(f, [(0, 1)] * 3), 100, in_flight=4)
    assert np.isfinite(learner.interpolator()(random_points([(0, 1)] * 3))).all()


@pytest.mark.parametrize(
    ("bounds", "options", "message"),
    [
        ([], {}, "bounds must have between 1 and 50"),
        ([(0, 1)] * 51, {}, "bounds must have between 1 and 50"),
        ([(1, 0)], {}, r"bounds\[0\] must be two finite numbers"),
        ([(0, math.inf)], {}, r"bounds\[0\] must be two finite numbers"),
        ([scipy.stats.cauchy()], {}, r"bounds\[0\] must be a continuous distribution"),
        ([(0, 1)], {"rtol": 0}, "rtol must be a positive number"),
        ([(0, 1)], {"basis": "best"}, "basis must be"),
    ],
)
def test_settings_that_make_no_sense(bounds, options, message):
    with pytest.raises(ValueError, match=message):
        SparseGridLearner(product, bounds, **options)


def test_points_and_values_that_make_no_sense():
    learner = SparseGridLearner(product, [(0, 1)] * 2)
    with pytest.raises(ValueError, match="2 finite coordinates"):
        learner.tell((0.5,), 1.0)
    with pytest.raises(TypeError, match="must be a real or complex number"):
        learner.tell((0.5, 0.5), "high")
    learner.tell((0.5, 0.5), 1.0)
    with pytest.raises(ValueError, match="must have the shape of the values told before"):
        learner.tell((0.5, 0.6), [1.0, 2.0])
    with pytest.raises(ValueError, match="needs more values"):
        learner.new().interpolator()


def test_values_that_are_never_finite_are_nothing_to_interpolate():
    learner = run(SparseGridLearner(lambda point: math.nan, [(0, 1)] * 2), 30)
    assert learner.loss() == math.inf
    assert not learner.done()
    for method in (learner.interpolator, learner.mean, learner.sobol_indices):
        with pytest.raises(ValueError, match="needs more values"):
            method()


def test_where_the_first_nodes_fail_scattered_points_take_over():
    learner = SparseGridLearner(lambda point: math.sin(3 * sum(point)), [(0, 1)] * 2)
    while learner.npoints < 100:
        (point,), _ = learner.ask(1)
        if sum(point) < 0.6:  # the root of each grid is beyond; a point that fails stays pending
            learner.tell(point, learner.function(point))
    assert learner.loss() < 0.1
    x = random_points([(0, 0.3)] * 2, 100)
    assert learner.interpolator()(x) == pytest.approx(np.sin(3 * x.sum(axis=1)), abs=0.02)


def test_asking_without_telling_changes_nothing():
    learner = run(SparseGridLearner(product, [(0, 1)] * 3), 100)
    first = learner.ask(30, tell_pending=False)
    assert learner.ask(30) == first


def test_a_state_of_an_earlier_version_has_the_same_settings_and_data():
    learner = SparseGridLearner(math.fsum, [(0, 3), (0, 1)], rtol=1e-3, basis="local")
    learner._whole = (True, False)
    run(learner, 20)
    state = learner.__getstate__()
    settings = state.pop("settings"), state.pop("adjustments")
    other = SparseGridLearner.__new__(SparseGridLearner)
    other.__setstate__({**state, **settings[0], "whole": (True, False), "periodic": (), "function": math.fsum})
    assert (other._settings(), other._adjustments()) == settings
    copy = pickle.loads(pickle.dumps(learner))
    assert (other.data, other.loss(), other.ask(5)) == (learner.data, learner.loss(), copy.ask(5))


def test_a_runner_learns_it():
    learner = SparseGridLearner(product, [(0, 1)] * 3)
    adaptive.simple(learner, goal=lambda learner: learner.loss() < 1e-4)
    assert learner.npoints < 200


def test_a_setting_takes_effect_at_once_and_is_checked():
    learner = run(SparseGridLearner(product, [(0, 1)] * 2, rtol=1e-12), 30)
    assert not learner.done()
    learner.rtol = 0.5
    assert learner.done()
    for wrong in (0, -1.0, math.nan):
        with pytest.raises(ValueError, match="rtol must be a positive number"):
            learner.rtol = wrong
    with pytest.raises(TypeError, match="rtol must be a positive number"):
        learner.rtol = "small"
    with pytest.raises(AttributeError, match="basis of a SparseGridLearner cannot be changed"):
        learner.basis = "local"
    with pytest.raises(AttributeError, match="bounds of a SparseGridLearner cannot be changed"):
        learner.bounds = [(0, 2)] * 2


def test_a_function_that_falls_over_decades_is_learned_by_its_logarithm():
    def corner(point):
        return (1 + sum(0.1 * (k + 1) * x for k, x in enumerate(point))) ** -11

    bounds = [(0, 1)] * 10
    learner = run(SparseGridLearner(corner, bounds), 300)
    x = random_points(bounds)
    exact = np.array([corner(point) for point in x])
    error = learner.interpolator()(x) - exact
    assert np.sqrt(np.mean(error**2)) < 0.1 * exact.std()  # Sobol points and radial basis functions: 0.7


def test_components_that_are_not_always_finite():
    def f(point):
        return [product(point), math.nan if point[0] < 0.3 else point[1], math.nan]

    learner = run(SparseGridLearner(f, [(0, 1)] * 2), 120, in_flight=4)
    x = random_points([(0, 1)] * 2, 50)
    assert learner.interpolator()(x)[:, 0] == pytest.approx([product(point) for point in x], abs=1e-6)
    assert math.isfinite(learner.loss())


def test_what_it_says_of_itself():
    learner = SparseGridLearner(product, [(0, 1), scipy.stats.norm(1, scale=2)])
    assert repr(learner) == "<SparseGridLearner of product on ((0, 1), norm(1, scale=2)): 0 points>"


def test_a_copy_goes_on_as_the_learner_would():
    def step(point):
        return 1.0 if sum(point) > 0.4 else 0.0

    learner = run(SparseGridLearner(step, [(-1, 1)] * 3), 200)
    again = pickle.loads(pickle.dumps(learner))
    assert again.loss() == pytest.approx(learner.loss())
    assert again.error_history == learner.error_history
    assert again.basis == learner.basis
    assert again.interpolator()(np.zeros((1, 3))) == pytest.approx(learner.interpolator()(np.zeros((1, 3))))


def test_the_interpolator_runs_in_map_blocks():
    array = pytest.importorskip("dask.array")
    fit = run(SparseGridLearner(product, [(0, 1)] * 2), 60).interpolator()
    x = random_points([(0, 1)] * 2, 1000)
    blocks = array.from_array(x, chunks=(100, 2)).map_blocks(fit, drop_axis=1, dtype=float)
    assert blocks.compute(scheduler="synchronous") == pytest.approx(fit(x))


def test_values_over_six_hundred_decades():
    learner = run(SparseGridLearner(lambda point: 10.0 ** (600 * point[0] - 300), [(0, 1)] * 2), 120)
    x = random_points([(0, 1)] * 2, 50)
    values = learner.interpolator()(x)
    assert np.isfinite(values).all()
    assert 0 <= learner.loss() < math.inf


def test_errors_do_not_depend_on_the_grouping_of_results():
    learner = run(SparseGridLearner(ishigami, ISHIGAMI_BOUNDS), 100)
    other = learner.new()
    other.tell_many(list(learner.data), list(learner.data.values()))  # as a client that follows a run
    assert len(other.error_history) > 5
    assert other.error_history == learner.error_history
    assert other.loss() == pytest.approx(learner.loss())
