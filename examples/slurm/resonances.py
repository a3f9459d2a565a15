"""The function of the SLURM examples: a response with resonances, in place of a long simulation."""

import os
import time

# The duration of an evaluation. The tests use a shorter one.
SECONDS = float(os.environ.get("SECONDS_PER_POINT", "1"))


def response(frequency: float) -> float:
    """Return the response of three oscillators at a frequency between 0 and 1."""
    time.sleep(SECONDS)
    lines = ((0.21, 1e-3), (0.48, 1e-2), (0.83, 3e-3))
    return sum(width**2 / (width**2 + (frequency - position) ** 2) for position, width in lines)
