"""Check the values that a `RationalLearner1D` is told: real or complex numbers, or vectors of these."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.told_values import checked_value

Array = NDArray[Any]
Value = float | complex | Array


def checked_amplitude(y: Any, x: float) -> Value:
    """A float, a complex, or an array of float or complex of shape (M,).

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    if type(y) is float or type(y) is complex:
        return y
    if not _is_complex(y):
        return checked_value(y, x)
    array = np.ma.filled(y, np.nan) if isinstance(y, np.ma.MaskedArray) else np.asarray(y)
    try:
        array = array.astype(complex)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"The value at x = {x!r} must be a number or a vector, got {y!r}.") from None
    if array.ndim == 0:
        return complex(array)
    if array.ndim > 1 or len(array) == 0:
        raise ValueError(f"The value at x = {x!r} must be a number or have shape (M,), got shape {array.shape}.")
    return array


def _is_complex(y: Any) -> bool:
    if isinstance(y, np.ndarray | np.generic):
        return y.dtype.kind == "c" or (y.dtype.kind == "O" and any(isinstance(each, complex) for each in y.flat))
    if isinstance(y, list | tuple):
        return any(isinstance(each, complex | np.complexfloating) for each in y)
    return isinstance(y, complex)
