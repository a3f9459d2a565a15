"""Record the end of the output of each evaluation, to show it if the evaluation fails.

In processes that only evaluate, standard output and error are wrapped. The wrappers pass the output through, and record
the end of it for the current evaluation. Loggers and warnings write to the same streams. The process of the user is not
changed, because its output is visible anyway.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from contextvars import ContextVar
from typing import Any

from adaptive_dask.plain import plain_text, printable

# The number of characters that are kept, at the end of the output of an evaluation.
MAX_CHARS = 4000


class Tail:
    """The end of the output of an evaluation."""

    __slots__ = ("_size", "parts")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._size = 0

    def write(self, text: str) -> None:
        """Record output."""
        self.parts.append(text[-MAX_CHARS:])
        self._size += len(self.parts[-1])
        if self._size > 2 * MAX_CHARS or len(self.parts) > MAX_CHARS:
            self.parts = ["".join(self.parts)[-MAX_CHARS:]]
            self._size = len(self.parts[0])

    def before(self, text: str) -> str:
        """Return the text of an error, preceded by the output."""
        written = "".join(list(self.parts))
        if not written.strip():
            return text
        cut = "… " if len(written) > MAX_CHARS else ""
        return f"Output of the evaluation:\n\n{cut}{printable(written[-MAX_CHARS:]).rstrip()}\n\n{text}"


_current: ContextVar[Tail | None] = ContextVar("what the evaluation wrote", default=None)
_is_installed = False
_is_users = False  # runs are started in this process


def begin(*, anew: bool = False) -> Tail | None:
    """Start recording an evaluation in this thread.

    Parameters
    ----------
    anew : bool
        Whether other evaluations of this thread may still be running, as with coroutines.

    Returns
    -------
    Tail or None
        The output of the evaluation, or None if output is not recorded here.
    """
    if not _is_installed:
        return None
    tail = _current.get()
    if tail is None or tail.parts or anew:
        tail = Tail()
        _current.set(tail)
    return tail


def with_output(text: str) -> str:
    """Return the text of an error, preceded by the output of the evaluation in this context."""
    tail = _current.get()
    return text if tail is None else tail.before(text)


def written() -> str:
    """Return the end of the output of the evaluation in this context so far; empty if output is not recorded here."""
    tail = _current.get()
    return "" if tail is None else plain_text("".join(tail.parts))[-MAX_CHARS:]


def install() -> None:
    """Start recording the output of evaluations in this process."""
    global _is_installed
    if _is_installed or _is_users:
        return
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Noted):
            setattr(sys, name, _Noted(stream))
    _is_installed = True


def spare_this_process() -> None:
    """Do not replace the standard output of this process, because it starts runs."""
    global _is_users
    _is_users = True


def _spare_no_more() -> None:
    global _is_users
    _is_users = False


# Forked processes belong to a pool.
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_spare_no_more)


def is_workers_process() -> bool:
    """Return whether this process was started for a Dask worker, rather than by the user."""
    return multiprocessing.parent_process() is not None or "distributed.cli.dask_worker" in sys.modules or _is_cli()


def _is_cli() -> bool:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and str(spec.name).startswith("distributed.cli.")


class _Noted:
    """A stream that records its output and passes it to another stream."""

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
