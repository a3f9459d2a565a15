"""The optional attributes of loss functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def tagged(function: F, **attributes: Any) -> F:
    """Set attributes of a function, and return it."""
    for name, value in attributes.items():
        setattr(function, name, value)
    return function


def traits_of(loss: Callable[..., Any], kind: Any) -> Any:
    """Return the attributes of a loss as a named tuple `kind`, with its defaults for missing ones."""
    return kind(**{name: getattr(loss, name, default) for name, default in kind._field_defaults.items()})


class SimplexTraits(NamedTuple):
    """The optional attributes of a loss of triangles or simplices, read once.

    Attributes
    ----------
    nth_neighbors : int or None
        1 if the loss uses the points across the faces of a simplex. None if absent.
    batch : callable or None
        The same loss for many simplices, see `for_single_simplices`.
    extra_order : float
        See `LossRule.extra_order`. 0 if absent.
    """

    nth_neighbors: int | None = None
    batch: Callable[..., Any] | None = None
    extra_order: float = 0.0
