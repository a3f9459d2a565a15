"""``dask adaptive``, or ``python -m adaptive_dask``: look at runs and control them from a shell.

Dask loads this module for each of its commands, so nothing but click is imported before a command is used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

import adaptive_dask

if TYPE_CHECKING:
    from distributed import Client

CONNECT_TIMEOUT = "10 s"

# How a command that is interrupted ends, by convention of shells.
INTERRUPTED = 130


class Commands(click.Group):
    """Shows expected errors as one message, without a traceback, and exits with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (OSError, RuntimeError, ValueError, LookupError, ImportError) as error:
            if isinstance(error, (click.exceptions.Exit, click.Abort, BrokenPipeError)):
                raise
            raise click.ClickException(str(error) or type(error).__name__) from error


@click.group("adaptive", cls=Commands)
@click.version_option(adaptive_dask.__version__, prog_name="adaptive_dask")
def main() -> None:
    """Look at runs of adaptive_dask and control them.

    The scheduler is that of the option --scheduler, of --scheduler-file, or of Dask's configuration
    (DASK_SCHEDULER_ADDRESS), with the TLS settings of Dask's configuration.

    A command exits with 0 if it succeeded, with 1 if it failed, and with 2 if it was called in a wrong way.
    """


def with_client(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the scheduler is; the command is called with an open client."""

    @click.option("--scheduler", "address", metavar="ADDRESS", help="For example tcp://10.0.0.1:8786.")
    @click.option("--scheduler-file", metavar="FILE", help="The file that the scheduler wrote its address to.")
    @click.option("--timeout", default=CONNECT_TIMEOUT, show_default=True, help="For the connection.")
    @functools.wraps(command)
    def connected(address: str | None, scheduler_file: str | None, timeout: str, **arguments: Any) -> Any:
        with connect(address, scheduler_file, timeout) as client:
            return command(client, **arguments)

    return connected


@contextmanager
def connect(address: str | None, scheduler_file: str | None, timeout: str) -> Iterator[Client]:
    """Connect to a scheduler.

    Raises
    ------
    click.UsageError
        If there is no address, or more than one.
    click.ClickException
        If nothing answers there.
    """
    import dask
    from dask.utils import parse_timedelta
    from distributed import Client
    from distributed.comm.addressing import resolve_address

    if address and scheduler_file:
        raise click.UsageError("Pass --scheduler or --scheduler-file, not both.")
    where = address or scheduler_file or dask.config.get("scheduler-address", None)
    if where is None:
        raise click.UsageError(
            "There is no scheduler. Pass --scheduler or --scheduler-file, or set DASK_SCHEDULER_ADDRESS."
        )
    try:
        seconds = parse_timedelta(timeout)
    except (ValueError, KeyError) as error:
        raise click.BadParameter(f"--timeout must be a duration such as '10 s', got {timeout!r}.") from error
    if scheduler_file:
        with open(scheduler_file):  # Dask would wait for a file that does not exist
            pass
    options = {"scheduler_file": scheduler_file} if scheduler_file else {"address": where}
    try:
        if not scheduler_file:
            resolve_address(where)  # a Client that fails for it would wait for 20 s when it is deleted
        client = Client(**options, timeout=seconds, set_as_default=False)
    except ValueError as error:
        expected = "like tcp://10.0.0.1:8786"
        raise click.UsageError(f"The address of the scheduler must be {expected}, got {where!r}: {error}.") from error
    except (OSError, TimeoutError) as error:
        raise click.ClickException(f"No scheduler answered at {where} within {seconds:g} s: {error}") from error
    with client:
        try:
            yield client
        except click.exceptions.Exit:
            raise
        except (OSError, RuntimeError) as error:
            if client.status == "running":
                raise
            raise click.ClickException(f"The connection to the scheduler at {where} was lost: {error}") from error


def fail(message: str) -> NoReturn:
    """End the command with a message and the exit code 1."""
    raise click.ClickException(message)


name_argument = click.argument("name")
names_argument = click.argument("names", metavar="NAME...", nargs=-1, required=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, in which NaN and infinity are null.")


@main.command()
@json_option
@with_client
def runs(client: Client, as_json: bool) -> None:
    """List the runs of a scheduler."""
    from adaptive_dask.cli import showing
    from adaptive_dask.runner import runs as list_runs

    found = list_runs(client)
    click.echo(showing.as_json(found) if as_json else showing.table_of_runs(found))


@main.command()
@name_argument
@json_option
@click.option("--failures", is_flag=True, help="Also list the points that failed, with their errors.")
@with_client
def status(client: Client, name: str, as_json: bool, failures: bool) -> None:
    """Show the state of a run in full."""
    from adaptive_dask.cli import following, showing

    info = following.find(client, name)
    if failures:
        info["failures"] = following.failures(client, info)
    click.echo(showing.as_json(info) if as_json else showing.details(info))


@main.command()
@name_argument
@click.option("--interval", type=click.FloatRange(min=0.05), help="Seconds; 0.5 on a terminal and 60 elsewhere.")
@with_client
def watch(client: Client, name: str, interval: float | None) -> None:
    """Print how a run goes until it ends.

    Exits with 1 if the run failed or was cancelled. Ctrl-C ends the command, and not the run.
    """
    from adaptive_dask.cli import following

    try:
        end = following.watch(client, name, interval)
    except KeyboardInterrupt:
        click.echo(f"\nThe run {name} continues.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    if end != "finished":
        fail(following.explain_end(client, name, end))


@main.command()
@name_argument
@with_client
def attach(client: Client, name: str) -> None:
    """Open Python with a run.

    The shell is IPython if that is installed. It has the variables runner, learner and client. Statements can also come
    from a pipe. The run continues when the shell ends. This unpickles the learner: attach only to runs that you trust.
    """
    from adaptive_dask.cli import attaching

    attaching.interact(client, name)


def control(action: str, doc: str) -> None:
    """Add a command that sends an action to runs."""

    @main.command(action, help=doc)
    @names_argument
    @with_client
    def command(client: Client, names: tuple[str, ...]) -> None:
        from adaptive_dask.cli import following

        for name in dict.fromkeys(names):
            following.control(client, name, action)
            click.echo(f"{name}: {following.DONE[action]}")


control("cancel", "End runs now. Their data stay on the scheduler until they are forgotten.")
control("pause", "Start no more evaluations of runs until they are resumed.")
control("resume", "Continue runs that were paused.")
control("forget", "Remove runs that have ended from the scheduler, with their data.")


@main.command()
@click.argument("name", required=False)
@click.option("--checkpoint", metavar="FOLDER", help="Read a checkpoint instead of a run; needs no scheduler.")
@click.option("-o", "--output", required=True, metavar="FILE", help="Ends with .csv, .parquet, .json or .pickle.")
@click.option("--scheduler", "address", metavar="ADDRESS")
@click.option("--scheduler-file", metavar="FILE")
@click.option("--timeout", default=CONNECT_TIMEOUT, show_default=True)
def export(
    name: str | None, checkpoint: str | None, output: str, address: str | None, scheduler_file: str | None, timeout: str
) -> None:
    """Write the data of a run or of a checkpoint to a file.

    The result is a table with a row for each point; .pickle is a file of learner.save. This unpickles data of the run:
    read only runs and checkpoints that you trust.
    """
    from adaptive_dask.cli import exporting

    if (name is None) == (checkpoint is None):
        raise click.UsageError("Pass either the name of a run or --checkpoint.")
    exporting.check_output(output)
    if checkpoint is not None:
        from adaptive_dask import load

        learner = load(checkpoint)
    else:
        from adaptive_dask import attach

        with connect(address, scheduler_file, timeout) as client:
            learner = attach(str(name), client).learner
    click.echo(f"{output}: {exporting.write(learner, output)}")


@main.command()
@with_client
def check(client: Client) -> None:
    """Check whether client, scheduler and workers can run together.

    Exits with 1 if adaptive_dask is missing somewhere or has another version, or if Python has.
    """
    from adaptive_dask.cli import checking

    report = checking.compare(client)
    click.echo(report.text)
    if report.problems:
        fail("\n".join(report.problems))
