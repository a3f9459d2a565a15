"""Conversion between a learner's data and a pandas data frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from adaptive_dask.learner.balancing_learner import BalancingLearner
from adaptive_dask.learner.data_saver import DataSaver
from adaptive_dask.learner.picked import ExtraData
from adaptive_dask.learner.reading import reading
from adaptive_dask.missing_module import needed
from adaptive_dask.storage.dataset_columns import frame_of, is_dataset
from adaptive_dask.storage.encoded_columns import decoded
from adaptive_dask.storage.failure_columns import checked_failures, of_child, with_failures, without_failures
from adaptive_dask.storage.frame_layouts import Cells, Layout, SequenceLayout, column_names, layout_of, not_available
from adaptive_dask.storage.function_defaults import default_arguments, with_defaults_of_frame
from adaptive_dask.storage.own_columns import INDEX, PREFIXES, free_name
from adaptive_dask.storage.reason_column import read_with_reasons, with_reasons
from adaptive_dask.storage.vector_text import as_cell


def to_dataframe(learner: Any, *args: Any, **options: Any) -> Any:
    """Make a data frame of a learner's data: a row for each evaluation.

    Parameters
    ----------
    learner : BaseLearner
    *args
        Options by position, in python-adaptive's order: ``mean`` is the first one of an `AverageLearner1D`,
        ``index_name`` the only one of a `BalancingLearner`, and ``extra_data_name`` the third one of a `DataSaver`.
        Other learners take the options in the order below.
    with_default_function_args : bool, default: True
        Add a column for each default argument of the learner's function.
    function_prefix : str, default: "function."
        The prefix of the names of these columns.
    failures : iterable of FailedPoint, optional
        ``runner.failures``: a row for each point that has failed, without a value, and the columns
        ``failure.status`` ("known" for points that have not failed, "failed", "retrying" or "replaced"),
        ``failure.tries``, ``failure.error`` and ``failure.worker``.
    **options
        The names of columns, and other options. They depend on the learner and are those of python-adaptive; see
        `adaptive_dask.storage.frame_layouts`. For a `Learner1D`, they are ``x_name``, by default the name of the
        function's argument, and ``y_name="y"``. A `BalancingLearner` has ``index_name="learner_index"`` and the options
        of its children; a nested `BalancingLearner` has ``"learner_index_2"``.

    Returns
    -------
    pandas.DataFrame
        ``attrs`` has the names of the columns with points, as "inputs", and with values, as "output". For a `DataSaver`
        with ``learn=``, "parts" has those of all parts of its results. If the function has no value at some points, the
        column ``infeasible`` contains the reasons, and empty text elsewhere; "reasons" is its name. Values other than
        numbers, such as arrays or dicts, are stored in the cells unchanged. The text of an array has all digits, so
        `load_dataframe` can read it from a CSV file.

    Raises
    ------
    ImportError
        If pandas is not installed.
    TypeError, ValueError
        If an option does not exist or has the wrong type, or two columns have the same name.
    """
    with reading(learner, load_extra=options.get("load_extra", False)):
        return _to_dataframe(learner, args, options)


def _to_dataframe(learner: Any, args: Sequence[Any], options: dict[str, Any]) -> Any:
    failures = options.pop("failures", None)
    names = _by_name(learner, args, options)
    children = children_of(learner)
    if children is not None:
        return _children_to_dataframe(children, failures=failures, **names)
    pandas = _pandas()
    layout = layout_of(learner)
    with_default_function_args, function_prefix = _of_function(names)
    options = _checked(learner, layout, names)
    columns = layout.columns(learner, options)
    if failures is not None:
        columns = with_failures(layout, learner, columns, options, checked_failures(failures))
    columns = with_reasons(learner, columns, options)
    cells = [(name, list(map(as_cell, each))) for name, each in columns.cells]
    if with_default_function_args:
        defaults = default_arguments(layout.function(learner), function_prefix)
        cells += [(name, [value] * len(columns.points)) for name, value in defaults.items()]
    called = [name for name, _ in cells]
    twice = {name for name in called if called.count(name) > 1}
    if twice:
        raise ValueError(f"Columns must have different names, got {twice.pop()!r} twice. Rename one of them.")
    parts = set(columns.parts)
    kept = {*parts, columns.output} if isinstance(layout, SequenceLayout) else parts  # values of any type
    df = pandas.DataFrame({name: _series(pandas, each, name in kept) for name, each in cells})
    df.attrs["inputs"] = columns.inputs
    df.attrs["output"] = columns.output
    if parts:
        df.attrs["parts"] = columns.parts
    if columns.reasons is not None:
        df.attrs["reasons"] = columns.reasons
    return df


def load_dataframe(learner: Any, df: Any, *args: Any, **options: Any) -> None:
    """Tell the data of a data frame to a learner.

    Parameters
    ----------
    learner : BaseLearner
    df : pandas.DataFrame
        A result of `to_dataframe`, of this learner or of python-adaptive. Other columns, and rows of failed points, are
        ignored. It may come from the file of `to_parquet`, or be the Dataset of `to_xarray`, including one from a Zarr
        store. It may have been written to a text file and read again; before pandas 3, ``read_csv`` needs
        ``float_precision="round_trip"`` for exact numbers.
    *args
        Options by position, as for `to_dataframe`, without ``mean``.
    with_default_function_args : bool, default: True
        Set the default arguments of the learner's function to those of the data frame, with `functools.partial`. If the
        function has different ones, there is a warning. None and NaN, which are the same in a text file, are equal.
    function_prefix : str, default: "function."
    **options
        As for `to_dataframe`.

    Raises
    ------
    ImportError
        If pandas is not installed.
    TypeError, ValueError
        If columns are missing, a default argument differs between rows or does not exist, or the learner refuses the
        data. Then nothing is told.
    """
    _pandas()
    if is_dataset(df):
        df = frame_of(df)
    df = without_failures(decoded(df))
    found = list(_read(learner, df, **_by_name(learner, args, options, loading=True)))
    for rows in found:  # errors occur with a temporary learner
        if hasattr(rows.learner, "new"):
            rows.learner.new().tell_many(rows.points, rows.values)
    for rows in found:
        rows.learner.tell_many(rows.points, rows.values)
        if rows.function is not None:
            layout_of(rows.leaf).set_function(rows.leaf, rows.function)


class _Rows(NamedTuple):
    """The data for a learner, and a function for the innermost learner if it has changed."""

    learner: Any
    points: list[Any]
    values: list[Any]
    leaf: Any
    function: Any


def _read(learner: Any, df: Any, **names: Any) -> Iterator[_Rows]:
    """Iterate over the data for a learner, or for each of its children."""
    children = children_of(learner)
    if children is not None:
        yield from _read_children(learner, children, df, **names)
        return
    layout = layout_of(learner)
    with_default_function_args, function_prefix = _of_function(names)
    options = _checked(learner, layout, names)
    for option, usual in layout.usual_options(learner).items():
        if option not in names and _is_missing(df, options[option]):
            options[option] = usual
    before = function = layout.function(learner)
    if with_default_function_args:
        function = with_defaults_of_frame(function, df, function_prefix)
    points, values = read_with_reasons(layout, learner, Cells(df), options)
    yield _Rows(learner, points, values, learner, None if function is before else function)


def _children_to_dataframe(
    children: Sequence[Any], index_name: str | None = None, failures: Any = None, **names: Any
) -> Any:
    pandas = _pandas()
    index_name = _free_index(children, names) if index_name is None else index_name
    failed = None if failures is None else checked_failures(failures)
    called = [layout_of(child).options(child) for child in children if children_of(child) is None]
    if any(options != called[0] for options in called):  # different options for the children
        names = {**layout_of(children[0]).usual_options(children[0]), **names}
    frames = []
    for index, child in enumerate(children):
        options = {**names, **_index_of_nested(child, index_name)}
        own = None if failed is None else of_child(failed, index)
        df = _to_dataframe(child, (), {"failures": own, **options})
        if index_name in df.columns:
            raise ValueError(f"Columns must have different names, got {index_name!r} twice. Choose another index_name.")
        df.insert(0, index_name, index)
        frames.append(df)
    # Empty frames would convert whole numbers and booleans to objects.
    full = [df for df in frames if len(df)] or frames[:1]
    parts = list(dict.fromkeys(name for df in full for name in df.attrs.get("parts", ())))
    reason_columns = {df.attrs["reasons"] for df in full if "reasons" in df.attrs}
    for df in full:
        for reasons in reason_columns - {*df.columns}:
            df[reasons] = ""
        for name in parts:  # otherwise NaN
            if name not in df.columns:
                df[name] = _series(pandas, [not_available()] * len(df))
    df = pandas.concat(full, ignore_index=True)
    for name in parts:  # pandas 2 writes NaN where all cells of a frame are missing
        if any(each[name].dtype == object for each in full):
            df[name] = pandas.Series([cell for each in full for cell in each[name]], dtype=object)
    df.attrs = {**frames[0].attrs, **({"parts": parts} if parts else {})}
    if reason_columns:
        df.attrs["reasons"] = min(reason_columns)
    return df


def _read_children(
    learner: Any, children: Sequence[Any], df: Any, index_name: str | None = None, **names: Any
) -> Iterator[_Rows]:
    index_name = _free_index(children, names) if index_name is None else index_name
    indices = set(Cells(df)[index_name])
    if not indices <= set(range(len(children))):
        raise ValueError(
            f"The data frame's column {index_name!r} must have numbers from 0 to {len(children) - 1}, one for each "
            f"child, got {sorted(indices - set(range(len(children))), key=repr)[:3]}."
        )
    for index, rows in df.groupby(index_name):
        rows = rows.drop(columns=index_name)
        rows.attrs = df.attrs
        for each in _read(children[index], rows, **names, **_index_of_nested(children[index], index_name)):
            if isinstance(learner, DataSaver):  # it has the results of its children
                each = each._replace(learner=learner, points=[(index, x) for x in each.points])
            yield each


def _free_index(children: Sequence[Any], names: dict[str, Any]) -> str:
    """Return the usual name of the column of indices of children, or another if one of their columns has it."""
    taken = {name for child in children for name in _names_of_leaves(child, names)}
    # Names of deeper levels begin with it.
    return free_name(INDEX, {*taken, *(INDEX for name in taken if name.startswith(INDEX))})


def _names_of_leaves(learner: Any, names: dict[str, Any]) -> set[str]:
    children = children_of(learner)
    if children is None:
        return column_names(learner, names)
    return {name for child in children for name in _names_of_leaves(child, names)}


def _index_of_nested(child: Any, index_name: str) -> dict[str, str]:
    name = index_name_of(child, index_name)
    return {} if name is None else {"index_name": name}


def _by_name(learner: Any, args: Sequence[Any], options: dict[str, Any], loading: bool = False) -> dict[str, Any]:
    """Return all options by name."""
    if not args and children_of(learner) is None:
        return options
    order = ("index_name",) if children_of(learner) is not None else layout_of(learner).order(learner, loading)
    if len(args) > len(order):
        raise TypeError(
            f"The data frame of a {type(learner).__name__} must have at most {len(order)} options by position "
            f"({', '.join(order)}), got {len(args)}."
        )
    given = dict(zip(order, args, strict=False))
    twice = given.keys() & options.keys()
    if twice:
        raise TypeError(f"{twice.pop()} must be given once, got it by position and by name.")
    named = {**given, **options}
    if not isinstance(named.get("index_name", ""), str):
        raise TypeError(f"index_name must be a string, got {named['index_name']!r}.")
    return named


def _of_function(names: dict[str, Any]) -> tuple[bool, str]:
    """Remove the options for the function's arguments from the others."""
    with_defaults, prefix = names.pop("with_default_function_args", True), names.pop("function_prefix", "function.")
    if with_defaults not in (True, False):
        raise TypeError(f"with_default_function_args must be True or False, got {with_defaults!r}.")
    if not isinstance(prefix, str):
        raise TypeError(f"function_prefix must be a string, got {prefix!r}.")
    return bool(with_defaults), prefix


def _checked(learner: Any, layout: Layout, names: dict[str, Any]) -> dict[str, Any]:
    options = layout.options(learner)
    unknown = names.keys() - options.keys()
    if unknown:
        raise TypeError(
            f"An option of the data frame of a {type(learner).__name__} must be one of {', '.join(options)}, "
            f"got {unknown.pop()!r}."
        )
    for name, value in names.items():
        if isinstance(options[name], str | bool) and not isinstance(value, type(options[name])):
            kind = "a string" if isinstance(options[name], str) else "True or False"
            raise TypeError(f"{name} must be {kind}, got {value!r}.")
        called = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
        for each in called:
            if isinstance(each, str) and each.startswith(PREFIXES):
                raise ValueError(f"{name} must not begin with {' or '.join(map(repr, PREFIXES))}, got {each!r}.")
    return {**options, **names}


def _is_missing(df: Any, name: Any) -> bool:
    """Return True if a data frame lacks a column, or one of several."""
    return any(each not in df.columns for each in ((name,) if isinstance(name, str) else name or ()))


def _series(pandas: Any, cells: list[Any], is_kept: bool = False) -> Any:
    """Make a column; pandas infers the type, except of cells that it would split, and of cells to keep."""
    if is_kept:
        kinds = set(map(type, cells))
        if len(kinds) > 1 or kinds & {np.longdouble, np.clongdouble}:
            return pandas.Series(cells, dtype=object)
    if any(isinstance(cell, list | tuple | dict | set) or getattr(cell, "ndim", 0) for cell in cells):
        column = pandas.Series([None] * len(cells), dtype=object)
        column[:] = pandas.Series(cells, dtype=object)
        return column
    try:
        return pandas.Series(cells)
    except UnicodeEncodeError:  # text that pyarrow cannot store
        return pandas.Series(cells, dtype=object)


def _pandas() -> Any:
    with needed("Data frames need pandas", '"adaptive_dask[data]"'):
        import pandas
    return pandas


def children_of(learner: Any) -> Sequence[Any] | None:
    """Return the children of a `BalancingLearner`, or None.

    The children of a `BalancingLearner` in a `DataSaver` are data savers as well, with separate results.
    """
    if isinstance(learner, BalancingLearner):
        return learner.learners
    if not isinstance(learner, DataSaver):
        return None
    children = children_of(learner.learner)
    if children is None:
        return None
    extra: list[dict[Any, Any]] = [{} for _ in children]
    for (index, x), result in learner.extra_data.items():
        extra[index][x] = result
    savers = [type(learner)(child, learner.arg_picker, **learner._settings) for child in children]
    for saver, results in zip(savers, extra, strict=True):
        saver.extra_data = ExtraData(results)
    return savers


def first_leaf(learner: Any) -> Any:
    """Return the learner itself, or the first child that has no children."""
    children = children_of(learner)
    return learner if children is None else first_leaf(children[0])


def index_name_of(child: Any, index_name: str) -> str | None:
    """Return the name of the index of a child's children: "learner_index_2" in "learner_index"; None without any."""
    if children_of(child) is None:
        return None
    name, _, depth = index_name.rpartition("_")
    return f"{name}_{int(depth) + 1}" if name and depth.isdecimal() else f"{index_name}_2"
