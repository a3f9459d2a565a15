"""States of runs as text for a terminal, and as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from adaptive_dask.plain import one_line
from adaptive_dask.run.status import RunStatus, duration, number, percent

HEADINGS = ("name", "learner", "status", "points", "loss", "points/s", "goal", "slots", "time")


def as_json(value: Any) -> str:
    """Return JSON that every parser reads: numbers that are not finite are null, other objects are text."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_plain(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    return str(value)


def table_of_runs(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return one line for each run, below headings."""
    if not runs:
        return "no runs"
    return table([HEADINGS, *(_row(RunStatus.from_info(info)) for info in runs)])


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _row(status: RunStatus) -> tuple[str, ...]:
    return (
        one_line(status.name),
        one_line(status.learner),
        status.shown,
        str(status.npoints),
        number(status.loss),
        number(status.pace),
        status.goal_text or "–",
        str(status.slots),
        duration(status.elapsed),
    )


def details(info: Mapping[str, Any]) -> str:
    """Return everything that is known of a run, a line for each property."""
    status = RunStatus.from_info(info)
    fields = {
        "name": status.name,
        "id": status.id,
        "learner": status.learner,
        "status": status.shown,
        "waits for": status.waits_for,
        "points": f"{status.npoints}" + ("" if status.nsamples is None else f" ({status.nsamples} samples)"),
        "loss": number(status.loss),
        "goal": status.goal_text,
        "points per second": "" if math.isnan(status.pace) else number(status.pace),
        "started": _clock(status.started),
        "ended": "" if status.ended is None else _clock(status.ended),
        "time": duration(status.elapsed),
        "slots": f"{status.slots}, {status.busy} busy",
        "in flight": status.in_flight,
        "overhead": "" if math.isnan(status.overhead) else percent(status.overhead),
        "infeasible": f"{status.infeasible} points" if status.infeasible else "",
        "troubles": ", ".join(f"{count} {kind}" for kind, count in status.troubles.items()),
        "hung": ", ".join(f"{count} on {where}" for where, count in (status.hung or {}).items()),
        "unfit workers": "; ".join(f"{where}: {reason}" for where, reason in (status.unfit or {}).items()),
        **_checkpoint(status.checkpoint),
    }
    width = max(map(len, fields))
    lines = [f"{label.ljust(width)}  {one_line(str(text))}" for label, text in fields.items() if text not in (None, "")]
    return "\n".join([*lines, *_failures(info.get("failures", ()))])


def _checkpoint(checkpoint: Mapping[str, Any] | None) -> dict[str, Any]:
    if not checkpoint:
        return {}
    unsaved = checkpoint.get("unsaved")
    where = f"{checkpoint.get('path')}" + (f", {unsaved} results not written yet" if unsaved else "")
    return {"checkpoint": where, "checkpoint problem": checkpoint.get("problem")}


def _failures(failures: Iterable[Any]) -> list[str]:
    lines: list[str] = []
    for failed in failures:
        lines += ["", f"point {one_line(repr(failed.point))}: {failed.status}, worker {failed.worker}"]
        lines += [f"    {line}" for line in str(failed.traceback_text).splitlines()]
    return lines


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
