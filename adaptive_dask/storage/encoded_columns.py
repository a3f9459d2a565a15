"""Convert columns of a data frame to types of Parquet files, and back.

Columns of numbers, text and times are written unchanged, arrays as lists, and complex numbers as lists of two numbers,
so that other programs can read them. Other objects are written as text in JSON. For each column that was changed,
``df.attrs["encoded"]`` has ``"array:<dtype>"``, ``"complex:<dtype>"`` or ``"json"``; pandas writes it to the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptive_dask.storage.json_cells import ENCODED, JSON, as_json, from_json, is_utf8, objects
from adaptive_dask.storage.vector_text import is_plain_array

# The types of pandas with missing values. NaN also counts as missing in that of floats.
_NULLABLE = {bool: "boolean", int: "Int64", float: "Float64", str: "string"}


def encoded(df: Any) -> Any:
    """Return a copy of a data frame that can be written to a Parquet file.

    Raises
    ------
    TypeError
        If a cell has an object that cannot be written; the message names its column.
    """
    import pandas

    kinds: dict[str, str] = {}
    columns: dict[str, Any] = {}
    for name in df.columns:
        if not isinstance(name, str) or not is_utf8(name):
            raise TypeError(f"The name of a column must be a Unicode text, got {name!r}. Rename the column first.")
        nullable = _nullable(pandas, df[name])
        if nullable is not None:
            columns[name] = nullable
            continue
        kind, cells = _encoded_column(name, df[name])
        if kind is None:
            columns[name] = df[name]
            continue
        kinds[name] = kind
        is_text = kind == JSON
        columns[name] = pandas.Series(cells if is_text else objects(cells), df.index, "str" if is_text else object)
    table = pandas.DataFrame(columns, index=df.index)
    table.attrs = {**df.attrs, **({ENCODED: kinds} if kinds else {})}
    return table


def decoded(df: Any) -> Any:
    """Undo `encoded`."""
    kinds = df.attrs.get(ENCODED)
    if not kinds:
        return df
    import pandas

    attrs = {name: value for name, value in df.attrs.items() if name != ENCODED}
    columns = {name: df[name] for name in df.columns}
    for name, kind in kinds.items():
        if name in columns:
            columns[name] = pandas.Series(objects(_decoded_column(name, kind, df[name].tolist())), df.index, object)
    df = pandas.DataFrame(columns, index=df.index)
    df.attrs = attrs
    return df


def _encoded_column(name: str, column: Any) -> tuple[str | None, list[Any]]:
    """Return the kind of a column, or None if it need not change, and its new cells."""
    is_plain = column.dtype.kind in "biumM" or (column.dtype.kind == "f" and column.dtype.itemsize <= 8)
    cells = [] if is_plain else column.tolist()
    if is_plain or (set(map(type, cells)) == {str} and all(map(is_utf8, cells))):
        return None, []
    # Lists of different depths have no type in a Parquet file.
    arrays = {(cell.dtype, cell.dtype.kind, cell.ndim) for cell in cells if is_plain_array(cell)}
    if len(arrays) == 1 and all(is_plain_array(cell) and _fits(cell) for cell in cells):
        dtype, kind, _ = arrays.pop()
        if kind == "c":
            return f"complex:{dtype.str}", [_as_lists(_pairs(cell)) for cell in cells]
        return f"array:{dtype.str}", [_as_lists(np.asarray(cell)) for cell in cells]
    if set(map(type, cells)) == {complex}:
        return "complex:<c16", [[cell.real, cell.imag] for cell in cells]
    return JSON, _json_cells(name, column)


def _nullable(pandas: Any, column: Any) -> Any:
    """Convert cells of one type with ``pandas.NA`` to a type that supports it; return None for other columns."""
    if column.dtype != object:
        return None
    kinds = set(map(type, column)) - {type(pandas.NA)}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind not in _NULLABLE or (kind is float and any(cell != cell for cell in column if cell is not pandas.NA)):
        return None
    if kind is str and not all(is_utf8(cell) for cell in column if cell is not pandas.NA):
        return None
    try:
        return pandas.Series(column, dtype=_NULLABLE[kind])
    except OverflowError:
        return None


def _fits(array: Any) -> bool:
    """Return whether an array survives a conversion to a list of lists."""
    is_plain = array.dtype.kind in "biu" or array.dtype.str in ("<f4", "<f8", "<c8", "<c16")
    return bool(is_plain and array.dtype.isnative and array.ndim and (array.ndim == 1 or array.size))


def _as_lists(array: Any) -> Any:
    return array if array.ndim == 1 else array.tolist()


def _pairs(array: Any) -> Any:
    """Return real and imaginary parts along an additional axis."""
    array = np.ascontiguousarray(array)
    return array.view(array.real.dtype).reshape((*array.shape, 2))


def _json_cells(name: str, column: Any) -> list[str]:
    known: dict[int, str] = {}  # an argument is one object in all rows
    cells = column.tolist()
    texts = []
    for cell in cells:
        text = known.get(id(cell))
        if text is None:
            try:
                text = known[id(cell)] = as_json(cell)
            except (TypeError, RecursionError) as error:
                hint = (
                    " Leave out the arguments of the function: with_default_function_args=False."
                    if name.startswith("function.")
                    else " Return numbers, text, arrays, or lists and dicts of these."
                )
                raise TypeError(
                    f"The column {name!r} cannot be written to a file: {str(error).rstrip('.')}.{hint}"
                ) from None
        texts.append(text)
    return texts


def _decoded_column(name: str, kind: str, cells: list[Any]) -> list[Any]:
    what, _, dtype = kind.partition(":")
    if what == JSON:
        return [from_json(cell) for cell in cells]
    if what == "array":
        return [_array(cell, dtype) for cell in cells]
    if what == "complex":
        pairs = [_array(cell, np.dtype(dtype).type(0).real.dtype.str) for cell in cells]
        values = [np.ascontiguousarray(pair).view(dtype)[..., 0] for pair in pairs]
        return [value if value.ndim else complex(value) for value in values]
    raise ValueError(f"The column {name!r} must be encoded as array, complex or json, got {kind!r}.")


def _array(cell: Any, dtype: str) -> Any:
    return np.array(_nested(cell), dtype=dtype)


def _nested(cell: Any) -> Any:
    """Convert arrays of arrays, as pandas reads them, to lists of lists."""
    if isinstance(cell, np.ndarray) and cell.dtype != object:
        return cell
    return [_nested(each) for each in cell] if isinstance(cell, np.ndarray | list | tuple) else cell
