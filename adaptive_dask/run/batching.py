"""The size and the time limit of batches, and the number of points in flight."""

from __future__ import annotations

import math

# The intended duration of a call for a batch (seconds), and the largest size of a batch.
BATCH_SECONDS = 0.05
MOST_IN_BATCH = 10_000

# Maximum number of points in flight beyond one per slot, as a share of the N known points. With k points in flight, the
# error of a Learner1D is 1.1 to 1.6 times larger at k = N/6, and 4 to 8 times larger at k = 0.64 N.
MOST_AHEAD = 1 / 6

# Additional time limit of a batch (seconds): 20 times the intended duration.
GRACE = 20 * BATCH_SECONDS


def batch_size(seconds_per_point: float | None) -> int:
    """Return the number of points for a call of the intended duration; one while the duration of a point is unknown."""
    if not seconds_per_point:
        return 1
    return max(1, min(MOST_IN_BATCH, int(BATCH_SECONDS / seconds_per_point)))


def fair_batch(seconds_per_point: float | None, waiting: int, takers: int) -> int:
    """Return the number of waiting points to take: a call of the intended duration, but at most a fair share."""
    return max(1, min(batch_size(seconds_per_point), math.ceil(waiting / max(1, takers))))


def time_allowed(point_timeout: float, points: int) -> float:
    """Return the time limit of a call with this number of points, in seconds."""
    return min(point_timeout * points, point_timeout + GRACE)
