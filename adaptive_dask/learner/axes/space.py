"""Space: the arguments of a function by name, with their possible values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from adaptive_dask.learner.argument_names import Coordinates, texts_of
from adaptive_dask.learner.axes.axis import Axis, Categories, Fixed, Linear, as_axis
from adaptive_dask.learner.axes.exchange import axes_of_optuna, axes_of_vocs, optuna_of_axes, vocs_of_axes
from adaptive_dask.learner.value_text import text_of_value


class Space:
    """The arguments of a function by name, in order, with their possible values.

    It is passed to a learner instead of ``bounds``. The function is then called with keyword arguments.

    Parameters
    ----------
    axes : mapping of str to object, optional
        The same as keyword arguments.
    **named
        For each argument, one of

        - a pair ``(low, high)`` or `Linear`: real numbers;
        - `Log`: positive numbers, of which the logarithm is divided;
        - `Int`: whole numbers;
        - `Periodic`: real numbers; the function is periodic;
        - a list or `Categories`: one of several values;
        - any other value, or `Fixed`: a constant.

    Attributes
    ----------
    axes : mapping of str to Axis
    names : tuple of str
        The varying arguments; points have their values, in this order.
    fixed : dict of str to object
        The values of the other arguments.

    Raises
    ------
    TypeError, ValueError
        If a name is not the name of an argument, a value is not an axis, or no argument varies.

    Examples
    --------
    >>> from adaptive_dask import Learner2D
    >>> from adaptive_dask.learner.axes.axis import Log
    >>> def f(energy, field, temperature):
    ...     return energy * field / temperature
    >>> space = Space(energy=Log(1e-3, 10.0, unit="meV"), field=(-1, 1), temperature=4.2)
    >>> learner = Learner2D(f, space)
    >>> learner.tell((0.5, 0.0), learner.function((0.5, 0.0)))
    >>> learner.data
    {(0.5, 0.0): 0.0}
    """

    def __init__(self, axes: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        if axes is not None and not isinstance(axes, Mapping):
            raise TypeError(f"axes must be a mapping of names to axes, got {axes!r}. Or write Space(energy=(0, 1)).")
        both = set(axes or ()) & set(named)
        if both:
            raise ValueError(f"An axis must be given once, got {both.pop()!r} twice.")
        found: dict[str, Axis] = {}
        for name, given in {**(axes or {}), **named}.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise TypeError(f"The name of an axis must be that of an argument, got {name!r}.")
            found[name] = as_axis(given, name)
        self.axes: Mapping[str, Axis] = MappingProxyType(found)
        self.names = tuple(name for name, axis in found.items() if not isinstance(axis, Fixed))
        if not self.names:
            raise ValueError(f"A space must have an axis that varies, got {self!r}.")

    @property
    def fixed(self) -> dict[str, Any]:
        """The values of the constant arguments."""
        return {name: axis.value for name, axis in self.axes.items() if isinstance(axis, Fixed)}

    @property
    def ndim(self) -> int:
        """The number of varying axes."""
        return len(self.names)

    @property
    def varying(self) -> list[Axis]:
        """The varying axes."""
        return [self.axes[name] for name in self.names]

    @property
    def numeric(self) -> list[Linear]:
        """The varying axes that have bounds."""
        return [axis for axis in self.varying if isinstance(axis, Linear)]

    def replaced(self, /, **axes: Any) -> Space:
        """Return the space with other axes of these names."""
        unknown = axes.keys() - self.axes.keys()
        if unknown:
            raise ValueError(f"axes must be among {', '.join(self.axes)}, got {unknown.pop()!r}.")
        return Space({**self.axes, **axes})

    @classmethod
    def from_vocs(cls, vocs: Any) -> Space:
        """Return the space of the variables and constants of a VOCS of gest-api.

        Parameters
        ----------
        vocs : gest_api.vocs.VOCS
            Continuous variables become `Linear` axes, or `Int` if they have an integer dtype. Discrete variables become
            `Int` axes if they are whole numbers without gaps, otherwise `Categories` in sorted order, because they are
            sets. Constants become `Fixed`.

        Raises
        ------
        ImportError
            If gest-api is not installed.
        UnsupportedAxisError
            If a variable is contextual.
        TypeError, ValueError
            If it is not a VOCS, a name is not the name of an argument, or bounds are infinite.
        """
        return cls(axes_of_vocs(vocs))

    def to_vocs(self, **outputs: Any) -> Any:
        """Return the space as variables and constants of a VOCS of gest-api.

        Parameters
        ----------
        **outputs
            Further fields: ``objectives``, ``constraints`` and ``observables``.

        Returns
        -------
        gest_api.vocs.VOCS
            Without units and labels. `Log` axes have their bounds, and `Int` axes and categories are sets of values.

        Raises
        ------
        ImportError
            If gest-api is not installed.
        UnsupportedAxisError
            If an axis is `Periodic`, an `Int` axis has more than 100,000 numbers, or a category is not hashable.
        """
        return vocs_of_axes(self.axes, outputs)

    @classmethod
    def from_optuna(cls, distributions: Mapping[str, Any]) -> Space:
        """Return the space of distributions of Optuna.

        Parameters
        ----------
        distributions : mapping of str to optuna.distributions.BaseDistribution
            For example ``trial.distributions``. Those with a single value become `Fixed`.

        Raises
        ------
        ImportError
            If Optuna is not installed.
        UnsupportedAxisError
            If a distribution has a step, or whole numbers have ``log=True``.
        TypeError, ValueError
            If a value is not a distribution, or a name is not the name of an argument.
        """
        return cls(axes_of_optuna(distributions))

    def to_optuna(self) -> dict[str, Any]:
        """Return the space as distributions of Optuna.

        Returns
        -------
        dict of str to optuna.distributions.BaseDistribution
            Without units and labels. A `Fixed` value is a categorical distribution with a single choice.

        Raises
        ------
        ImportError
            If Optuna is not installed.
        UnsupportedAxisError
            If an axis is `Periodic`.
        """
        return optuna_of_axes(self.axes)

    def with_texts_of(self, function: Callable[..., Any]) -> Space:
        """Return the space with the units and labels in the types of a function's arguments.

        In ``Annotated[float, "meV", "photon energy"]``, the first string is the unit and the second one the label.
        Units and labels of the space take precedence.
        """
        texts = texts_of(function)
        axes: dict[str, Axis] = {}
        for name, axis in self.axes.items():
            unit, label = (*texts.get(name, ()), None, None)[:2]
            axes[name] = axis.called(axis.unit or unit, axis.label or label)
        return Space(axes)

    def coordinates(self, function: Callable[..., Any], before: tuple[str, ...] = ()) -> Coordinates:
        """Return names, units and labels of the coordinates of a point.

        Parameters
        ----------
        function : callable
            The type of its result contains the unit of the value.
        before : tuple of str
            The names of elements of points before the coordinates.
        """
        names = [*before, *self.names]
        units = [*(None for _ in before), *(axis.unit for axis in self.varying)]
        labels = [*before, *(axis.label or name for name, axis in zip(self.names, self.varying, strict=True))]
        return Coordinates(names, units, next(iter(texts_of(function).get("return", ())), None), labels)

    def check_function(self, function: Callable[..., Any], also: tuple[str, ...] = (), what: str = "function") -> None:
        """Raise TypeError if a function cannot be called with these arguments."""
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # functions written in C may have no signature
            return
        names = [*also, *self.axes]
        try:
            signature.bind(**dict.fromkeys(names))
        except TypeError as error:
            raise TypeError(
                f"{what} must take the arguments {', '.join(names)} by name, got one that takes {signature}: {error}."
            ) from None

    def plain(self) -> list[list[Any]]:
        """Return the properties that distinguish the space from others, as plain data without units and labels."""
        return [[name, type(axis).__name__, *map(plain_value, axis.about)] for name, axis in self.axes.items()]

    def __eq__(self, other: object) -> bool:
        return self.plain() == other.plain() if isinstance(other, Space) else NotImplemented

    def __hash__(self) -> int:
        return hash(repr(self.plain()))

    def __repr__(self) -> str:
        return f"Space({', '.join(f'{name}={_short(axis)}' for name, axis in self.axes.items())})"

    def __reduce__(self) -> tuple[type[Space], tuple[dict[str, Axis]]]:
        return Space, (dict(self.axes),)


def _short(axis: Axis) -> str:
    if type(axis) in (Linear, Categories, Fixed) and axis.unit is axis.label is None:
        shortest = axis.about if isinstance(axis, Linear) else axis.about[0]
        if not (isinstance(axis, Fixed) and repr(shortest).startswith(("(", "["))):
            return repr(shortest)
    return repr(axis)


def plain_value(value: Any) -> Any:
    """Return plain data that are equal for equal values."""
    if isinstance(value, list | tuple):
        return [plain_value(each) for each in value]
    if isinstance(value, float) and value != value:  # NaN differs from itself
        return repr(value)
    return value if isinstance(value, bool | int | float | str | None) else text_of_value(value)
