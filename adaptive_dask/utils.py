"""Helper functions for learners, with python-adaptive's names."""

from __future__ import annotations

import asyncio
import functools
import gzip
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import cloudpickle

from adaptive_dask.learner.balancing_learner import named_product
from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.local.sequential import SequentialExecutor
from adaptive_dask.storage import file_format, function_defaults
from adaptive_dask.storage.atomic_file import write_atomically

if TYPE_CHECKING:
    from distributed import Client

__all__ = [
    "SequentialExecutor",
    "assign_defaults",
    "cache_latest",
    "copy_docstring_from",
    "daskify",
    "load",
    "named_product",
    "partial_function_from_dataframe",
    "restore",
    "save",
]

T = TypeVar("T")
Function = Callable[..., Any]


def save(fname: str | os.PathLike[str], data: Any, compress: bool = True) -> bool:
    """Pickle an object to a file. Learners have their own method ``save``.

    Parameters
    ----------
    fname : str or path
        Folders are created; ``~`` is the home folder.
    data : object
    compress : bool, default: True
        Whether to compress the file with gzip.

    Returns
    -------
    bool
        True. Unlike python-adaptive, which returns False for a file that cannot be written, this raises an error.

    Raises
    ------
    OSError
        If the file cannot be written. An existing file is not changed.
    """
    content = dumps_by_value(data)
    write_atomically(os.path.expanduser(os.fspath(fname)), gzip.compress(content) if compress else content)
    return True


def load(fname: str | os.PathLike[str], compress: bool = True) -> Any:
    """Load a file of `save` or of a learner's ``save``. Unpickling runs code: load only files that you trust.

    Parameters
    ----------
    fname : str or path
    compress : bool, default: True
        Ignored: the file itself tells whether it is compressed.

    Returns
    -------
    object
        For a file of a learner, its data.
    """
    path = os.path.expanduser(os.fspath(fname))
    with open(path, "rb") as file:
        content = file.read()
    if file_format.is_ours(content):
        return file_format.decode(path, content)[1]
    return cloudpickle.loads(gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)


def daskify(client: Client, cache: bool = False) -> Callable[[Callable[..., T]], Callable[..., Awaitable[T]]]:
    """Return a decorator that converts a function to an asynchronous one, which is evaluated on a Dask cluster.

    A learner's function can then await several such functions for one point::

        @daskify(client, cache=True)
        def slow(x): ...

        async def f(x):
            return await slow(round(x, 1)) + x

    Parameters
    ----------
    client : distributed.Client
        Asynchronous or not.
    cache : bool, default: False
        Whether to compute the result for the same arguments, compared by their texts, only once.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(function: Callable[..., T]) -> Callable[..., Awaitable[T]]:
        from dask.delayed import delayed

        task = delayed(function, pure=False)
        futures: dict[str, Any] = {}

        def submit(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if not cache:
                return client.compute(task(*args, **kwargs))
            key = repr((args, sorted(kwargs.items())))
            future = futures.get(key)
            if future is None or future.status in ("error", "cancelled", "lost"):
                future = futures[key] = client.compute(task(*args, **kwargs))
            return future

        async def fetch(future: Any) -> Any:
            return await client.gather(future, asynchronous=True)

        @functools.wraps(function)
        async def evaluate(*args: Any, **kwargs: Any) -> T:
            future = submit(args, kwargs)
            loop: Any = client.loop
            if loop.asyncio_loop is asyncio.get_running_loop():
                result: T = await fetch(future)
                return result
            result = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(fetch(future), loop.asyncio_loop))
            return result

        return evaluate

    return decorate


# ---- for learners of other packages


@contextmanager
def restore(*learners: Any) -> Iterator[None]:
    """Restore the current state of learners at the end of the block."""
    states = [learner.__getstate__() for learner in learners]
    try:
        yield
    finally:
        for learner, state in zip(learners, states, strict=True):
            learner.__setstate__(state)


def cache_latest(f: Function) -> Function:
    """Store the last result of a method in ``self._cache``, under the name of the method."""

    @functools.wraps(f)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        vars(self).setdefault("_cache", {})[f.__name__] = result = f(self, *args, **kwargs)
        return result

    return call


def copy_docstring_from(other: Function) -> Callable[[Function], Function]:
    """Return a decorator that copies the docstring of another function."""

    def decorate(function: Function) -> Function:
        function.__doc__ = other.__doc__
        return function

    return decorate


def assign_defaults(function: Function, df: Any, function_prefix: str = "function.") -> None:
    """Add a column to a data frame for each default argument of a function except the first, the point."""
    for name, value in function_defaults.default_arguments(function, function_prefix).items():
        df[name] = [value] * len(df)


def partial_function_from_dataframe(function: Function, df: Any, function_prefix: str = "function.") -> Function:
    """Return the function with the default arguments of a data frame."""
    return function_defaults.with_defaults_of_frame(function, df, function_prefix)
