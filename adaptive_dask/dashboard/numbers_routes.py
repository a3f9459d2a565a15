"""The numbers of the runs for programs: ``adaptive.json`` and Prometheus metrics."""

from __future__ import annotations

import json
import math
from typing import Any

from distributed.http.utils import RequestHandler

from adaptive_dask.dashboard.internals import add_collector, dashboard_prefix, has_route
from adaptive_dask.dashboard.numbers import as_row, runs_of
from adaptive_dask.logs import get_logger

logger = get_logger(__name__)


class RunsJSON(RequestHandler):
    """Answers ``{"runs": [...]}``, the newest run first; numbers that are not finite are null."""

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
    """Add the route and the metrics, unless they exist.

    Returns
    -------
    str
        The prefix of the dashboard's paths, with a slash at both ends.
    """
    prefix = dashboard_prefix(application)
    if not has_route(application, prefix + r"adaptive\.json"):
        application.add_handlers(".*", [(prefix + r"adaptive\.json", RunsJSON, {"dask_server": scheduler})])
        try:
            from adaptive_dask.dashboard.metrics import AdaptiveCollector

            add_collector(AdaptiveCollector)
        except ImportError:
            logger.debug("prometheus_client is not installed: no metrics of adaptive runs.")
    return prefix
