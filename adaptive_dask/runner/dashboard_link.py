"""Where the dashboard shows a run."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from distributed import Client


def make_link(client: Client | Executor, name: str) -> str | None:
    """The address of the page about a run, made of that of Dask's own page; None where there is no dashboard."""
    try:
        link: str | None = client.dashboard_link  # type: ignore[union-attr]
    except (AttributeError, KeyError, OSError, ValueError):  # no client, a closed one, or no HTTP server
        return None
    if not link:
        return None
    parts = urlsplit(link)
    path = parts.path.removesuffix("/").removesuffix("/status")
    return urlunsplit(parts._replace(path=f"{path}/adaptive", query=f"run={quote(name, safe='')}"))
