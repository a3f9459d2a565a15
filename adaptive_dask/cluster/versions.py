"""Check that client, scheduler and workers have the same version of adaptive_dask."""

from __future__ import annotations

from typing import Any

import adaptive_dask
from adaptive_dask.errors import VersionMismatchError

# Incremented if the messages of `protocol` change between two releases.
PROTOCOL = 1


def own_versions() -> list[Any]:
    """Return the versions of this process, for a message."""
    return [adaptive_dask.__version__, PROTOCOL]


def check_versions(theirs: Any, who: str) -> None:
    """Compare the versions in a message with those of the scheduler, which is this process.

    Parameters
    ----------
    theirs : list
        The versions in a message; None if it contains none.
    who : str
        The sender: "client" or "worker tcp://…".

    Raises
    ------
    VersionMismatchError
        If they differ.
    """
    ours = own_versions()
    if isinstance(theirs, list | tuple) and list(theirs) == ours:
        return
    raise VersionMismatchError(
        f"adaptive_dask differs: the {who} has {_describe(theirs)}, the scheduler has {_describe(ours)}. Install one "
        f"version for client, scheduler and workers, for example: pip install adaptive_dask=={ours[0]}, and restart "
        "the processes that had another one."
    )


def _describe(versions: Any) -> str:
    if not isinstance(versions, list | tuple) or len(versions) != 2:
        return "an unknown version"
    return f"{str(versions[0])[:40]} (protocol {str(versions[1])[:10]})"
