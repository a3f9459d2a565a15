"""Identity of a learner: its class and the space of its points."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from adaptive_dask.learner.any_learner import children_of, is_learner, wrapped_by

# The space of points. Other settings (losses, tolerances, strategies) and the function may change between runs.
_PLACES = ("bounds", "sequence")

# Longer identities are stored as a digest. Shorter ones are human-readable.
_LONG = 2000


def identity(learner: Any) -> dict[str, Any]:
    """Return the properties that must be equal for a learner to use the data of another one.

    These are the class, its ``bounds``, space or the length of its ``sequence``, and the same properties of the
    wrapped learners. The code of the function and the loss are not included: the user decides whether old data are
    still valid.

    Parameters
    ----------
    learner : BaseLearner
        Or a custom class.

    Returns
    -------
    dict
        Plain data, as returned by JSON.
    """
    found = _describe(learner)
    text = json.dumps(found, sort_keys=True)
    if len(text) > _LONG:
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        children = found.get("learners")
        found = {"class": found["class"], "digest": digest} | ({} if children is None else {"learners": len(children)})
        text = json.dumps(found)
    plain: dict[str, Any] = json.loads(text)
    return plain


def describe(found: dict[str, Any]) -> str:
    """Format an identity for messages."""
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
    axes = getattr(getattr(learner, "space", None), "axes", None)  # of a learner over a Space
    if axes is not None:
        found["axes"] = learner.space.plain()
    inner, children = wrapped_by(learner), children_of(learner)
    if is_learner(inner):
        found["learner"] = _describe(inner)
    if children is not None:
        found["learners"] = [_describe(child) for child in children]
    return found


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
