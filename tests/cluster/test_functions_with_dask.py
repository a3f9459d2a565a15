"""Functions that use Dask themselves do not wait for ever, though evaluators are in all slots."""

from __future__ import annotations

import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive

from ..patience import TIMEOUT, wait_until
from .conftest import assert_clean

pytestmark = pytest.mark.long


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


async def waits_on_its_event_loop(x):
    from distributed import get_client

    return get_client().submit(lambda x: x**2, x, pure=False).result()


def waits_for_a_queue(x):
    from distributed import Queue, get_client

    def put(name, value):
        Queue(name).put(value)

    queue = Queue(f"of-{x}")
    future = get_client().submit(put, queue.name, x**2, pure=False)
    value = queue.get()
    future.result()
    return value


def samples_something_itself(x):
    from distributed import get_client

    import adaptive_dask

    inner = adaptive_dask.SequenceLearner(lambda y: y * x, [x])
    adaptive_dask.BlockingRunner(inner, executor=get_client())
    return inner.result()[0]


def samples_many_things_itself(x):
    from distributed import get_client

    import adaptive_dask

    inner = adaptive_dask.SequenceLearner(lambda y: y * x, [x])
    for runner in adaptive_dask.run_many([inner], executor=get_client()).as_completed():
        assert runner.status() == "finished"
    return inner.result()[0]


@pytest.fixture
def client_of_one_thread():
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
        assert_clean(cluster)


WAITING = [waits_on_its_event_loop, waits_for_a_queue, samples_something_itself, samples_many_things_itself]


@pytest.mark.parametrize("function", WAITING)
def test_whatever_of_dask_functions_wait_for_they_do_not_wait_for_ever(client_of_one_thread, function):
    the_learner = adaptive.SequenceLearner(function, range(4))
    adaptive.Runner(the_learner, executor=client_of_one_thread).result(TIMEOUT)
    assert the_learner.result() == [x**2 for x in range(4)]


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
