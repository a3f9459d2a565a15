"""Which client to use when the user gave none."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

import distributed

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)


def find_client(executor: Client | None) -> Client:
    """The client that was given, else the current one, else that of a new LocalCluster.

    Raises
    ------
    TypeError
        If the executor is none that a run can use.
    """
    if executor is None:
        try:
            client: Client = distributed.default_client()
        except ValueError:
            client = _embed()
        return client
    if not isinstance(executor, distributed.Client):
        raise TypeError(
            f"executor takes a dask.distributed.Client, not {type(executor).__name__}. Leave it out for the current "
            "client, or for a cluster of local processes if there is none; adaptive_dask.runner.simple() runs a "
            "learner in this process."
        )
    return executor


def _embed() -> Client:
    with warnings.catch_warnings():
        # When the usual port is taken, Dask says so and takes another one; the address is printed below.
        warnings.filterwarnings("ignore", message="Port .* is already in use")
        client = distributed.Client(dashboard_address="127.0.0.1:8787", asynchronous=False)
    print(f"adaptive_dask: no Dask client, so a local cluster was started; dashboard: {client.dashboard_link}")
    return client
