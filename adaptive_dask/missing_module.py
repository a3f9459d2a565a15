"""Advice about missing modules: optional ones in this process, and modules that other processes lack."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def needed(what: str, install: str) -> Iterator[None]:
    """Add advice to the `ImportError` of an optional package that is imported in the block.

    Parameters
    ----------
    what : str
        For example "Plots need HoloViews".
    install : str
        The arguments of ``pip install``.
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{what} ({error}). Install with: pip install {install}") from error


def advise(module: str) -> str:
    """Return a sentence that says how to send or install a module on the scheduler and the workers.

    Parameters
    ----------
    module : str
        Full name of the module, with dots.

    Returns
    -------
    str
        For a file of the user, advice to send it. A package to install is named only if the module was installed with
        it here, because PyPI may have another package with the name of the module.
    """
    top = module.partition(".")[0]
    if top == "adaptive_dask":
        return "Install adaptive_dask, the same version as here, for the scheduler and on every worker."
    if top in sys.stdlib_module_names:
        return f"It is part of Python {platform.python_version()}: scheduler and workers need the same version."
    place = _place(top)
    if place is None:
        return (
            "If it is a file of yours, send it with client.upload_file. If it comes with a package, find out which "
            "(the names often differ) and install that, for example with "
            "client.register_plugin(distributed.PipInstall([...]))."
        )
    package = _package(top) if _is_installed(place) else None
    if package is not None:
        return (
            f"It comes with the package {package!r} here: install that for the scheduler and on every worker, for "
            f"example with client.register_plugin(distributed.PipInstall([{package!r}]))."
        )
    if os.path.isdir(place):
        return (
            f"It is a folder of yours, {place}: send it as a zip file with client.upload_file, or call "
            f"cloudpickle.register_pickle_by_value({top}), so that its functions travel by value."
        )
    return (
        f"It is a file of yours: send it to the scheduler and the workers with client.upload_file({place!r}), or call "
        f"cloudpickle.register_pickle_by_value({top}), so that its functions travel by value."
    )


def _place(module: str) -> str | None:
    """Return the file of a module or the folder of a package, or None if it is not on this machine."""
    spec = None
    with suppress(Exception):  # raised by custom finders, and for modules without a spec
        spec = importlib.util.find_spec(module)
    if spec is None:
        file = getattr(sys.modules.get(module), "__file__", None)
        return file if isinstance(file, str) else None
    if spec.submodule_search_locations:
        return os.path.abspath(next(iter(spec.submodule_search_locations)))
    return None if spec.origin is None else os.path.abspath(spec.origin)


def _is_installed(place: str) -> bool:
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()}
    real = os.path.realpath(place)
    return any(real.startswith(os.path.realpath(folder) + os.sep) for folder in folders)


def _package(module: str) -> str | None:
    """Return the name of the distribution that contains a module."""
    with suppress(Exception):  # raised for damaged metadata
        return next(iter(importlib.metadata.packages_distributions().get(module, ())), None)
    return None
