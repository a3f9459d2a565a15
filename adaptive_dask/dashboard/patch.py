"""Patch: all changes of a page in one update, as a single message.

Bokeh sends one message for each property that changes. Each costs the event loop about a millisecond, mostly to find
out which models the browser already has. This page has twenty changes per update, so they are sent together as text,
and a line of script in the browser applies them. The models on the server keep their initial state; nothing reads them.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.core.properties import validate
from bokeh.model import Model
from bokeh.models import ColumnDataSource, CustomJS, Range1d, Selection
from bokeh.models.widgets import AbstractButton, Div, InputWidget

# Shorter arrays take as much space as text as they do in base64.
SHORT = 32


class Patch:
    """An ordered list of changes of models."""

    def __init__(self) -> None:
        self._changes: list[tuple[str, Model, Any]] = []

    def __bool__(self) -> bool:
        return bool(self._changes)

    def put(self, model: Model, **properties: Any) -> None:
        """Set properties of a model. Numbers that are not finite become gaps in a plot."""
        self._changes.append(("put", model, properties))

    def fill(self, source: ColumnDataSource, columns: Mapping[str, Any]) -> None:
        """Replace the data of a source."""
        self._changes.append(("fill", source, dict(columns)))

    def append(self, source: ColumnDataSource, columns: Mapping[str, Sequence[Any]], most: int | None = None) -> None:
        """Add rows to a source, and remove the oldest rows above `most`."""
        self._changes.append(("append", source, (dict(columns), most)))

    def say(self, root: Model, text: str) -> None:
        """Show a message instead of a part, or the part again if the message is empty."""
        self._changes.append(("say", root, text))

    def apply(self) -> None:
        """Change the models on the server, for a page that no browser shows yet."""
        with validate(False):  # which takes long for arrays
            for what, model, value in self._changes:
                if what == "put":
                    model.update(**value)
                elif isinstance(model, ColumnDataSource):
                    if what == "fill":
                        model.data = value
                    else:
                        model.stream(*value)

    def encode(self) -> str:
        """Return the changes as JSON for the browser."""
        changes = [(what, model.id, _plain(value)) for what, model, value in self._changes]
        return json.dumps(changes, allow_nan=False, separators=(",", ":"))


class Wire:
    """Sends patches to the browser, as the tags of an invisible model."""

    def __init__(self) -> None:
        self.root = Div(name="wire", text="", visible=False)
        self.root.js_on_change("tags", CustomJS(code=_SET))

    def send(self, *patches: str) -> None:
        """Send encoded patches."""
        self.root.tags = list(patches)


def keep_quiet(models: Iterable[Model]) -> None:
    """Prevent the browser from reporting changes that it makes to models, such as ranges that follow their data."""
    for model in models:
        model.syncable = isinstance(model, Selection | AbstractButton | InputWidget | Range1d)


def _plain(value: Any) -> Any:
    """Return data that JSON can represent."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and value.ndim == 1 and len(value) > SHORT:
            return {"f4" if value.dtype == np.float32 else "f8": base64.b64encode(value.tobytes()).decode()}
        if value.dtype == np.float32 and value.ndim == 2:
            return {"rows": base64.b64encode(value.tobytes()).decode(), "n": value.shape[1]}
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


# The counterpart of `_plain` and `Patch` in the browser.
_SET = """
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const { ndarray } = Bokeh.require("core/util/ndarray");
const rows = (numbers, n) => ndarray(numbers, { dtype: "float32", shape: [numbers.length / n, n] });
const gaps = (list) => list.some((one) => one === null) ? list.map((one) => one ?? NaN) : list;
function column(value) {
  if (Array.isArray(value)) {
    const isPicture = value.length > 0 && value[0]?.rows !== undefined;
    return isPicture ? value.map((one) => rows(new Float32Array(bytes(one.rows)), one.n)) : gaps(value);
  }
  return value.f8 !== undefined ? new Float64Array(bytes(value.f8)) : new Float32Array(bytes(value.f4));
}
const columns = (data) => Object.fromEntries(Object.entries(data).map(([name, value]) => [name, column(value)]));
function details(model) {
  const view = Bokeh.index.find_one_by_id?.(model.id);
  return Array.from(view?.shadow_el?.querySelectorAll("details") ?? []);
}
function put(model, value) {
  // A text is replaced as a whole: what somebody opened in it is opened again.
  const open = value.text === undefined ? [] : details(model).filter((one) => one.open).map((one) => one.dataset.key);
  model.setv(value);
  if (open.length > 0) for (const one of details(model)) one.open = open.includes(one.dataset.key);
}
function say(part, text) {
  const place = document.querySelector(`[data-part="${part}"] .trouble`);
  if (place !== null) Object.assign(place, { textContent: text, hidden: text === "" });
}
for (const [what, id, value] of cb_obj.tags.flatMap((patch) => JSON.parse(patch))) {
  const model = cb_obj.document.get_model_by_id(id);
  if (model == null) continue; // a picture that was replaced meanwhile
  if (what === "put") put(model, value);
  else if (what === "fill") model.data = columns(value);
  else if (what === "say") say(model.name, value);
  else model.stream(columns(value[0]), value[1]);
}
"""
