"""Client, scheduler and workers must speak the same language: one version of adaptive_dask everywhere."""

from __future__ import annotations

from typing import Any

import adaptive_dask
from adaptive_dask.errors import VersionMismatchError

# Goes up when the messages of `protocol` change between two releases.
PROTOCOL = 1


def own_versions() -> list[Any]:
    """What this process speaks, for a message."""
    return [adaptive_dask.__version__, PROTOCOL]


def check_versions(theirs: Any, who: str) -> None:
    """Compare what somebody speaks with what the scheduler, which is this process, does.

    Parameters
    ----------
    theirs : list
        From a message; None if it came from a version that said nothing.
    who : str
        Whose message it was: "client" or "worker tcp://…".

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
        "what had another one."
    )


def _describe(versions: Any) -> str:
    if not isinstance(versions, list | tuple) or len(versions) != 2:
        return "an unknown version"
    return f"{str(versions[0])[:40]} (protocol {str(versions[1])[:10]})"
