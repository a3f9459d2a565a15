"""The columns of the data frame of each kind of learner, and the layout of points in them.

================== =================================================================== ==================
learner            columns, by the option that names each one                           other options
================== =================================================================== ==================
Learner1D          x_name="x", y_name="y"
IntegratorLearner  x_name="x", y_name="y"
Learner2D          x_name="x", y_name="y", z_name="z"
LearnerND          point_names=("x", "y", "z"), value_name="value"
SKOptLearner       point_names=("x",), value_name="y"
AverageLearner     seed_name="seed", y_name="y"
AverageLearner1D   seed_name="seed", x_name="x", y_name="y"                             mean=False
with mean=True     x_name="x", y_name="y", error_name="error", count_name="count"
SequenceLearner    index_name="i", x_name="x", y_name="y"                               full_sequence=False
DataSaver          as the wrapped learner, and extra_data_name="extra_data"             load_extra=False
with learn=        inputs as the wrapped learner, and a column for each part             load_extra=False
any other          point_names=("x",) or ("x0", "x1", …), value_name="y"
================== =================================================================== ==================

Inputs have the names of the arguments of the function, as in plots: a ``Learner1D`` of ``f(energy)`` has ``energy`` and
``y``. See `adaptive_dask.learner.argument_names` for arguments that are tuples. A data frame that is loaded may also
have the names above.

See `adaptive_dask.storage.data_saver_layout` for the columns of a `DataSaver`.

The error of a mean is ``learner.error[x]``, half the width of its confidence interval.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adaptive_dask.learner import kinds
from adaptive_dask.learner.argument_names import Coordinates, coordinates_of, distinct_names
from adaptive_dask.learner.sequence_learner import by_position
from adaptive_dask.storage.own_columns import PREFIXES, free_name
from adaptive_dask.storage.vector_text import Vector, as_value

# The first options of most learners.
OF_FUNCTION = ("with_default_function_args", "function_prefix")


@dataclass(frozen=True)
class Columns:
    """The columns of a data frame.

    Attributes
    ----------
    cells : list of (str, list)
        Names and cells of the columns, in order.
    inputs : list of str
        The columns of the point.
    output : str or list of str
        The column of the value that is learned, or the columns of its components.
    points : list of X
        The point of each row, as the learner accepts it.
    parts : list of str
        The columns of named results.
    reasons : str, optional
        The column of reasons for points without a value.
    """

    cells: list[tuple[str, list[Any]]]
    inputs: list[str]
    output: str | list[str]
    points: list[Any]
    parts: list[str] = field(default_factory=list)
    reasons: str | None = None

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.cells]


class Cells:
    """The columns of a data frame as lists; a missing column is an error."""

    def __init__(self, df: Any) -> None:
        self._df = df

    def __contains__(self, name: str) -> bool:
        return name in self._df.columns

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._df.columns:
            there = ", ".join(map(repr, self._df.columns)) or "none"
            raise ValueError(f"The data frame must have a column {name!r}, got {there}. Give its name with *_name=.")
        cells: list[Any] = self._df[name].tolist()
        return cells

    @property
    def was_text(self) -> bool:
        """True if the data frame comes from a text file, in which NaN is an empty cell and a vector is its text."""
        return "output" not in self._df.attrs

    def parts(self, others: Set[str]) -> list[str]:
        """Return the columns of named results; in a text file, all except others, arguments and failures."""
        known: list[str] | None = self._df.attrs.get("parts")
        if known is None:
            known = [
                name
                for name in self._df.columns
                if isinstance(name, str) and name not in others and not name.startswith(("function.", "failure."))
            ]
        return known

    def missing(self, name: str) -> list[bool]:
        """Return which cells are ``pandas.NA``, or empty in a text file."""
        na, was_text = not_available(), self.was_text
        return [cell is na or (was_text and isinstance(cell, float) and cell != cell) for cell in self[name]]

    def where(self, mask: list[bool], without: str) -> Cells:
        """Return the columns of the rows in a mask, without one column."""
        df = self._df[mask].drop(columns=without)
        df.attrs = self._df.attrs
        return Cells(df)


Read = tuple[list[Any], list[Any]]


class Layout(abc.ABC):
    """The layout of the points of a kind of learner in columns."""

    @abc.abstractmethod
    def options(self, learner: Any) -> dict[str, Any]:
        """Return the options of `to_dataframe` and their defaults, with the names of the function's arguments."""

    def usual_options(self, learner: Any) -> dict[str, Any]:
        """Return the options with python-adaptive's defaults, for data frames that have these names."""
        return self.options(learner)

    def order(self, learner: Any, loading: bool) -> tuple[str, ...]:
        """Return the names of options that may be given by position, in python-adaptive's order."""
        return (*OF_FUNCTION, *self.options(learner))

    @abc.abstractmethod
    def columns(self, learner: Any, options: dict[str, Any]) -> Columns:
        """Return the learner's data as columns."""

    @abc.abstractmethod
    def read(self, learner: Any, cells: Cells, options: dict[str, Any]) -> Read:
        """Return points and values, as the learner accepts them."""

    def read_points(self, learner: Any, cells: Cells, options: dict[str, Any]) -> list[Any]:
        """Return the points of rows without values."""
        return self.read(learner, cells, options)[0]

    def inputs(self, learner: Any, points: Sequence[Any], options: dict[str, Any]) -> list[tuple[str, list[Any]]]:
        """Return the columns of points, with their cells for some points."""
        raise TypeError(
            f"{type(self).__name__} must have a method inputs(learner, points, options) for results with names, failed "
            "points and grids."
        )

    def output_option(self, learner: Any) -> str | None:
        """Return the option for the name of the column of values."""
        return None

    def axes(self, learner: Any, options: dict[str, Any]) -> list[str]:
        """Return the names of the coordinates of the function, in the order of an interpolator."""
        return [name for name, _ in self.inputs(learner, [], options)]

    def about_axes(self, learner: Any, options: dict[str, Any]) -> Coordinates:
        """Return labels and units of these coordinates, from the function."""
        return coordinates_of(self.function(learner), len(self.axes(learner, options)))

    def function(self, learner: Any) -> Any:
        """Return the function whose default arguments belong to the data."""
        return learner.function

    def set_function(self, learner: Any, function: Any) -> None:
        learner.function = function


class PlainLayout(Layout):
    """A column for each coordinate of points, and a column for values.

    Parameters
    ----------
    inputs : tuple of (str, str)
        Option and name of each coordinate. With one coordinate, points are not tuples.
    output : (str, str)
    ordered : bool, default: True
        True if rows are sorted by point, False for the order of tells.
    """

    def __init__(self, inputs: Sequence[tuple[str, str]], output: tuple[str, str], ordered: bool = True) -> None:
        self._inputs = inputs
        self._output = output
        self._ordered = ordered

    def options(self, learner: Any) -> dict[str, Any]:
        usual = self.usual_options(learner)
        inputs = [option for option, _ in self._inputs]
        names = _called(self.function(learner), [usual[option] for option in inputs], self._output[1])
        return {**usual, **dict(zip(inputs, names, strict=True))}

    def usual_options(self, learner: Any) -> dict[str, Any]:
        return dict([*self._inputs, self._output])

    def _names(self, learner: Any, options: dict[str, Any]) -> tuple[list[str], str]:
        return [options[option] for option, _ in self._inputs], options[self._output[0]]

    def columns(self, learner: Any, options: dict[str, Any]) -> Columns:
        names, output = self._names(learner, options)
        data = list(learner.data.items())
        if self._ordered:
            data.sort(key=_point)
        points = [x for x, _ in data]
        cells = [*self._coordinates(names, points), (output, [y for _, y in data])]
        return Columns(cells, names, output, points)

    def inputs(self, learner: Any, points: Sequence[Any], options: dict[str, Any]) -> list[tuple[str, list[Any]]]:
        return self._coordinates(self._names(learner, options)[0], points)

    def _coordinates(self, names: Sequence[str], points: Sequence[Any]) -> list[tuple[str, list[Any]]]:
        """Return a column for each coordinate of points; with one column, points are not tuples."""
        return _coordinates(names, points)

    def _points(self, columns: list[list[Any]]) -> list[Any]:
        """Undo `_coordinates`."""
        return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))

    def output_option(self, learner: Any) -> str | None:
        return self._output[0]

    def read(self, learner: Any, cells: Cells, options: dict[str, Any]) -> Read:
        output = self._names(learner, options)[1]
        return self.read_points(learner, cells, options), list(map(as_value, cells[output]))

    def read_points(self, learner: Any, cells: Cells, options: dict[str, Any]) -> list[Any]:
        return self._points([cells[name] for name in self._names(learner, options)[0]])


class NDLayout(PlainLayout):
    """A column for each coordinate of points, with names in one option.

    Parameters
    ----------
    output : str
        Name of the column of values.
    first_names : tuple of str
        Names for points with at most this number of coordinates.
    of_tuples : bool, default: False
        True if points with one coordinate are tuples as well.
    """

    def __init__(self, output: str, first_names: tuple[str, ...], of_tuples: bool = False) -> None:
        super().__init__([], ("value_name", output), ordered=False)
        self._first_names = first_names
        self._of_tuples = of_tuples

    def options(self, learner: Any) -> dict[str, Any]:
        usual = self.usual_options(learner)
        function = getattr(learner, "function", None)
        return {**usual, "point_names": tuple(_called(function, usual["point_names"], self._output[1]))}

    def usual_options(self, learner: Any) -> dict[str, Any]:
        ndim = _ndim(learner)
        first = self._first_names
        names = first[:ndim] if ndim <= len(first) else tuple(f"x{k}" for k in range(ndim))
        return {"point_names": names, "value_name": self._output[1]}

    def _coordinates(self, names: Sequence[str], points: Sequence[Any]) -> list[tuple[str, list[Any]]]:
        if not self._of_tuples or len(names) > 1:
            return super()._coordinates(names, points)
        return [(names[0], [x for (x,) in points])]

    def _points(self, columns: list[list[Any]]) -> list[Any]:
        if not self._of_tuples or len(columns) > 1:
            return super()._points(columns)
        # Earlier versions wrote the tuples.
        return [x if isinstance(x, tuple) else (x,) for x in columns[0]]

    def _names(self, learner: Any, options: dict[str, Any]) -> tuple[list[str], str]:
        names = options["point_names"]
        names = [names] if isinstance(names, str) else list(names)
        ndim = _ndim(learner)
        if len(names) != ndim:
            raise ValueError(f"point_names must have {ndim} names, one for each coordinate, got {names}.")
        return names, options["value_name"]


class OtherLayout(NDLayout):
    """The layout of unknown learners; without data, the form of points is taken from the data frame."""

    def _names(self, learner: Any, options: dict[str, Any]) -> tuple[list[str], str]:
        if len(learner.data):
            return super()._names(learner, options)
        names = options["point_names"]
        return [names] if isinstance(names, str) else list(names), options["value_name"]

    def read(self, learner: Any, cells: Cells, options: dict[str, Any]) -> Read:
        if options["point_names"] == self._first_names and self._first_names[0] not in cells:
            numbered = tuple(itertools.takewhile(cells.__contains__, (f"x{k}" for k in itertools.count())))
            options = {**options, "point_names": numbered or self._first_names}
        return super().read(learner, cells, options)


class SeedLayout(PlainLayout):
    """Points are seeds, independent of the names of the function's arguments."""

    def options(self, learner: Any) -> dict[str, Any]:
        return self.usual_options(learner)


class SamplesLayout(PlainLayout):
    """Points (seed, x), with the mean for each x in the learner's ``data``."""

    def __init__(self) -> None:
        super().__init__([("seed_name", "seed"), ("x_name", "x")], ("y_name", "y"))

    def usual_options(self, learner: Any) -> dict[str, Any]:
        return {**super().usual_options(learner), "mean": False, "error_name": "error", "count_name": "count"}

    def options(self, learner: Any) -> dict[str, Any]:
        options = {**super().options(learner), "seed_name": "seed"}
        return with_free_names(options, [options["x_name"], options["y_name"]])

    def order(self, learner: Any, loading: bool) -> tuple[str, ...]:
        order = (*OF_FUNCTION, *super().usual_options(learner))
        return order if loading else ("mean", *order)

    def axes(self, learner: Any, options: dict[str, Any]) -> list[str]:
        return [options["x_name"]]

    def about_axes(self, learner: Any, options: dict[str, Any]) -> Coordinates:
        names, units, value_unit, labels = coordinates_of(self.function(learner), 2)
        return Coordinates(names and names[1:], units[1:], value_unit, labels and labels[1:])

    def columns(self, learner: Any, options: dict[str, Any]) -> Columns:
        if options["mean"]:
            x_name, y_name = options["x_name"], options["y_name"]
            data = sorted(learner.data.items())
            xs, ys = [x for x, _ in data], [y for _, y in data]
            counts = learner._number_samples
            errors = (options["error_name"], [learner.error[x] for x in xs])
            counted = (options["count_name"], [counts[x] for x in xs])
            return Columns([(x_name, xs), (y_name, ys), errors, counted], [x_name], y_name, xs)
        names, output = self._names(learner, options)
        samples = sorted((x, seed, y) for x, ys in learner._data_samples.items() for seed, y in ys.items())
        points = [(seed, x) for x, seed, _ in samples]
        return Columns([*_coordinates(names, points), (output, [y for *_, y in samples])], names, output, points)


class SequenceLayout(Layout):
    """Points (index, element), with the index in the learner's ``data``."""

    def output_option(self, learner: Any) -> str | None:
        return "y_name"

    def options(self, learner: Any) -> dict[str, Any]:
        return {"index_name": "i", "x_name": "x", "y_name": "y", "full_sequence": False}

    def columns(self, learner: Any, options: dict[str, Any]) -> Columns:
        data = learner.data
        indices = list(range(len(learner.sequence))) if options["full_sequence"] else sorted(data)
        values = [data[i] if i in data else not_available() for i in indices]
        points = [(i, by_position(learner.sequence)[i]) for i in indices]
        cells = [*self.inputs(learner, points, options), (options["y_name"], values)]
        return Columns(cells, [options["index_name"]], options["y_name"], points)

    def inputs(self, learner: Any, points: Sequence[Any], options: dict[str, Any]) -> list[tuple[str, list[Any]]]:
        return _coordinates([options["index_name"], options["x_name"]], points)

    def read(self, learner: Any, cells: Cells, options: dict[str, Any]) -> Read:
        # Text is converted to vectors only if vectors have become text, because it may be a value of a sequence.
        read_cell = as_value if cells.was_text else as_it_is
        rows = zip(
            cells[options["index_name"]],
            cells[options["y_name"]],
            cells.missing(options["y_name"]),
            strict=True,
        )
        known = [(i, y) for i, y, is_missing in rows if not is_missing]
        return [(i, by_position(learner.sequence)[i]) for i, _ in known], [read_cell(y) for _, y in known]

    def read_points(self, learner: Any, cells: Cells, options: dict[str, Any]) -> list[Any]:
        return [(i, by_position(learner.sequence)[i]) for i in cells[options["index_name"]]]

    def function(self, learner: Any) -> Any:
        return learner._original_function

    def set_function(self, learner: Any, function: Any) -> None:
        learner._original_function = function


LINE = PlainLayout([("x_name", "x")], ("y_name", "y"))
PLANE = PlainLayout([("x_name", "x"), ("y_name", "y")], ("z_name", "z"))
SPACE = NDLayout("value", ("x", "y", "z"), of_tuples=True)
SEEDS = SeedLayout([("seed_name", "seed")], ("y_name", "y"))
SAMPLES = SamplesLayout()
SEQUENCE = SequenceLayout()
_ANY_OTHER = OtherLayout("y", ("x",))


def layout_of(learner: Any) -> Layout:
    """Return the layout that is registered for a learner's class or the nearest base class."""
    layout: Layout = kinds.find(learner, "layout", _ANY_OTHER)
    return layout


def column_names(learner: Any, given: Mapping[str, Any]) -> set[str]:
    """Return the names of the columns of points, and of the value if it has a column of its own."""
    layout = layout_of(learner)
    usual = layout.options(learner)
    options = {**usual, **{name: value for name, value in given.items() if name in usual}}
    # The layouts of some learners of users have no inputs.
    inputs = [] if type(layout).inputs is Layout.inputs else layout.inputs(learner, [], options)
    output = options.get(layout.output_option(learner) or "")
    return {name for name, _ in inputs} | ({output} if isinstance(output, str) else set())


def with_free_names(options: dict[str, Any], taken: Sequence[str]) -> dict[str, Any]:
    """Return options in which columns that are neither points nor values have other names than these."""
    own = [name for name in ("seed_name", "error_name", "count_name", "extra_data_name") if name in options]
    return {**options, **{name: free_name(options[name], taken) for name in own}}


def core_of(learner: Any) -> Any:
    """Return the learner wrapped by data savers and of the coordinates of a space."""
    while "learner" in getattr(learner, "__dict__", {}):
        learner = learner.learner
    return learner


def _called(function: Any, usual: Sequence[str], output: str) -> list[str]:
    """Return the names of the columns of a function's points."""
    found = coordinates_of(function, len(usual)).names
    is_own = found is not None and any(name.startswith(PREFIXES) for name in found)
    return distinct_names(usual, None if is_own else found, [output])


def _coordinates(names: Sequence[str], points: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Return a column for each coordinate of points; with one column, points are not tuples."""
    if len(names) == 1:
        return [(names[0], list(points))]
    return [(name, [point[k] for point in points]) for k, name in enumerate(names)]


def as_it_is(cell: Any) -> Any:
    """Return the value of a cell of a data frame that was not stored as text."""
    return np.asarray(cell) if isinstance(cell, Vector) else cell


def _point(item: tuple[Any, Any]) -> Any:
    return item[0]


def _ndim(learner: Any) -> int:
    """Return the number of columns of a point, which is 1 for points that are not tuples."""
    ndim = getattr(learner, "ndim", None)
    if isinstance(ndim, int):
        return ndim
    point = next(iter(learner.data), None)
    return len(point) if isinstance(point, tuple) else 1


def not_available() -> Any:
    """Return ``pandas.NA``, for cells without a value."""
    import pandas

    return pandas.NA
