"""The axes of a `Space`, which convert between the coordinates of users and those of learners."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import cloudpickle
import numpy as np

from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.learner.checked import checked_bounds
from adaptive_dask.learner.value_text import text_of_value


class UnsupportedAxisError(TypeError):
    """A learner does not support a space, or one of its axes. The message lists learners that do."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The labels of an axis in plots.

    Parameters
    ----------
    unit : str, optional
        For example ``"meV"``.
    label : str, optional
        By default, the name of the argument.
    """

    unit: str | None = field(default=None)
    label: str | None = field(default=None)

    def __post_init__(self) -> None:
        for name in ("unit", "label"):
            text = getattr(self, name)
            if text is not None and not isinstance(text, str):
                raise TypeError(f"{name} must be a string, got {text!r}.")

    @property
    def about(self) -> tuple[Any, ...]:
        """Return the properties that distinguish the axis from others of its type, without unit and label."""
        raise NotImplementedError

    def called(self, unit: str | None, label: str | None) -> Self:
        """Return the same axis with another unit and label."""
        axis = object.__new__(type(self))  # a copy would pickle the value of a `Fixed`
        vars(axis).update(vars(self), unit=unit, label=label)
        return axis

    def __repr__(self) -> str:
        given = [repr(each) for each in self.about]
        given += [f"{name}={text!r}" for name in ("unit", "label") if (text := getattr(self, name)) is not None]
        return f"{type(self).__name__}({', '.join(given)})"


@dataclass(frozen=True, repr=False)
class Linear(Axis):
    """Real numbers from ``low`` to ``high``; equivalent to a pair ``(low, high)``, with unit and label.

    Raises
    ------
    TypeError, ValueError
        If they are not finite numbers in ascending order.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = checked_bounds((self.low, self.high))
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @property
    def about(self) -> tuple[Any, ...]:
        return self.low, self.high

    @property
    def inner_bounds(self) -> tuple[float, float]:
        """The bounds of the learner's coordinate."""
        return self.low, self.high

    def to_inner(self, x: float) -> float:
        """Return the learner's coordinate for that of the user."""
        return x

    def to_user(self, u: float) -> Any:
        """Return the user's coordinate for that of the learner."""
        return u

    def many_to_inner(self, x: Any) -> Any:
        """Return `to_inner` of an array, with NaN for coordinates that cannot be converted."""
        return x

    def many_to_user(self, u: Any) -> Any:
        """Return `to_user` of an array."""
        return u


@dataclass(frozen=True, repr=False)
class Log(Linear):
    """Positive numbers from ``low`` to ``high``, of which learners divide the decimal logarithm.

    A learner proposes ``10.0**u`` instead of ``u`` between ``log10(low)`` and ``log10(high)``.

    Raises
    ------
    TypeError, ValueError
        If they are not positive numbers in ascending order.

    Examples
    --------
    >>> Log(1e-3, 10.0, unit="meV")
    Log(0.001, 10.0, unit='meV')
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low <= 0:
            raise ValueError(f"low must be positive on a logarithmic axis, got {self.low!r}.")
        bounds = math.log10(self.low), math.log10(self.high)
        if not bounds[0] < bounds[1]:
            raise ValueError(f"low and high must have different logarithms, got {self.low!r} and {self.high!r}.")
        vars(self).update(_lowest=bounds[0], _highest=bounds[1])

    _lowest: ClassVar[float]  # no fields, because they are computed from these
    _highest: ClassVar[float]

    @property
    def inner_bounds(self) -> tuple[float, float]:
        return self._lowest, self._highest

    def to_inner(self, x: float) -> float:
        if x <= 0:
            raise ValueError(f"A coordinate must be positive on a logarithmic axis, got {x!r}.")
        if x == self.low or x == self.high:
            return self.inner_bounds[x == self.high]
        return math.log10(x)

    def to_user(self, u: float) -> float:
        if self._lowest < u < self._highest:
            x: float = 10.0**u
            # Rounding may move the power of a number outside the bounds.
            return x if self.low <= x <= self.high else min(max(x, self.low), self.high)
        if u in (self._lowest, self._highest):
            return self.high if u == self._highest else self.low
        x = 10.0**u
        return x

    def many_to_inner(self, x: Any) -> Any:
        low, high = self.inner_bounds
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.log10(np.asarray(x, dtype=float))
        return np.where(x == self.low, low, np.where(x == self.high, high, u))

    def many_to_user(self, u: Any) -> Any:
        return np.power(10.0, np.asarray(u, dtype=float))


@dataclass(frozen=True, repr=False)
class Int(Linear):
    """Whole numbers from ``low`` to ``high``, both included. The function gets an ``int``.

    Raises
    ------
    TypeError, ValueError
        If they are not whole numbers in ascending order, or exceed the range in which floats represent all of them.
    """

    def __post_init__(self) -> None:
        whole = []
        for name in ("low", "high"):
            value = getattr(self, name)
            try:
                whole.append(operator.index(value))
            except TypeError:
                raise TypeError(f"{name} must be a whole number, got {value!r}.") from None
        if max(map(abs, whole)) > 2**52:
            raise ValueError(f"low and high must be at most 2**52 in size, got {whole[0]!r} and {whole[1]!r}.")
        super().__post_init__()
        object.__setattr__(self, "low", whole[0])
        object.__setattr__(self, "high", whole[1])

    @property
    def size(self) -> int:
        """The number of whole numbers."""
        return int(self.high - self.low) + 1

    @property
    def inner_bounds(self) -> tuple[float, float]:
        return float(self.low), float(self.high)

    def checked(self, x: float) -> int:
        """Return a coordinate as it is stored in data."""
        if x != math.floor(x):
            raise ValueError(f"A coordinate must be a whole number on an Int axis, got {x!r}.")
        return int(x)

    def to_inner(self, x: float) -> float:
        return float(x)

    def to_user(self, u: float) -> int:
        return round(u)


@dataclass(frozen=True, repr=False)
class Periodic(Linear):
    """Real numbers from ``low`` to ``high``, the period of the function.

    A learner never proposes ``high``. Coordinates outside the bounds are equivalent to those inside.

    Raises
    ------
    TypeError, ValueError
        If they are not finite numbers in ascending order.
    """

    def widened(self, margin: float) -> tuple[float, float]:
        """Return the bounds, extended by a share of the period on both sides."""
        beyond = margin * (self.high - self.low)
        return self.low - beyond, self.high + beyond

    def to_inner(self, x: float) -> float:
        return x if self.low <= x < self.high else self._wrapped(x)

    def to_user(self, u: float) -> float:
        return u if self.low <= u < self.high else self._wrapped(u)

    def many_to_inner(self, x: Any) -> Any:
        x = np.asarray(x, dtype=float)
        wrapped = self.low + np.mod(x - self.low, self.high - self.low)
        return np.where((x >= self.low) & (x <= self.high), x, wrapped)

    def _wrapped(self, x: float) -> float:
        x = self.low + (x - self.low) % (self.high - self.low)
        return x if x < self.high else self.low


@dataclass(frozen=True, repr=False)
class Categories(Axis):
    """One of several values without an order; equivalent to a list of them, with unit and label.

    Raises
    ------
    TypeError, ValueError
        If values is not a sequence, is empty, or has a value twice.
    """

    values: Sequence[Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.values, str) or not isinstance(self.values, Sequence):
            raise TypeError(f"values must be a list, got {self.values!r}.")
        values = tuple(self.values)
        if not values:
            raise ValueError("values must have at least one category, got none.")
        for i, value in enumerate(values):
            try:
                is_there = value in values[:i]
            except (TypeError, ValueError) as error:  # arrays
                hint = "Use names, and let the function look the values up."
                raise TypeError(f"values must be comparable, got {value!r}: {error}. {hint}") from None
            if is_there:
                raise ValueError(f"values must differ, got {value!r} twice.")
        object.__setattr__(self, "values", values)

    @property
    def about(self) -> tuple[Any, ...]:
        return (list(self.values),)


@dataclass(frozen=True, repr=False)
class Fixed(Axis):
    """An argument with a constant value. ``Fixed(…)`` is only needed for tuples and lists.

    Values other than numbers and text are unpickled when they are first needed, because the scheduler may not have
    their modules.
    """

    value: Any

    @property
    def about(self) -> tuple[Any, ...]:
        """Return the value if it is a number or text, otherwise an object with `text_of_value` as its `repr`."""
        state = vars(self)
        if "_pickled" in state:
            return (state["_text"],)
        return (self.value if type(self.value) in _SIMPLE else _Text(text_of_value(self.value)),)

    def __getattr__(self, name: str) -> Any:
        if name != "value" or "_pickled" not in vars(self):
            raise AttributeError(name)
        object.__setattr__(self, "value", cloudpickle.loads(vars(self)["_pickled"]))
        return self.value

    def __reduce__(self) -> tuple[Any, ...]:
        if "_pickled" not in vars(self) and type(self.value) in _SIMPLE:
            return _fixed, (self.unit, self.label, {"value": self.value})
        pickled = vars(self).get("_pickled") or dumps_by_value(self.value)
        return _fixed, (self.unit, self.label, {"_pickled": pickled, "_text": self.about[0]})


def _fixed(unit: str | None, label: str | None, state: dict[str, Any]) -> Fixed:
    axis = object.__new__(Fixed)
    vars(axis).update(unit=unit, label=label, **state)
    return axis


class _Text(str):
    """The text of a value, with a `repr` without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


_SIMPLE = (bool, int, float, str, type(None))


def as_axis(given: Any, name: str) -> Axis:
    """Convert a user's description of an axis to an axis.

    Raises
    ------
    TypeError, ValueError
        If it does not describe an axis.
    """
    try:
        if isinstance(given, Axis):
            return given
        if isinstance(given, list):
            return Categories(given)
        if isinstance(given, type) and issubclass(given, Axis):
            raise TypeError(f"an axis must be given its bounds, got the class: write {given.__name__}(low, high).")
        if isinstance(given, tuple):
            if len(given) != 2 or not all(isinstance(each, numbers.Real) for each in given):
                raise TypeError(
                    f"an axis must be a pair (low, high) of numbers, got {given!r}. Give categories as a list, and a "
                    "value that is a tuple as Fixed(value)."
                )
            return Linear(*given)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
    return Fixed(given)
