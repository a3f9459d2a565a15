"""The data of a learner in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

# By the end of the file's name, the method of a data frame that writes it.
WRITERS = {".csv": "to_csv", ".parquet": "to_parquet", ".json": "to_json"}
PICKLE = ".pickle"


def check_output(output: str) -> None:
    """Check the name of the file before anything is loaded.

    Raises
    ------
    click.BadParameter
        If its end is not known, or if its folder does not exist.
    """
    path = Path(output)
    if path.suffix not in {*WRITERS, PICKLE}:
        raise click.BadParameter(f"--output must end with {', '.join(WRITERS)} or {PICKLE}, got {output!r}.")
    if not path.parent.is_dir():
        raise click.BadParameter(f"--output must be in a folder that exists, got {output!r}.")


def write(learner: Any, output: str) -> str:
    """Write a file, and return what it contains.

    Raises
    ------
    click.ClickException
        If the learner has no table.
    ImportError
        If pandas, or what it needs for the format, is not installed.
    OSError
        If the file cannot be written.
    """
    path = Path(output)
    if path.suffix == PICKLE:
        learner.save(path)
        return f"{learner.npoints} points"
    if not hasattr(learner, "to_dataframe"):
        raise click.ClickException(f"{type(learner).__name__} has no table of its data; write a {PICKLE} file instead.")
    frame = learner.to_dataframe()
    options = {"orient": "records"} if path.suffix == ".json" else {"index": False}
    getattr(frame, WRITERS[path.suffix])(path, **options)
    return f"{len(frame)} rows, columns {', '.join(map(str, frame.columns))}"
