"""What every benchmark reports: rows of figures, which are printed, and collected for the report of the whole set.

A benchmark is a module with a function ``rows(quick)`` that yields `Row`, or with a ``main()`` for the command line
that prints its tables, with `print_row` or in other ways.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

# Whether only a quick form is run, which shows that everything works and measures nothing.
IS_QUICK = "--quick" in sys.argv

# The file to which rows are added, if the set of benchmarks runs.
COLLECTED = "ADAPTIVE_DASK_BENCHMARK_ROWS"


@dataclass(frozen=True)
class Row:
    """A figure.

    Attributes
    ----------
    measure : str
        What was measured, with its unit.
    measured : float or None
        None if it was not measured, for the reason in `note`.
    needed : float, optional
        The smallest good value, or the largest one with `at_most`.
    at_most : bool
    beside : float, optional
        The same of the other side, measured in the same run.
    note : str
    """

    measure: str
    measured: float | None
    needed: float | None = None
    at_most: bool = False
    beside: float | None = None
    note: str = ""

    @property
    def cells(self) -> list[str]:
        """Measure, measured, needed with a verdict, the other side, ratio, and note, as texts."""
        needed = ""
        if self.needed is not None and self.measured is not None:
            is_well = self.measured <= self.needed if self.at_most else self.measured >= self.needed
            needed = f"{'≤' if self.at_most else '≥'} {self.needed:g} {'ok' if is_well else 'MISSED'}"
        beside = "" if self.beside is None else _short(self.beside)
        ratio = "" if not self.beside or self.measured is None else f"{self.measured / self.beside:.3g}"
        return [self.measure, _short(self.measured), needed, beside, ratio, self.note]


TITLES = ["measure", "measured", "needed", "other side", "ratio", "note"]


def _short(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def print_rows(rows: Iterable[Row]) -> None:
    """Print rows as they come, and collect them."""
    for row in rows:
        print(
            "".join(f"{cell:<{width}}" for cell, width in zip(row.cells, (64, 12, 18, 12, 10, 0), strict=True)),
            flush=True,
        )
        _collect({"row": asdict(row)})


def print_row(*cells: Any) -> None:
    """Print a row of a table, the title of which is the first one, and collect it."""
    first, *others = map(str, cells)
    print(f"{first:28}" + "".join(f"{cell:>20}" for cell in others), flush=True)
    _collect({"cells": [first, *others]})


def _collect(entry: dict[str, Any]) -> None:
    path = os.environ.get(COLLECTED)
    if path:
        with open(path, "a") as file:
            file.write(json.dumps(entry) + "\n")
