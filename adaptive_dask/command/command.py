"""`Command`: a function that runs a program."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from adaptive_dask.command import folders
from adaptive_dask.command.program import Program
from adaptive_dask.command.readers import Parse, make_parser
from adaptive_dask.command.templates import Template, check_syntax, fill, make_fields, plain_point
from adaptive_dask.errors import Infeasible, ProgramError
from adaptive_dask.plain import as_positive_seconds, safe_str
from adaptive_dask.run.interruption import ended_by

KEEP = ("all", "failed", "none")

# Of the end of a file that goes into the text of an error (bytes).
MAX_TAIL = 4000

_OWN_FILES = {folders.RECORD, f".{folders.RECORD}", "stdout.txt", "stderr.txt"}


class Command:
    """A function that runs a program for each point and returns what it computes.

    Each evaluation has a new folder, in which the program runs. Its name begins with the point, and the file
    ``adaptive_point.json`` in it says which point it is of. The output of the program is in ``stdout.txt`` and
    ``stderr.txt``. A command can be pickled, and used wherever a learner takes a function.

    Templates are texts with fields, such as ``"--energy={x}"``. The fields are ``x``, the point; ``x0``, ``x1``, …, the
    coordinates of a point that is a tuple, or their `names`; `values`; and ``folder``, the working folder. A template
    can also be a `string.Template`, or a function that takes the point.

    Parameters
    ----------
    arguments : str, sequence or callable
        The program and its arguments: templates. A text is split as a shell does it, before its fields are filled. A
        function takes the point and returns a sequence.
    inputs : mapping, optional
        Input files: the template of each by its name in the folder. A path is that of a file with the template, which
        is read now.
    syntax : "format", "string.Template" or "jinja2", default: "format"
        How fields are written: ``{x}``, ``${x}`` or ``{{ x }}``.
    names : sequence of str, optional
        Names of the coordinates.
    values : mapping, optional
        Further fields, the same for all points.
    environment : mapping, optional
        Environment variables to add: templates.
    folder : str or path, default: "points"
        Where the folders are created. A relative one is in the working folder of the process that creates the command.
        It must be writable where the program runs.
    keep : "all", "failed" or "none", default: "failed"
        Which folders are kept.
    parse : callable or tuple, optional
        What returns the value: a function of the folder, a `pathlib.Path`; or ``("json", file, key)``,
        ``("csv", file, column)``, ``("numpy", file)`` or ``("regex", file, pattern)``. By default, it is the number
        that the program prints.
    success : collection of int, default: (0,)
        Exit codes of a program that has succeeded. Others are failures.
    infeasible : collection of int, default: ()
        Exit codes that say that the function has no value at this point: `Infeasible` is raised.
    timeout : float or timedelta, optional
        How long the program may run; a number is in seconds.
    launcher : str or sequence of str, default: ""
        What starts the program, as in ``"mpirun -n 4"`` or ``"srun --exact -n {tasks}"``: templates.

    Raises
    ------
    ValueError, TypeError
        If an argument makes no sense.

    Examples
    --------
    >>> solve = adaptive.Command("./solver --x {x}", parse=("json", "result.json", "energy"), folder="runs")
    >>> learner = adaptive.Learner1D(solve, bounds=(0, 1))
    """

    def __init__(
        self,
        arguments: str | Sequence[Template] | Callable[[Any], Sequence[Any]],
        *,
        inputs: Mapping[str, Template | os.PathLike[str]] | None = None,
        syntax: str = "format",
        names: Sequence[str] = (),
        values: Mapping[str, Any] | None = None,
        environment: Mapping[str, Template] | None = None,
        folder: str | os.PathLike[str] = "points",
        keep: str = "failed",
        parse: Parse = None,
        success: Collection[int] = (0,),
        infeasible: Collection[int] = (),
        timeout: float | timedelta | None = None,
        launcher: str | Sequence[Template] = "",
    ) -> None:
        if keep not in KEEP:
            raise ValueError(f"keep must be 'all', 'failed' or 'none', got {keep!r}.")
        self._arguments = arguments if callable(arguments) else _split("arguments", arguments)
        if not self._arguments:
            raise ValueError("arguments must name a program, got none.")
        self._launcher = _split("launcher", launcher)
        self._inputs = {_check_file(name): _read_template(each) for name, each in (inputs or {}).items()}
        self._syntax = check_syntax(syntax)
        if isinstance(names, str):
            raise TypeError(f"names must be a sequence of texts, got {names!r}. Write names=({names!r},).")
        self._names = tuple(names)
        self._values = dict(values or {})
        self._environment = dict(environment or {})
        self.folder = os.path.abspath(os.path.expanduser(folder))
        self.keep = keep
        self._parse = make_parser(parse)
        self._success = _codes("success", success)
        self._infeasible = _codes("infeasible", infeasible)
        self._timeout = None if timeout is None else as_positive_seconds("timeout", timeout)

    def __call__(self, point: Any, **values: Any) -> Any:
        """Run the program.

        Parameters
        ----------
        point : object
            A point of the learner.
        **values
            Further fields of the templates, for example bound by `functools.partial`.

        Returns
        -------
        object
            What `parse` returns.

        Raises
        ------
        ProgramError
            If the program cannot be started, fails or takes too long, or if its result cannot be read.
        Infeasible
            If it ends with one of the exit codes `infeasible`.
        """
        folder = folders.create(self.folder, plain_point(point))
        is_done = False
        try:
            value = self._run(folder, plain_point(point), values)
            is_done = True
            return value
        except Infeasible:
            is_done = True
            raise
        finally:
            if self.keep == "none" or (is_done and self.keep == "failed"):
                folders.remove(folder)

    def find(self, point: Any) -> list[Path]:
        """The folders of a point that are there, oldest first."""
        return folders.find(self.folder, plain_point(point))

    def __repr__(self) -> str:
        return f"Command({self._arguments!r}, folder={self.folder!r})"

    def _run(self, folder: Path, point: Any, values: Mapping[str, Any]) -> Any:
        fields = make_fields(point, self._names, {**self._values, **values, "folder": str(folder)})

        def filled(template: Any) -> Any:
            return fill(template, point, fields, self._syntax)

        own = self._arguments(point) if callable(self._arguments) else map(filled, self._arguments)
        arguments = [os.fspath(each) if isinstance(each, os.PathLike) else str(each) for each in own]
        arguments = [*(str(filled(each)) for each in self._launcher), *arguments]
        environment = {name: str(filled(each)) for name, each in self._environment.items()}
        for name, template in self._inputs.items():
            _write(folder / name, filled(template))
        folders.record(folder, point, arguments=arguments, status="running")
        code = self._wait(folder, point, arguments, environment)
        if code in self._infeasible:
            folders.record(folder, point, arguments=arguments, status="infeasible", exit_code=code)
            raise Infeasible(f"The program exited with code {code}.")
        if code not in self._success:
            raise self._failed(folder, point, arguments, _describe(code), code)
        try:
            value = self._parse(folder)
        except Infeasible:
            folders.record(folder, point, arguments=arguments, status="infeasible", exit_code=code)
            raise
        except Exception as error:
            how = f"has a result that cannot be read: {type(error).__name__}: {safe_str(error)}"
            raise self._failed(folder, point, arguments, how, code) from error
        folders.record(folder, point, arguments=arguments, status="done", exit_code=code)
        return value

    def _wait(self, folder: Path, point: Any, arguments: list[str], environment: dict[str, str]) -> int:
        try:
            program = Program(arguments, folder, environment)
        except (OSError, ValueError) as error:
            raise self._failed(folder, point, arguments, f"cannot be started: {error}") from error
        with ended_by(program.cancel, f"  {shlex.join(arguments)}\n  in {folder}"):
            code = program.wait(self._timeout)
        if program.is_cancelled:
            raise self._failed(folder, point, arguments, "was ended, because its result is not needed any more", code)
        if program.is_late:
            raise self._failed(folder, point, arguments, f"was ended after timeout={self._timeout:g} s", code)
        return code

    def _failed(
        self, folder: Path, point: Any, arguments: list[str], how: str, code: int | None = None
    ) -> ProgramError:
        with contextlib.suppress(OSError):
            folders.record(folder, point, arguments=arguments, status="failed", reason=how, exit_code=code)
        return ProgramError(shlex.join(arguments), how, str(folder), code, _tail(folder / "stderr.txt"))


def _describe(code: int) -> str:
    return f"exited with code {code}" if code >= 0 else f"was ended by signal {-code}"


def _tail(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - MAX_TAIL))
        return file.read().decode(errors="replace")
    return ""


def _write(path: Path, contents: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(contents, bytes):
        path.write_bytes(contents)
    else:
        path.write_text(str(contents))


def _split(name: str, templates: Any) -> tuple[Template, ...]:
    if isinstance(templates, os.PathLike):
        return (os.fspath(templates),)
    if isinstance(templates, str):
        return tuple(shlex.split(templates))
    if not isinstance(templates, Sequence):
        raise TypeError(f"{name} must be a text or a sequence of templates, got {templates!r}.")
    return tuple(each if callable(each) or hasattr(each, "substitute") else str(each) for each in templates)


def _read_template(template: Template | os.PathLike[str]) -> Template:
    return Path(template).read_text() if isinstance(template, os.PathLike) else template


def _check_file(name: str) -> str:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or str(path) in _OWN_FILES:
        raise ValueError(
            f"inputs must be named by files below the working folder, other than {', '.join(sorted(_OWN_FILES))}, "
            f"got {name!r}."
        )
    return name


def _codes(name: str, codes: Any) -> frozenset[int]:
    if isinstance(codes, int):
        codes = [codes]
    if not isinstance(codes, Collection) or not all(isinstance(code, int) for code in codes):
        raise TypeError(f"{name} must be a collection of exit codes, got {codes!r}.")
    return frozenset(codes)
