"""Functions that have no value at some points, on a cluster."""

from __future__ import annotations

import adaptive_dask as adaptive

from ..patience import TIMEOUT, wait_until


def make_function():
    class NotConvergedError(adaptive.Infeasible):
        """Of the user: the scheduler does not know it."""

    def solve(point):
        x, y = point
        if x * x + y * y < 0.3:
            raise NotConvergedError(f"not converged at {x:.3f}")
        return x * y

    return solve


def square():
    return adaptive.Learner2D(make_function(), bounds=[(-1, 1), (-1, 1)])


def test_points_without_a_value_are_told(client, tmp_path):
    runner = adaptive.Runner(square(), npoints_goal=150, retries=2, checkpoint=tmp_path / "log")
    learner = runner.result(TIMEOUT)
    assert learner.infeasible
    assert all(reason.startswith("not converged at ") for reason in learner.infeasible.values())
    assert all(x * x + y * y < 0.3 for x, y in learner.infeasible)
    assert runner.failures == []
    assert (runner.info()["infeasible"], runner.info()["failed"]) == (len(learner.infeasible), 0)
    evaluated, failures = count_of_workers(client, runner.name)
    assert evaluated >= 150
    assert failures == 0
    again = adaptive.load(tmp_path / "log")
    assert again.infeasible == learner.infeasible
    runner = adaptive.Runner(learner, npoints_goal=180)
    before = dict(learner.infeasible)
    after = runner.result(TIMEOUT).infeasible
    assert {x: after[x] for x in before} == before


def count_of_workers(client, name):
    """The evaluations that the dashboard shows, and of these the failures."""

    def count(dask_scheduler):
        (run,) = [run for run in dask_scheduler.plugins["adaptive"].runs.values() if run.name == name]
        counts = run.history.workers.values()
        return sum(count.evaluated for count in counts), sum(count.failures for count in counts)

    return client.run_on_scheduler(count)


def test_a_learner_that_needs_a_value_has_failures(client):
    def solve(seed):
        if seed % 3 == 0:
            raise adaptive.Infeasible("no")
        return float(seed % 7)

    runner = adaptive.Runner(adaptive.AverageLearner(solve, atol=1e-9), npoints_goal=20, on_error="skip")
    runner.result(TIMEOUT)
    evaluated, failures = count_of_workers(client, runner.name)
    assert failures >= len(runner.failed) > 5
    assert evaluated >= 20
    assert runner.info()["infeasible"] == 0


def test_failures_are_forgotten_during_a_run(client):
    def broken(point):
        raise OSError("the licence server is away")

    runner = adaptive.Runner(
        adaptive.Learner2D(broken, bounds=[(-1, 1), (-1, 1)]), goal=lambda learner: False, on_error="infeasible"
    )
    wait_until(lambda: runner.call(lambda learner: learner.npoints) >= 20)
    runner.pause()
    # What is in flight would be told afterwards. `info()` may be older than the pause; this asks the scheduler.
    wait_until(lambda: not runner.pending_points)
    assert runner.call(lambda learner: set(learner.infeasible.values())) == {"OSError: the licence server is away"}
    left = runner.call(lambda learner: (learner.forget_failures(), learner.npoints)[1])
    assert left == 0
    wait_until(lambda: not runner.learner.infeasible and not runner.info()["infeasible"])  # the copy here follows
    runner.resume()
    wait_until(lambda: runner.call(lambda learner: learner.npoints) >= 20)
    assert runner.call(lambda learner: learner.infeasible.keys() == learner.data.keys())
    assert not runner.failed
    runner.cancel()
