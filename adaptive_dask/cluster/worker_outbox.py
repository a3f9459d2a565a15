"""What a worker has to tell the scheduler about a run, and how failures are described."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from adaptive_dask.cluster.protocol import REPORT
from adaptive_dask.cluster.worker_call import Call, written_before
from adaptive_dask.plain import plain
from adaptive_dask.run.pickling import PackedValue, dumps_exception
from adaptive_dask.run.tracebacks import format_from_function

if TYPE_CHECKING:
    from distributed import Worker

# Of a report, what has texts that come from user code or from this machine.
_WITH_TEXTS = ("failures", "broken", "log", "given_up")

# Where batch systems say which job a process belongs to.
JOB_IDS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")


@dataclass
class Outbox:
    """Results that wait to be sent; see `adaptive_dask.cluster.protocol.Report`."""

    ids: list[int] = field(default_factory=list)
    values: list[PackedValue] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    failures: dict[int, tuple[str, bytes | None]] = field(default_factory=dict)
    seconds_of_failures: float = 0.0
    returned: list[int] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    broken: tuple[str | None, str] | None = None

    def fields(self) -> dict[str, Any]:
        """What there is, by name."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name))}


def report(run: str, **contents: Any) -> dict[str, Any]:
    """A message to the scheduler. What it cannot carry would cost the worker its connection: texts are made plain."""
    texts = {name: plain(contents[name]) for name in _WITH_TEXTS if name in contents}
    return {"op": REPORT, "run": run, **contents, **texts}


def describe(error: BaseException, call: Call) -> tuple[str, bytes | None]:
    """Output and traceback, from the user's function on, and the exception where it can be pickled."""
    return written_before(format_from_function(error), call), dumps_exception(error)


def log_location(worker: Worker) -> str:
    """Where somebody finds what this worker printed: a file, or the terminal or job that started it.

    Dask's `get_worker_logs` has only what Dask itself logged.
    """
    jobs = [f", job {os.environ[name]}" for name in JOB_IDS if name in os.environ]
    job = jobs[0] if jobs else ""
    where = f"worker {worker.name!r} on {os.uname().nodename}{job}, in {worker.local_directory}"
    path = _file_of_stderr()
    return f"{path} ({where})" if path else f"the terminal or program that started {where}"


def _file_of_stderr() -> str | None:
    try:
        if stat.S_ISREG(os.fstat(2).st_mode):
            path = os.readlink("/proc/self/fd/2")
            return path if os.path.exists(path) else None  # not of a file that was deleted
    except OSError:
        pass
    return None
