"""What an evaluation wrote is kept with its failure, and with no other's."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import cloudpickle
import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive
from adaptive_dask import output
from adaptive_dask.errors import FunctionError

from ..patience import TIMEOUT


@pytest.fixture(scope="module", autouse=True)
def travels_by_value() -> Iterator[None]:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module", params=["cluster", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "processes":
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as executor:
            yield executor
        return
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def writes(x: float) -> float:
    print("printed", x)
    logging.getLogger("solver").warning("logged %g", x)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"warned {x}", stacklevel=1)
    if x == 0.5:
        print("\x1b[2J", file=sys.stderr)
        raise ValueError("a half")
    return x


def writes_much(x: float) -> float:
    for i in range(10_000):
        print("line", i)
    raise ValueError("in the end")


async def takes_turns(x: float) -> float:
    print("printed", x)
    await asyncio.sleep(0.05)
    print("printed again", x)
    if x == 1.0:  # a bound, which is asked for however many points are in flight
        raise ValueError("the end")
    return x


def hangs(x: float) -> float:
    print("printed", x)
    if x == 0.5:
        time.sleep(2)
    return x


def many(xs: Any) -> Any:
    print("printed", *xs)
    if 0.5 in xs:
        raise ValueError("a half")
    return xs


def failure_of(function: Any, **arguments: Any) -> str:
    runner = adaptive.Runner(adaptive.Learner1D(function, (0, 1)), npoints_goal=20, **arguments)
    with pytest.raises(FunctionError) as caught:
        runner.result(TIMEOUT)
    (failed, *_) = runner.failures
    assert caught.value.traceback_text == failed.traceback_text
    return failed.traceback_text


def test_what_was_printed_logged_and_warned_of_stands_above_the_traceback(executor: Any) -> None:
    text = failure_of(writes, executor=executor)
    written, traceback = text.split("Traceback")
    assert "printed 0.5\n" in written
    assert "logged 0.5\n" in written
    assert "UserWarning: warned 0.5\n" in written
    assert "\\x1b[2J" in written
    assert not any(f"printed {x}" in written for x in (0.0, 1.0, 0.25))
    assert traceback.strip().endswith("ValueError: a half")


def test_it_is_bounded(executor: Any) -> None:
    text = failure_of(writes_much, executor=executor)
    assert "line 9999\n" in text
    assert "line 5000\n" not in text
    assert len(text) < output.MAX_CHARS + 2000


def test_of_a_call_for_many_points(executor: Any) -> None:
    assert "printed 0.5\n" in failure_of(many, executor=executor, vectorized=True)


def test_on_a_cluster_also_of_coroutines_and_of_what_hangs(executor: Any) -> None:
    if not isinstance(executor, Client):
        pytest.skip("a pool cannot say where a call hangs, and coroutines run here")
    text = failure_of(takes_turns, executor=executor)
    assert "printed 1.0\nprinted again 1.0\n" in text
    assert text.count("printed") == 2
    text = failure_of(hangs, executor=executor, point_timeout=0.3)
    assert "printed 0.5\n" in text
    assert "given up" in text


def test_the_process_of_the_runner_is_left_alone(executor: Any) -> None:
    before = sys.stdout, sys.stderr
    failure_of(writes, executor=executor)
    output.install()
    assert (sys.stdout, sys.stderr) == before


def test_no_error_points_to_logs_that_have_nothing(executor: Any) -> None:
    runner = adaptive.Runner(adaptive.Learner1D(writes, (0, 1)), npoints_goal=20, executor=executor)
    with pytest.raises(FunctionError) as caught:
        runner.result(TIMEOUT)
    assert "get_worker_logs" not in str(caught.value)


def writes_all(x: float) -> dict[str, float]:
    print("-" * 10_000 if x == 0.25 else f"printed {x}")
    print("\udc80 and an error", file=sys.stderr)
    return {"y": x}


@pytest.mark.parametrize("isolate", [None, "process"])
def test_output_of_all_evaluations_is_kept_on_request(executor: Any, isolate: str | None) -> None:
    if isolate and isinstance(executor, ProcessPoolExecutor):
        executor = ThreadPoolExecutor(2)  # each of its threads has a process
    inner = adaptive.SequenceLearner(writes_all, [0.0, 0.25, 0.5, 0.75])
    learner = adaptive.DataSaver(inner, learn="y", evaluation="output")
    adaptive.Runner(learner, executor=executor, isolate=isolate).result(TIMEOUT)
    texts = {parts["y"]: parts["evaluation.output"] for parts in learner.extra_data.values()}
    assert {x: texts[x].splitlines()[0] for x in (0.0, 0.5, 0.75)} == {x: f"printed {x}" for x in (0.0, 0.5, 0.75)}
    assert len(texts[0.25]) == output.MAX_CHARS
    assert all(text.endswith("and an error\n") for text in texts.values())


def test_output_in_threads_of_this_process_is_not_kept() -> None:
    learner = adaptive.DataSaver(adaptive.SequenceLearner(writes_all, [0.0]), learn="y", evaluation="output")
    with ThreadPoolExecutor(1) as threads:
        adaptive.Runner(learner, executor=threads).result(TIMEOUT)
    assert [parts["evaluation.output"] for parts in learner.extra_data.values()] == [""]
    with pytest.raises(ValueError, match="evaluation must be True, False or"):
        adaptive.DataSaver(learner, learn="y", evaluation="all")
