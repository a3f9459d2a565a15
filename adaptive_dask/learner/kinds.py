"""The drawing, dashboard view and storage of each kind of learner: one record for each class.

The records of this package's learners are in `adaptive_dask.KINDS`; `register` adds those of other learners.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import adaptive_dask

PARTS = ("draw", "follower", "layout", "reader", "inside")

# The record is an attribute of the class, so that it is included when a class is pickled by value.
_RECORD = "_adaptive_dask_kind"

Learner = TypeVar("Learner", bound=type)


def register(
    learner: Learner,
    *,
    draw: Callable[..., Any] | str | None = None,
    follower: Callable[[Any], Any] | str | None = None,
    layout: Any = None,
    reader: Callable[[Any, Any], tuple[list[Any], list[Any]]] | str | None = None,
    inside: Callable[[Any], Any] | str | None = None,
) -> Learner:
    """Define how learners of a class are drawn, shown in the dashboard, and stored.

    Derived classes inherit each part. Omitted parts are not changed. Each part can also be a string ``"module:name"``,
    which is imported when the part is first needed. Then, importing the learner does not import a plotting library, and
    the scheduler does not need the modules.

    Parameters
    ----------
    learner : class
        It does not have to be derived from `adaptive_dask.BaseLearner`.
    draw : callable, optional
        ``draw(learner, *args, **options)`` returns a HoloViews object. It is called by ``learner.plot()``,
        `adaptive_dask.plotting.draw` and live plots.
    follower : callable, optional
        ``follower(learner)`` returns an object with which the dashboard's page shows the learner's samples. It has the
        methods of `adaptive_dask.dashboard.samples.values.ValuesFollower` and runs on the scheduler.
    layout : adaptive_dask.storage.frame_layouts.Layout, optional
        The columns of ``learner.to_dataframe()`` and ``learner.load_dataframe()``.
    reader : callable, optional
        ``reader(learner, data)`` returns the points and values, as two lists, from data that were pickled in a file
        by python-adaptive's learner of the same name or by an earlier version of this learner. ``learner.load()``
        calls it. By default the data must be a mapping of points to values.
    inside : callable, optional
        ``inside(learner)`` returns the learner whose samples the dashboard shows, for a class that wraps another
        learner.

    Returns
    -------
    class
        ``learner``.

    Raises
    ------
    TypeError
        If ``learner`` is not a class, or a part is neither callable nor a string.

    Examples
    --------
    >>> from adaptive_dask import SequenceLearner
    >>> class Readings(SequenceLearner): ...
    >>> register(Readings, draw="my_pictures:draw_readings").__name__
    'Readings'
    """
    if not isinstance(learner, type):
        raise TypeError(f"learner must be a class, got {learner!r}. Register type(learner).")
    for name, part in (("draw", draw), ("follower", follower), ("reader", reader), ("inside", inside)):
        if part is not None and not callable(part) and not isinstance(part, str):
            raise TypeError(f'{name} must be callable or a string "module:name", got {part!r}.')
    parts = {"draw": draw, "follower": follower, "layout": layout, "reader": reader, "inside": inside}
    record = {**_record(learner), **{name: part for name, part in parts.items() if part is not None}}
    setattr(learner, _RECORD, record)
    return learner


def find(learner: Any, part: str, default: Any = None) -> Any:
    """Return a part of the record of a learner's class, or of the nearest base class that has it.

    Parameters
    ----------
    learner : object
    part : str
        One of `PARTS`.
    default : object, optional
        The result if no class has the part.
    """
    for kind in type(learner).__mro__:
        found = _record(kind).get(part)
        if found is not None:
            return pkgutil.resolve_name(found) if isinstance(found, str) else found
    return default


def _record(kind: type) -> Mapping[str, Any]:
    own: Mapping[str, Any] | None = vars(kind).get(_RECORD)
    if own is not None:
        return own
    package = f"{adaptive_dask.__name__}."
    name = f"{kind.__module__.removeprefix(package)}:{kind.__qualname__}"
    if not kind.__module__.startswith(package) or name not in adaptive_dask.KINDS:
        return {}
    return {part: package + home for part, home in adaptive_dask.KINDS[name].items()}
