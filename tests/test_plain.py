"""Data and texts of user code become what any protocol can carry, or are refused."""

from __future__ import annotations

import json
import math
import threading
from datetime import timedelta
from fractions import Fraction
from typing import Any

import msgpack
import numpy as np
import pytest

from adaptive_dask.plain import (
    MAX_INT,
    as_positive_seconds,
    as_seconds,
    check_name,
    check_plain,
    plain,
    plain_fields,
    safe_repr,
    safe_str,
)


class Text(str):
    pass


class Odd:
    def __repr__(self) -> str:
        raise SystemExit


ODD = [
    10**30,
    -(10**30),
    2**63,
    "ä",
    "a\udce4",
    Text("b\udcff"),
    np.float64(1.5),
    np.int64(3),
    np.bool_(True),
    Fraction(1, 4),
    1j,
    Odd(),
    {"\udce4": [10**20, ("\udce4", None)]},
    {1: b"\xff"},
    object,
]


@pytest.mark.parametrize("data", ODD)
def test_anything_can_be_carried(data: Any) -> None:
    made = plain(data)
    assert plain(made) == made
    assert msgpack.unpackb(msgpack.packb(made), strict_map_key=False) is not Ellipsis


@pytest.mark.parametrize("data", [1, MAX_INT, -MAX_INT, 0.5, None, True, "text ä\n", {"a": [1, (2.0,)]}, b"\xff"])
def test_plain_data_stay_as_they_are(data: Any) -> None:
    made = plain(data)
    assert made == data
    assert type(made) is type(data)
    check_plain("data", data)


def test_numbers_are_numbers_and_large_ones_the_largest() -> None:
    assert plain(10**30) == MAX_INT
    assert plain(-(10**30)) == -MAX_INT
    assert (plain(np.float64(0.5)), plain(np.int64(3)), plain(Fraction(1, 4))) == (0.5, 3, 0.25)
    assert json.loads(json.dumps(plain("a\udce4"))) == r"a\udce4"


@pytest.mark.parametrize("data", [10**20, "a\udce4", {"a": [2**64]}, 1j])
def test_what_cannot_be_carried_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="resources must contain only"):
        check_plain("resources", data)


@pytest.mark.parametrize("name", ["", None, 3, "a\udce4"])
def test_a_name_is_a_text(name: Any) -> None:
    with pytest.raises(ValueError, match="name"):
        check_name(name)


def test_what_has_no_text_is_its_class() -> None:
    assert "Odd" in safe_repr(Odd())
    assert "Odd" in safe_str(Odd())


def test_fields_are_plain() -> None:
    odd = {str(i): data for i, data in enumerate([*ODD, 1, 0.5, None, {}, "text", [1], True])}
    assert plain_fields(dict(odd)) == {name: plain(value) for name, value in odd.items()}


@pytest.mark.parametrize("convert", [as_seconds, as_positive_seconds])
def test_durations(convert: Any) -> None:
    assert (
        convert("d", timedelta(milliseconds=1500))
        == convert("d", Fraction(3, 2))
        == convert("d", np.float32(1.5))
        == 1.5
    )
    for huge in (1e300, 10**400, timedelta.max):
        assert convert("d", huge) + 1 < threading.TIMEOUT_MAX
    for value in ("1", True, 1j, [1], np.array([1.0]), None):
        with pytest.raises(TypeError, match="d must be a timedelta or a number of seconds, got"):
            convert("d", value)
    for value in (-1, -timedelta.resolution, math.nan, math.inf, np.float64("nan")):
        with pytest.raises(ValueError, match=r"d must be .* finite, got"):
            convert("d", value)


def test_zero_is_a_duration_unless_it_must_be_positive() -> None:
    assert as_seconds("d", 0) == 0.0
    with pytest.raises(ValueError, match="d must be positive and finite, got 0"):
        as_positive_seconds("d", 0)
