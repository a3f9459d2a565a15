"""Whether client, scheduler and workers can run together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from adaptive_dask.cli.showing import table

if TYPE_CHECKING:
    from distributed import Client

# These must be the same everywhere: the protocol of adaptive_dask, and the bytecode in pickled functions.
REQUIRED = ("adaptive_dask", "python")
COMPARED = ("dask", "distributed", "numpy", "scipy", "cloudpickle", "msgpack", "adaptive-triangulation", "bokeh")

MISSING = "–"
MAX_WORKERS = 20  # lines in the table; workers that are alike share one


class Report(NamedTuple):
    """A table of versions, and what prevents runs."""

    text: str
    problems: list[str]


def _make_probe() -> Callable[[], dict[str, str]]:
    """Return a function that tells versions; a local one, because these are pickled by value."""
    names = [name for name in (*REQUIRED, *COMPARED) if name != "python"]

    def probe() -> dict[str, str]:
        import platform
        from importlib import metadata

        versions = {"python": ".".join(platform.python_version_tuple()[:2])}
        for name in names:
            try:
                versions[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                versions[name] = "–"
        return versions

    return probe


def compare(client: Client) -> Report:
    """Compare the versions of all processes of a cluster."""
    probe = _make_probe()
    places: dict[str, Any] = {"client": probe(), "scheduler": client.run_on_scheduler(probe)}
    answers = client.run(probe, on_error="return")
    lost = {name: answer for name, answer in answers.items() if not isinstance(answer, dict)}
    groups: dict[tuple[str, ...], list[str]] = {}
    for address, versions in answers.items():
        if address not in lost:
            groups.setdefault(tuple(versions.values()), []).append(address)
    for addresses in list(groups.values())[:MAX_WORKERS]:
        label = f"worker {addresses[0]}" if len(addresses) == 1 else f"{len(addresses)} workers, {addresses[0]}, …"
        places[label] = answers[addresses[0]]
    problems = [f"{address} does not answer: {error}" for address, error in lost.items()]
    problems += [text for name in REQUIRED for text in _differences(places, name)]
    rows = [("", *REQUIRED, *COMPARED)]
    rows += [(place, *(versions[name] for name in rows[0][1:])) for place, versions in places.items()]
    notes = [f"note: {text}" for name in COMPARED if name != "bokeh" for text in _differences(places, name)]
    if places["scheduler"]["bokeh"] == MISSING:
        notes.append("note: bokeh is not installed on the scheduler, so there is no dashboard.")
    if not answers:
        notes.append("note: there are no workers; runs wait for them.")
    return Report("\n".join([table(rows), *notes]), problems)


def _differences(places: dict[str, dict[str, str]], name: str) -> list[str]:
    """Say which places have another version than the client."""
    ours = places["client"][name]
    found = []
    for place, versions in places.items():
        theirs = versions[name]
        if theirs == MISSING and ours != MISSING:
            found.append(f"{name} is not installed on the {place}. Install {ours}.")
        elif theirs != ours:
            found.append(f"{name} is {theirs} on the {place}, and {ours} on the client. Install the same version.")
    return found
