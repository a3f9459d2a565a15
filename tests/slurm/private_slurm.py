"""A SLURM of one's own: one node, on loopback, in a folder of its own, as long as the tests need it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

DAEMONS = ("munged", "slurmctld", "slurmd")
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
PATIENCE = 120.0  # seconds

# More processors than the machine has, for they are not used up: tests mostly wait.
PROCESSORS = 16
MEMORY = 16_000  # MB

CONFIGURATION = """\
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
# On the address of the host's name, which is loopback here, and not on all of them.
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# Neither control groups nor any other help of the kernel's.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
# Jobs start, and end, within a second or two.
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
KillWait=2
ReturnToService=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES DefaultTime=10 MaxTime=60 State=UP
"""

# Starts a daemon on a machine whose name is not that of loopback: for the daemon it is.
AS_LOCALHOST = ["unshare", "--uts", "sh", "-c", 'hostname localhost && exec "$@"', "sh"]


class Unavailable(RuntimeError):
    """Why there can be no SLURM on this machine."""


class PrivateSlurm:
    """Talks to the SLURM that `private_slurm` started; `SLURM_CONF` is set as long as it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str) -> str:
        """What a command prints."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def submit(self, script: Path, *arguments: str, options: tuple[str, ...] = ()) -> str:
        """Submit a batch script; its job's id."""
        return self.run("sbatch", "--parsable", "--no-requeue", *options, str(script), *arguments)

    def jobs(self, *states: str) -> list[str]:
        """The ids of the jobs that there are, or of those in some states, oldest first."""
        wanted = ["--states", ",".join(states)] if states else []
        return sorted(self.run("squeue", "--noheader", "--format=%A", *wanted).split(), key=int)

    def state(self, job: str) -> str:
        """Return the state of a job, such as PENDING, RUNNING or COMPLETED."""
        shown = self.run("scontrol", "--oneliner", "show", "job", job)
        return dict(field.split("=", 1) for field in shown.split() if "=" in field)["JobState"]

    def end_time_limit(self, job: str) -> None:
        """Have the time limit of a running job come now."""
        self.run("scontrol", "update", f"JobId={job}", "EndTime=now")

    def kill_task(self, job: str, rank: int, script: str) -> None:
        """Kill the process of a job's task that runs a Python script, as if the node had no memory left."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                environment = process.environ()
                task = environment.get("SLURM_JOB_ID"), environment.get("SLURM_PROCID")
                if task == (job, str(rank)) and process.cmdline()[1:2] == [script]:
                    process.kill()
                    return
        raise RuntimeError(f"Task {rank} of job {job} does not run {script}.")

    def cancel_all(self) -> None:
        """Cancel every job and wait until they are gone."""
        jobs = self.jobs()
        if jobs:
            self.run("scancel", "--quiet", *jobs)
        wait_until(lambda: not self.jobs(), "jobs end")


@contextlib.contextmanager
def private_slurm() -> Iterator[PrivateSlurm]:
    """Start a SLURM, and end what was started.

    Raises
    ------
    Unavailable
        If it cannot be started here, and why.
    """
    check_available()
    folder = Path(tempfile.mkdtemp(prefix="private-slurm-"))
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    daemons: list[subprocess.Popen[bytes]] = []
    slurm = PrivateSlurm(folder)
    try:
        start(folder, daemons)
        wait_until(lambda: is_idle(slurm), "the node is idle", folder)
        yield slurm
    finally:
        with contextlib.suppress(Exception):  # jobs outlive the daemons; but these have to end in any case
            slurm.cancel_all()
        for daemon in reversed(daemons):
            stop(daemon)
        os.environ.pop("SLURM_CONF")
        if before is not None:
            os.environ["SLURM_CONF"] = before
        shutil.rmtree(folder, ignore_errors=True)


def check_available() -> None:
    """Raise `Unavailable` where SLURM is not installed, or may not be started."""
    missing = [name for name in (*DAEMONS, "sbatch", "srun") if shutil.which(name, path=PATH) is None]
    if missing:
        raise Unavailable(f"{', '.join(missing)} missing; apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        raise Unavailable("SLURM's daemons have to be started as root")


def start(folder: Path, daemons: list[subprocess.Popen[bytes]]) -> None:
    """Start the three daemons, in the foreground, so that they are our children."""
    folder.chmod(0o755)
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(mode=0o755)
    key = folder / "munge" / "key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    host = socket.gethostname().split(".")[0]
    as_host: list[str] = []
    if not is_loopback(host):
        host, as_host = "localhost", AS_LOCALHOST
        if subprocess.run([*as_host, "true"], capture_output=True).returncode:
            raise Unavailable(f"{socket.gethostname()} is not a loopback address; /etc/hosts needs 127.0.0.1 for it")
    controller_port, node_port = free_ports(2)
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            folder=folder,
            host=host,
            controller_port=controller_port,
            node_port=node_port,
            processors=PROCESSORS,
            memory=MEMORY,
        )
    )
    munge = {"key-file": key, "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{name}={folder / 'munge' / str(file)}" for name, file in munge.items()]
    commands = [
        ["munged", "--foreground", "--origin=127.0.0.1", "--num-threads=2", *options],
        [*as_host, "slurmctld", "-D"],
        [*as_host, "slurmd", "-D"],
    ]
    for command in commands:
        with open(folder / "output.log", "ab") as output:
            daemon = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PATH": PATH},
                cwd=folder,
                start_new_session=True,  # Ctrl-C is for pytest, which ends them
            )
        daemons.append(daemon)
        if command[0] == "munged":
            wait_until((folder / "munge" / "socket").is_socket, "munged listens", folder)


def stop(daemon: subprocess.Popen[bytes]) -> None:
    """End one of our daemons."""
    daemon.terminate()
    try:
        daemon.wait(60)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def is_idle(slurm: PrivateSlurm) -> bool:
    with contextlib.suppress(RuntimeError):  # the controller is not there yet
        return slurm.run("sinfo", "--noheader", "--format=%T") == "idle"
    return False


def is_loopback(host: str) -> bool:
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(address.startswith("127.") or address == "::1" for address in addresses)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment.

    They are below those that the system gives to anybody who asks for any, because they are used some time later.
    """
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        while len(found) < count:
            each = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                each.bind(("127.0.0.1", random.randrange(15_000, 32_000)))
                found.append(each.getsockname()[1])
    return found


def wait_until(condition: object, what: str, logs: Path | None = None) -> None:
    """Poll a condition until it holds; on failure, show the ends of the logs."""
    assert callable(condition)
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            tails = [f"{log.name}:\n{log.read_text()[-2000:]}" for log in (logs.rglob("*log") if logs else ())]
            raise Unavailable(f"waited {PATIENCE} s in vain until {what}\n" + "\n".join(tails))
        time.sleep(0.05)  # between two looks
