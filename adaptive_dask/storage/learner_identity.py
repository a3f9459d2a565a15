"""Which learner data belong to: its class, and where its points live."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

# Where points live. Other settings (losses, tolerances, strategies) and the function may change between two runs.
_PLACES = ("bounds", "sequence")

# A long identity is kept as a digest; a short one can be read by people.
_LONG = 2000


def identity(learner: Any) -> dict[str, Any]:
    """What has to be the same for one learner's data to make sense to another.

    These are the class, its ``bounds``, space or the length of its ``sequence``, and the same of the
    learners inside it. The function's code and the loss are not part of it: whether they are still the
    same is the user's to know.

    Parameters
    ----------
    learner : BaseLearner
        Or somebody's own.

    Returns
    -------
    dict
        Plain data, as JSON gives them back.
    """
    found = _describe(learner)
    text = json.dumps(found, sort_keys=True)
    if len(text) > _LONG:
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        found = {"class": found["class"], "digest": digest, **_count(learner)}
        text = json.dumps(found)
    plain: dict[str, Any] = json.loads(text)
    return plain


def describe(found: dict[str, Any]) -> str:
    """An identity in words, for messages."""
    settings = ", ".join(f"{name}={value!r}" for name, value in found.items() if name != "class")
    return f"{found.get('class', 'an unknown learner')}({settings})"


def _describe(learner: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"class": type(learner).__name__}
    for name in _PLACES:
        value = getattr(learner, name, None)
        if name == "sequence" and value is not None:
            found["length"] = len(value)
        elif value is not None:
            found[name] = _plain(value)
    dimensions = getattr(getattr(learner, "optimizer", None), "space", None)  # of a SKOptLearner
    if dimensions is not None:
        found["space"] = repr(dimensions)
    inner = getattr(learner, "learner", None)
    if inner is not None and hasattr(inner, "ask"):
        found["learner"] = _describe(inner)
    children = getattr(learner, "learners", None)
    if children is not None:
        found["learners"] = [_describe(child) for child in children]
    return found


def _count(learner: Any) -> dict[str, int]:
    children = getattr(learner, "learners", None)
    return {} if children is None else {"learners": len(children)}


def _plain(value: Any) -> Any:
    if hasattr(value, "points") and hasattr(value, "vertices"):  # a ConvexHull
        value = np.asarray(value.points)[value.vertices]
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bool | str | None):
        return value
    if isinstance(value, int | float):
        return float(value)
    return repr(value)
