"""Errors of runs, files and checkpoints. Every error says what happened and what to do."""

from __future__ import annotations

import os
import signal as signal_module
import traceback
from typing import Any, Self

from adaptive_dask.missing_module import advise
from adaptive_dask.plain import one_line, printable, safe_repr, shorten
from adaptive_dask.url_secrets import without_secrets


class AdaptiveError(RuntimeError):
    """Base class of the errors of a run. Their text shows control characters as escapes, so it is safe to print."""

    def __str__(self) -> str:
        return printable(super().__str__())

    def __repr__(self) -> str:
        return one_line(super().__repr__())

    def caused_by(self, error: BaseException | None) -> Self:
        """Set `__cause__`, unless its text contains control characters, which Python would send to the terminal."""
        self.__cause__ = error if error is None or _is_printable(error) else None
        return self


class FunctionError(AdaptiveError):
    """The function of the learner raised an exception, or its result could not be sent.

    Attributes
    ----------
    point : object
        The point at which the function was evaluated.
    traceback_text : str
        The traceback on the worker.
    worker : str or None
        The address of the worker; on a local executor, the thread, or the process and machine. None if unknown.
    exception : BaseException or None
        The exception, if it could be sent. It is also the `__cause__`, unless its text contains control characters.
    log : str or None
        The location of the worker log.
    run : str or None
        The name of the run.
    call : str or None
        The call of the function with its bound arguments, such as ``"f(0.5, gate=0.95)"``.
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
        """Create the error of an evaluation that was at `where` after `seconds`."""
        return cls(
            f"The evaluation was given up after {seconds:.3g} s, for point_timeout={timeout:g} s. "
            f"The function was at:\n\n{where}"
        )


class ProcessCrashError(AdaptiveError):
    """The process of an evaluation ended before the function returned.

    Attributes
    ----------
    signal : int or None
        The signal that ended it.
    exitcode : int or None
        Its exit code, if it ended by itself.
    stderr : str
        The end of its standard error.
    """

    def __init__(self, signal: int | None, exitcode: int | None, stderr: str = "") -> None:
        super().__init__(signal, exitcode, stderr)
        self.signal = signal
        self.exitcode = exitcode
        self.stderr = stderr

    @classmethod
    def of_status(cls, status: int, stderr: str) -> Self:
        """Create the error from the status that `os.wait` returns; negative if it is unknown."""
        if status < 0:
            return cls(None, None, stderr)
        code = os.waitstatus_to_exitcode(status)
        return cls(-code, None, stderr) if code < 0 else cls(None, code, stderr)

    def __str__(self) -> str:
        if self.signal is not None:
            how = f"was ended by {_describe_signal(self.signal)}"
        elif self.exitcode is not None:
            how = f"exited with code {self.exitcode}"
        else:
            how = "was lost"
        return printable(f"The process of the evaluation {how} before the function returned.{_output(self.stderr)}")


class ProgramError(AdaptiveError):
    """The program of a `Command` could not be started, failed, took too long, or wrote no result that can be read.

    Attributes
    ----------
    command : str
        The program and its arguments.
    reason : str
    folder : str
        Its working folder.
    exitcode : int or None
        Its exit code; negative for a signal.
    stderr : str
        The end of its standard error.
    """

    def __init__(self, command: str, reason: str, folder: str, exitcode: int | None = None, stderr: str = "") -> None:
        super().__init__(command, reason, folder, exitcode, stderr)
        self.command = command
        self.reason = reason
        self.folder = folder
        self.exitcode = exitcode
        self.stderr = stderr

    def __str__(self) -> str:
        output = _output(self.stderr)
        return printable(f"The program {self.reason}.\n\n  {self.command}\n  in {self.folder}{output}")


def _output(stderr: str) -> str:
    lines = stderr.rstrip()
    return f"\n\nLast lines of standard error:\n\n{lines}" if lines else ""


class Infeasible(Exception):
    """Raised by a function that has no value at a point.

    It is also what the learner is told there: ``learner.tell(x, Infeasible("did not converge"))``. Two of them with the
    same reason are equal.

    Parameters
    ----------
    reason : str, optional
        Why there is no value.
    """

    @property
    def reason(self) -> str:
        """Why there is no value, on one or more lines without control characters."""
        return shorten(printable(" ".join(map(_as_text, self.args)))) or "infeasible"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Infeasible) and self.reason == other.reason

    def __hash__(self) -> int:
        return hash(self.reason)


def _as_text(part: Any) -> str:
    return part if isinstance(part, str) else safe_repr(part)


def _describe_signal(number: int) -> str:
    text = signal_module.strsignal(number) if number < signal_module.NSIG else None
    try:
        name = signal_module.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = ", which the system sends if there is not enough memory" if name == "SIGKILL" else ""
    return f"signal {number} ({name}: {text}{hint})"


class BatchShapeError(AdaptiveError, ValueError):
    """A vectorized function did not return one value for each of its points."""


class WorkerLostError(AdaptiveError):
    """The worker of a point died during its evaluation, more than ``allowed_failures`` times."""


class LearnerError(AdaptiveError):
    """The learner, its loss function, the goal or a callback raised an exception.

    The exception, which can also be `SystemExit`, is the `__cause__` if it could be sent.
    """


class LearnerBusyError(AdaptiveError):
    """A request failed because the learner of the run is busy with a call that takes too long."""


class ModuleMissingError(AdaptiveError):
    """An object needs a module that is not installed in the process that received it.

    The message says what to do. It depends on the module on the local machine: send a file of your own, or install a
    package.

    Attributes
    ----------
    module : str or None
        The name of the module, if it is known.
    detail : str
        The error in the other process.
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
    """A run with this name has not ended."""


class RunNotFoundError(AdaptiveError, LookupError):
    """The scheduler hosts no run with this name."""


class PredecessorError(AdaptiveError):
    """A run was not started, because a run that comes before it has not finished."""


class ResultLostError(AdaptiveError, LookupError):
    """A remote result is no longer available."""


class SchedulerLostError(AdaptiveError):
    """The connection to the scheduler was lost, so the client can no longer follow the run."""


class _FileProblem(Exception):
    """Base class of errors about a file or folder."""

    def __init__(self, path: str, problem: str) -> None:
        path, problem = without_secrets(path), without_secrets(problem)
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return printable(f"{self.path}: {self.problem}")


class DataFileError(_FileProblem, OSError):
    """A file does not have the required contents. The message names the file and says what it must contain.

    Attributes
    ----------
    path : str
        The file.
    problem : str
    """


class DataFileMissingError(DataFileError, FileNotFoundError):
    """The file does not exist."""


class CheckpointError(_FileProblem, AdaptiveError):
    """A checkpoint cannot be used. The message names it and says what it must be.

    Attributes
    ----------
    path : str
        The folder or URL, without user and password.
    problem : str
    """


class CheckpointInUseError(CheckpointError):
    """Another run is writing to the checkpoint."""


def _is_printable(error: BaseException) -> bool:
    try:
        text = "".join(traceback.format_exception(type(error), error, None))  # including causes and notes
    except BaseException:  # then Python cannot print it either
        return False
    return printable(text) == text.replace("\r\n", "\n")
