"""DataSaver: learns one part of a function's result, and keeps all of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any, Literal, Self

from adaptive_dask import entry
from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.base_learner import BaseLearner, takes_infeasible
from adaptive_dask.learner.checked import paired
from adaptive_dask.learner.function_pickle import ByValue
from adaptive_dask.learner.named_results import NamedPicker
from adaptive_dask.learner.picked import ExtraData, KeepOnWorker, Picked, PickingFunction
from adaptive_dask.learner.settings import Setting

Function = Callable[..., Any]

# A list or an array up to this length may be a point.
MOST_COORDINATES = 100


def _checked_picker(value: Any, name: str) -> Function:
    if not callable(value):
        hint = f" To learn a part by name, pass learn={value!r}." if isinstance(value, str) else ""
        raise TypeError(f"{name} must be a function of the result of learner.function, got {value!r}.{hint}")
    picker: Function = value
    return picker


class DataSaver(BaseLearner):
    """Lets a learner learn one part of its function's result, and keeps all of it.

    Attributes that it does not have are those of the wrapped learner.

    Parameters
    ----------
    learner : BaseLearner
        Its function returns results that the learner cannot learn completely.
    arg_picker : callable, optional
        Takes the result of the function and returns the value to learn, for example ``operator.itemgetter("y")``. It is
        called in the same process as the function, on the worker.
    learn : str or sequence of str, optional
        Instead of ``arg_picker``: the function returns a mapping, a named tuple or a dataclass, and this is the name of
        the part to learn, a number or an array. With several names, the learner learns a vector of these parts, which
        must be numbers. All parts are kept, as a dict.
    evaluation : bool or "output", default: False
        With ``learn``, add the parts ``"evaluation.seconds"``, the duration, and ``"evaluation.where"``, the process
        and the host name. For a vectorized function, the duration is the mean over its call. ``"output"`` also adds
        ``"evaluation.output"``, the last 4,000 characters that the function printed or logged. In threads of the user's
        own process, it is empty, because the output is visible there.
    extra : {"learner", "cluster"}, default: "learner"
        The storage of results: in `extra_data`, or on the workers, so that large results do not pass through the
        scheduler or the learner; see Notes.
    target : str, optional
        With ``extra="cluster"``, a folder that workers and clients can access: a path, or any URL that fsspec supports
        (``"s3://bucket/run"``). Each evaluation writes a file there. If a point is evaluated twice, because its worker
        was lost, there are two files. By default, results stay in the memory of the workers.
    storage_options : mapping, optional
        Options of fsspec, such as credentials. Workers receive them with the function, and the user and password of the
        target's URL as well. They are not part of results, files or checkpoints, and clients that attach do not receive
        them. Another process that loads results creates a `DataSaver` with the same target and options, or calls
        ``load(storage_options=…)``.

    Attributes
    ----------
    learner : BaseLearner
    extra_data : mapping, X → result
        The results of the function by point, in the order told. With ``learn``, each is a dict of all named parts. With
        ``extra="cluster"``, each is an `ExtraFile` or a `RemoteResult`, whose ``load()`` returns the result. For
        elements of a sequence that are not hashable, keys contain None instead; `extra_for` accepts both.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or neither or both of ``arg_picker`` and ``learn`` are given.

    Notes
    -----
    ``function(x)`` evaluates and picks: it returns a `Picked` with the attributes ``y`` and ``extra``. The original
    function is ``learner.learner.function``. `tell` accepts the results of both.

    Results in the memory of workers are data of Dask: they are spilled to disk if necessary, moved when a worker
    retires, and lost when a worker dies. Then, ``load()`` raises a `ResultLostError`; the learned part is not lost.
    They are kept until the scheduler forgets the run (``runner.forget()``, or when 32 other runs have ended since). A
    run that is started with a learner with such references keeps them as well. Files of `save`, and checkpoints,
    contain only the references. A run without a cluster keeps results in `extra_data`.

    Examples
    --------
    >>> from operator import itemgetter
    >>> from adaptive_dask import Learner1D
    >>> learner = DataSaver(Learner1D(lambda x: {"y": x**2, "seconds": 0.1}, (-1, 1)), itemgetter("y"))
    >>> learner.tell(0.5, learner.function(0.5))
    >>> learner.extra_data
    {0.5: {'y': 0.25, 'seconds': 0.1}}

    With a name instead of a function:

    >>> learner = DataSaver(Learner1D(lambda x: {"y": x**2, "seconds": 0.1}, (-1, 1)), learn="y")
    >>> learner.function(0.5)
    Picked(y=0.25, extra={'y': 0.25, 'seconds': 0.1})
    """

    arg_picker = Setting(_checked_picker)

    def __init__(
        self,
        learner: Any,
        arg_picker: Callable[[Any], Any] | None = None,
        *,
        learn: str | Sequence[str] | None = None,
        evaluation: bool | Literal["output"] = False,
        extra: Literal["learner", "cluster"] = "learner",
        target: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        if extra not in ("learner", "cluster"):
            raise ValueError(f'extra must be "learner" or "cluster", got {extra!r}.')
        if extra != "cluster" and target is not None:
            raise ValueError('target= is the destination of results with extra="cluster"; give both.')
        if (arg_picker is None) == (learn is None):
            raise TypeError(
                "Either arg_picker, a function, or learn=, the names of parts of the result, must be given, "
                f"got arg_picker={arg_picker!r} and learn={learn!r}."
            )
        self.learner = learner
        self.arg_picker = arg_picker if learn is None else NamedPicker(learn)
        if evaluation not in (True, False, "output"):
            raise ValueError(f'evaluation must be True, False or "output", got {evaluation!r}.')
        if evaluation and self.learn is None:
            raise ValueError("evaluation= adds named parts to results: pass learn= instead of arg_picker.")
        self.extra_data = ExtraData()
        if target is not None:
            target = entry("note_target")(target, storage_options)
        self._settings: dict[str, Any] = {"extra": extra, "target": target, "evaluation": evaluation}

    @property
    def learn(self) -> str | tuple[str, ...] | None:
        """The name of the learned part, a tuple of several names, or None with another ``arg_picker``."""
        return self.arg_picker.learn if isinstance(self.arg_picker, NamedPicker) else None

    @property
    def function(self) -> PickingFunction:
        """The function that evaluates and picks; see Notes."""
        keep: Function | None = None
        if self._settings["target"] is not None:
            keep = entry("write_to_target")(self._settings["target"])
        elif self._settings["extra"] == "cluster":
            keep = KeepOnWorker()
        kept = self._settings.get("evaluation")
        return PickingFunction(self.learner.function, self.arg_picker, keep, bool(kept), kept == "output")

    @function.setter
    def function(self, function: Function) -> None:
        self.learner.function = function.function if isinstance(function, PickingFunction) else function

    def __getattr__(self, name: str) -> Any:
        # Pickling reads attributes before there are any.
        if name == "learner" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.learner, name)

    @property
    def data(self) -> Mapping[Any, Any]:
        """The data of the wrapped learner."""
        data: Mapping[Any, Any] = self.learner.data
        return data

    @data.setter
    def data(self, data: Mapping[Any, Any]) -> None:
        # These values were picked already; extra_data is not changed.
        self.learner.data = data

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; settings, such as a loss function, are set in the wrapped learner."""
        if name != "learner" and not hasattr(type(self), name):
            kind = type(self.learner) if hasattr(self, "learner") else None
            if isinstance(getattr(kind, name, None), Setting | property):
                setattr(self.learner, name, value)
                return
        super().__setattr__(name, value)

    @property
    def pending_points(self) -> Any:  # type: ignore[override]
        """The pending points of the wrapped learner."""
        return self.learner.pending_points

    def _takes_infeasible(self, point: Any) -> bool:
        return takes_infeasible(self.learner, point)

    @property
    def infeasible(self) -> Mapping[Any, str]:
        """The points without a value of the wrapped learner, and the reasons."""
        reasons: Mapping[Any, str] = self.learner.infeasible
        return reasons

    def forget_failures(self) -> None:
        """Forget the points without a value."""
        self.learner.forget_failures()

    @property
    def npoints(self) -> int:
        """The number of evaluated points."""
        return int(self.learner.npoints)

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Any], list[float]]:
        """Choose the next points with the wrapped learner."""
        asked: tuple[list[Any], list[float]] = self.learner.ask(n, tell_pending)
        return asked

    def tell(self, x: Any, result: Any) -> None:
        """Tell the result of the function at ``x``; known points are ignored.

        Parameters
        ----------
        x : X
        result : object or Picked
            The result of ``function(x)`` or ``learner.function(x)``, or `Infeasible`.
        """
        if isinstance(result, Infeasible):
            self.learner.tell(x, result)
            return
        picked = self._picked(result)
        try:
            self.learner.tell(x, picked.y)
        except (TypeError, ValueError) as error:
            which = "what arg_picker took from" if self.learn is None else f"the part {self.learn!r} of"
            error.add_note(f"It is {which} what the function returned at {x!r}.")
            raise
        self.extra_data.add(_key(x), picked)

    def tell_many(self, xs: Iterable[Any], ys: Iterable[Any]) -> None:
        """Tell the results of the function at several points."""
        pairs = [(x, y if isinstance(y, Infeasible) else self._picked(y)) for x, y in paired(xs, ys)]
        values = [each if isinstance(each, Infeasible) else each.y for _, each in pairs]
        self.learner.tell_many([x for x, _ in pairs], values)
        for x, each in pairs:
            if not isinstance(each, Infeasible):
                self.extra_data.add(_key(x), each)

    def tell_pending(self, x: Any) -> None:
        """Mark ``x`` as pending."""
        self.learner.tell_pending(x)

    def remove_unfinished(self) -> None:
        """Remove all pending points."""
        self.learner.remove_unfinished()

    def loss(self, real: bool = True) -> float:
        """Return the loss of the wrapped learner."""
        return float(self.learner.loss(real))

    def plot(self, *args: Any, **kwargs: Any) -> Any:
        """Draw the wrapped learner."""
        return self.learner.plot(*args, **kwargs)

    def extended(self, space: Any) -> Any:
        """Return a data saver over a larger space, with the same function, settings and results.

        See `AxesLearner.extended` of the wrapped learner, which must be over a `Space`.
        """
        return entry("extended_over_space")(self, space)

    def new(self) -> Self:
        """Return a data saver with the same settings and no data."""
        return type(self)(self.learner.new(), self.arg_picker, **self._settings)

    def extra_for(self, x: Any) -> Any:
        """Return the result of the function at ``x``, or None if it is not known."""
        return self.extra_data.get(_key(x))

    def _picked(self, result: Any) -> Picked:
        return result if isinstance(result, Picked) else self.function.pick(result)

    def _get_data(self) -> tuple[Any, ExtraData]:
        return self.learner._get_data(), ExtraData(self.extra_data)

    def _set_data(self, data: tuple[Any, Mapping[Any, Any]]) -> None:
        inner, extra = data
        self.learner._set_data(inner)
        self.extra_data.add_missing(extra)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "learner": self.learner,
            # The scheduler can pick by name.
            "arg_picker": ByValue(self.arg_picker) if self.learn is None else self.arg_picker,
            "extra_data": self.extra_data,
            "settings": self._settings,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.learner = state["learner"]
        self.arg_picker = state["arg_picker"]
        self.extra_data = state["extra_data"]
        self._settings = state["settings"]


def learner_inside(saver: DataSaver) -> Any:
    """Return the learner whose samples the dashboard shows."""
    return saver.learner


def _key(x: Any) -> Any:
    """Return the key of a point: lists and arrays become tuples, other objects that are not hashable become None."""
    try:
        hash(x)
    except TypeError:
        if isinstance(x, tuple):
            return tuple(map(_key, x))
        is_short = isinstance(x, Sized) and len(x) <= MOST_COORDINATES
        key = tuple(x) if is_short else None
        return None if isinstance(x, dict | set) else key and _key(key)
    return x


def make_datasaver(
    learner_type: Callable[..., Any], arg_picker: Function | None = None, **options: Any
) -> Callable[..., DataSaver]:
    """Make a function that creates learners in a `DataSaver`, for `BalancingLearner.from_product`.

    Parameters
    ----------
    learner_type : type
        The type of the wrapped learner.
    arg_picker : callable, optional
    **options
        Further arguments of `DataSaver`, such as ``learn="y"``.

    Returns
    -------
    callable
        Takes the arguments of ``learner_type`` and returns a `DataSaver`.
    """
    return functools.partial(_make, learner_type, arg_picker, options)


def _make(
    learner_type: Callable[..., Any], arg_picker: Function | None, options: dict[str, Any], *args: Any, **kwargs: Any
) -> DataSaver:
    return DataSaver(learner_type(*args, **kwargs), arg_picker, **options)
