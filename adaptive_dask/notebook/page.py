"""Additions to the plots of HoloViews in a notebook: they report when they are removed, and need no server."""

from __future__ import annotations

import time
from typing import Any

# The name of the streams whose plots report when they are removed.
MARK = "AdaptiveUpdate"

# JupyterLab's extension for HoloViews should report that a plot was removed, for example when its cell is run again,
# cleared or deleted, but has no comm (pyviz_comms 3.0.6). The plot may still be shown elsewhere in the page, or again.
_SAY_WHEN_GONE = """
const id = cb_obj.id, kernel = window.PyViz?.kernels?.[id];
if (!kernel || cb_obj.says_when_gone) return;
cb_obj.says_when_gone = true;
const comm = kernel.connectToComm("hv-extension-comm");
comm.open();
const is_shown = () => Bokeh.documents.some((document) => document.get_model_by_id(id) != null);
cb_obj.document.on_change((event) => {
    if (event.kind === "RootRemoved" && event.model === cb_obj)
        setTimeout(() => is_shown() || comm.send({event_type: "delete", id}), 500);
});
"""

# Bokeh's documents of the plots that are shown, by the ids of their roots.
_documents: dict[str, Any] = {}


def prepare_pictures() -> None:
    """Prepare all plots that HoloViews or Panel show in this notebook."""
    from panel.viewable import Viewable
    from pyviz_comms import extension

    if _prepare not in Viewable._preprocessing_hooks:
        Viewable._preprocessing_hooks.append(_prepare)
        extension.add_delete_action(_close_comms)


def _prepare(viewable: Any, root: Any) -> None:
    """Prepare a plot; called by Panel with the object to show and its Bokeh model."""
    from bokeh.models import CustomJS
    from bokeh.models.ui import UIElement
    from panel import config
    from panel.io.notebook import patch_inline_stylesheets
    from panel.pane import HoloViews

    if config.inline:  # HoloViews does not use it
        for model in root.select({"type": UIElement}):
            patch_inline_stylesheets(model)
    plot_id = root.ref["id"]
    for pane in viewable.select(HoloViews):
        plot, _ = pane._plots.get(plot_id, (None, None))
        if plot is not None and plot.document is not None and plot_id not in _documents and live_streams(plot):
            root.js_on_change("tags", CustomJS(code=_SAY_WHEN_GONE))
            _documents[plot_id] = plot.document


def live_streams(plot: Any) -> set[Any]:
    """Return the streams of the live plots in a plot, which may be a layout of several."""
    streams = (stream for part in plot.traverse() for stream in getattr(part, "streams", ()))
    return {stream for stream in streams if type(stream).__name__ == MARK}


def ask_to_say_when_gone(plot: Any) -> None:
    """Ask the page to report when the plot is removed from it.

    Call this with each update, because the plot may be on another page. Bokeh's event for a page that is ready never
    arrives, because Panel adds a model to the document that is never drawn.
    """
    tags = [tag for tag in plot.root.tags if not str(tag).startswith(MARK)]
    plot.root.tags = [*tags, f"{MARK} {time.monotonic()}"]


def tell_gone(plot: Any) -> None:
    """Let HoloViews and Panel forget a plot, as after the page has reported its removal."""
    from pyviz_comms import extension

    extension._process_comm_msg({"event_type": "delete", "id": plot.root.ref["id"]})


def _close_comms(plot_id: str) -> None:
    """Close the comms of a plot that was removed; HoloViews keeps them forever, with all data of the plot."""
    from pyviz_comms import CommManager

    document = _documents.pop(plot_id, None)
    for root in document.roots if document is not None else ():
        for name in ("comm_id", "client_comm_id"):
            comm_id = getattr(root, name, None)
            comm = CommManager._comms.pop(comm_id, None)
            if comm is not None:
                comm.close()
                if hasattr(comm, "manager"):  # opened by the page
                    comm.manager.targets.pop(comm_id, None)
