"""View: one open page, which updates each of its parts at regular intervals."""

from __future__ import annotations

import asyncio
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from bokeh.document import Document, without_document_lock
from bokeh.events import DocumentReady

from adaptive_dask import config
from adaptive_dask.cluster.scheduler import LearnerHost
from adaptive_dask.cluster.scheduler_run import HostedRun
from adaptive_dask.dashboard.documents import notice_closing
from adaptive_dask.dashboard.numbers import host_of, runs_of
from adaptive_dask.dashboard.patch import Patch, Wire, keep_quiet
from adaptive_dask.errors import LearnerBusyError
from adaptive_dask.logs import get_logger

logger = get_logger(__name__)

READING_INTERVAL = 0.25  # minimum number of seconds between two readings of learner data
# Maximum share of the time that all pages together spend on reading, while the learner waits, and on preparing the
# data, in another thread.
READING_SHARE, PREPARING_SHARE = 0.04, 0.08

# Seconds after which a learner that did not answer is read again.
LATE = 5.0

TROUBLE = "This cannot be drawn for this run; the scheduler's log says why. The run itself is not affected."

_open_views: weakref.WeakSet[View] = weakref.WeakSet()


class Look(NamedTuple):
    """The state that the parts of a page show: all runs, newest first, and the selected one.

    `wanted` is the name of the run that the user selected, if any.
    """

    scheduler: Any
    runs: list[HostedRun]
    run: HostedRun | None
    wanted: str | None
    select: Callable[[str], None]


class Part(ABC):
    """A part of a page."""

    root: Any  # a LayoutDOM

    @abstractmethod
    def update(self, look: Look, patch: Patch) -> None:
        """Add changes to the patch. Called on the scheduler's event loop, so it must be quick."""

    def close(self) -> None:  # noqa: B027  most parts have nothing to do
        """Release resources when the page is closed."""


class RunChart(Part):
    """A chart of the selected run, which is drawn again when its key changes."""

    _key: object = None

    def update(self, look: Look, patch: Patch) -> None:
        """Draw the chart if there is a run with news."""
        if look.run is not None:
            key = (look.run.id, self.key(look, look.run))
            if key != self._key:
                self._key = key
                self.draw(look, look.run, patch)

    @abstractmethod
    def key(self, look: Look, run: HostedRun) -> object:
        """Return a key that changes with the drawn data."""

    @abstractmethod
    def draw(self, look: Look, run: HostedRun, patch: Patch) -> None:
        """Add the changes of the chart to the patch."""


class Reading(NamedTuple):
    """Functions that read a run.

    `read` is called with the session of the run in the learner's thread, then `prepare` with its result in any
    thread. Several runs may be read at the same time.
    """

    read: Callable[[Any], Any]
    prepare: Callable[[Any], Any]


class ReadingPart(Part):
    """A part that shows data of the learner."""

    @abstractmethod
    def reading(self, run: Any) -> Reading | None:
        """Return how to read new data, or None if there is none."""

    @abstractmethod
    def show(self, data: Any, wire: Wire) -> None:
        """Show the prepared data. Called on the event loop, if they belong to the run of the last `update`."""


class View:
    """One open page. It may be created in any thread, because it reads nothing before a browser shows it.

    Parameters
    ----------
    scheduler : Scheduler
    doc : Document
    parts : sequence of Part
    wanted : str or None
        The name of the run to show. None selects the newest active run, or the newest if none is active.
    """

    def __init__(self, scheduler: Any, doc: Document, parts: Sequence[Part], wanted: str | None) -> None:
        self._scheduler = scheduler
        self._doc = doc
        self._parts = parts
        self._wanted = wanted
        self._broken: set[tuple[int, str]] = set()
        self._in_trouble: set[int] = set()  # parts that are replaced by a message
        self._closed = False
        self._is_shown = False  # shown by a browser, which has all models
        self._wire = Wire()
        doc.add_root(self._wire.root)
        for root in doc.roots:
            keep_quiet(root.references())
        doc.on_event(DocumentReady, self._shown)
        notice_closing(doc, self._close)
        doc.add_periodic_callback(self._update, int(1000 * config.get("dashboard.interval")))
        for part in parts:
            if isinstance(part, ReadingPart):
                doc.add_periodic_callback(self._make_reader(part), int(1000 * READING_INTERVAL))

    def select(self, name: str) -> None:
        """Select another run."""
        if name != self._wanted:
            self._wanted = name
            self._update()

    def _look(self) -> Look:
        runs = runs_of(self._scheduler)
        chosen = [run for run in runs if run.name == self._wanted] if self._wanted is not None else []
        active = [run for run in runs if not run.state.has_ended]
        return Look(self._scheduler, runs, next(iter(chosen or active or runs), None), self._wanted, self.select)

    def _update(self) -> None:
        if self._closed or not self._is_shown:
            return
        look = self._look()
        changes: list[str] = []
        for part in self._parts:
            changes += self._changes(part, look)
        if changes:
            self._wire.send(*changes)

    def _changes(self, part: Part, look: Look) -> list[str]:
        """Return the changes of a part as patches, or a message if the part cannot show this run."""
        patches: list[str] = []
        if not self._is_broken(part, look.run):
            try:
                patch = Patch()
                part.update(look, patch)
                patches += [patch.encode()] if patch else []
            except Exception:
                self._give_up(part, look.run)
        is_broken = self._is_broken(part, look.run)
        if is_broken != (id(part) in self._in_trouble):
            self._in_trouble ^= {id(part)}
            patch = Patch()
            patch.say(part.root, TROUBLE if is_broken else "")
            patches.append(patch.encode())
        return patches

    def _shown(self, _: Any) -> None:
        self._is_shown = True
        _open_views.add(self)
        self._update()

    def _is_broken(self, part: Part, run: HostedRun | None) -> bool:
        return _key(part, run) in self._broken

    def _give_up(self, part: Part, run: HostedRun | None) -> None:
        """Replace a part by a message, because it would fail again at every update."""
        self._broken.add(_key(part, run))
        logger.exception("The dashboard cannot show %s", type(part).__name__)

    def _close(self, _: Any) -> None:
        if self._closed:
            return
        self._closed = True
        _open_views.discard(self)
        for part in self._parts:
            part.close()

    def _make_reader(self, part: ReadingPart) -> Any:
        """Return a callback that reads learner data for a part, as often as that is cheap."""
        rest = ("", 0.0)  # a run, and the time before which it is not read
        under_way: dict[str, asyncio.Task[None]] = {}  # by run, because one may be busy while another is shown

        async def read(host: LearnerHost, run: HostedRun, reading: Reading) -> None:
            nonlocal rest
            begin = time.monotonic()
            try:
                data, (reading_took, preparing_took) = await host.read_run(run, reading.read, reading.prepare)
                rest_for_one = max(reading_took / READING_SHARE, preparing_took / PREPARING_SHARE)
                rest = (run.id, begin + rest_for_one * max(1, len(_open_views)))
                if not self._closed:
                    self._doc.add_next_tick_callback(partial(self._show, part, run, data))
            except LearnerBusyError:
                rest = (run.id, time.monotonic() + LATE)  # a learner that hangs may recover
            except Exception:
                self._give_up(part, run)
            finally:
                del under_way[run.id]

        # The learner may be busy for a long time, while the page must respond to clicks.
        @without_document_lock
        async def begin() -> None:
            if self._closed or not self._is_shown:
                return
            host, run = host_of(self._scheduler), self._look().run
            if host is None or run is None or run.id in under_way or self._is_broken(part, run):
                return
            if rest[0] == run.id and time.monotonic() < rest[1]:
                return
            try:
                reading = part.reading(run)
            except Exception:
                self._give_up(part, run)
            else:
                if reading is not None:
                    under_way[run.id] = asyncio.create_task(read(host, run, reading))

        return begin

    def _show(self, part: ReadingPart, run: HostedRun, data: Any) -> None:
        if self._look().run is not run:
            return  # another run was selected in the meantime
        try:
            part.show(data, self._wire)
        except Exception:
            self._give_up(part, run)


def _key(part: Part, run: HostedRun | None) -> tuple[int, str]:
    return id(part), "" if run is None else run.id
