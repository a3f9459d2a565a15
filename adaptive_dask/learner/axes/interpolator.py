"""AxesInterpolator: the interpolation of a learner over a `Space`, in the coordinates of the user."""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptive_dask.learner.axes.keyword_function import TUPLE
from adaptive_dask.learner.axes.space import Space


class AxesInterpolator:
    """Interpolates in transformed coordinates, for points in those of the user.

    Parameters
    ----------
    inner : callable
        The interpolator of the wrapped learner.
    space : Space
    form : str
        The form of points.
    """

    def __init__(self, inner: Any, space: Space, form: str) -> None:
        self.inner = inner
        self.space = space
        self._of_tuples = form == TUPLE

    def __call__(self, /, *x: Any, **named: Any) -> Any:
        """Return values at points in the form of the learner's interpolator, or at coordinates by name.

        Parameters
        ----------
        *x : array
            Shape (n,) in one dimension, (n, d) in more.
        **named : array
            One for each varying axis. The arrays are broadcast, and the result has their shape, followed by that of a
            value.
        """
        return self.inner(self._points(x, named))

    def error(self, /, *x: Any, **named: Any) -> Any:
        """Return the estimated error of the values, in the same shape."""
        return self.inner.error(self._points(x, named))

    def feasibility(self, /, *x: Any, **named: Any) -> Any:
        """Return the feasibility, from 0 to 1."""
        return self.inner.feasibility(self._points(x, named))

    def _points(self, x: tuple[Any, ...], named: dict[str, Any]) -> Any:
        names, axes = self.space.names, self.space.numeric
        if len(x) > 1 or bool(x) == bool(named):
            raise TypeError(f"Arguments must be one array of points, or {', '.join(names)} by name.")
        if named:
            if set(named) != set(names):
                raise TypeError(f"Arguments must be {', '.join(names)} by name, got {', '.join(named)}.")
            columns = list(np.broadcast_arrays(*(np.asarray(named[name], dtype=float) for name in names)))
        else:
            points = np.asarray(x[0], dtype=float)
            if self._of_tuples and points.shape[-1:] != (len(names),):
                raise ValueError(f"x must have the shape (n, {len(names)}), got {points.shape}.")
            columns = [points[..., i] for i in range(len(names))] if self._of_tuples else [points]
        inner = [axis.many_to_inner(column) for axis, column in zip(axes, columns, strict=True)]
        return np.stack(inner, axis=-1) if self._of_tuples else inner[0]
