"""The representation of a learner: a line in a terminal, a small table in a notebook."""

from __future__ import annotations

import functools
import html
import math
from collections.abc import Callable
from typing import Any

from adaptive_dask.learner.any_learner import children_of
from adaptive_dask.plain import one_line
from adaptive_dask.user_code import reraise_interrupt

# Longer texts, such as bounds in many dimensions, are truncated.
MOST_LETTERS = 120


def as_text(learner: Any) -> str:
    """Return one line with the class, function, bounds and number of points; compute nothing and never raise."""
    facts = dict(_facts(learner))
    where = f" on {facts['bounds']}" if "bounds" in facts else ""
    pending = f", {facts['pending']} pending" if facts.get("pending", "0") != "0" else ""
    what = facts.get("function") or facts["learners"]
    return one_line(f"<{type(learner).__name__} of {what}{where}: {facts['points']} points{pending}>")


def as_html(learner: Any) -> str:
    """Return a table with the contents of `as_text` and the loss; escape all texts and never raise."""
    rows = [*_facts(learner), ("loss", _safely(lambda: f"{float(learner.loss()):.4g}"))]
    cells = "".join(
        f'<tr><th style="text-align: left">{html.escape(name)}</th>'
        f'<td style="text-align: left">{html.escape(text)}</td></tr>'
        for name, text in rows
    )
    return f"<table><caption>{html.escape(type(learner).__name__)}</caption><tbody>{cells}</tbody></table>"


def _facts(learner: Any) -> list[tuple[str, str]]:
    children = children_of(learner)
    if isinstance(children, list) and children:
        facts = [("learners", f"{len(children):,} × {type(children[0]).__name__}")]
    else:
        facts = [("function", _safely(lambda: _name(learner.function)))]
    if hasattr(learner, "bounds"):
        facts.append(("bounds", _safely(lambda: _bounds(learner))))
    facts.append(("points", _safely(lambda: f"{learner.npoints:,}")))
    facts.append(("pending", _safely(lambda: f"{len(learner.pending_points):,}")))
    return facts


def _bounds(learner: Any) -> str:
    bounds = learner.bounds
    if not isinstance(bounds, list | tuple):
        return _cut(f"a {type(bounds).__name__}")
    return _cut(str(type(bounds)(map(_Bound, bounds))))


class _Bound:
    """The text of one entry of bounds. Frozen distributions of SciPy have no useful ``repr``."""

    def __init__(self, bound: Any) -> None:
        self._bound = bound

    def __repr__(self) -> str:
        distribution = getattr(self._bound, "dist", None)
        if distribution is None:
            return repr(self._bound)
        given = [*map(repr, self._bound.args), *(f"{name}={value!r}" for name, value in self._bound.kwds.items())]
        return f"{distribution.name}({', '.join(given)})"


def _name(function: Any) -> str:
    """Return the name of a function, which may be wrapped."""
    if isinstance(function, functools.partial):
        given = [*map(_short, function.args), *(f"{name}={_short(value)}" for name, value in function.keywords.items())]
        return _cut(f"{_name(function.func)}({', '.join(['…', *given])})")
    inner = getattr(function, "function", None)
    if callable(inner):
        return _name(inner)
    return _cut(getattr(function, "__qualname__", None) or type(function).__qualname__)


def _short(value: Any) -> str:
    if isinstance(value, bool | int | str | type(None)):
        return _cut(repr(value), 20)
    return f"{value:.6g}" if isinstance(value, float) and math.isfinite(value) else type(value).__name__


def _cut(text: str, most: int = MOST_LETTERS) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _safely(tell: Callable[[], str]) -> str:
    """Return a property as text. The learner may be incomplete or invalid, for example in a debugger."""
    try:
        return tell()
    except BaseException as error:
        reraise_interrupt(error)
        return f"({type(error).__name__})"
