"""Pickles functions by value, with the ufuncs that they use by the module these come from."""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

import cloudpickle


class ValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """A pickler as cloudpickle's, except for NumPy's ufuncs.

    A ufunc does not know its module, so pickle takes the first where it finds it. In a process that has started
    others that may be ``__mp_main__``, with the names that a notebook imported, which other processes do not have.
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
    """Pickle something, functions in it by value."""
    file = io.BytesIO()
    ValuePickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return file.getvalue()
