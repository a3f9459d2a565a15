"""Links to the pages of runs on Dask's dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit


def make_link(client: Any, name: str | None, summary: Mapping[str, Any]) -> str | None:
    """Return the address of the page about a run, or about all runs; None without a dashboard.

    It is derived from the address of Dask's page, which exists even if the dashboard is disabled. The summary of the
    run contains whether the scheduler serves the page.
    """
    if not summary.get("pages", True):
        return None
    try:
        link: str | None = client.dashboard_link
    except (AttributeError, KeyError, OSError, ValueError):  # no client, a closed one, or no HTTP server
        return None
    if not link:
        return None
    parts = urlsplit(link)
    path = parts.path.removesuffix("/").removesuffix("/status")
    query = "" if name is None else f"run={quote(name, safe='')}"
    return urlunsplit(parts._replace(path=f"{path}/adaptive", query=query))
