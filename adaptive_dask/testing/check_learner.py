"""Check all guarantees of the learner protocol."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection
from typing import Any

from adaptive_dask.learner.any_learner import is_learner
from adaptive_dask.testing.guarantees_of_asks import ASKS
from adaptive_dask.testing.guarantees_of_copies import COPIES
from adaptive_dask.testing.guarantees_of_tells import TELLS
from adaptive_dask.testing.subject import Broken, Subject, expect

Guarantee = Callable[[Subject], None]

GUARANTEES: dict[str, Guarantee] = {check.__name__: check for check in (*ASKS, *TELLS, *COPIES)}

# The members, besides ask and tell, without which a guarantee is not checked.
_NEEDS = {
    "ask_zero": ["data", "npoints"],
    "ask_that_changes_nothing": ["data", "npoints", "pending_points"],
    "pending_points": ["pending_points"],
    "tell_pending": ["data", "npoints", "pending_points", "tell_pending"],
    "remove_unfinished": ["data", "npoints", "pending_points", "remove_unfinished"],
    "tells_never_asked": ["data", "npoints"],
    "tells_are_idempotent": ["data", "npoints", "tell_many"],
    "order_does_not_matter": ["data", "npoints", "tell_many"],
    "npoints_counts": ["data", "npoints"],
    "not_a_number": ["data", "npoints", "loss", "tell_many"],
    "loss_is_a_number": ["npoints", "loss"],
    "pickled": ["data", "npoints", "loss", "pending_points"],
    "cloudpickled": ["data", "npoints", "loss", "pending_points"],
    "function_apart": ["data", "function"],
    "saved_and_loaded": ["data", "npoints", "pending_points", "save", "load"],
    "in_a_data_frame": ["data", "npoints", "pending_points", "to_dataframe", "load_dataframe"],
    "new": ["data", "npoints", "pending_points", "new"],
    "copied_from": ["data", "npoints", "pending_points", "copy_from"],
}


class LearnerCheckError(AssertionError):
    """Raised if a learner breaks guarantees.

    Attributes
    ----------
    broken : dict of str to Exception
        The error of each broken guarantee, by its name.
    """

    def __init__(self, kind: str, broken: dict[str, Exception]) -> None:
        super().__init__(kind, broken)
        self.kind = kind
        self.broken = broken

    def __str__(self) -> str:
        lines = [f"{self.kind} breaks {len(self.broken)} of the guarantees of a learner."]
        for name, error in self.broken.items():
            lines += ["", f"{name}: {_sentence(name)}", f"    {_what_happened(error)}"]
        return "\n".join(lines)


def check_learner(
    learner: Any,
    *,
    function: Callable[[Any], Any] | None = None,
    n: int = 50,
    skip: Collection[str] = (),
    only: Collection[str] = (),
    max_seconds: float = 5.0,
    seed: int = 0,
) -> list[str]:
    """Check the guarantees on which runners, plots and files rely.

    Parameters
    ----------
    learner : learner, or callable
        A learner, whose ``new()`` creates the learners that are checked; or a function that creates a learner without
        data. The learner may be any object with ``ask`` and ``tell``: guarantees about members that it does not have
        are skipped. For a `BaseLearner`, all guarantees are checked.
    function : callable, optional
        The function to evaluate, by default ``learner.function``.
    n : int, default: 50
        Number of points.
    skip, only : collection of str
        Names of guarantees to skip, or to check exclusively; see `GUARANTEES`.
    max_seconds : float, default: 5
        Maximum processor time of a call of the learner, in seconds.
    seed : int, default: 0

    Returns
    -------
    list of str
        The guarantees that were checked.

    Raises
    ------
    LearnerCheckError
        If guarantees are broken; the message describes them.
    TypeError
        If `learner` is not a learner, or if new learners or values cannot be created.

    Examples
    --------
    >>> from adaptive_dask import Learner1D
    >>> from adaptive_dask.testing import check_learner
    >>> checked = check_learner(Learner1D(lambda x: x**2, bounds=(-1, 1)))
    """
    unknown = {*skip, *only} - {*GUARANTEES, "bounded_cost"}
    if unknown:
        raise ValueError(
            f"skip and only must be names of {', '.join(GUARANTEES)}, bounded_cost, got {unknown.pop()!r}."
        )
    make = _maker(learner)
    sample = make()
    if not is_learner(sample):
        raise TypeError(f"learner must have ask and tell, got {sample!r}.")
    if function is None and not hasattr(sample, "function"):
        raise TypeError(f"function must be given, because a {type(sample).__name__} has no attribute `function`.")
    subject = Subject(make, function or sample.function, n, seed)
    names = [
        name
        for name in GUARANTEES
        if name not in skip
        and (not only or name in only)
        and all(hasattr(sample, need) for need in _NEEDS.get(name, ()))
    ]
    broken: dict[str, Exception] = {}
    for name in names:
        try:
            GUARANTEES[name](subject)
        except Exception as error:
            broken[name] = error
    if "bounded_cost" not in skip and (not only or "bounded_cost" in only):
        names.append("bounded_cost")
        seconds, what = subject.slowest
        try:
            expect(seconds <= max_seconds, f"{what} took {seconds:.2g} s of processor time, more than {max_seconds} s")
        except Broken as error:
            broken["bounded_cost"] = error
    if broken:
        raise LearnerCheckError(type(sample).__name__, broken)
    return names


def _maker(learner: Any) -> Callable[[], Any]:
    if isinstance(learner, type) or not hasattr(learner, "ask"):
        if not callable(learner):
            raise TypeError(f"learner must be a learner or a function that makes new ones, got {learner!r}.")
        given: Callable[[], Any] = learner
        return given
    if not hasattr(learner, "new"):
        raise TypeError(
            f"learner must have `new()`, got a {type(learner).__name__}. Pass a function that makes new learners, "
            f"such as lambda: {type(learner).__name__}(...)."
        )
    make: Callable[[], Any] = learner.new
    return make


def _sentence(name: str) -> str:
    return "No call takes long." if name == "bounded_cost" else str(GUARANTEES[name].__doc__)


def _what_happened(error: Exception) -> str:
    if isinstance(error, Broken):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].name} in {frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"
    return f"{type(error).__name__}: {error} (raised by {where})"
