"""Columns of a data frame as variables of an xarray Dataset, and back."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from adaptive_dask.storage.json_cells import ENCODED, JSON, as_json, from_json, is_utf8, objects
from adaptive_dask.storage.own_columns import free_name
from adaptive_dask.storage.vector_text import is_plain_array

POINT = "point"

# Invalid names of variables in a Zarr store, and the attribute with the original name.
_NO_FILES, _NAME = {"", ".", "..", "zarr.json"}, "name"


def component_names(name: str, ndim: int, taken: Container[str]) -> list[str]:
    """Return the names of the dimensions of the components of arrays."""
    names = [f"{name}_component"] if ndim == 1 else [f"{name}_component_{k}" for k in range(ndim)]
    return [free_name(each, taken) for each in names]


def is_dataset(table: Any) -> bool:
    """Return whether an object is an xarray Dataset, without importing xarray."""
    return type(table).__module__.startswith("xarray.") and hasattr(table, "data_vars")


def frame_of(dataset: Any) -> Any:
    """Return the data frame of a Dataset of `adaptive_dask.storage.grids.to_xarray`.

    Raises
    ------
    ValueError
        If the Dataset has other dimensions, for example those of a grid.
    """
    import pandas

    called = {variable.attrs.get(_NAME, name) for name, variable in dataset.variables.items()}
    point = free_name(POINT, called - {*dataset.sizes})
    if point not in dataset.sizes or "inputs" not in dataset.attrs:
        raise ValueError(
            "The Dataset must have points along the dimension 'point', as learner.to_xarray() without n and coords "
            f"makes it, got the dimensions {', '.join(map(str, dataset.sizes)) or 'none'}."
        )
    variables = [dataset[name] for name in dataset.variables if dataset[name].dims[:1] == (point,)]
    df = pandas.DataFrame({each.attrs.get(_NAME, each.name): _series(pandas, each) for each in variables})
    lists = ("inputs", "parts")  # a file may store them as arrays
    df.attrs = {name: list(value) if name in lists else value for name, value in dataset.attrs.items()}
    if not isinstance(df.attrs["output"], str):
        df.attrs["output"] = list(df.attrs["output"])
    return df


def variable_of(dims: list[str], cells: Any, about: dict[str, Any]) -> Any:
    """Return a variable with the array of a column."""
    is_text = cells.dtype == object and all(isinstance(cell, str) or _is_missing(cell) for cell in cells)
    if is_text and not all(isinstance(cell, str) and is_utf8(cell) for cell in cells):
        # xarray would change missing values in text, and reject lone surrogates.
        return dims, objects([as_json(cell) for cell in cells]), {**about, ENCODED: JSON}
    return dims, cells, about


def storable(dataset: Any) -> Any:
    """Return a Dataset in which objects that a store cannot contain are replaced by text in JSON.

    Raises
    ------
    TypeError
        If an object has no such text; the message names its variable.
    """
    changed: dict[Any, Any] = {}
    for name, variable in dataset.variables.items():
        if variable.dtype.kind not in "OU":
            continue
        values = variable.values.astype(object)
        if all(isinstance(cell, str) and is_utf8(cell) for cell in values.flat):
            if variable.dtype != object:  # text of fixed length is not part of the Zarr format
                changed[name] = (variable.dims, values, variable.attrs)
            continue
        try:
            cells = [as_json(cell) for cell in values.flat]
        except (TypeError, RecursionError) as error:
            raise TypeError(f"The variable {name!r} cannot be written to a file: {error}") from None
        changed[name] = (variable.dims, objects(cells).reshape(values.shape), {**variable.attrs, ENCODED: JSON})
    return _with_names_of_files(dataset.assign(changed))


def _with_names_of_files(dataset: Any) -> Any:
    """Replace invalid names of variables, and store the original names as attributes."""
    called = [str(name) for name in {**dataset.variables, **dataset.sizes}]
    new: dict[str, str] = {}
    for name in called:
        if "/" in name or name in _NO_FILES:
            quoted = name.replace("/", "%2F") if "/" in name else name.replace(".", "%2E") or "%"
            new[name] = free_name(quoted, {*called, *new.values()})
    for name in new.keys() & set(dataset.variables):
        dataset[name].attrs[_NAME] = name
    return dataset.rename(new)


def _series(pandas: Any, variable: Any) -> Any:
    values = variable.values
    if variable.attrs.get(ENCODED) == JSON:
        values = objects([from_json(cell) for cell in values])
    elif values.ndim > 1:
        values = objects(list(values))
    if values.dtype == object:
        return pandas.Series(values, dtype=object)
    return pandas.Series(values.tolist() if values.dtype.kind in "UT" else values)


def array_of(column: Any) -> Any:
    """Convert a column to an array: of numbers or text, of arrays of one shape, or of objects."""
    if column.dtype != object:
        values = column.to_numpy()
        return objects(column.tolist()) if values.dtype.kind not in "biufcmM" else values
    cells = column.tolist()
    forms = {(cell.dtype, cell.shape) for cell in cells if is_plain_array(cell)}
    if len(forms) == 1 and all(map(is_plain_array, cells)):
        dtype, shape = forms.pop()
        if dtype.kind in "biufc" and 0 not in shape:
            return np.stack([np.asarray(cell) for cell in cells])
    return objects([np.asarray(cell) if is_plain_array(cell) else cell for cell in cells])


def _is_missing(cell: Any) -> bool:
    return cell is None or type(cell).__name__ == "NAType" or (isinstance(cell, float) and cell != cell)
