"""How many points go together in one call of a vectorized function, how many are out, and how long a call may take."""

from __future__ import annotations

import math

# Points are gathered until a call takes about so long (seconds), up to so many.
BATCH_SECONDS = 0.05
MOST_IN_BATCH = 10_000

# Points in flight, beyond one for each slot, are at most this part of the points known. With k in flight the error
# of the result is 1.1 to 1.6 times larger at k = N/6, 4 to 8 times at k = 0.64 N (measured for Learner1D).
MOST_AHEAD = 1 / 6

# A call for many points gets so much longer than one for a single point may take (seconds). It was meant to
# take a twentieth of that.
GRACE = 20 * BATCH_SECONDS


def batch_size(seconds_per_point: float | None) -> int:
    """How many points make a call of the right length; one as long as nothing is known."""
    if not seconds_per_point:
        return 1
    return max(1, min(MOST_IN_BATCH, int(BATCH_SECONDS / seconds_per_point)))


def fair_batch(seconds_per_point: float | None, waiting: int, takers: int) -> int:
    """How many of the waiting points to take: a call of the right length, and no more than a fair share."""
    return max(1, min(batch_size(seconds_per_point), math.ceil(waiting / max(1, takers))))


def time_allowed(point_timeout: float, points: int) -> float:
    """For how long a call for so many points may go on, in seconds."""
    return min(point_timeout * points, point_timeout + GRACE)
