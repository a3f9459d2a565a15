"""Helpers around learners, under the name that python-adaptive has for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from adaptive_dask.local.sequential import SequentialExecutor

__all__ = ["SequentialExecutor", "named_product"]


def named_product(**items: Iterable[Any]) -> list[dict[str, Any]]:
    """Every combination of some parameters.

    Parameters
    ----------
    **items : iterable
        The values of each parameter.

    Returns
    -------
    combinations : list of dict
        A value for each name; the last name varies fastest.

    Examples
    --------
    >>> named_product(a=[1, 2], b=["x", "y"])
    [{'a': 1, 'b': 'x'}, {'a': 1, 'b': 'y'}, {'a': 2, 'b': 'x'}, {'a': 2, 'b': 'y'}]
    """
    return [dict(zip(items, values, strict=True)) for values in itertools.product(*items.values())]
