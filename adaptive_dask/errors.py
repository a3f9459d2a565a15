"""What can go wrong with a run. Every error says what happened and what to do."""

from __future__ import annotations

import traceback
from typing import Any, Self

from adaptive_dask.missing_module import advise
from adaptive_dask.plain import one_line, printable, safe_repr
from adaptive_dask.url_secrets import without_secrets


class AdaptiveError(RuntimeError):
    """Base of the errors of a run. What they say is safe to print: control characters are shown as escapes."""

    def __str__(self) -> str:
        return printable(super().__str__())

    def __repr__(self) -> str:
        return one_line(super().__repr__())

    def caused_by(self, error: BaseException | None) -> Self:
        """Set `__cause__`, unless its text holds control characters, which Python would send to the terminal."""
        self.__cause__ = error if error is None or _is_printable(error) else None
        return self


class FunctionError(AdaptiveError):
    """The learner's function raised, or its result could not be sent.

    Attributes
    ----------
    point : object
        The point at which the function was evaluated.
    traceback_text : str
        The traceback, as the worker printed it.
    worker : str or None
        The address of the worker, or of a local executor the thread, or process and machine; None if that is not known.
    exception : BaseException or None
        The exception itself, where it could be brought here; also the `__cause__`, unless its text holds control
        characters.
    log : str or None
        Where the worker's log is.
    run : str or None
        The name of the run.
    call : str or None
        How the function was called, with the arguments that are bound to it: ``"f(0.5, gate=0.95)"``.
    """

    run: str | None = None
    call: str | None = None

    def __init__(
        self,
        point: Any,
        traceback_text: str,
        worker: str | None = None,
        exception: BaseException | None = None,
        log: str | None = None,
    ) -> None:
        super().__init__(point, traceback_text, worker, exception, log)
        self.point = point
        self.traceback_text = traceback_text
        self.worker = worker
        self.exception = exception
        self.log = log
        self.caused_by(exception if isinstance(exception, BaseException) else None)

    def __str__(self) -> str:
        where = f" on worker {self.worker}" if self.worker else ""
        log = f"\nLog of the worker: {self.log}" if self.log else ""
        which = f" in the run {self.run!r}" if self.run else ""
        call = f", called as {self.call}" if self.call else ""
        return printable(
            f"learner.function({safe_repr(self.point)}) failed{where}{which}{call}:\n\n{self.traceback_text}{log}"
        )


class PointTimeoutError(AdaptiveError):
    """The evaluation of a point took longer than ``point_timeout`` and was given up."""

    @classmethod
    def after(cls, seconds: float, timeout: float, where: str) -> Self:
        """After so many seconds, when the function was there."""
        return cls(
            f"The evaluation was given up after {seconds:.3g} s, for point_timeout={timeout:g} s. "
            f"The function was at:\n\n{where}"
        )


class BatchShapeError(AdaptiveError, ValueError):
    """A vectorized function did not return one value for each of its points."""


class WorkerLostError(AdaptiveError):
    """A point was being evaluated each time when its worker died."""


class LearnerError(AdaptiveError):
    """The learner, its loss function, the goal or a callback raised while the run called it.

    Whatever it raised, `SystemExit` for example, is the `__cause__` where it could be brought here.
    """


class LearnerBusyError(AdaptiveError):
    """The learner of the run has been busy with one call for so long that a request was given up."""


class ModuleMissingError(AdaptiveError):
    """Something that was sent needs a module that is not installed where it arrived.

    The message says what to do, and depends on where the module is on the machine that shows it: a file of the
    user's is to be sent, a package to be installed.

    Attributes
    ----------
    module : str or None
        Its name, if it is known.
    detail : str
        The error there.
    """

    def __init__(self, what: str, module: str | None = None, detail: str = "") -> None:
        super().__init__(what, module, detail)
        self.what = what
        self.module = module
        self.detail = detail

    def __str__(self) -> str:
        if self.module is None:
            return printable(self.what)
        text = f"{self.what}: module {self.module!r} is missing there. {advise(self.module)}"
        return printable(f"{text}\n\n{self.detail}" if self.detail else text)


class VersionMismatchError(AdaptiveError):
    """Client, scheduler and workers have different versions of adaptive_dask."""


class RunExistsError(AdaptiveError, ValueError):
    """A run of that name is going on already."""


class RunNotFoundError(AdaptiveError, LookupError):
    """The scheduler hosts no run of that name."""


class ResultLostError(AdaptiveError, LookupError):
    """A result that was kept on a worker is no longer there."""


class SchedulerLostError(AdaptiveError):
    """The connection to the scheduler was lost, so the run can no longer be watched."""


class DataFileError(OSError):
    """A file does not contain what it should. Says which file, what was expected and what was found.

    Attributes
    ----------
    path : str
        The file.
    """

    def __init__(self, path: str, problem: str) -> None:
        path, problem = without_secrets(path), without_secrets(problem)
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return printable(f"{self.path}: {self.problem}")


class DataFileMissingError(DataFileError, FileNotFoundError):
    """There is no such file."""


class CheckpointError(AdaptiveError):
    """A checkpoint cannot be used. Says which, what was expected and what was found.

    Attributes
    ----------
    path : str
        The folder or URL, without user and password.
    problem : str
    """

    def __init__(self, path: str, problem: str) -> None:
        path, problem = without_secrets(path), without_secrets(problem)
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return printable(f"{self.path}: {self.problem}")


class CheckpointInUseError(CheckpointError):
    """Another run is writing to the checkpoint."""


def _is_printable(error: BaseException) -> bool:
    try:
        text = "".join(traceback.format_exception(type(error), error, None))  # with its causes and notes
    except BaseException:  # nobody can print it, then
        return False
    return printable(text) == text.replace("\r\n", "\n")
