"""Errors that occur when pickled objects are loaded, with advice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from adaptive_dask.errors import AdaptiveError, ModuleMissingError
from adaptive_dask.plain import safe_str
from adaptive_dask.run.tracebacks import format_error

OTHER_VERSION = (
    "It needs a module that seems to have another version here than on the client: send it again with "
    "client.upload_file, or install the same version, and restart the scheduler or the workers."
)


def missing_module(error: BaseException) -> str | None:
    """Return the name of the module that is missing; None for other errors, such as a missing name in a module."""
    name = getattr(error, "name", None)
    return name if isinstance(error, ModuleNotFoundError) and isinstance(name, str) else None


def describe_trouble(error: BaseException) -> str:
    """Return the traceback of an error that occurred when an object was loaded, with advice."""
    text = format_error(error)
    if isinstance(error, ImportError | AttributeError) and missing_module(error) is None:
        text = f"{text.rstrip()}\n\n{OTHER_VERSION}"
    return text


@contextlib.contextmanager
def loading_on_scheduler(what: str, scheduler: str = "The scheduler") -> Iterator[None]:
    """Convert import errors to errors that name the process and contain advice.

    Parameters
    ----------
    what : str
        Description of the object that is loaded, for the message.
    scheduler : str, default: "The scheduler"
        Description of the process that loads it.

    Raises
    ------
    ModuleMissingError
        If a module is missing.
    AdaptiveError
        For any other import error.
    """
    try:
        yield
    except ImportError as error:
        where = f"{scheduler} cannot load {what}"
        module = missing_module(error)
        if module is None:
            raise AdaptiveError(f"{where}: {safe_str(error)}. {OTHER_VERSION}") from error
        raise ModuleMissingError(where, module, safe_str(error)) from error
