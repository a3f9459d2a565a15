"""Functions to learn; they go by value to processes that cannot import the tests."""

from __future__ import annotations

from typing import Any


def peak(x: float) -> float:
    return x + 0.01 / (0.01 + x * x)


def slow_peak(x: float) -> float:
    import time

    time.sleep(0.005)  # the function is slow: that is what it is for
    return x + 0.01 / (0.01 + x * x)


def randomly_slow_peak(x: float) -> float:
    import random
    import time

    time.sleep(random.SystemRandom().choice([0.0, 0.0, 0.001, 0.01]))
    return x + 0.01 / (0.01 + x * x)


def raises_on_the_right(x: float) -> float:
    if x > 0.5:
        raise ArithmeticError(f"cannot do {x}")
    return x**2


def fails_first(x: float, folder: str) -> float:
    """Fails at each point the first time."""
    import os

    name = os.path.join(folder, f"{x!r}")
    if not os.path.exists(name):
        open(name, "w").close()
        raise OSError("not yet")
    return x


def waits_for(x: float, name: str) -> float:
    """Says with a file that it has begun, and waits until there is another; not at the ends."""
    import os
    import time

    if abs(x) < 1:
        open(f"{name} begun", "w").close()
    while abs(x) < 1 and not os.path.exists(name):
        time.sleep(0.005)
    return x


def deadly(x: float) -> float:
    """Takes its process with it in a narrow range."""
    import os
    import signal

    if -0.3 < x < -0.2:
        os.kill(os.getpid(), signal.SIGKILL)
    return x + 0.01 / (0.01 + x * x)


def returns_a_lock(x: float) -> Any:
    import threading

    return threading.Lock()


def lock_at_some(x: int) -> Any:
    import threading

    return threading.Lock() if x % 10 == 3 else x


def deadly_from(where: int) -> Any:
    """A function that takes its process with it at one point."""

    def deadly_there(x: int) -> int:
        import os
        import signal

        if x == where:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    return deadly_there


def squares(x: Any) -> Any:
    """Vectorized: the square, and how many points came along."""
    import numpy as np

    return np.stack([x * x, np.full(len(x), len(x))], axis=1)


def fussy_squares(x: Any) -> Any:
    """Vectorized: takes no array with a point in a narrow range."""
    import numpy as np

    if np.any((x > 0.3) & (x < 0.4)):
        raise ArithmeticError("cannot do that")
    return x * x


def too_few(x: Any) -> Any:
    return x[:-1]


def waits_in_range(x: float, low: float, name: str) -> float:
    """Waits until there is a file, above some point."""
    import os
    import time

    while x > low and not os.path.exists(name):
        time.sleep(0.005)
    return x


def raises_control_characters(x: float) -> float:
    raise ValueError("\x1b]0;error\x07\x9b\u202e")


def raises_a_long_text(x: float) -> float:
    raise ValueError("x" * 5_000_000 + " the end")
