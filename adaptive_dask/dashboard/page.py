"""The Bokeh documents: the page with all parts, and single plots for Jupyter and the menu."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bokeh.document import Document
from jinja2 import Environment, FileSystemLoader

from adaptive_dask.dashboard.charts.durations import DurationChart
from adaptive_dask.dashboard.charts.event_loop import EventLoopChart
from adaptive_dask.dashboard.charts.failures import FailureList
from adaptive_dask.dashboard.charts.loss import LossChart
from adaptive_dask.dashboard.charts.over_time import LearnerChart, PaceChart
from adaptive_dask.dashboard.charts.workers import WorkerChart
from adaptive_dask.dashboard.header import Header
from adaptive_dask.dashboard.internals import template_folder
from adaptive_dask.dashboard.run_table import RunTable
from adaptive_dask.dashboard.samples.part import Samples
from adaptive_dask.dashboard.style import THEMES
from adaptive_dask.dashboard.view import View

# `base.html` of Dask's templates escapes nothing, so no text of a user may be a template variable.
_TEMPLATES = Environment(
    loader=FileSystemLoader([Path(__file__).parent / "templates", template_folder()]), trim_blocks=True
)


class PartOfPage(NamedTuple):
    """The constructor of a part, and its title."""

    make: Callable[[], Any]
    title: str


PARTS: dict[str, PartOfPage] = {
    "runs": PartOfPage(RunTable, "Runs"),
    "samples": PartOfPage(Samples, "Samples"),
    "loss": PartOfPage(LossChart, "Loss against points"),
    "loss-over-time": PartOfPage(partial(LossChart, "seconds"), "Loss against time"),
    "points-per-second": PartOfPage(PaceChart, "Points per second"),
    "durations": PartOfPage(DurationChart, "Duration of evaluations"),
    "workers": PartOfPage(WorkerChart, "Evaluations per worker"),
    "learner": PartOfPage(LearnerChart, "Learner on the scheduler"),
    "event-loop": PartOfPage(EventLoopChart, "Delay of the scheduler's event loop"),
    "failures": PartOfPage(FailureList, "Failures"),
}


def main_page(scheduler: Any, doc: Document) -> None:
    """Fill the page ``adaptive``; ``?run=name`` selects a run, ``?theme=`` light or dark."""
    header = Header(doc)
    parts = {"header": header, **{name: part.make() for name, part in PARTS.items()}}
    for name, part in parts.items():
        part.root.name = name.replace("-", "_")
    doc.template = _TEMPLATES.get_template("adaptive.html")
    cards = [(name.replace("-", "_"), part.title) for name, part in PARTS.items() if name != "runs"]
    doc.template_variables.update(cards=cards)
    _show(scheduler, doc, list(parts.values()), "Dask: Adaptive")


def individual_page(name: str, scheduler: Any, doc: Document) -> None:
    """Fill the window with one plot, of the newest run unless ``?run=`` names another."""
    header, part = Header(doc, short=True), PARTS[name].make()
    header.root.name, part.root.name = "header", "part"
    doc.template = _TEMPLATES.get_template("single.html")
    doc.template_variables.update(is_about_one=name not in ("runs", "event-loop"))
    _show(scheduler, doc, [header, part], f"Dask: {PARTS[name].title}")


def _show(scheduler: Any, doc: Document, parts: list[Any], title: str) -> None:
    doc.title = title
    if hasattr(doc, "config"):  # since Bokeh 3.8
        doc.config.reconnect_session = False  # to an outdated document; the page reloads itself
    doc.theme = THEMES[_theme(doc)]
    # Bokeh visits all models after each change. This makes it do so once instead of once per part.
    with doc.models.freeze():
        for part in parts:
            doc.add_root(part.root)
        View(scheduler, doc, parts, _argument(doc, "run", None))


def _theme(doc: Document) -> str:
    theme = _argument(doc, "theme", "light")
    return theme if theme in THEMES else "light"


def _argument(doc: Document, name: str, default: Any) -> Any:
    """Return an argument of the page's address."""
    context: Any = doc.session_context
    values = context.request.arguments.get(name) if context is not None else None
    return values[0].decode(errors="replace") if values else default
