"""The numbers for scripts: ``adaptive.json`` beside the dashboard's pages, and lines on ``metrics``."""

from __future__ import annotations

import json
import math
from typing import Any

from distributed.http.utils import RequestHandler

from adaptive_dask.dashboard.numbers import as_row, runs_of
from adaptive_dask.plain_text import get_logger

logger = get_logger(__name__)


class RunsJSON(RequestHandler):
    """``{"runs": [...]}``: a dict for each run, the newest first; numbers that are not finite are null."""

    def get(self) -> None:
        runs = [as_row(run.numbers()) for run in runs_of(self.server)]
        for run in runs:
            for key, value in run.items():
                if isinstance(value, float) and not math.isfinite(value):
                    run[key] = None
        self.set_header("Content-Type", "application/json")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.write(json.dumps({"runs": runs}))


def serve_numbers(application: Any, scheduler: Any) -> str:
    """Add the routes, unless they are there.

    Returns
    -------
    str
        The dashboard's prefix, with a slash at both ends.
    """
    patterns = list(_patterns(application))
    prefix = next((p.removesuffix("health") for p in patterns if p.endswith("/health")), "/")
    if prefix + r"adaptive\.json" not in patterns:
        application.add_handlers(".*", [(prefix + r"adaptive\.json", RunsJSON, {"dask_server": scheduler})])
        try:
            from adaptive_dask.dashboard.metrics import add_collector

            add_collector()
        except ImportError:
            logger.debug("prometheus_client is not installed: no metrics of adaptive runs.")
    return prefix


def _patterns(application: Any) -> Any:
    """The patterns of all routes of a tornado application."""
    for rule in application.default_router.rules:
        for inner in getattr(rule.target, "rules", ()):
            yield inner.matcher.regex.pattern.removesuffix("$")
    for rule in application.wildcard_router.rules:
        yield rule.matcher.regex.pattern.removesuffix("$")
