"""Attributes of functions, by which a loss says what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def tagged(function: F, **attributes: Any) -> F:
    """Set attributes of a function, and return it."""
    for name, value in attributes.items():
        setattr(function, name, value)
    return function
