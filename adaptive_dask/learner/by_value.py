"""Pickles functions by value, and the ufuncs in them by the module that defines them."""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

import cloudpickle


class ValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """A pickler like cloudpickle's, except for NumPy's ufuncs.

    A ufunc does not store its module, so pickle uses the first module in which it finds the ufunc. In a process that
    has started other processes, this may be ``__mp_main__`` with the names imported by a notebook, which other
    processes do not have.
    """

    def reducer_override(self, obj: Any) -> Any:
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(obj, numpy.ufunc):
            name = str(obj.__name__)
            for home, module in list(sys.modules.items()):
                if home not in ("__main__", "__mp_main__") and getattr(module, "__dict__", {}).get(name) is obj:
                    return getattr, (module, name)
        return super().reducer_override(obj)


def dumps_by_value(value: Any) -> bytes:
    """Pickle an object with its functions by value."""
    file = io.BytesIO()
    ValuePickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return file.getvalue()
