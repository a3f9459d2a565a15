"""DataSaver: learns one part of what a function returns, and keeps the rest."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any, Literal, Self

from adaptive_dask import entry
from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.base_learner import BaseLearner, takes_infeasible
from adaptive_dask.learner.function_pickle import ByValue
from adaptive_dask.learner.named_results import NamedPicker
from adaptive_dask.learner.picked import ExtraData, KeepOnWorker, Picked, PickingFunction
from adaptive_dask.learner.settings import Setting

Function = Callable[..., Any]

# A list or an array that is not longer may be a point.
MOST_COORDINATES = 100


def _checked_picker(value: Any, name: str) -> Function:
    if not callable(value):
        hint = f" To learn a part by name, pass learn={value!r}." if isinstance(value, str) else ""
        raise TypeError(f"{name} must be a function of what learner.function returns, got {value!r}.{hint}")
    picker: Function = value
    return picker


class DataSaver(BaseLearner):
    """Has a learner learn one part of what its function returns, and keeps all of it.

    Its attributes are those of the learner inside, where it has none of its own.

    Parameters
    ----------
    learner : BaseLearner
        Its function returns more than the learner can learn.
    arg_picker : callable, optional
        Takes what the function returned, and returns the value to learn, for example
        ``operator.itemgetter("y")``. It is called where the function is, thus on the worker.
    learn : str or sequence of str, optional
        Instead of ``arg_picker``: the function returns a mapping, a named tuple or a dataclass, and this is the name of
        the part to learn, a number or an array. With several names the learner learns a vector of these parts, each of
        which is a number. All parts are kept, as a dict.
    evaluation : bool or "output", default: False
        With ``learn``, add the parts ``"evaluation.seconds"``, how long the function took, and ``"evaluation.where"``,
        the process and the host name. For a vectorized function it is the mean over its call. With ``"output"``, also
        add ``"evaluation.output"``, the last 4,000 characters that the function printed or logged. In threads of the
        user's own process this is empty, because it is visible there.
    extra : {"learner", "cluster"}, default: "learner"
        Where results are kept: in `extra_data`, or on the workers' side, so that large ones pass neither through
        the scheduler nor into the learner; see Notes.
    target : str, optional
        With ``extra="cluster"``, a folder that workers and clients reach: a path, or any URL that fsspec
        knows (``"s3://bucket/run"``). Each evaluation writes a file of its own there; one that was
        evaluated twice, since its worker was lost, leaves two. Without it, results stay in the workers' memory.
    storage_options : mapping, optional
        What fsspec needs besides, such as credentials. Workers get them with the function, and so user and password
        of the target's URL. They are in no result, file or checkpoint, and clients that attach do not get them: another
        process that loads results makes a `DataSaver` with the same target and options, or calls
        ``load(storage_options=…)``.

    Attributes
    ----------
    learner : BaseLearner
    extra_data : mapping, X → result
        What the function returned, by point, in the order told; with ``learn`` a dict of all parts by name. With
        ``extra="cluster"`` a reference
        for each point, whose ``load()`` brings the result: an `ExtraFile`, or a `RemoteResult`. With elements of a
        sequence that are not hashable, points have None in their place; `extra_for` takes either.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or there is neither or both of ``arg_picker`` and ``learn``.

    Notes
    -----
    ``function(x)`` evaluates and picks: it returns a `Picked` with the attributes ``y`` and ``extra``. The
    bare function is ``learner.learner.function``. `tell` takes what either of them returns.

    Results in the workers' memory are data of Dask: spilled to disk when there are many, moved when a worker
    retires, and lost when one dies, which costs only these results: ``load()`` raises a `ResultLostError`, the
    learned part is safe. They stay until the scheduler forgets the run (``runner.forget()``, or when 32 others have
    ended since); a run that is started with a learner which refers to such results holds them, too. A file written
    by `save`, and a checkpoint, have the references only. A run without a cluster keeps results in `extra_data`.

    Examples
    --------
    >>> from operator import itemgetter
    >>> from adaptive_dask import Learner1D
    >>> learner = DataSaver(Learner1D(lambda x: {"y": x**2, "seconds": 0.1}, (-1, 1)), itemgetter("y"))
    >>> learner.tell(0.5, learner.function(0.5))
    >>> learner.extra_data
    {0.5: {'y': 0.25, 'seconds': 0.1}}

    The same by name:

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
            raise ValueError('target= is where results are written to with extra="cluster"; give both.')
        if (arg_picker is None) == (learn is None):
            raise TypeError(
                "Say what is learned of each result, by arg_picker, a function, or by learn=, the names of its parts: "
                f"one of them must be given, got arg_picker={arg_picker!r} and learn={learn!r}."
            )
        self.learner = learner
        self.arg_picker = arg_picker if learn is None else NamedPicker(learn)
        if evaluation not in (True, False, "output"):
            raise ValueError(f'evaluation must be True, False or "output", got {evaluation!r}.')
        if evaluation and self.learn is None:
            raise ValueError("evaluation=True adds parts to results with names: pass learn= instead of arg_picker.")
        self.extra_data = ExtraData()
        if target is not None:
            target = entry("note_target")(target, storage_options)
        self._settings: dict[str, Any] = {"extra": extra, "target": target, "evaluation": evaluation}

    @property
    def learn(self) -> str | tuple[str, ...] | None:
        """The name of the part that is learned, a tuple of several, or None with another ``arg_picker``."""
        return self.arg_picker.learn if isinstance(self.arg_picker, NamedPicker) else None

    @property
    def function(self) -> PickingFunction:
        """Evaluates and picks; see Notes."""
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
        # Pickling looks for attributes of an object that has none yet.
        if name == "learner" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.learner, name)

    @property
    def data(self) -> Mapping[Any, Any]:
        """The data of the learner inside."""
        data: Mapping[Any, Any] = self.learner.data
        return data

    @data.setter
    def data(self, data: Mapping[Any, Any]) -> None:
        # These are values that were picked already; what is in extra_data stays there.
        self.learner.data = data

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a setting of the learner inside, such as a loss function, there."""
        if name != "learner" and not hasattr(type(self), name):
            kind = type(self.learner) if hasattr(self, "learner") else None
            if isinstance(getattr(kind, name, None), Setting | property):
                setattr(self.learner, name, value)
                return
        super().__setattr__(name, value)

    @property
    def pending_points(self) -> Any:  # type: ignore[override]
        """The pending points of the learner inside."""
        return self.learner.pending_points

    def _takes_infeasible(self, point: Any) -> bool:
        return takes_infeasible(self.learner, point)

    @property
    def infeasible(self) -> Mapping[Any, str]:
        """The points without a value of the learner inside, and the reasons."""
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
        """Choose the next points, as the learner inside does."""
        asked: tuple[list[Any], list[float]] = self.learner.ask(n, tell_pending)
        return asked

    def tell(self, x: Any, result: Any) -> None:
        """Tell what the function returned at ``x``; nothing happens if it is known.

        Parameters
        ----------
        x : X
        result : object or Picked
            What ``function(x)`` or ``learner.function(x)`` returned, or `Infeasible`.
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
        """Tell what the function returned at several points."""
        xs, picked = list(xs), [y if isinstance(y, Infeasible) else self._picked(y) for y in ys]
        self.learner.tell_many(xs, [each if isinstance(each, Infeasible) else each.y for each in picked])
        for x, each in zip(xs, picked, strict=True):
            if not isinstance(each, Infeasible):
                self.extra_data.add(_key(x), each)

    def tell_pending(self, x: Any) -> None:
        """Tell that ``x`` is being evaluated."""
        self.learner.tell_pending(x)

    def remove_unfinished(self) -> None:
        """Forget every pending point."""
        self.learner.remove_unfinished()

    def loss(self, real: bool = True) -> float:
        """The loss of the learner inside."""
        return float(self.learner.loss(real))

    def plot(self, *args: Any, **kwargs: Any) -> Any:
        """Draw the learner inside."""
        return self.learner.plot(*args, **kwargs)

    def new(self) -> Self:
        """A data saver with the same settings and no data."""
        return type(self)(self.learner.new(), self.arg_picker, **self._settings)

    def extra_for(self, x: Any) -> Any:
        """What the function returned at ``x``, or None if that is not known."""
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
            # The scheduler can pick by name itself.
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
    """The key of a point: lists and arrays become tuples, and other objects that are not hashable None."""
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
    """Make a function that makes learners in a `DataSaver`, as `BalancingLearner.from_product` takes it.

    Parameters
    ----------
    learner_type : type
        The kind of learner inside.
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
