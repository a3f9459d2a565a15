"""Settings in Dask's configuration, below ``adaptive-dask``. The file ``adaptive-dask.yaml`` has the defaults."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

PREFIX = "adaptive-dask"

# The kinds of values, with examples.
KINDS = {
    "learner-timeout": "duration",
    "scheduler.lease": "duration",
    "scheduler.ended-runs": "number",
    "scheduler.ended-points": "number",
    "scheduler.recent-points": "number",
    "scheduler.ended-functions": "size",
    "scheduler.followed-results": "size",
    "client.update-interval": "duration",
    "checkpoint.interval": "duration",
    "dashboard.interval": "duration",
}
EXAMPLES = {"duration": "a duration such as '5 s'", "number": "a number, 0 or more", "size": "a size such as '64 MiB'"}


def get(name: str) -> float:
    """Return the present value of a setting.

    Parameters
    ----------
    name : str
        Without the prefix, for example "checkpoint.interval".

    Returns
    -------
    float
        The value in seconds, in bytes, or as a number. If it is invalid, the default, because this function is called
        on event loops, which must not stop; `check` raises an error.
    """
    import dask.config

    default = _defaults()[1][name]
    try:
        return _parse(KINDS[name], dask.config.get(f"{PREFIX}.{name}", default))
    except (TypeError, ValueError):
        return _parse(KINDS[name], default)


def check() -> None:
    """Check all settings, when a run is started.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it.
    """
    import dask.config

    for name, default in load_defaults().items():
        value = dask.config.get(f"{PREFIX}.{name}", default)
        try:
            _parse(KINDS[name], value)
        except (TypeError, ValueError):
            raise ValueError(
                f"{PREFIX}.{name} must be {EXAMPLES[KINDS[name]]}, got {value!r}. It is a setting of Dask's "
                "configuration: look for it in dask.config.paths, and in environment variables that begin with DASK_."
            ) from None


def load_defaults() -> dict[str, Any]:
    """Add the defaults to Dask's configuration, and return them by name."""
    import dask.config

    defaults, by_name = _defaults()
    if not any(defaults is known for known in dask.config.defaults):
        dask.config.update_defaults(defaults)
    # Dask removes them at the end of a `dask.config.set` that is in effect now.
    dask.config.update(dask.config.config, defaults, priority="old")
    return by_name


@functools.cache
def _defaults() -> tuple[dict[str, Any], dict[str, Any]]:
    import dask.config
    import yaml

    defaults = yaml.safe_load(Path(__file__).with_name("adaptive-dask.yaml").read_text())
    return defaults, {name: dask.config.get(f"{PREFIX}.{name}", config=defaults) for name in KINDS}


@functools.lru_cache(maxsize=256, typed=True)
def _parse(kind: str, value: Any) -> float:
    from dask.utils import parse_bytes, parse_timedelta

    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    try:
        if kind == "duration":
            number = float(parse_timedelta(value))
        else:
            number = float(parse_bytes(value) if kind == "size" else value)
    except KeyError as error:  # raised for unknown units
        raise ValueError(value) from error
    if not (0 <= number < math.inf) or (kind == "duration" and number == 0):
        raise ValueError(value)
    return number
