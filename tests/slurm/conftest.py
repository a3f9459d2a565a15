"""A SLURM, a folder with the examples, and settings for this machine."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
import yaml

import adaptive_dask as adaptive
from adaptive_dask.errors import CheckpointError

from ..patience import HEARTBEAT, TIMEOUT
from .private_slurm import PrivateSlurm, Unavailable, private_slurm

EXAMPLES = Path(__file__).parents[2] / "examples" / "slurm"
GUIDE = Path(__file__).parents[2] / "docs" / "slurm.md"

# What differs from examples/slurm/dask.yaml: all is on loopback, and small, and nobody has patience.
HERE = {
    "jobqueue": {
        "slurm": {
            "interface": "lo",
            "memory": "500MB",
            "python": sys.executable,
            "death-timeout": 60,
            "worker-extra-args": ["--lifetime=10m", "--lifetime-stagger=1m", "--dashboard-address=127.0.0.1:0"],
            "scheduler-options": {"dashboard_address": "127.0.0.1:0"},
        }
    },
    "distributed": {"deploy": {"lost-worker-timeout": "1s"}},
}


@pytest.fixture(scope="session")
def private() -> Iterator[PrivateSlurm]:
    with contextlib.ExitStack() as stack:
        try:
            before = signal.getsignal(signal.SIGINT)
            pytest.importorskip("dask_jobqueue")
            signal.signal(signal.SIGINT, before)  # dask-jobqueue ends the process at a Ctrl-C, also in other tests
            slurm = stack.enter_context(private_slurm())
        except (Unavailable, pytest.skip.Exception) as reason:
            if os.environ.get("CI") == "true":
                pytest.fail(f"In CI there has to be a SLURM: {reason}")
            pytest.skip(f"no SLURM: {reason}")
        yield slurm


@pytest.fixture
def slurm(private: PrivateSlurm) -> Iterator[PrivateSlurm]:
    """A SLURM without jobs."""
    yield private
    private.cancel_all()


class Site:
    """A user's folder with the examples, on a cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
        self.settings: dict[str, Any] = yaml.safe_load((EXAMPLES / "dask.yaml").read_text())
        self.change_settings(HERE)
        self.change_settings(
            {"jobqueue": {"slurm": {"local-directory": str(folder), "log-directory": str(folder / "slurm-logs")}}}
        )
        self.environment = {
            **os.environ,
            "DASK_CONFIG": str(folder / "dask.yaml"),
            "SECONDS_PER_POINT": "0.1",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "TMPDIR": str(folder),
        }
        # Users' scripts find the modules next to them.
        self.environment.pop("PYTHONSAFEPATH", None)

    def change_settings(self, changes: dict[str, Any]) -> None:
        """Change what the jobs and scripts that are started from now on read in dask.yaml."""
        self.settings = dask.config.merge(self.settings, changes)
        (self.folder / "dask.yaml").write_text(yaml.safe_dump(self.settings))

    def use_tls(self) -> None:
        """Do what docs/slurm.md tells, so that all of them speak TLS."""
        text = re.sub(r"(~|/home/me)/\.dask", str(self.folder), GUIDE.read_text())
        [command] = re.findall("^openssl .*", text, re.MULTILINE)
        [settings] = (block for block in re.findall("```yaml\n(.*?)```", text, re.DOTALL) if "tls:" in block)
        subprocess.run(command, shell=True, check=True, capture_output=True)
        self.change_settings(yaml.safe_load(settings))

    def replace(self, file: str, old: str, new: str) -> None:
        """Change one of the examples, as users do."""
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in the folder; what it prints can be read."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def python(self, *arguments: str) -> str:
        """What a script prints; it has to succeed."""
        process = self.start("python", *arguments)
        output, _ = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, output
        assert "Traceback" not in HEARTBEAT.sub("", output), output
        return output

    def submit(self, script: str, *arguments: str, options: tuple[str, ...] = ()) -> str:
        """Submit a batch script; its job's id."""
        process = self.start("sbatch", "--parsable", *options, script, *arguments)
        output, _ = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, output
        return output.strip()

    def points_saved(self) -> int:
        """How many points are in the checkpoint of the examples."""
        with contextlib.suppress(CheckpointError):  # it is not there yet
            return adaptive.load(str(self.folder / "resonances-checkpoint")).npoints
        return 0

    def logs(self) -> str:
        """What the jobs have printed."""
        return "\n".join(f"{log.name}:\n{log.read_text()}" for log in sorted(self.folder.rglob("*.log")))


@pytest.fixture
def site(slurm: PrivateSlurm, tmp_path: Path) -> Site:
    return Site(tmp_path)
