"""Functions that use Dask themselves do not wait for ever, though evaluators are in all slots."""

from __future__ import annotations

import pytest

import adaptive_dask as adaptive

from ..patience import TIMEOUT, wait_until


def uses_worker_client(x):
    from distributed import worker_client

    with worker_client() as client:
        return client.submit(lambda x: x**2, x, pure=False).result()


def secedes_and_rejoins(x):
    from distributed import get_client, rejoin, secede

    future = get_client().submit(lambda x: x**2, x, pure=False)
    secede()
    value = future.result()
    rejoin()
    return value


def uses_collections(x):
    import dask

    return dask.delayed(lambda x: x**2)(x).compute()


def waits_in_its_slot(x):
    from distributed import get_client, worker_client

    value = get_client().submit(lambda x: x**2, x, pure=False).result()
    with worker_client() as client:  # which secedes and rejoins, also after that
        return client.submit(lambda x: x, value, pure=False).result()


@pytest.mark.parametrize("function", [waits_in_its_slot, uses_worker_client, secedes_and_rejoins, uses_collections])
def test_functions_that_use_dask_do_not_wait_for_ever(client, function):
    the_learner = adaptive.SequenceLearner(function, range(24))
    runner = adaptive.Runner(the_learner, executor=client)
    runner.result(TIMEOUT)
    assert the_learner.result() == [x**2 for x in range(24)]


def knows_its_worker(x):
    from distributed import get_worker

    return get_worker().state.nthreads * x


def test_the_pool_has_its_size_again(client):
    """A thread that was replaced ends with its evaluator."""

    def size(dask_worker):
        pool = dask_worker.executors["default"]
        return pool._max_workers, len(pool._threads) <= pool._max_workers

    learner = adaptive.SequenceLearner(waits_in_its_slot, range(8))
    adaptive.Runner(learner, executor=client).result(TIMEOUT)
    wait_until(lambda: set(client.run(size).values()) == {(2, True)})


def test_functions_know_their_worker(client):
    learner = adaptive.SequenceLearner(knows_its_worker, range(10))
    adaptive.Runner(learner, executor=client).result(TIMEOUT)
    assert learner.result() == [2 * x for x in range(10)]
