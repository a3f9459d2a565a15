"""Where the dashboard shows a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from distributed import Client


def make_link(client: Client | Executor, name: str | None, summary: Mapping[str, Any]) -> str | None:
    """The address of the page about a run, or about all, made of that of Dask's own page; None if there is none.

    Whether the scheduler serves the page, the run's summary tells; Dask has a link also where it is switched off.
    """
    if not summary.get("pages", True):
        return None
    try:
        link: str | None = client.dashboard_link  # type: ignore[union-attr]
    except (AttributeError, KeyError, OSError, ValueError):  # no client, a closed one, or no HTTP server
        return None
    if not link:
        return None
    parts = urlsplit(link)
    path = parts.path.removesuffix("/").removesuffix("/status")
    query = "" if name is None else f"run={quote(name, safe='')}"
    return urlunsplit(parts._replace(path=f"{path}/adaptive", query=query))
