"""Check the return values of loss functions: real numbers, where NaN means that the loss is unknown."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from adaptive_dask.learner.checked import as_array, as_real
from adaptive_dask.types import Floats


def checked_loss(loss: Any, place: str) -> float:
    """Convert the return value of a loss function to a float; NaN becomes infinite.

    Parameters
    ----------
    loss : object
    place : str
        Description of the interval or simplex, for the message.

    Raises
    ------
    TypeError, ValueError
        If the loss is not a real number.
    """
    number = as_real(loss, f"The loss of {place}")
    return math.inf if math.isnan(number) else number


def checked_losses(losses: Any, n: int, name: str, what: str) -> Floats:
    """Convert the return value of a loss function for n pieces to an array of shape (n,), which may have NaN.

    Parameters
    ----------
    losses : object
    n : int
    name : str
        The name of the loss function.
    what : str
        Name of the pieces, in the plural.

    Raises
    ------
    TypeError, ValueError
        If `losses` is not an array of n real numbers.
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
    """Return the name of a loss function for messages."""
    return str(getattr(loss, "__qualname__", None) or type(loss).__qualname__)
