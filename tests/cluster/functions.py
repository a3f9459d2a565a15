"""Functions to learn, for runs on a cluster. Workers get them by value, so they stand by themselves."""

from __future__ import annotations

from typing import Any


def peak(x: float, offset: float = 0.123) -> float:
    a = 0.01
    return x + a**2 / (a**2 + (x - offset) ** 2)


def slow_peak(x: float, seconds: float = 0.01) -> float:
    import time

    time.sleep(seconds)  # the function is slow: that is what it is for
    a = 0.01
    return x + a**2 / (a**2 + (x - 0.123) ** 2)


def raises_on_the_right(x: float) -> float:
    if x > 0.5:
        raise ArithmeticError(f"cannot do {x}")
    return x**2


def deadly(x: float, below: float = -0.48, above: float = -0.52) -> float:
    """Takes its worker with it in a narrow range."""
    import os
    import signal
    import time

    time.sleep(0.02)  # long enough that others are under way when one kills
    if above < x < below:
        os.kill(os.getpid(), signal.SIGKILL)
    return x**2


def blocks_on(x: float, fifo: str) -> float:
    """Notes that it has begun, and returns when the test has opened the named pipe."""
    with open(fifo + ".begun", "a") as note:
        note.write(f"{x!r}\n")
    with open(fifo) as file:
        file.read()
    return x


def logged(x: float, path: str, seconds: float = 0.0) -> float:
    """Notes each evaluation in a file."""
    import os
    import time

    with open(path, "a") as file:
        file.write(f"{os.getpid()} {x!r}\n")
    time.sleep(seconds)  # the function is slow
    return x**2


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("not me")


def returns_unpicklable(x: float) -> Any:
    return Unpicklable()


def open_queues(dask_worker: Any) -> int:
    """How many runs a worker holds points of."""
    service = dask_worker.plugins.get("adaptive-points")
    return len(service._queues) if service else 0


def lasting(path: str, seconds: float, others: dict[float, float] | None = None) -> Any:
    """Return a function that takes `seconds`, or the number of seconds in `others` at the points listed there.

    It appends a line to a file for each evaluation: the worker, its remaining lifetime in seconds, and the point.
    """

    def function(x: float) -> float:
        import time

        from distributed import get_worker

        from adaptive_dask.cluster.worker_lifetime import lifetime_of

        lifetime = lifetime_of(get_worker())
        with open(path, "a") as file:
            file.write(f"{get_worker().id} {lifetime.left if lifetime else 'inf'} {float(x)!r}\n")
        time.sleep((others or {}).get(x, seconds))  # the function is slow: that is what it is for
        return x**2

    return function


def waits_for(x: float, folder: str) -> float:
    """Notes worker and point in a file, and returns when there is another file."""
    import os
    import time

    from distributed import get_worker

    with open(os.path.join(folder, "begun"), "a") as notes:
        notes.write(f"{get_worker().id} {x!r}\n")
    while not os.path.exists(os.path.join(folder, "open")):
        time.sleep(0.01)  # between two looks
    return x**2
