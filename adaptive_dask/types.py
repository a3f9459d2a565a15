"""Types in annotations: numbers, under python-adaptive's names, and arrays."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Float: TypeAlias = float | np.float64
Bool: TypeAlias = bool | np.bool_
Int: TypeAlias = int | np.int_
Real: TypeAlias = Float | Int

Array = NDArray[Any]
Floats = NDArray[np.float64]

__all__ = ["Bool", "Float", "Int", "Real"]
