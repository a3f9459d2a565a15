"""Requests to a scheduler about one run, by its name. The learner of the run is not loaded for them."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from adaptive_dask.cluster.client import request
from adaptive_dask.cluster.protocol import Route
from adaptive_dask.errors import AdaptiveError, RunNotFoundError
from adaptive_dask.run.pickling import unpack
from adaptive_dask.run.progress import ProgressHistory
from adaptive_dask.run.status import RunStatus
from adaptive_dask.runner.hosted import attach, runs
from adaptive_dask.runner.terminal import Shown, TerminalInfo, share_of, status_line

if TYPE_CHECKING:
    from distributed import Client

# How often the scheduler is asked for the state of a run that is watched (seconds).
POLL_INTERVAL_S = 0.5

DONE = {"cancel": "cancelled", "pause": "paused", "resume": "resumed", "forget": "forgotten"}


def find(client: Client, name: str) -> dict[str, Any]:
    """Return the state of a run.

    Raises
    ------
    RunNotFoundError
        If there is no run with this name; the message names those that there are.
    """
    found = {info["name"]: info for info in runs(client)}
    if name not in found:
        known = ", ".join(sorted(found)[:20]) or "none"
        raise RunNotFoundError(f"The scheduler hosts no run {name!r}. Its runs are: {known}.")
    return dict(found[name])


def control(client: Client, name: str, action: str) -> None:
    """Cancel, pause, resume or forget a run.

    Raises
    ------
    AdaptiveError
        If the run has ended, or for "forget", if it has not.
    """
    info = find(client, name)
    if action != "forget" and RunStatus.from_info(info).has_ended:
        raise AdaptiveError(f"The run {name!r} has ended: {info['status']}.")
    client.sync(request, client, Route.CONTROL, name=name, run_id=info["id"], action=action)


def failures(client: Client, info: dict[str, Any]) -> list[Any]:
    """Return the points of a run that failed."""
    reply = client.sync(request, client, Route.INSPECT, name=info["name"], run_id=info["id"], log_from=0)
    return list(unpack(reply)["failures"])


def watch(client: Client, name: str, interval: float | None) -> str:
    """Show the progress of a run until it ends, and return how it ended.

    Raises
    ------
    RunNotFoundError
        If there is no such run, or if it is forgotten or replaced while it is watched.
    """
    info = find(client, name)
    history, end = ProgressHistory(), Future[None]()
    status = RunStatus.from_info(info)

    def shown() -> Shown:
        return Shown(status_line(status, history), share_of(status, history))

    printed = TerminalInfo(shown, None, [end], interval, True)
    try:
        while not status.has_ended:
            time.sleep(POLL_INTERVAL_S)
            newest = find(client, name)
            if newest["id"] != info["id"]:
                raise RunNotFoundError(f"Another run was started with the name {name!r}.")
            status = RunStatus.from_info(newest)
    finally:
        end.set_result(None)
        printed.join()
    return status.status


def explain_end(client: Client, name: str, end: str) -> str:
    """Say how a run ended that is not finished, with its error if it failed."""
    if end != "failed":
        return f"The run {name} was {end}."
    try:
        attach(name, client).result()
    except Exception as error:  # that of the run, or of loading it
        return f"The run {name} failed: {error}"
    return f"The run {name} failed."
