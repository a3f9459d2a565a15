"""`Command`: a function that runs a program."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from adaptive_dask.command import finished, folders
from adaptive_dask.command.program import Program
from adaptive_dask.command.readers import Parse, make_parser
from adaptive_dask.command.templates import Filled, Template, check_syntax, fill, make_fields, plain_point
from adaptive_dask.errors import Infeasible, ProgramError
from adaptive_dask.plain import as_positive_seconds, safe_str
from adaptive_dask.run.interruption import ended_by
from adaptive_dask.run.options import check_resources

KEEP = ("all", "failed", "none")

# The size of the end of a file that is shown in the text of an error (bytes).
MAX_TAIL = 4000

_OWN_FILES = {folders.RECORD, "stdout.txt", "stderr.txt"}


class Command:
    """A function that runs a program for each point and returns its result.

    Each evaluation runs the program in a new folder. The name of the folder begins with the point, and its file
    ``adaptive_point.json`` contains the point. The output of the program is in ``stdout.txt`` and ``stderr.txt``. A
    command can be pickled, and used wherever a learner takes a function.

    Templates are texts with fields, such as ``"--energy={x}"``. The fields are ``x``, the point; ``x0``, ``x1``, …, the
    coordinates of a point that is a tuple, or their `names`; `values`; and ``folder``, the working folder. A template
    can also be a `string.Template`, or a function that takes the point.

    Parameters
    ----------
    arguments : str, sequence or callable
        Templates of the program and its arguments. A text is split as by a shell, before its fields are filled. A
        function takes the point and returns a text or a sequence. A relative path of a program is that of a file in the
        current folder, if it exists.
    inputs : mapping, optional
        Input files: their templates by their names in the folder. A path is that of a file with the template, which is
        read when the command is created.
    syntax : "format", "string.Template" or "jinja2", default: "format"
        Syntax of fields: ``{x}``, ``${x}`` or ``{{ x }}``.
    names : sequence of str, optional
        Names of the coordinates.
    values : mapping, optional
        Further fields, which are the same for all points.
    environment : mapping, optional
        Templates of environment variables to add.
    folder : str or path, default: "points"
        The folder in which the folders of points are created. A relative path is relative to the working folder of the
        process that creates the command. The folder must be writable on the machines that run the program.
    keep : "all", "failed" or "none", default: "failed"
        The folders that are kept.
    reuse : bool, default: True
        With ``keep="all"``, read the folder of a program that has already succeeded at a point instead of running it
        again, if its arguments, input files and environment variables are the same, and if the program and the files
        that are arguments have not changed. Pass False if the program is not deterministic.
    parse : callable or tuple, optional
        Reader of the value: a function of the folder, a `pathlib.Path`; or ``("json", file, key)``,
        ``("csv", file, column)``, ``("numpy", file)`` or ``("regex", file, pattern)``. By default, the value is the
        number that the program prints.
    success : collection of int, default: (0,)
        Exit codes of a successful program. Other codes are failures.
    infeasible : collection of int, default: ()
        Exit codes that mean that the function has no value at this point, so that `Infeasible` is raised.
    timeout : float or timedelta, optional
        Time limit of the program; numbers are in seconds.
    launcher : str or sequence of str, default: ""
        Templates of a command that starts the program, as in ``"mpirun -n 4"`` or ``"srun --exact -n {tasks}"``.
    resources : mapping, optional
        Resources of a Dask worker that the program needs, as in ``{"GPU": 1}``. A run on a cluster uses them unless its
        argument `resources` is given; other executors ignore them.

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid.

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
        reuse: bool = True,
        parse: Parse = None,
        success: Collection[int] = (0,),
        infeasible: Collection[int] = (),
        timeout: float | timedelta | None = None,
        launcher: str | Sequence[Template] = "",
        resources: Mapping[str, float] | None = None,
    ) -> None:
        if keep not in KEEP:
            raise ValueError(f"keep must be 'all', 'failed' or 'none', got {keep!r}.")
        self._make_arguments = arguments if callable(arguments) else None
        self._arguments = () if callable(arguments) else _find_program(_split("arguments", arguments))
        if not (callable(arguments) or self._arguments):
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
        self.reuse = bool(reuse)
        self._parse = make_parser(parse)
        self._success = _codes("success", success)
        self._infeasible = _codes("infeasible", infeasible)
        self.resources = {} if resources is None else check_resources(resources)
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
            The result of `parse`.

        Raises
        ------
        ProgramError
            If the program cannot be started, fails or takes too long, or if its result cannot be read.
        Infeasible
            If the program ends with one of the exit codes `infeasible`.
        """
        point = plain_point(point)
        made: dict[int, Any] = {}
        key = None
        if self.reuse and self.keep == "all":
            filled = self._fill(point, values, "{folder}", made)
            key = finished.make_key(point, filled)
            found = finished.find(self.folder, key)
            if found is not None and found[1] in self._success | self._infeasible:
                with contextlib.suppress(ProgramError):  # the file cannot be read
                    return self._read(found[0], point, found[1], filled.arguments)
        folder = folders.create(self.folder, point)
        is_done = False
        try:
            value = self._run(folder, point, self._fill(point, values, str(folder), made), key)
            is_done = True
            return value
        except Infeasible:
            is_done = True
            raise
        finally:
            if self.keep == "none" or (is_done and self.keep == "failed"):
                folders.remove(folder)

    def find(self, point: Any) -> list[Path]:
        """Return the existing folders of a point, oldest first."""
        return folders.find(self.folder, plain_point(point))

    def __repr__(self) -> str:
        return f"Command({self._make_arguments or self._arguments!r}, folder={self.folder!r})"

    def _fill(self, point: Any, values: Mapping[str, Any], folder: str, made: dict[int, Any]) -> Filled:
        """Fill all templates; `made` has the results of functions for this point, so that each is called once."""
        fields = make_fields(point, self._names, {**self._values, **values, "folder": folder})

        def call(function: Callable[[Any], Any]) -> Any:
            if id(function) not in made:
                made[id(function)] = function(point)
            return made[id(function)]

        def filled(template: Any) -> Any:
            return call(template) if callable(template) else fill(template, fields, self._syntax)

        own = [filled(each) for each in self._arguments]
        if self._make_arguments is not None:
            given = call(self._make_arguments)
            own = made[id(self._make_arguments)] = shlex.split(given) if isinstance(given, str) else list(given)
        if not own:
            raise ValueError(f"arguments must name a program, got none for {point!r}.")
        return Filled(
            [*(str(filled(each)) for each in self._launcher), *map(_as_text, own)],
            {name: str(filled(each)) for name, each in self._environment.items()},
            {name: _as_bytes(filled(each)) for name, each in self._inputs.items()},
        )

    def _run(self, folder: Path, point: Any, filled: Filled, key: str | None) -> Any:
        for name, contents in filled.inputs.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents)
        folders.record(folder, point, arguments=filled.arguments, status="running")
        code = self._wait(folder, point, filled.arguments, filled.environment)
        if code not in self._success | self._infeasible:
            raise self._failed(folder, point, filled.arguments, _describe(code), code)
        if key is not None:
            finished.note(self.folder, key, folder, code)
        return self._read(folder, point, code, filled.arguments)

    def _read(self, folder: Path, point: Any, code: int, arguments: list[str]) -> Any:
        """Return the value of a program that has ended."""
        if code in self._infeasible:
            folders.record(folder, point, status="infeasible", exit_code=code)
            raise Infeasible(f"The program exited with code {code}.")
        try:
            value = self._parse(folder)
        except Infeasible:
            folders.record(folder, point, status="infeasible", exit_code=code)
            raise
        except Exception as error:
            how = f"has a result that cannot be read: {type(error).__name__}: {safe_str(error)}"
            raise self._failed(folder, point, arguments, how, code) from error
        folders.record(folder, point, status="done", exit_code=code)
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
            folders.record(folder, point, status="failed", reason=how, exit_code=code)
        return ProgramError(shlex.join(arguments), how, str(folder), code, _tail(folder / "stderr.txt"))


def _describe(code: int) -> str:
    return f"exited with code {code}" if code >= 0 else f"was ended by signal {-code}"


def _tail(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - MAX_TAIL))
        return file.read().decode(errors="replace")
    return ""


def _as_text(argument: Any) -> str:
    return str(os.fspath(argument)) if isinstance(argument, os.PathLike) else str(argument)


def _as_bytes(contents: Any) -> bytes:
    return contents if isinstance(contents, bytes) else str(contents).encode("utf-8", "surrogateescape")


def _split(name: str, templates: Any) -> tuple[Template, ...]:
    if isinstance(templates, os.PathLike):
        return (os.fspath(templates),)
    if isinstance(templates, str):
        return tuple(shlex.split(templates))
    if not isinstance(templates, Sequence):
        raise TypeError(f"{name} must be a text or a sequence of templates, got {templates!r}.")
    return tuple(each if callable(each) or hasattr(each, "substitute") else str(each) for each in templates)


def _find_program(arguments: tuple[Template, ...]) -> tuple[Template, ...]:
    """Replace a relative path of the program by an absolute one, because it runs in another folder."""
    program, *others = arguments or ("",)
    if isinstance(program, str) and os.sep in program and os.path.isfile(program):
        return (os.path.abspath(program), *others)
    return arguments


def _read_template(template: Template | os.PathLike[str]) -> Template:
    return Path(template).read_text() if isinstance(template, os.PathLike) else template


def _check_file(name: str) -> str:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or str(path) in _OWN_FILES:
        raise ValueError(
            f"keys of inputs must be files below the working folder, other than {', '.join(sorted(_OWN_FILES))}, "
            f"got {name!r}."
        )
    return name


def _codes(name: str, codes: Any) -> frozenset[int]:
    if isinstance(codes, int):
        codes = [codes]
    if not isinstance(codes, Collection) or not all(isinstance(code, int) for code in codes):
        raise TypeError(f"{name} must be a collection of exit codes, got {codes!r}.")
    return frozenset(codes)
