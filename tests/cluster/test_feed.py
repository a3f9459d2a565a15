"""Watchers of a run get each result once and in order, or are told that they are too far behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_dask.cluster import scheduler_feed, scheduler_subscriptions
from adaptive_dask.cluster.scheduler_feed import Chunk, Feed, Subscription
from adaptive_dask.cluster.scheduler_subscriptions import check_request, wait_for_news

from ..patience import TIMEOUT
from ..settings import change

LONG = 4 * TIMEOUT  # a test that waits for so long has failed


@pytest.fixture
async def feed() -> AsyncIterator[Feed]:
    async with asyncio.timeout(LONG / 4):
        yield Feed()


async def poll(
    feed: Feed, position: int, version: int | None = None, *, interval: float = 0.0, timeout: float = 0.0
) -> list[Chunk] | None:
    version = feed.version if version is None else version
    await wait_for_news([(feed, position, version)], Subscription(), interval, timeout)
    return feed.since(position)


async def waiting(feed: Feed, position: int = 0, *, interval: float = 0.0) -> asyncio.Future[list[Chunk] | None]:
    """A poll that has begun to wait."""
    polling = asyncio.ensure_future(poll(feed, position, interval=interval, timeout=LONG))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not polling.done()
    return polling


# ---- what is answered


async def test_results_come_once_and_in_order(feed: Feed) -> None:
    feed.publish(2, b"ab")
    feed.publish(1, b"c")
    assert await poll(feed, 0) == [Chunk(0, 2, b"ab"), Chunk(2, 3, b"c")]
    assert await poll(feed, 2) == [Chunk(2, 3, b"c")]
    assert await poll(feed, 3) == []
    feed.publish(3, b"def")
    assert await poll(feed, 3) == [Chunk(3, 6, b"def")]
    assert feed.position == 6


async def test_changes_that_come_often_are_told_together(feed: Feed) -> None:
    polling = await waiting(feed)
    for _ in range(5):
        feed.change_soon()
    assert feed.version == 0
    assert await polling == []
    assert feed.version == 1
    feed.change_soon()
    assert await poll(feed, 0, timeout=LONG) == []
    assert feed.version == 2


async def test_nothing_new_is_an_empty_answer(feed: Feed) -> None:
    assert await poll(feed, 0) == []


@pytest.mark.parametrize("position", [1, 4, 99, -1])
async def test_a_position_that_no_chunk_begins_with_is_a_gap(feed: Feed, position: int) -> None:
    feed.publish(3, b"abc")
    assert await poll(feed, position) is None


async def test_what_nobody_watched_is_a_gap(feed: Feed) -> None:
    feed.publish(2, b"ab")
    feed.publish(2, None)
    assert await poll(feed, 0) is None
    assert await poll(feed, 2) is None
    assert await poll(feed, 4) == []
    feed.publish(1, b"e")
    assert await poll(feed, 2) is None
    assert await poll(feed, 4) == [Chunk(4, 5, b"e")]


async def test_what_is_kept_is_bounded(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch, "scheduler.followed-results", 10)
    for data in (b"1234", b"5678", b"9"):
        feed.publish(1, data)
    assert await poll(feed, 0) == [Chunk(0, 1, b"1234"), Chunk(1, 2, b"5678"), Chunk(2, 3, b"9")]
    feed.publish(1, b"ab")
    assert await poll(feed, 0) is None
    assert await poll(feed, 1) == [Chunk(1, 2, b"5678"), Chunk(2, 3, b"9"), Chunk(3, 4, b"ab")]
    feed.publish(1, b"larger than all")
    assert await poll(feed, 4) is None
    assert await poll(feed, 5) == []
    feed.publish(1, b"small")
    assert await poll(feed, 5) == [Chunk(5, 6, b"small")]


@given(
    sizes=st.lists(st.none() | st.integers(1, 9), max_size=20),
    polls=st.sets(st.integers(0, 20)),
    most=st.integers(4, 40),
)
def test_a_watcher_misses_nothing_without_being_told(sizes: list[int | None], polls: set[int], most: int) -> None:
    async def watch() -> None:
        feed, known = Feed(), 0
        results = bytes(range(200))
        for i, size in enumerate(sizes):
            start = feed.position
            count = size or 3
            feed.publish(count, None if size is None else results[start : start + count])
            kept = feed._chunks
            assert sum(len(chunk.data) for chunk in kept) <= most
            if i not in polls:
                continue
            chunks = await poll(feed, known, -1)
            if chunks is not None:
                assert b"".join(chunk.data for chunk in chunks) == results[known : feed.position]
            known = feed.position

    with pytest.MonkeyPatch.context() as patch:
        change(patch, "scheduler.followed-results", most)
        asyncio.run(watch())


# ---- when it is answered


async def test_a_poll_waits_for_results(feed: Feed) -> None:
    polling = await waiting(feed)
    feed.publish(1, b"a")
    assert await polling == [Chunk(0, 1, b"a")]


async def test_results_of_an_interval_are_gathered(feed: Feed) -> None:
    feed.publish(1, b"a")
    polling = await waiting(feed, interval=LONG)
    feed.publish(1, b"b")
    for _ in range(10):
        await asyncio.sleep(0)
    assert not polling.done(), "the interval is not over"
    feed.change()
    assert await polling == [Chunk(0, 1, b"a"), Chunk(1, 2, b"b")]


@pytest.mark.parametrize("interval", [0.0, LONG])
async def test_a_change_of_version_is_answered_at_once(feed: Feed, interval: float) -> None:
    polling = await waiting(feed, interval=interval)
    version = feed.version
    feed.change()
    assert await polling == []
    assert feed.version == version + 1


async def test_a_watcher_with_an_old_version_does_not_wait(feed: Feed) -> None:
    feed.change()
    assert await poll(feed, 0, feed.version - 1, interval=LONG, timeout=LONG) == []


async def test_all_watchers_are_woken(feed: Feed) -> None:
    polling = [await waiting(feed) for _ in range(3)]
    feed.publish(1, b"a")
    assert await asyncio.gather(*polling) == [[Chunk(0, 1, b"a")]] * 3


async def test_a_watcher_that_gives_up_does_not_disturb_others(feed: Feed) -> None:
    patient = await waiting(feed)
    gone = await waiting(feed)
    gone.cancel()
    assert await poll(feed, 0, timeout=0.001) == []
    assert not patient.done()
    feed.publish(1, b"a")
    assert await patient == [Chunk(0, 1, b"a")]
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_it_is_watched_for_a_while_after_a_poll(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(scheduler_feed.time, "monotonic", lambda: now[0])
    await poll(feed, 0, timeout=0.0)
    assert feed.is_watched
    now[0] += scheduler_feed.RESULTS_TIMEOUT_S - 0.1
    assert feed.is_watched
    now[0] += 0.2
    assert not feed.is_watched


async def test_results_are_kept_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(scheduler_feed.time, "monotonic", lambda: now[0])
    feed = Feed()
    for _ in range(5):
        now[0] += scheduler_feed.RESULTS_TIMEOUT_S / 2
        feed.publish(1, b"result")
    assert await poll(feed, 0, 0) is None
    chunks = await poll(feed, 2, 0)
    assert chunks is not None
    assert [chunk.start for chunk in chunks] == [2, 3, 4]


GOOD = {"watcher": "me", "runs": [[3, "scan", 0, -1]], "interval": 0, "timeout": 5.0}


def test_a_request_waits_for_some_time_at_most() -> None:
    assert check_request(**GOOD) == ("me", [[3, "scan", 0, -1]], 0.0, 5.0)
    assert check_request(**{**GOOD, "interval": -1, "timeout": 1e308})[2:] == (0.0, scheduler_subscriptions.MAX_WAIT_S)
    assert check_request(**{**GOOD, "runs": [], "timeout": float("inf")})[1:] == (
        [],
        0.0,
        scheduler_subscriptions.MAX_WAIT_S,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"watcher": None},
        {"watcher": ["me"]},
        {"runs": None},
        {"runs": "scan"},
        {"runs": ["scan"]},
        {"runs": [[3, "scan", 0]]},
        {"runs": [[3, "scan", 0, 0.5]]},
        {"runs": [[3, b"scan", 0, 0]]},
        {"runs": [[[], "scan", 0, 0]]},
        {"runs": [[True, "scan", 0, 0]]},
        {"runs": [[3, "scan", 0, 0]] * (scheduler_subscriptions.MAX_WATCHED_RUNS + 1)},
        {"interval": None},
        {"interval": float("nan")},
        {"timeout": "5"},
        {"timeout": True},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match="must"):
        check_request(**{**GOOD, **wrong})
