"""What no message can carry reaches neither other runs nor workers: it is refused, or shown as what can be."""

from __future__ import annotations

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import AdaptiveError, FunctionError

from ..patience import TIMEOUT, wait_until
from .functions import peak, slow_peak

pytestmark = pytest.mark.long

BAD = "name-\udce4"


@pytest.fixture
def others(client):
    """Workers and runs that must not notice."""
    workers = set(client.scheduler_info()["workers"])
    runner = adaptive.Runner(adaptive.Learner1D(slow_peak, (-1, 1)), name="healthy")
    yield runner
    assert {"healthy"} <= {run["name"] for run in adaptive.runs()}
    before = runner.info().get("npoints", 0)
    wait_until(lambda: runner.info().get("npoints", 0) > before + 20)
    runner.cancel()
    assert runner.wait(TIMEOUT)
    assert set(client.scheduler_info()["workers"]) == workers


@pytest.mark.parametrize(
    "arguments",
    [
        {"npoints_goal": 10**20},
        {"name": BAD},
        {"ntasks": 10**20},
        {"priority": 10**30},
        {"workers": BAD},
        {"resources": {BAD: 1}},
        {"annotations": {"a": BAD}},
        {"annotations": {"b": [10**30]}},
    ],
)
def test_what_can_be_refused_is_refused(others, arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))}"):
        adaptive.Runner(adaptive.Learner1D(peak, (-1, 1)), **arguments)
    with pytest.raises(ValueError, match="name"):
        adaptive.attach(BAD)


class Countless(adaptive.Learner1D):
    """Says that it has a great many points."""

    told = 0

    def tell(self, x, y):
        super().tell(x, y)
        self.told += 1

    @property
    def npoints(self):
        return 10**30 if self.told else 0


class LosesCount(adaptive.Learner1D):
    told = 0

    def tell(self, x, y):
        super().tell(x, y)
        self.told += 1

    @property
    def npoints(self):
        return float("nan") if self.told else 0


@pytest.mark.parametrize("loss", [10**400, 1j, None, "large", "a\udce4"], ids=lambda loss: type(loss).__name__)
def test_a_loss_that_is_no_number_is_not_known(others, loss):
    class Odd(adaptive.Learner1D):
        def loss(self, real=True):
            return loss

    runner = adaptive.Runner(Odd(slow_peak, (-1, 1)), goal=lambda learner: learner.npoints >= 30)
    assert runner.result(TIMEOUT).npoints >= 30
    (summary,) = (run for run in adaptive.runs() if run["name"] == runner.name)
    assert summary["loss"] != summary["loss"]  # NaN


def test_a_number_of_points_beyond_64_bits_is_shown_as_the_largest(others):
    runner = adaptive.Runner(Countless(slow_peak, (-1, 1)), goal=lambda learner: False)
    wait_until(lambda: runner.info().get("npoints") == 2**63 - 1)
    assert runner.name in {run["name"] for run in adaptive.runs()}
    assert adaptive.attach(runner.name).info()["npoints"] == 2**63 - 1
    runner.cancel()
    assert runner.wait(TIMEOUT)


def test_a_number_of_points_that_is_none_fails_its_run(others):
    runner = adaptive.Runner(LosesCount(slow_peak, (-1, 1)), goal=lambda learner: False)
    with pytest.raises(AdaptiveError, match="npoints"):
        runner.result(TIMEOUT)


def test_error_texts_of_functions_and_losses_are_shown(others):
    def fails(*args):
        raise OSError("data-\udce4.txt")

    for learner in (adaptive.Learner1D(fails, (-1, 1)), adaptive.Learner1D(peak, (-1, 1), loss_per_interval=fails)):
        runner = adaptive.Runner(learner, npoints_goal=20)
        with pytest.raises(FunctionError, match=r"data-\\udce4.txt") as caught:
            runner.result(TIMEOUT)
        str(caught.value).encode()
        assert runner.failures
        adaptive.runs()


def test_a_function_that_cannot_be_loaded_says_so(others):
    class Function:
        def __call__(self, x):
            return x

        def __setstate__(self, state):
            raise OSError("data-\udce4.txt")

        def __getstate__(self):
            return {"a": 1}

    runner = adaptive.Runner(adaptive.Learner1D(Function(), (-1, 1)), npoints_goal=20)
    with pytest.raises(AdaptiveError, match=r"data-\\udce4.txt"):
        runner.result(TIMEOUT)
