"""A learner's data as an xarray Dataset: the evaluated points, or an interpolation on a grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from adaptive_dask.learner.argument_names import units_of_parts
from adaptive_dask.learner.reading import reading
from adaptive_dask.missing_module import needed
from adaptive_dask.storage.dataset_columns import POINT, array_of, component_names, variable_of
from adaptive_dask.storage.frame_layouts import layout_of
from adaptive_dask.storage.frames import children_of, first_leaf, index_name_of, to_dataframe
from adaptive_dask.storage.json_cells import objects
from adaptive_dask.storage.own_columns import INDEX, RESULT, free_name
from adaptive_dask.types import Array

# Number of points in one call, which limits the memory of an interpolator.
_MAX_POINTS = 1 << 18

# An axis with an unbounded distribution ends at these quantiles.
_TAILS = (0.001, 0.999)


def to_xarray(
    learner: Any,
    n: int | Sequence[int] | Mapping[str, int] | None = None,
    *,
    coords: Mapping[str, Any] | None = None,
    chunks: Any = None,
    smooth: Any = None,
    error: bool = True,
    **options: Any,
) -> Any:
    """Make a Dataset of a learner's data.

    Parameters
    ----------
    learner : BaseLearner
    n : int, sequence of int, or mapping of str to int, optional
        The number of coordinates along each axis of the grid, evenly spaced between the bounds: the same for all axes,
        one for each, or by the name of the axis.
    coords : mapping of str to array, optional
        The coordinates along some axes; the others use `n`. A number instead of an array is a cut, and the variables do
        not have this dimension.
    chunks : int, "auto", sequence, or mapping of str to int, optional
        Evaluate with Dask when the values are needed, in chunks of this shape.
    smooth : bool or "auto", optional
        The kind of interpolation, for learners whose ``interpolator`` has this argument.
    error : bool, default: True
        Add the estimated error, as the variable ``<name>_error``.
    **options
        Without ``n`` and ``coords``, as for `to_dataframe`.

    Returns
    -------
    xarray.Dataset
        With ``n`` or ``coords``, the interpolation. Axes and variables have the names of the columns of the data frame,
        and ``units`` from the types of the function. The components of a vector have their own dimension, or their own
        variables if ``DataSaver(learn=[…])`` names them. The dimension of the children of a `BalancingLearner` is
        "learner_index". If the function has no value at some points, the variables are NaN there, and ``feasibility``
        is a number from 0 to 1.

        Otherwise, the evaluated points along the dimension "point", with the columns of the data frame.
        ``learner.load_dataframe(dataset)`` tells a learner the same data.

    Raises
    ------
    ImportError
        If xarray is not installed, or Dask with ``chunks``.
    TypeError, ValueError
        If an argument is invalid, the learner has no continuous coordinates, or it has too few points.
    """
    xarray = _xarray()
    if n is None and coords is None:
        for name, value in (("chunks", chunks), ("smooth", smooth)):
            if value is not None:
                raise TypeError(f"{name} must be used with n= or coords=, got neither. Pass one, or omit {name}.")
        with reading(learner, load_extra=options.get("load_extra", False)):
            return _samples(xarray, learner, options)
    if options:
        raise TypeError(f"Options of a grid must be n, coords, chunks, smooth and error, got {', '.join(options)}.")
    # Children with values at all points need the variable if others do not have them.
    with reading(learner):
        gaps = bool(getattr(learner, "infeasible", None))
        make = partial(_Grid, xarray, n=n, coords=coords or {}, chunks=chunks, smooth=smooth, error=error, gaps=gaps)
        return _interpolated(xarray, learner, make, INDEX)


class _Grid:
    """The interpolation of one learner; ``which`` names it in errors if it is a child of another one."""

    def __init__(
        self,
        xarray: Any,
        learner: Any,
        *,
        n: Any,
        coords: Mapping[str, Any],
        chunks: Any,
        smooth: Any,
        error: bool,
        gaps: bool,
        which: str,
    ) -> None:
        self._xarray = xarray
        self._learner = learner
        make = getattr(learner, "interpolator", None)
        if make is None:
            raise TypeError(
                f"A learner on a grid must have an interpolator, got a {type(learner).__name__}. Omit n and coords for "
                "the evaluated points."
            )
        layout = layout_of(learner)
        self._names = layout.axes(learner, layout.options(learner))
        self._arguments = {*self._names, *_fixed(learner)}
        self._about = layout.about_axes(learner, layout.options(learner))
        self._coords, self._cuts = _coordinates(learner, self._names, n, coords)
        try:
            self._interpolator = make() if smooth is None else make(smooth=smooth)
        except ValueError as error:
            if not which:
                raise
            raise ValueError(
                f"{which} must have values on a grid, got {learner.npoints} points: {error} Evaluate more points of "
                "this child, or omit n and coords for the evaluated points of all children."
            ) from error
        self._of_tuples = _has_tuples(learner)
        self._chunks = chunks
        self._error = error and hasattr(self._interpolator, "error")
        self._gaps = gaps

    def dataset(self) -> Any:
        first = _evaluate([axis[:1] for axis in self._coords], self._interpolator, "", self._of_tuples)
        shape = first.shape[len(self._names) :]
        values = self._evaluated("", shape, first.dtype)
        errors = self._evaluated("error", shape, np.dtype(float)) if self._error else None
        parts = self._parts(shape)
        ndim = 0 if parts[0][1] is not ... else len(shape)
        dims = [*self._names, *component_names(parts[0][0], ndim, self._arguments)]
        variables: dict[str, Any] = {}
        taken = {*self._arguments, *(name for name, _, _ in parts)}
        for name, index, unit in parts:
            about = {"units": unit} if unit else {}
            if errors is None:
                variables[name] = (dims, values[index], about)
                continue
            error_name = free_name(f"{name}_error", taken)
            variables[name] = (dims, values[index], {**about, "ancillary_variables": error_name})
            variables[error_name] = (dims, errors[index], {**about, "long_name": f"estimated error of {name}"})
        if self._gaps:
            name = free_name("feasibility", {*variables, *self._arguments})
            shares = self._evaluated("feasibility", (), np.dtype(float))
            variables[name] = (self._names, shares, {"long_name": "whether the function has a value, from 0 to 1"})
        attrs = {"learner": type(self._learner).__name__, "npoints": int(self._learner.npoints)}
        dataset = self._xarray.Dataset(variables, coords=self._axes(), attrs=attrs)
        return dataset.isel(dict.fromkeys(self._cuts, 0))

    def _parts(self, shape: tuple[int, ...]) -> list[tuple[str, Any, str | None]]:
        """Return the name, index and unit of each variable; one named like an argument gets a prefix."""
        layout = layout_of(self._learner)
        units = units_of_parts(layout.function(self._learner))
        learn = getattr(self._learner, "learn", None)
        parts: list[tuple[str, Any, str | None]]
        if isinstance(learn, tuple) and not shape:  # for a learner of numbers
            (learn,) = learn
        if isinstance(learn, tuple):
            parts = [(name, (..., k), units.get(name)) for k, name in enumerate(learn)]
        elif learn is not None:
            parts = [(learn, ..., units.get(learn))]
        else:
            name = str(layout.options(self._learner).get(layout.output_option(self._learner) or "", "value"))
            parts = [(name, ..., self._about.value_unit)]
        return [(f"{RESULT}{name}" if name in self._arguments else name, index, unit) for name, index, unit in parts]

    def _axes(self) -> dict[str, Any]:
        """Return the coordinates, and the arguments that are constant in the space."""
        axes: dict[str, Any] = {}
        labels = self._about.labels or self._names
        for name, axis, unit, label in zip(self._names, self._coords, self._about.units, labels, strict=True):
            about = {"units": unit} if unit else {}
            axes[name] = (name, axis, about if label == name else {**about, "long_name": label})
        fixed = _fixed(self._learner).items()
        return {**axes, **{name: value for name, value in fixed if isinstance(value, int | float | str)}}

    def _evaluated(self, method: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return values or errors on the grid, as an array of NumPy or of Dask."""
        if self._chunks is None:
            return _evaluate(self._coords, self._interpolator, method, self._of_tuples)
        try:
            import dask.array as da
            from dask.delayed import delayed
        except ImportError as error:
            raise ImportError("chunks= needs Dask, which is not installed: pip install dask.") from error
        lengths = tuple(map(len, self._coords))
        chunks = da.core.normalize_chunks(_by_axis(self._chunks, self._names, "chunks"), shape=lengths, dtype=dtype)
        # The interpolator is one task, not part of each one. Its name does not depend on its content, which may be
        # large.
        interpolator = delayed(self._interpolator, pure=False)
        axes = [da.from_array(axis, chunks=(sizes,)) for axis, sizes in zip(self._coords, chunks, strict=True)]
        arguments: list[Any] = []
        for k, axis in enumerate(axes):
            arguments += [axis, (k,)]
        new = {len(axes) + k: size for k, size in enumerate(shape)}
        return da.blockwise(
            _evaluate_block,
            tuple(range(len(axes) + len(shape))),
            *arguments,
            interpolator=interpolator,
            method=method,
            of_tuples=self._of_tuples,
            new_axes=new,
            align_arrays=False,  # each axis has its own index
            dtype=dtype,
            meta=np.empty((0,) * (len(axes) + len(shape)), dtype),
        )


def _fixed(learner: Any) -> Mapping[str, Any]:
    """Return the arguments that are constant in the space of a learner, if it has one."""
    fixed: Mapping[str, Any] = getattr(getattr(learner, "space", None), "fixed", {})
    return fixed


def _evaluate_block(*coords: Array, interpolator: Any, method: str, of_tuples: bool) -> Array:
    return _evaluate(coords, interpolator, method, of_tuples)


def _evaluate(coords: Sequence[Array], interpolator: Any, method: str, of_tuples: bool) -> Array:
    """Return values or errors on a grid, in an array with the shape of the grid followed by that of a value."""
    evaluate = getattr(interpolator, method) if method else interpolator
    lengths = tuple(map(len, coords))
    size = math.prod(lengths)
    parts = []
    for begin in range(0, max(size, 1), _MAX_POINTS):
        indices = np.unravel_index(np.arange(begin, min(size, begin + _MAX_POINTS)), lengths)
        columns = [axis[index] for axis, index in zip(coords, indices, strict=True)]
        parts.append(np.asarray(evaluate(np.stack(columns, axis=-1) if of_tuples else columns[0])))
    values = np.concatenate(parts)
    return values.reshape(*lengths, *values.shape[1:])


def _coordinates(
    learner: Any, names: Sequence[str], n: Any, coords: Mapping[str, Any]
) -> tuple[list[Array], list[str]]:
    """Return the coordinates along each axis, and the names of the axes that are cut."""
    if not isinstance(coords, Mapping):
        raise TypeError(f"coords must be a mapping of {', '.join(names)} to arrays, got {coords!r}.")
    unknown = [name for name in coords if name not in names]
    if unknown:
        raise ValueError(f"coords must have names of axes ({', '.join(names)}), got {unknown[0]!r}.")
    lengths = _by_axis(n, names, "n")
    found, cuts = [], []
    for k, name in enumerate(names):
        if name in coords:
            axis = np.asarray(coords[name], dtype=float)
            if axis.ndim == 0:
                cuts.append(name)
            elif axis.ndim > 1 or not len(axis):
                raise ValueError(f"coords must have arrays of shape (n,), got {name!r} of shape {axis.shape}.")
            found.append(np.atleast_1d(axis))
        else:
            found.append(_evenly(learner, k, _checked_length(lengths[k], name)))
    return found, cuts


def _by_axis(value: Any, names: Sequence[str], what: str) -> tuple[Any, ...]:
    """Return the part of an argument for each axis."""
    if isinstance(value, Mapping):
        unknown = [name for name in value if name not in names]
        if unknown:
            raise ValueError(f"{what} must have names of axes ({', '.join(names)}), got {unknown[0]!r}.")
        return tuple(value.get(name, -1 if what == "chunks" else None) for name in names)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != len(names):
            raise ValueError(f"{what} must have an entry for each axis ({', '.join(names)}), got {value!r}.")
        return tuple(value)
    return (value,) * len(names)


def _checked_length(length: Any, name: str) -> int:
    if length is None:
        raise ValueError(f"The axis {name!r} must have coordinates: pass n, or {name!r} in coords.")
    if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
        raise ValueError(f"n must be a positive number of coordinates, got {length!r} for the axis {name!r}.")
    return int(length)


def _evenly(learner: Any, k: int, length: int) -> Array:
    bounds = learner.bounds
    numeric = getattr(getattr(learner, "space", None), "numeric", None)
    if numeric is not None:  # evenly spaced in the coordinates that the learner divides
        axis = numeric[k]
        low, high = axis.inner_bounds
        inner = np.linspace(low, high, length)
        # Rounding must not move the ends outside the bounds, and whole numbers may occur twice.
        return np.unique(np.clip(axis.many_to_user(inner), axis.low, axis.high))
    if hasattr(bounds, "points"):  # a convex hull
        low, high = bounds.points[:, k].min(), bounds.points[:, k].max()
    elif not _has_tuples(learner):
        low, high = bounds
    elif hasattr(bounds[k], "ppf"):
        ends = zip(bounds[k].support(), bounds[k].ppf(_TAILS), strict=True)
        low, high = (end if math.isfinite(end) else tail for end, tail in ends)
    else:
        low, high = bounds[k]
    return np.linspace(low, high, length)


def _has_tuples(learner: Any) -> bool:
    """Return True if points are tuples, including one dimension."""
    return (
        hasattr(learner.bounds, "points") or hasattr(learner.bounds[0], "__len__") or hasattr(learner.bounds[0], "ppf")
    )


def _interpolated(xarray: Any, learner: Any, make: Callable[..., _Grid], index: str, which: str = "") -> Any:
    """Return the grid of a learner, or of all children along a dimension."""
    children = children_of(learner)
    if children is None:
        return make(learner, which=which).dataset()
    grids = []
    for number, child in enumerate(children):
        name = f"{which}, child {number}" if which else f"Child {number}"
        name += f" ({', '.join(f'{k}={v!r}' for k, v in learner.cdims[number].items())})" if learner.cdims else ""
        grids.append(_interpolated(xarray, child, make, index_name_of(child, index) or index, name))
    first = grids[0]
    dims = sorted(map(str, first.dims))
    other = next((sorted(map(str, grid.dims)) for grid in grids if set(grid.dims) != set(first.dims)), None)
    if other is not None:
        raise ValueError(f"The children must have the same axes, got {', '.join(dims)} and {', '.join(other)}.")
    index = free_name(index, {*first.variables, *first.sizes})
    if not all(grid[name].variable.equals(first[name].variable) for grid in grids for name in dims if name in first):
        raise ValueError("The children must have the same bounds: pass the coordinates along every axis in coords.")
    # Arguments that are constant in each child may differ between children.
    names = dict.fromkeys(name for grid in grids for name in grid.coords if not grid[name].dims)
    single = {name: [grid[name].item() if name in grid else None for grid in grids] for name in names}
    differ = {name: values for name, values in single.items() if any(value != values[0] for value in values)}
    joined = xarray.concat(
        [grid.drop_vars([*differ], errors="ignore") for grid in grids],
        dim=index,
        data_vars="all",
        coords="different",
        compat="equals",
        join="exact",
        combine_attrs="drop_conflicts",
    )
    cdims = learner.cdims or []
    named = {
        free_name(name, joined.data_vars): [cdim[name] for cdim in cdims]
        for name in (cdims[0] if cdims else ())
        if name not in joined.coords
    }
    about = {name: (index, _labels(values)) for name, values in {**differ, **named}.items()}
    attrs = {"learner": type(learner).__name__, "npoints": int(learner.npoints)}
    return joined.assign_coords({index: (index, np.arange(len(grids))), **about}).assign_attrs(attrs)


def _labels(values: list[Any]) -> Any:
    """Return values along a dimension, as numbers or text if possible."""
    kinds = set(map(type, values))
    return np.array(values) if len(kinds) == 1 and kinds <= {bool, int, float, str} else objects(values)


def _xarray() -> Any:
    with needed("Datasets need xarray", '"adaptive_dask[data]"'):
        import xarray
    return xarray


def _samples(xarray: Any, learner: Any, options: dict[str, Any]) -> Any:
    """Return a Dataset with the columns of the data frame along the dimension "point"; inputs are coordinates."""
    df = to_dataframe(learner, **options)
    child = first_leaf(learner)
    layout = layout_of(child)
    function = layout.function(child)
    defaults = layout.options(child)
    about = layout.about_axes(child, defaults)
    axes = layout.axes(child, {**defaults, **{name: value for name, value in options.items() if name in defaults}})
    units: dict[str, Any] = {**units_of_parts(function), **dict(zip(axes, about.units, strict=True))}
    if isinstance(df.attrs["output"], str):
        units.setdefault(df.attrs["output"], about.value_unit)
    variables = {}
    point = free_name(POINT, df.columns)
    for name in df.columns:
        cells = array_of(df[name])
        dims = [point, *component_names(name, cells.ndim - 1, [*df.columns, point])]
        variables[name] = variable_of(dims, cells, {"units": units[name]} if units.get(name) else {})
    dataset = xarray.Dataset(variables, attrs={**df.attrs, "learner": type(learner).__name__})
    return dataset.set_coords([name for name in df.attrs["inputs"] if name in variables])
