"""What is packed comes out the same on the other side, which has another ``__main__``."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import threading
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from adaptive_dask.cluster.protocol import Evaluation, RunSpec
from adaptive_dask.run.options import SessionOptions
from adaptive_dask.run.pickling import dumps, pack, unpack


@dataclass(frozen=True)
class Result:
    """A value of the user's own making."""

    mean: float
    name: str


class Temperature(float):
    """A float that is more than a float."""


def there_and_back(value: Any) -> Any:
    """As through a stream, which carries floats and bytes."""
    packed = pack(value)
    assert type(packed) in (float, bytes)
    return unpack(msgpack.unpackb(msgpack.packb(packed)))


@given(st.floats())
def test_floats_travel_as_they_are(value: float) -> None:
    assert pack(value) is value or math.isnan(value)
    back = there_and_back(value)
    assert type(back) is float
    assert np.float64(back).tobytes() == np.float64(value).tobytes()


@pytest.mark.parametrize("value", [np.float64(0.1), np.float64("nan"), np.float64("-inf"), np.float64(-0.0)])
def test_numpy_floats_travel_as_floats(value: np.float64) -> None:
    back = there_and_back(value)
    assert type(back) is float
    assert np.float64(back).tobytes() == value.tobytes()


simple_values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()


@pytest.mark.long
@given(
    st.recursive(
        simple_values | st.complex_numbers(allow_nan=False) | st.fractions(),
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_plain_values_keep_value_and_type(value: Any) -> None:
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


kinds = stnp.boolean_dtypes() | stnp.integer_dtypes() | stnp.floating_dtypes() | stnp.complex_number_dtypes()


@given(stnp.arrays(kinds, stnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
def test_arrays_keep_bits_shape_and_dtype(value: np.ndarray[Any, Any]) -> None:
    back = there_and_back(value)
    assert back.dtype == value.dtype
    assert back.shape == value.shape
    assert back.tobytes() == value.tobytes()


@pytest.mark.parametrize(
    "value",
    [
        np.float32(0.1),
        np.int64(3),
        np.bool_(True),
        True,
        0,
        2**200,
        Temperature(21.5),
        Fraction(1, 3),
        b"bytes",
        "__main__",
        (0, (1.0, np.float64(2.0))),
        Result(1.0, "x"),
    ],
    ids=repr,
)
def test_odd_values_keep_value_and_type(value: Any) -> None:
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


def test_functions_travel_by_value() -> None:
    offset = 5
    assert there_and_back(lambda x: x + offset)(2) == 7


@pytest.mark.parametrize("dump", [pack, dumps])
def test_what_cannot_be_pickled_says_so(dump: Any) -> None:
    with pytest.raises(TypeError, match="lock"):
        dump(threading.Lock())


@pytest.mark.parametrize("body", ["Point(1.5)", "(1, [Point(2.0)])", "Point", "shift", "{'f': shift}", "Color.RED"])
def test_what_comes_from_main_can_be_loaded_elsewhere(body: str) -> None:
    """Another process, whose ``__main__`` is this test's runner, loads it."""
    script = f"""
import enum, sys
from adaptive_dask.run.pickling import pack
class Color(enum.Enum):
    RED = 1
class Point:
    def __init__(self, x): self.x = x
    def twice(self): return shift(self.x) * 2
def shift(x): return x + OFFSET
OFFSET = 10
sys.stdout.buffer.write(pack({body}))
"""
    packed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout
    value = unpack(packed)
    if body == "Point(1.5)":
        assert value.twice() == 23.0
    elif body == "Point":
        assert value(1.0).twice() == 22.0
    elif body.startswith("(1"):
        assert value[1][0].twice() == 24.0
    elif body == "Color.RED":
        assert value.name == "RED"
    else:
        assert (value["f"] if isinstance(value, dict) else value)(1) == 11


def test_a_spec_travels() -> None:
    spec = RunSpec(
        name="name",
        learner=b"learner",
        functions=[b"function"],
        function=b"function",
        goal=b"goal",
        weight=1.0,
        drain=math.inf,
        on_error="raise",
        evaluation=Evaluation(),
        session=SessionOptions(retries=2),
        tasks={"priority": 2},
    )
    assert pickle.loads(dumps(spec)) == spec
