"""The details of `live_info`: failures with their tracebacks, and the log. All texts are escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from adaptive_dask.run.failures import FailedPoint

# The maximum numbers of entries (the newest) and of characters that are shown.
MOST_FAILURES = 20
MOST_CALLS = 200
MOST_LETTERS = 4000


def describe_failures(details: Mapping[str, Any]) -> str:
    """Return the failed points with their tracebacks as HTML.

    Parameters
    ----------
    details : mapping
        As `Run.details`.
    """
    failures: list[FailedPoint] = list(details.get("failures") or ())
    if not failures:
        return _paragraph("No point has failed.")
    shown = failures[-MOST_FAILURES:]
    head = f"{len(failures):,} points failed" + (f"; the last {len(shown)} of them:" if shown != failures else ":")
    return _paragraph(head) + "".join(map(_describe_failure, reversed(shown)))


def _describe_failure(failure: FailedPoint) -> str:
    where = f", on {failure.worker}" if failure.worker else ""
    if failure.log:
        where += f" (log: {failure.log})"
    line = f"{failure.point!r}: {failure.status}, {failure.tries} tries{where}"
    text = failure.traceback_text
    cut = text if len(text) <= MOST_LETTERS else f"…{text[-MOST_LETTERS:]}"
    return f"<details><summary>{html.escape(line[:500])}</summary><pre>{html.escape(cut)}</pre></details>"


def describe_log(details: Mapping[str, Any]) -> str:
    """Return the last calls to the learner as HTML.

    Parameters
    ----------
    details : mapping
        As `Run.details`.
    """
    log = details.get("log")
    if log is None:
        return _paragraph("The run keeps no log. Start it with log=True, and the calls to the learner are listed here.")
    lines = [f"{method}({', '.join(map(repr, arguments))})"[:300] for method, *arguments in log[-MOST_CALLS:]]
    head = f"{len(log):,} calls to the learner" + (f"; the last {len(lines)}:" if len(log) > len(lines) else ":")
    return _paragraph(head) + f"<pre>{html.escape(chr(10).join(lines))}</pre>"


def _paragraph(text: str) -> str:
    return f"<div>{html.escape(text)}</div>"
