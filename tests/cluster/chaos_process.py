"""A process that imports Dask once and then forks: workers and clients of a storm start in no time.

Reads lines of JSON with what to start, and answers each with the number of the new process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time

import distributed

import adaptive_dask
import adaptive_dask.cluster.worker


async def work(address: str, name: str, folder: str) -> None:
    worker = distributed.Worker(
        address,
        nthreads=2,
        name=name,
        host="127.0.0.1",
        dashboard=False,
        memory_limit=0,
        local_directory=folder,
    )
    async with worker:
        await worker.finished()


def watch(address: str, name: str) -> None:
    """A client that follows the run and asks for this and that until somebody kills it."""
    with distributed.Client(address, set_as_default=False) as client:
        while True:
            runner = adaptive_dask.attach(name, client)
            while not runner.wait(0.05):
                assert runner.learner.npoints >= 0
                runner.actor.loss()
            time.sleep(0.05)  # between two runs


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        kind, *arguments = json.loads(line)
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            if kind == "worker":
                asyncio.run(work(*arguments))
            else:
                watch(*arguments)
        finally:
            os._exit(0)


if __name__ == "__main__":
    main()
