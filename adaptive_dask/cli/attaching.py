"""A Python shell with a run."""

from __future__ import annotations

import code
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import adaptive_dask
from adaptive_dask.cli.following import find
from adaptive_dask.run.progress import ProgressHistory
from adaptive_dask.run.status import RunStatus
from adaptive_dask.runner.hosted import attach
from adaptive_dask.runner.terminal import status_line

if TYPE_CHECKING:
    from distributed import Client

# The end of a run that has ended arrives within this time (seconds).
END_TIMEOUT_S = 10.0

NAMES = """\
runner   runner.info(), runner.failures, runner.pause(), runner.cancel(), …
learner  its learner with all results, which is kept up to date
client   the client of Dask
"""


def interact(client: Client, name: str) -> None:
    """Open a shell that has the run, until the user leaves it: IPython on a terminal if it is installed.

    Raises
    ------
    RunNotFoundError
        If there is no run with this name.
    """
    status = RunStatus.from_info(find(client, name))
    runner = attach(name, client)
    if status.has_ended:
        runner.wait(END_TIMEOUT_S)
    banner = f"{status_line(status, ProgressHistory())}\n\n{NAMES}"
    names = {"adaptive": adaptive_dask, "runner": runner, "learner": runner.learner, "client": client}
    with client.as_current():
        try:
            _open(names, banner)
        finally:
            if not runner.done():
                print(f"The run {runner.name} continues.", file=sys.stderr)


def _open(names: dict[str, Any], banner: str) -> None:
    if sys.stdin.isatty() and find_spec("IPython") is not None:
        from IPython import start_ipython

        print(banner)
        start_ipython(argv=["--no-banner", "--no-confirm-exit"], user_ns=names)
    else:
        code.interact(banner, local=names, exitmsg="")
