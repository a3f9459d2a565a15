"""Sizes of batches for vectorized functions, points in flight, and the time limit of a batch."""

from __future__ import annotations

import math

# A batch is made large enough for a call to take about this time (seconds), up to a maximal size.
BATCH_SECONDS = 0.05
MOST_IN_BATCH = 10_000

# Points in flight, beyond one for each slot, are at most this share of the known points. With k in flight the error
# of the result is 1.1 to 1.6 times larger at k = N/6, 4 to 8 times at k = 0.64 N (measured for Learner1D).
MOST_AHEAD = 1 / 6

# A batch may take longer than a single point by this time (seconds), which is 20 times the intended duration.
GRACE = 20 * BATCH_SECONDS


def batch_size(seconds_per_point: float | None) -> int:
    """Number of points for a call of the intended duration; one while the duration of a point is unknown."""
    if not seconds_per_point:
        return 1
    return max(1, min(MOST_IN_BATCH, int(BATCH_SECONDS / seconds_per_point)))


def fair_batch(seconds_per_point: float | None, waiting: int, takers: int) -> int:
    """Number of waiting points to take: a call of the intended duration, but at most a fair share."""
    return max(1, min(batch_size(seconds_per_point), math.ceil(waiting / max(1, takers))))


def time_allowed(point_timeout: float, points: int) -> float:
    """Time limit of a call with this number of points, in seconds."""
    return min(point_timeout * points, point_timeout + GRACE)
