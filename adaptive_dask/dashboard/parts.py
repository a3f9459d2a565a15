"""All parts of the page, by the name under which ``/individual-adaptive-…`` has them."""

from __future__ import annotations

from typing import Any

from adaptive_dask.dashboard.run_table import RunTable

PARTS: dict[str, Any] = {
    "runs": RunTable,
}
