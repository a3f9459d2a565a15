"""One open page: a part that fails is left out, and a page that was closed costs nothing."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from types import SimpleNamespace
from typing import Any

import bokeh.events
import pytest
from bokeh.application.handlers.document_lifecycle import DocumentLifecycleHandler
from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.models.widgets import Div
from bokeh.server.session import ServerSession
from tornado.ioloop import IOLoop

from adaptive_dask.dashboard.page import PARTS, individual_page, main_page
from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.view import TROUBLE, Look, Part, Reading, ReadingPart, View


class Counter(Part):
    """Counts its looks, and fails at some."""

    def __init__(self, fails_at: int = 0) -> None:
        self.root = Div()
        self.looks = 0
        self.closed = 0
        self._fails_at = fails_at

    def update(self, look: Look, patch: Patch) -> None:
        self.looks += 1
        patch.put(self.root, text=f"look {self.looks}")
        if self.looks == self._fails_at:
            raise RuntimeError("cannot draw this")

    def close(self) -> None:
        self.closed += 1


class Reader(Counter, ReadingPart):
    """Wants to read at every look."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = 0
        self.shown: list[Any] = []

    def reading(self, run: Any) -> Reading | None:
        self.wanted += 1
        return Reading(lambda session: session, lambda raw: raw)

    def show(self, data: Any, wire: Any) -> None:
        self.shown.append(data)


class Host:
    """Has runs, and lets them be read when the test says so."""

    def __init__(self, *names: str) -> None:
        going = SimpleNamespace(has_ended=False)
        self.runs = {name: SimpleNamespace(name=name, id=f"id of {name}", started=1.0, state=going) for name in names}
        self.turns: dict[str, asyncio.Future[Any]] = {}
        self.reads: list[str] = []

    async def read_run(self, run: Any, read: Any, prepare: Any) -> tuple[Any, tuple[float, float]]:
        self.reads.append(run.name)
        turn = self.turns[run.name] = asyncio.get_running_loop().create_future()
        return prepare(read(await turn)), (0.0, 0.0)


def scheduler(*names: str) -> Any:
    return SimpleNamespace(plugins={"adaptive": Host(*names or ("scan",))}, workers={})


async def look(doc: Document) -> None:
    """What Bokeh does at intervals."""
    for callback in list(doc.session_callbacks):
        result = callback.callback()
        if asyncio.iscoroutine(result):
            await result
    for _ in range(3):
        await asyncio.sleep(0)  # for tasks


def messages(doc: Document) -> list[Any]:
    """The changes that the browser will have been sent."""
    sent: list[Any] = []
    doc.on_change(lambda event: sent.extend(change for patch in event.new for change in json.loads(patch)))
    return sent


def close(doc: Document) -> None:
    """What Bokeh does when the browser is gone."""
    if hasattr(bokeh.events, "ConnectionLost"):
        doc.callbacks.trigger_event(bokeh.events.ConnectionLost())
    for callback in doc.session_destroyed_callbacks:
        callback(None)  # type: ignore[arg-type]


async def test_a_part_that_fails_is_left_out_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    doc, bad, good = Document(), Counter(fails_at=2), Counter()
    the_scheduler = scheduler()
    View(the_scheduler, doc, [bad, good], None)
    doc.callbacks.trigger_event(DocumentReady())
    for _ in range(4):
        await look(doc)
    assert (bad.looks, good.looks) == (2, 5)
    assert [record.message for record in caplog.records] == ["The dashboard cannot show Counter"]


async def test_the_page_says_which_part_cannot_show_a_run() -> None:
    doc, bad = Document(), Counter(fails_at=2)
    view = View(scheduler("fails", "other"), doc, [bad], "fails")
    doc.callbacks.trigger_event(DocumentReady())
    sent = messages(doc)
    for _ in range(3):
        await look(doc)
    assert sent == [["say", bad.root.id, TROUBLE]]
    sent.clear()
    view.select("other")
    assert sent == [["put", bad.root.id, {"text": "look 3"}], ["say", bad.root.id, ""]]


async def test_a_run_that_is_busy_does_not_keep_another_from_being_read() -> None:
    doc, part, the_scheduler = Document(), Reader(), scheduler("busy", "other")
    host = the_scheduler.plugins["adaptive"]
    view = View(the_scheduler, doc, [part], "busy")
    doc.callbacks.trigger_event(DocumentReady())
    for _ in range(3):
        await look(doc)
    assert host.reads == ["busy"]  # once, and not at each look
    view.select("other")
    await look(doc)
    assert host.reads == ["busy", "other"]
    for name in ("busy", "other"):
        host.turns[name].set_result(f"data of {name}")
        await look(doc)
        await look(doc)
    assert part.shown == ["data of other"]


async def test_changes_travel_as_one_message_once_the_browser_has_the_page() -> None:
    doc, parts = Document(), [Counter(), Counter()]
    the_scheduler = scheduler()
    View(the_scheduler, doc, parts, None)
    sent: list[Any] = []
    doc.on_change(lambda event: sent.append(event))
    await look(doc)
    assert parts[0].looks == 0
    doc.callbacks.trigger_event(DocumentReady())
    await look(doc)
    assert parts[0].root.text == ""
    for number, event in enumerate(sent, 1):
        assert event.attr == "tags"
        assert len(event.new) == 2
        assert all(f"look {number}" in patch for patch in event.new)
    assert len(sent) == 2


@pytest.mark.parametrize("version", ["new", "older than 3.8"])
async def test_a_page_that_is_closed_looks_no_more(
    version: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version != "new":
        monkeypatch.delattr("bokeh.events.ConnectionLost", raising=False)
    with caplog.at_level(logging.DEBUG, "adaptive_dask"):
        doc, part = Document(), Reader()
        the_scheduler = scheduler()
        View(the_scheduler, doc, [part], None)
        doc.callbacks.trigger_event(DocumentReady())
        await look(doc)
        assert (part.looks, part.wanted) == (2, 1)
        close(doc)
        await look(doc)
    assert (part.looks, part.wanted, part.closed) == (2, 1, 1)
    assert not caplog.records


async def test_a_page_goes_without_looking_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which takes long where learners are large, and is Bokeh's own way."""
    collected: list[None] = []
    monkeypatch.setattr(gc, "collect", lambda *_: collected.append(None))
    doc = Document()
    View(scheduler(), doc, [Counter()], None)
    doc.callbacks.trigger_event(DocumentReady())
    close(doc)
    session = ServerSession("id", doc, IOLoop.current())  # type: ignore[arg-type]
    await DocumentLifecycleHandler().on_session_destroyed(session)  # type: ignore[arg-type]
    session.destroy()
    assert not collected
    assert not hasattr(doc.models, "_models")


async def test_pages_can_be_made_without_runs_and_without_a_host() -> None:
    nothing = SimpleNamespace(plugins={}, workers={})
    for make in (lambda doc: main_page(nothing, doc), *map(_individual, PARTS)):
        doc = Document()
        make(doc)
        doc.callbacks.trigger_event(DocumentReady())
        await look(doc)
        close(doc)


def _individual(name: str) -> Any:
    return lambda doc: individual_page(name, SimpleNamespace(plugins={}, workers={}), doc)
