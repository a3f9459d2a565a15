"""Points per second, and the share of the time in which the workers are busy with the function.

Run it with ``python -m tests.benchmarks.cluster_throughput [rows…]`` on a machine that does nothing else; rows are
counted from 0. Both sides take turns on one cluster; a figure is the median of the turns.

Busy share = points × seconds per point / (slots × seconds from the start of the run to its end).
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from functools import partial

from tests.benchmarks.cluster_sides import local_client, ours, theirs
from tests.benchmarks.reporting import print_row


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes
    ----------
    name : str
    seconds : float
        What the function takes for a point.
    threads : int
        Of each of the two workers.
    npoints : pair of int
        How many points for python-adaptive and for adaptive_dask: some seconds for each.
    needed : float
        For the no-op the ratio of the rates, else our busy share.
    vectorized : bool
        Whether our function takes arrays; that of python-adaptive takes numbers.
    """

    name: str
    seconds: float
    threads: int
    npoints: tuple[int, int]
    needed: float
    vectorized: bool = False

    def figure(self, npoints: int, wall: float) -> float:
        """Points per second for the no-op, else the busy share."""
        return npoints * self.seconds / (2 * self.threads * wall) if self.seconds else npoints / wall


ROWS = [
    Row("no-op, 2 × 1, points/s", 0.0, 1, (500, 200_000), 12),
    Row("no-op, 2 × 8, points/s", 0.0, 8, (1_000, 200_000), 300),
    Row("no-op, 2 × 8, vectorized, points/s", 0.0, 8, (1_000, 200_000), 600, vectorized=True),
    Row("10 ms, 2 × 1, busy", 0.01, 1, (400, 1_500), 0.95),
    Row("10 ms, 2 × 8, busy", 0.01, 8, (1_000, 12_000), 0.95),
    Row("100 ms, 2 × 64, busy", 0.1, 64, (1_500, 12_288), 0.97),
]


def function(x: float, seconds: float) -> float:
    if seconds:
        time.sleep(seconds)
    return x + 1e-4 / (1e-4 + x * x)


def measure(row: Row, repeat: int) -> tuple[float, float]:
    """The median figures of both sides."""
    call = partial(function, seconds=row.seconds)
    sides = list(zip((theirs, partial(ours, vectorized=row.vectorized)), row.npoints, strict=True))
    figures: list[list[float]] = [[], []]
    with local_client(row.threads) as client:
        for side, _ in sides:  # what is imported the first time is not what is measured
            side(client, call, 4 * row.threads)
        for _ in range(repeat):
            for (side, npoints), own in zip(sides, figures, strict=True):
                own.append(row.figure(npoints, side(client, call, npoints)))
    return statistics.median(figures[0]), statistics.median(figures[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", type=int, default=range(len(ROWS)))
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    print_row("2 worker processes", "adaptive", "adaptive_dask", "ratio", "needed")
    for index in arguments.rows:
        row = ROWS[index]
        before, now = measure(row, arguments.repeat)
        reached = now / before if row.seconds == 0 else now
        needed = f"{row.needed:g}×" if row.seconds == 0 else f"{row.needed:.2f}"
        digits = 0 if row.seconds == 0 else 3
        verdict = "ok" if reached >= row.needed else "MISSED"
        print_row(
            row.name, f"{before:,.{digits}f}", f"{now:,.{digits}f}", f"{now / before:.1f}×", f"{needed} {verdict}"
        )


if __name__ == "__main__":
    main()
