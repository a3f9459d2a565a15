"""The points that a learner has evaluated, as an xarray Dataset."""

from __future__ import annotations

from typing import Any

from adaptive_dask.learner.argument_names import units_of_parts
from adaptive_dask.storage.children import first_leaf
from adaptive_dask.storage.dataset_columns import POINT, array_of, component_names, variable_of
from adaptive_dask.storage.frame_layouts import layout_of
from adaptive_dask.storage.frames import to_dataframe
from adaptive_dask.storage.own_columns import free_name


def samples(xarray: Any, learner: Any, options: dict[str, Any]) -> Any:
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
