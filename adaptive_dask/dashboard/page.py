"""The Bokeh documents: the page with everything, and single plots for Jupyter and the menu."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import distributed.http.utils
from bokeh.document import Document
from jinja2 import Environment, FileSystemLoader

from adaptive_dask.dashboard.header import Header
from adaptive_dask.dashboard.parts import PARTS
from adaptive_dask.dashboard.style import THEMES
from adaptive_dask.dashboard.view import View

# Dask's own templates are there for `base.html`, which escapes nothing itself: no user's text may come to a template.
_TEMPLATES = Environment(
    loader=FileSystemLoader(
        [str(Path(__file__).parent / "templates"), str(Path(distributed.http.utils.dirname) / "templates")]
    ),
    trim_blocks=True,
)


def main_page(scheduler: Any, doc: Document) -> None:
    """The page ``adaptive``; ``?run=name`` selects a run, ``?theme=`` light or dark."""
    header = Header(doc)
    parts = {"header": header, **{name: part.make() for name, part in PARTS.items()}}
    for name, part in parts.items():
        part.root.name = name.replace("-", "_")
    doc.template = _TEMPLATES.get_template("adaptive.html")
    cards = [(name.replace("-", "_"), part.title) for name, part in PARTS.items() if name != "runs"]
    doc.template_variables.update(cards=cards)
    _show(scheduler, doc, list(parts.values()), "Dask: Adaptive")


def individual_page(name: str, scheduler: Any, doc: Document) -> None:
    """One plot that fills the window, of the newest run if ``?run=`` names none."""
    header, part = Header(doc, short=True), PARTS[name].make()
    header.root.name, part.root.name = "header", "part"
    doc.template = _TEMPLATES.get_template("single.html")
    doc.template_variables.update(is_about_one=name not in ("runs", "event-loop"))
    _show(scheduler, doc, [header, part], f"Dask: {PARTS[name].title}")


def _show(scheduler: Any, doc: Document, parts: list[Any], title: str) -> None:
    doc.title = title
    if hasattr(doc, "config"):  # since Bokeh 3.8
        doc.config.reconnect_session = False  # to a document that is old by then; the page loads itself anew
    doc.theme = THEMES[_theme(doc)]
    # Bokeh goes through all models after each change: here once, rather than for each part.
    with doc.models.freeze():
        for part in parts:
            doc.add_root(part.root)
        View(scheduler, doc, parts, _argument(doc, "run", None))


def _theme(doc: Document) -> str:
    theme = _argument(doc, "theme", "light")
    return theme if theme in THEMES else "light"


def _argument(doc: Document, name: str, default: Any) -> Any:
    """An argument of the page's address."""
    context: Any = doc.session_context
    values = context.request.arguments.get(name) if context is not None else None
    return values[0].decode(errors="replace") if values else default
