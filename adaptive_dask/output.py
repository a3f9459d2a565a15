"""What an evaluation prints, logs and warns of is kept for the case that it fails.

In processes that do nothing but evaluate, standard output and error are wrapped: what is written goes on to where it
went before, and the end of it is noted for the evaluation that wrote it. Loggers and warnings write there as well. The
user's own process is left alone; there the output is on the screen anyway.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from contextvars import ContextVar
from typing import Any

from adaptive_dask.plain import printable

# Characters that are kept of an evaluation's output: the last ones.
MAX_CHARS = 4000


class Tail:
    """The end of what an evaluation wrote."""

    __slots__ = ("_size", "parts")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._size = 0

    def write(self, text: str) -> None:
        """Note what was written."""
        self.parts.append(text[-MAX_CHARS:])
        self._size += len(self.parts[-1])
        if self._size > 2 * MAX_CHARS or len(self.parts) > MAX_CHARS:
            self.parts = ["".join(self.parts)[-MAX_CHARS:]]
            self._size = len(self.parts[0])

    def before(self, text: str) -> str:
        """The text of an error, with what was written before it."""
        written = "".join(list(self.parts))
        if not written.strip():
            return text
        cut = "… " if len(written) > MAX_CHARS else ""
        return f"Output of the evaluation:\n\n{cut}{printable(written[-MAX_CHARS:]).rstrip()}\n\n{text}"


_current: ContextVar[Tail | None] = ContextVar("what the evaluation wrote", default=None)
_is_installed = False
_is_users = False  # runs are started in this process


def begin(*, anew: bool = False) -> Tail | None:
    """An evaluation begins in this thread.

    Parameters
    ----------
    anew : bool
        Whether others may be under way that began here, as with coroutines.

    Returns
    -------
    Tail or None
        What it is going to write; None where that is not noted.
    """
    if not _is_installed:
        return None
    tail = _current.get()
    if tail is None or tail.parts or anew:
        tail = Tail()
        _current.set(tail)
    return tail


def with_output(text: str) -> str:
    """The text of an error, with what the evaluation in this context has written."""
    tail = _current.get()
    return text if tail is None else tail.before(text)


def install() -> None:
    """Note from now on what evaluations in this process write."""
    global _is_installed
    if _is_installed or _is_users:
        return
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Noted):
            setattr(sys, name, _Noted(stream))
    _is_installed = True


def spare_this_process() -> None:
    """Leave standard output alone here, as this is the process of somebody who starts runs."""
    global _is_users
    _is_users = True


def _spare_no_more() -> None:
    global _is_users
    _is_users = False


# What is forked, a pool does.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_spare_no_more)


def is_workers_process() -> bool:
    """Whether this process was started for a Dask worker, and is not the user's."""
    return multiprocessing.parent_process() is not None or "distributed.cli.dask_worker" in sys.modules or _is_cli()


def _is_cli() -> bool:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and str(spec.name).startswith("distributed.cli.")


class _Noted:
    """A stream that goes on to another one."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> Any:
        tail = _current.get()
        if tail is not None and isinstance(text, str):
            tail.write(text)
        return self._stream.write(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()
