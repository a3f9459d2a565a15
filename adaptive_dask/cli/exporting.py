"""The data of a learner in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adaptive_dask.storage.parquet import write_frame

TABLES = (".csv", ".parquet", ".json")
PICKLE = ".pickle"


def check_output(output: str) -> None:
    """Check the name of the file before anything is loaded.

    Raises
    ------
    click.BadParameter
        If its end is not known, or if its folder does not exist.
    """
    path = Path(output)
    if path.suffix not in {*TABLES, PICKLE}:
        raise click.BadParameter(f"--output must end with {', '.join(TABLES)} or {PICKLE}, got {output!r}.")
    if not path.parent.is_dir():
        raise click.BadParameter(f"--output must be in a folder that exists, got {output!r}.")


def write(learner: Any, output: str) -> str:
    """Write a file, and return what it contains.

    Raises
    ------
    click.ClickException
        If the learner has no table, or JSON cannot contain its text.
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
    if path.suffix == ".parquet":
        write_frame(frame, path)
    elif path.suffix == ".json":
        try:
            text = frame.to_json(orient="records")
        except UnicodeEncodeError as error:
            raise click.ClickException(
                f"JSON cannot contain the data: {error}. Write a .parquet file instead."
            ) from None
        path.write_text(text, encoding="utf-8")
    else:
        frame.to_csv(path, index=False, errors="backslashreplace")  # lone surrogates have no bytes
    return f"{len(frame)} rows, columns {', '.join(map(str, frame.columns))}"
