"""Check what loss functions return: real numbers, of which NaN says that a loss is not known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.checked import as_array, as_real

Array = NDArray[np.float64]


def checked_loss(loss: Any, place: str) -> float:
    """What a loss function returned, as a float; infinite if it is NaN.

    Parameters
    ----------
    loss : object
    place : str
        Which interval or simplex it is the loss of, for the message.

    Raises
    ------
    TypeError, ValueError
        If it is no real number.
    """
    number = as_real(loss, f"The loss of {place}")
    return math.inf if math.isnan(number) else number


def checked_losses(losses: Any, n: int, name: str, what: str) -> Array:
    """What a loss function of n pieces at once returned, as an array of shape (n,), which may have NaN.

    Parameters
    ----------
    losses : object
    n : int
    name : str
        The name of the loss function.
    what : str
        What the pieces are, in the plural.

    Raises
    ------
    TypeError, ValueError
        If it is no array of n real numbers.
    """
    if type(losses) is np.ndarray and losses.dtype == np.float64 and losses.shape == (n,):
        return losses
    whole = f"What {name} returned for {n} {what}"
    if n == 0 and np.size(losses) == 0:
        return np.empty(0)
    array = as_array(losses, whole)
    if array.shape != (n,):
        raise ValueError(f"{whole} must be an array of shape ({n},), got shape {array.shape}.")
    return array


def name_of(loss: Any) -> str:
    """How a loss function is called in messages."""
    return str(getattr(loss, "__qualname__", None) or type(loss).__qualname__)
