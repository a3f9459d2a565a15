"""What open pages cost: points per second with and without, and the longest turn of the scheduler's event loop.

A page is a client in another process that takes all that the server sends, as a browser does. Times of the event loop
are processor times of its thread, so that other programs on the machine do not count.

Run with ``python -m tests.benchmarks.dashboard_cost [pages] [points of the large run] [pace or frames]``.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from bokeh.util.token import generate_jwt_token, generate_session_id
from distributed import Client, LocalCluster
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

import adaptive_dask as adaptive
from tests.benchmarks.reporting import IS_QUICK

SECONDS = 1.0 if IS_QUICK else 3.0
ROUNDS = 1 if IS_QUICK else 8
RUNS = 100


def no_op(x: float) -> float:
    return x * x


def slow(x: float) -> float:
    time.sleep(1)
    return x


class LoopTimes:
    """Times every callback of the event loop that runs in a thread, by what it belongs to."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self._run: Any = None

    def __enter__(self) -> LoopTimes:
        self._run = run = asyncio.Handle._run
        times = self.times

        def timed(handle: Any) -> Any:
            begin = time.thread_time()
            result = run(handle)
            spent = time.thread_time() - begin
            if spent > 0.002:
                times[_name(handle)].append(spent)
            times["all"].append(spent)
            return result

        asyncio.Handle._run = timed  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: Any) -> None:
        asyncio.Handle._run = self._run  # type: ignore[method-assign]


def _name(handle: Any) -> str:
    callback = handle._callback
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return getattr(owner.get_coro(), "__qualname__", "task")
    function = getattr(callback, "func", callback)
    return getattr(function, "__qualname__", repr(function))[:60]


def look(url: str, count: int, ready: Any, done: Any) -> None:
    """Hold pages open, and take what comes, like a browser that draws nothing."""
    asyncio.run(_look(url, count, ready, done))


async def _look(url: str, count: int, ready: Any, done: Any) -> None:
    pages = [await _open(url) for _ in range(count)]
    readers = [asyncio.ensure_future(_drain(page)) for page in pages]
    ready.set()
    while not done.is_set():
        await asyncio.sleep(0.1)
    for page in pages:
        page.close()
    await asyncio.gather(*readers)


async def _open(url: str) -> Any:
    address, _, query = url.partition("?")
    arguments = {key: [value.encode()] for key, value in parse_qsl(query)}
    token = generate_jwt_token(
        generate_session_id(), extra_payload={"headers": {}, "cookies": {}, "arguments": arguments}
    )
    page = await websocket_connect(
        HTTPRequest(f"{address.replace('http', 'ws')}/ws?{query}"),
        subprotocols=["bokeh", token],
        max_message_size=2**28,
    )
    await page.read_message()  # header, metadata and content of the acknowledgement
    ready = {
        "events": [
            {
                "kind": "MessageSent",
                "msg_type": "bokeh_event",
                "msg_data": {"type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}},
            }
        ]
    }
    for number, (kind, content) in enumerate([("PULL-DOC-REQ", {}), ("PATCH-DOC", ready)]):
        for part in ({"msgid": str(number), "msgtype": kind}, {}, content):
            await page.write_message(json.dumps(part))
    return page


async def _drain(page: Any) -> None:
    while await page.read_message() is not None:
        pass


class Pages:
    """Open pages in another process."""

    def __init__(self, url: str, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._ready, self._done = context.Event(), context.Event()
        self._process = context.Process(target=look, args=(url, count, self._ready, self._done))

    def __enter__(self) -> Pages:
        self._process.start()
        assert self._ready.wait(60)
        time.sleep(2)  # what is read when a page is opened is not a frame
        return self

    def __exit__(self, *_: Any) -> None:
        self._done.set()
        self._process.join(30)


def pace(run: Any) -> float:
    """Evaluations per second."""
    begin, before = time.monotonic(), run.history.evaluated
    time.sleep(SECONDS)
    return (run.history.evaluated - before) / (time.monotonic() - begin)


def throughput(cluster: LocalCluster, client: Client, url: str, pages: int) -> None:
    runner = adaptive.Runner(adaptive.Learner1D(no_op, (-1, 1)), npoints_goal=10**8, name="fast", executor=client)
    run = cluster.scheduler.plugins["adaptive"].runs["fast"]
    time.sleep(3)
    alone, watched = [], []
    with LoopTimes() as loop:
        for _ in range(ROUNDS):
            alone.append(pace(run))
            with Pages(f"{url}?run=fast", pages):
                loop.times.clear()
                watched.append(pace(run))
                report(f"{pages} pages", dict(loop.times), SECONDS)
    ratio = statistics.median(one / other for one, other in zip(watched, alone, strict=True))
    print(f"no page      {statistics.median(alone):8,.0f} points/s   {[round(x) for x in alone]}")
    print(f"{pages} pages      {statistics.median(watched):8,.0f} points/s   {[round(x) for x in watched]}")
    print(f"with pages / without: {ratio:.3f} (median of the pairs)")
    runner.cancel()
    runner.wait(30)


def frames(cluster: LocalCluster, client: Client, url: str, pages: int, npoints: int) -> None:
    learner = adaptive.Learner1D(slow, (-1, 1))
    xs = np.random.default_rng(0).uniform(-1, 1, npoints)
    learner.tell_many(xs, np.sin(20 * xs))
    runners = [
        adaptive.Runner(adaptive.Learner1D(slow, (-1, 1)), npoints_goal=10**6, name=f"small {i}", executor=client)
        for i in range(RUNS - 1)
    ]
    for runner in runners:
        runner.pause()
    runners.append(adaptive.Runner(learner, npoints_goal=10**8, name="large", executor=client))
    time.sleep(5)
    for label, open_pages in (("no page", None), (f"{pages} pages", Pages(f"{url}?run=large", pages))):
        with LoopTimes() as loop:
            if open_pages is None:
                time.sleep(15)
            else:
                with open_pages:
                    loop.times.clear()
                    time.sleep(15)
                    report(label, dict(loop.times))
                    loop.times.clear()
                    begin = time.monotonic()
                wait_until_forgotten(cluster)
                client.run_on_scheduler(int)  # the turn in which they were forgotten is over
                report("closing", dict(loop.times), time.monotonic() - begin)
                continue
        report(label, dict(loop.times))
    for runner in runners:
        runner.cancel()
    for runner in runners:
        runner.wait(60)


def wait_until_forgotten(cluster: LocalCluster) -> None:
    """Bokeh keeps the documents of pages that were closed for some 20 s."""
    applications = cluster.scheduler.http_application.applications
    paths = [(one, set(getattr(one, "app_paths", ()))) for one in applications]
    ours = next(one for one, its in paths if "/adaptive" in its and "/status" not in its)
    while ours.get_sessions("/adaptive"):
        time.sleep(0.1)


def report(label: str, times: dict[str, list[float]], seconds: float = 15) -> None:
    spent = np.array(times.pop("all"))
    share = spent.sum() / seconds
    print(f"{label:9} event loop busy {100 * share:5.1f} % of a core, longest turn {1000 * spent.max():5.1f} ms")
    key: Callable[[tuple[str, list[float]]], float] = lambda item: -max(item[1])  # noqa: E731
    for name, values in sorted(times.items(), key=key)[:8]:
        print(f"    {1000 * max(values):6.1f} ms at most, {len(values):4} over 2 ms: {name}")


def main() -> None:
    pages = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    npoints = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        url = f"http://127.0.0.1:{cluster.scheduler.http_server.port}/adaptive"
        if "frames" not in sys.argv:
            throughput(cluster, client, url, pages)
        if "pace" not in sys.argv:
            frames(cluster, client, url, pages, npoints)


if __name__ == "__main__":
    main()
