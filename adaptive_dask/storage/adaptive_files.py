"""Read files that python-adaptive wrote. python-adaptive need not be installed.

Such a file is a pickle of the learner's data, gzipped or not. For some learners, it contains only points and values.
For others, it contains the learner's whole state with objects of python-adaptive's classes. These objects are replaced
by `_Stranger`, and only points and values are read.
"""

from __future__ import annotations

import gzip
import io
import pickle
from collections.abc import Mapping
from typing import Any

from adaptive_dask.errors import DataFileError
from adaptive_dask.learner import kinds
from adaptive_dask.learner.sequence_learner import by_position

GZIP = b"\x1f\x8b"
PICKLE = b"\x80"


class _Stranger:
    """Placeholder for the classes of python-adaptive and their objects. It accepts and ignores any state."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Stranger:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __lt__(self, other: Any) -> bool:
        return False

    def append(self, item: Any) -> None:
        pass

    def extend(self, items: Any) -> None:
        pass


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module == "adaptive" or module.startswith("adaptive."):
            return _Stranger
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError):  # probably the function, which is not needed
            return _Stranger


def could_be_adaptives(content: bytes) -> bool:
    """Return whether the content of a file can be that of a file of python-adaptive."""
    return content.startswith((GZIP, PICKLE))


def decode(path: str, content: bytes) -> Any:
    """Return the data of a learner as python-adaptive saved them.

    Raises
    ------
    DataFileError
        If the file cannot be read.
    """
    try:
        if content.startswith(GZIP):
            content = gzip.decompress(content)
        return _Unpickler(io.BytesIO(content)).load()
    except Exception as error:
        raise DataFileError(
            path, f"must contain data of python-adaptive, got a truncated, damaged or foreign file: {error!r}."
        ) from error


def points_and_values(learner: Any, data: Any) -> tuple[list[Any], list[Any]]:
    """Return points, as the learner accepts them, and their values from the data of a learner of python-adaptive.

    Parameters
    ----------
    learner : BaseLearner
    data : object
        The return value of `decode`.

    Raises
    ------
    TypeError, ValueError, LookupError
        If the data belong to another kind of learner.
    """
    points, values = kinds.find(learner, "reader", _mapping)(learner, data)
    if any(isinstance(item, _Stranger) for item in (*points, *values)):
        raise TypeError("the data must be points and values, got objects of a class that is not installed here")
    return points, values


Taken = tuple[list[Any], list[Any]]


def _mapping(learner: Any, data: Any) -> Taken:
    if not isinstance(data, Mapping):
        raise TypeError(f"the data must be a mapping of points to values, got a {type(data).__name__}")
    return list(data.keys()), list(data.values())


def read_state(learner: Any, data: Any) -> Taken:
    """Read the data of a learner that was saved as a whole."""
    return _mapping(learner, _mapping_of(data)["data"])


def read_seeds(learner: Any, data: Any) -> Taken:
    """Read the data of an `AverageLearner`."""
    return _mapping(learner, _tuple_of(data, 4)[0])


def read_integrator(learner: Any, data: Any) -> Taken:
    """Read the data of an `IntegratorLearner`."""
    return _mapping(learner, _tuple_of(data, 7)[1])


def read_samples(learner: Any, data: Any) -> Taken:
    """Read the data of an `AverageLearner1D`: x → seed → value, told as points (seed, x)."""
    pairs = [((seed, x), y) for x, ys in _mapping_of(data).items() for seed, y in _mapping_of(ys).items()]
    return [point for point, _ in pairs], [y for _, y in pairs]


def read_sequence(learner: Any, data: Any) -> Taken:
    """Read the data of a `SequenceLearner`."""
    indices, values = _mapping(learner, data)
    return [(i, by_position(learner.sequence)[i]) for i in indices], values


def read_data_saver(learner: Any, data: Any) -> Taken:
    """Read the data of a `DataSaver`, and of the wrapped learner."""
    inner, extra = _tuple_of(data, 2)
    points, _ = points_and_values(learner.learner, inner)
    by_key = _mapping_of(extra)
    # The keys are points as the learner was told them. For some learners, its data have other keys.
    return points, [by_key[point] for point in points]


def _mapping_of(data: Any) -> Mapping[Any, Any]:
    if not isinstance(data, Mapping):
        raise TypeError(f"the data must be a mapping, got a {type(data).__name__}")
    return data


def _tuple_of(data: Any, size: int) -> tuple[Any, ...]:
    if not isinstance(data, tuple) or len(data) != size:
        raise TypeError(f"the data must be a tuple of length {size}, got {type(data).__name__}")
    return data
