"""Loggers of this package. They are below ``distributed``, and their messages are in the logs of Dask.

`distributed.Client.get_scheduler_logs` and ``get_worker_logs`` return messages from INFO on. Only warnings and
errors are printed, by the handler of Dask, unless `ROOT` gets handlers of its own.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

from adaptive_dask.plain import printable, shorten

ROOT = "distributed.adaptive_dask"

# The owner of the buffer for messages of a module: the worker, none for clients, or otherwise the scheduler. A process
# can have all of them.
ON_WORKERS = (f"{ROOT}.cluster.worker",)
ON_CLIENTS = tuple(f"{ROOT}.{package}." for package in ("cli", "local", "notebook", "runner"))


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module, whose messages and tracebacks are `printable`, with any formatter.

    Parameters
    ----------
    name : str
        Name of the module, which starts with the name of this package.
    """
    root = logging.getLogger(ROOT)
    if not any(isinstance(handler, DaskLogs) for handler in root.handlers):
        root.addHandler(DaskLogs())
        root.propagate = False  # the handler does that for some messages
        if root.level == logging.NOTSET:  # otherwise the configuration of Dask or the user has set it
            root.setLevel(logging.INFO)
    logger = logging.getLogger(f"distributed.{name}")
    logger.addFilter(_make_printable)
    return logger


class DaskLogs(logging.Handler):
    """Adds messages to the buffers of Dask's processes, and lets Dask print warnings."""

    def emit(self, record: logging.LogRecord) -> None:
        for buffer in _buffers(record.name):
            buffer.handle(record)
        if record.levelno >= logging.WARNING and len(logging.getLogger(ROOT).handlers) == 1:
            logging.getLogger("distributed").callHandlers(record)


def _buffers(name: str) -> Iterator[logging.Handler]:
    """Find the buffers that the schedulers or workers of this process have added to their loggers."""
    if name.startswith(ON_CLIENTS):
        return
    owner = "distributed.worker" if name.startswith(ON_WORKERS) else "distributed.scheduler"
    for handler in logging.getLogger(owner).handlers:
        if hasattr(handler, "deque"):
            yield handler


def _make_printable(record: logging.LogRecord) -> bool:
    try:
        message = record.getMessage()
    except BaseException:  # raised by user code
        record.msg, record.args = "(a message that cannot be formatted)", None
        return True
    if printable(message) != message:
        record.msg, record.args = printable(message), None
    if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
        # Formatters print this text instead of formatting `exc_info`.
        record.exc_text = shorten(printable("".join(traceback.format_exception(record.exc_info[1])).rstrip("\n")))
    return True
