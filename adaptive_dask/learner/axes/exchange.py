"""Conversion of spaces to and from VOCS of gest-api, and distributions of Optuna."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adaptive_dask.learner.axes.axis import Axis, Categories, Fixed, Int, Linear, Log, UnsupportedAxisError
from adaptive_dask.missing_module import needed

# A VOCS lists whole numbers one by one.
_MAX_LISTED = 100_000

# -- VOCS ------------------------------------------------------------------------------------------


def axes_of_vocs(vocs: Any) -> dict[str, Any]:
    """Return the axes of the variables and constants of a VOCS."""
    module = _gest_api()
    if not isinstance(vocs, module.VOCS):
        raise TypeError(f"vocs must be a gest_api.vocs.VOCS, got {vocs!r}.")
    axes = {name: _of_variable(module, name, variable) for name, variable in vocs.variables.items()}
    return {**axes, **{name: Fixed(constant.value) for name, constant in vocs.constants.items()}}


def vocs_of_axes(axes: Mapping[str, Axis], outputs: Mapping[str, Any]) -> Any:
    """Return a VOCS with these variables and constants, and further fields."""
    module = _gest_api()
    taken = outputs.keys() & {"variables", "constants"}
    if taken:
        raise TypeError(f"{taken.pop()} are those of the space, got others. Pass objectives, constraints, observables.")
    return module.VOCS(
        variables={name: _variable(module, name, axis) for name, axis in axes.items() if not isinstance(axis, Fixed)},
        constants={name: module.Constant(value=axis.value) for name, axis in axes.items() if isinstance(axis, Fixed)},
        **outputs,
    )


def _of_variable(module: Any, name: str, variable: Any) -> Any:
    if isinstance(variable, module.ContextualVariable):
        raise UnsupportedAxisError(
            f"{name} must be a variable that is chosen, got a contextual one, which is observed. Make it a constant."
        )
    if isinstance(variable, module.ContinuousVariable):
        low, high = variable.domain
        if not _is_whole(variable.dtype):
            return low, high
        return Int(*(int(bound) if float(bound).is_integer() else bound for bound in (low, high)))
    if isinstance(variable, module.DiscreteVariable):
        return _of_values(variable.values)
    raise UnsupportedAxisError(
        f"{name} must be a continuous or a discrete variable, got a {type(variable).__name__}: {variable!r}."
    )


def _of_values(values: set[Any]) -> Axis:
    """Return an axis of whole numbers without gaps, or of categories. The order of a set differs between processes."""
    if len(values) > 1 and all(type(value) is int for value in values) and max(values) - min(values) < len(values):
        return Int(min(values), max(values))
    kinds = set(map(type, values))
    if kinds <= {int, float} or kinds == {str}:
        return Categories(sorted(values))
    return Categories(sorted(values, key=lambda value: (type(value).__name__, repr(value))))


def _variable(module: Any, name: str, axis: Axis) -> Any:
    if isinstance(axis, Categories):
        try:
            return module.DiscreteVariable(values=set(axis.values))
        except TypeError as error:
            raise UnsupportedAxisError(f"{name} must have hashable values in a VOCS, got {axis!r}: {error}.") from None
    if isinstance(axis, Int):
        if axis.size > _MAX_LISTED:
            raise UnsupportedAxisError(
                f"{name} must have at most {_MAX_LISTED:,} whole numbers in a VOCS, which lists them, got {axis!r}."
            )
        return module.DiscreteVariable(values=set(range(int(axis.low), int(axis.high) + 1)))
    if isinstance(axis, Linear) and type(axis) in (Linear, Log):
        return module.ContinuousVariable(domain=[axis.low, axis.high])
    raise _inexpressible(name, axis, "a VOCS")


def _is_whole(dtype: Any) -> bool:
    try:
        return dtype is not None and np.dtype(dtype).kind in "iu"
    except (TypeError, ValueError):  # not a dtype of NumPy
        return False


# -- Optuna ----------------------------------------------------------------------------------------


def axes_of_optuna(distributions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the axes of Optuna's distributions."""
    module = _optuna()
    if not isinstance(distributions, Mapping):
        raise TypeError(f"distributions must be a mapping of names to distributions, got {distributions!r}.")
    return {name: _of_distribution(module, name, each) for name, each in distributions.items()}


def optuna_of_axes(axes: Mapping[str, Axis]) -> dict[str, Any]:
    """Return Optuna's distributions for axes."""
    module = _optuna()
    make: dict[type, Callable[[Any], Any]] = {
        Linear: lambda axis: module.FloatDistribution(axis.low, axis.high),
        Log: lambda axis: module.FloatDistribution(axis.low, axis.high, log=True),
        Int: lambda axis: module.IntDistribution(axis.low, axis.high),
        Categories: lambda axis: module.CategoricalDistribution(axis.values),
        Fixed: lambda axis: module.CategoricalDistribution((axis.value,)),
    }
    for name, axis in axes.items():
        if type(axis) not in make:
            raise _inexpressible(name, axis, "Optuna")
    return {name: make[type(axis)](axis) for name, axis in axes.items()}


def _of_distribution(module: Any, name: str, found: Any) -> Any:
    if not isinstance(found, module.BaseDistribution):
        raise TypeError(f"{name} must be a distribution of Optuna, got {found!r}.")
    if isinstance(found, module.CategoricalDistribution):
        return Fixed(found.choices[0]) if found.single() else list(found.choices)
    if isinstance(found, module.FloatDistribution | module.IntDistribution):
        if found.single():
            return Fixed(found.low)
        if isinstance(found, module.FloatDistribution) and found.step is None:
            return Log(found.low, found.high) if found.log else (found.low, found.high)
        if isinstance(found, module.IntDistribution) and found.step == 1 and not found.log:
            return Int(found.low, found.high)
    raise UnsupportedAxisError(
        f"{name} must be a distribution of all numbers or all whole numbers, got {found!r}. Use Categories, or a "
        "distribution without step, or without log for whole numbers."
    )


def _inexpressible(name: str, axis: Axis, where: str) -> UnsupportedAxisError:
    bounds = f" Use space.replaced({name}=({axis.low!r}, {axis.high!r}))." if isinstance(axis, Linear) else ""
    return UnsupportedAxisError(f"{name} must be an axis that {where} has as well, got {axis!r}.{bounds}")


def _gest_api() -> Any:
    with needed("VOCS need gest-api", "gest-api"):
        import gest_api.vocs
    return gest_api.vocs


def _optuna() -> Any:
    with needed("Distributions need Optuna", "optuna"):
        import optuna.distributions
    return optuna.distributions
