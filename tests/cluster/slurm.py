"""A real Slurm of several nodes on this machine: munge, slurmctld and a slurmd for each node.

A node has a namespace of process numbers of its own. The kernel ends all that runs in it with its
first process: when the node is killed, and when the tests end, however they do.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
NODES = ("n1", "n2")
PLACES = ":/usr/sbin:/sbin"

CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={here}/munge.sock,cred_expire=15
StateSaveLocation={here}/state
SlurmdSpoolDir={here}/spool-%n
SlurmctldPidFile={here}/slurmctld.pid
SlurmdPidFile={here}/slurmd-%n.pid
SlurmctldLogFile={here}/slurmctld.log
SlurmdLogFile={here}/slurmd-%n.log
SlurmctldDebug=debug
SlurmdDebug=debug
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=5,sched_min_interval=100000
SlurmdParameters=config_overrides
SlurmdTimeout=12
KillWait=30
MinJobAge=3600
ReturnToService=2
TaskProlog={here}/prolog
GresTypes=gpu
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
{nodes}
PartitionName=main Nodes=ALL LLN=YES Default=YES MaxTime=INFINITE State=UP
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=32 "
    "RealMemory=200000 Gres=gpu:1"
)


NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
FIRST = 'echo "$1" > /proc/sys/kernel/ns_last_pid; shift; "$@" & wait $!'
"""A node's first process: it waits for those that nobody waits for, as a daemon does not."""
NUMBERS = 4_000
"""Process numbers for each start of a node, since locks are told apart by them."""


PROLOG = """#!/bin/sh
folder="{top}/$SLURMD_NODENAME"
mkdir -p "$folder"
echo export TMPDIR="$folder"
"""
"""Gives each node a folder for temporary files of its own, as the disks of hosts are."""


def absent() -> list[str]:
    """Return what is missing for a Slurm of our own."""
    path = os.environ["PATH"] + PLACES
    found = [each for each in PROGRAMS if shutil.which(each, path=path) is None]
    if os.geteuid() != 0:
        return [*found, "root"]
    done = subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False)
    return [*found, "namespaces of process numbers"] if done.returncode else found


@dataclass
class Slurm:
    """A running cluster; `environment` is what its commands need."""

    here: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    starts: int = 0

    def start(self, name: str, *command: str) -> None:
        """Start a daemon in the foreground of a session of its own; it ends with this process."""
        with (self.here / f"{name}.said").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                env=self.environment, cwd=self.here, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def start_node(self, name: str) -> None:
        """Start a node, as after a repair, and wait until Slurm gives it jobs.

        Slurm 22.05 delivers to a node that is back what it could not tell the lost one: to end a
        job, which by then may run there again.
        """
        wait_until(lambda: self.undelivered() == 0, 120, self.trace)
        self.starts += 1
        first = ("sh", "-c", FIRST, "sh", str(NUMBERS * self.starts))
        self.start(name, *NAMESPACE, *first, "slurmd", "-D", "-N", name)
        wait_until(lambda: self.nodes()[name] in AT_WORK, 120, self.trace)

    def kill_node(self, name: str) -> None:
        """End a node with all that runs on it, as a power cut does; wait until Slurm notices."""
        self.processes[name].kill()
        self.processes[name].wait()
        wait_until(lambda: self.nodes()[name].startswith("down"), 120, self.trace)

    def nodes(self) -> dict[str, str]:
        """Return the state of each node."""
        lines = self.say("sinfo", "--noheader", "--Node", "--format=%N %T").splitlines()
        return dict(line.split() for line in lines)

    def undelivered(self) -> int:
        """Return how many messages to nodes still wait to be delivered."""
        found = re.search(r"Agent queue size:\s+(\d+)", self.say("sdiag"))
        assert found is not None
        return int(found[1])

    def say(self, *command: str) -> str:
        """Run a command of Slurm and return what it says."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def job(self, number: str) -> dict[str, str]:
        """Return what `scontrol show job` knows."""
        words = self.say("scontrol", "--oneliner", "show", "job", number).split()
        return dict(word.partition("=")[::2] for word in words)

    def jobs(self) -> list[dict[str, str]]:
        """Return what `scontrol show jobs` knows of every job."""
        lines = self.say("scontrol", "--oneliner", "show", "jobs").splitlines()
        return [
            dict(word.partition("=")[::2] for word in line.split())
            for line in lines
            if "JobId" in line
        ]

    def wait(self, number: str, seconds: float) -> dict[str, str]:
        """Wait until a job has ended for good; return what is known of it."""
        wait_until(lambda: self.has_ended(number), seconds, self.trace)
        return self.job(number)

    def has_ended(self, number: str) -> bool:
        """Tell whether a job has ended for good."""
        return self.job(number)["JobState"] in ENDED

    def trace(self) -> str:
        """Return the ends of the logs, for a failure's message."""
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-2000:]}"
            for path in sorted(self.here.glob("*.log"))
        )


AT_WORK = {"idle", "mixed", "allocated"}
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "DEADLINE"}


def wait_until(
    holds: Callable[[], object], seconds: float, trace: Callable[[], str] = lambda: ""
) -> None:
    """Wait until `holds`, but no longer than so many seconds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"not within {seconds:.0f} s\n{trace()}"
        time.sleep(0.5)


def free_ports(count: int) -> Sequence[int]:
    """Return ports that nothing listens on."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@contextlib.contextmanager
def running(here: Path) -> Iterator[Slurm]:
    """Start a cluster whose files lie in `here`, and stop all of it in the end."""
    host = socket.gethostname().partition(".")[0]
    port, *ports = free_ports(1 + len(NODES))
    nodes = [
        NODE.format(name=name, host=host, port=each)
        for name, each in zip(NODES, ports, strict=True)
    ]
    config = CONFIG.format(host=host, port=port, here=here, nodes="\n".join(nodes))
    (here / "slurm.conf").write_text(config)
    (here / "gres.conf").write_text("Name=gpu File=/dev/null\n")
    (here / "cgroup.conf").write_text("")
    (here / "munge.key").write_bytes(os.urandom(1024))
    (here / "munge.key").chmod(0o400)
    (here / "state").mkdir()
    _name_config(here)
    cluster = Slurm(here, {**os.environ, **variables(here)})
    # A short name: those of sockets may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="nodes-", ignore_cleanup_errors=True) as top:
        (here / "prolog").write_text(PROLOG.format(top=top))
        (here / "prolog").chmod(0o755)
        try:
            _start(cluster)
            yield cluster
        finally:
            _stop(cluster)


def variables(here: Path) -> dict[str, str]:
    """Return the variables by which Slurm's commands find the cluster."""
    path = f"{Path(sys.executable).parent}:{here / 'bin'}:{os.environ['PATH']}{PLACES}"
    return {"PATH": path, "SLURM_CONF": str(here / "slurm.conf")}


def _name_config(here: Path) -> None:
    """Let `srun` find the cluster also where a program has dropped Slurm's variables."""
    program = shutil.which("srun", path=os.environ["PATH"] + PLACES)
    (here / "bin").mkdir()
    named = here / "bin" / "srun"
    named.write_text(f'#!/bin/sh\nSLURM_CONF={here}/slurm.conf exec {program} "$@"\n')
    named.chmod(0o755)


def _start(cluster: Slurm) -> None:
    here = cluster.here
    places = [
        f"--{name}={here / file}"
        for name, file in (
            ("socket", "munge.sock"),
            ("key-file", "munge.key"),
            ("pid-file", "munged.pid"),
            ("seed-file", "munge.seed"),
            ("log-file", "munged.log"),
        )
    ]
    cluster.start("munged", "munged", "--foreground", "--force", *places)
    wait_until((here / "munge.sock").exists, 20)
    cluster.start("slurmctld", "slurmctld", "-D", "-i")
    wait_until(lambda: _answers(cluster), 60, cluster.trace)
    for name in NODES:
        cluster.start_node(name)


def _answers(cluster: Slurm) -> bool:
    done = subprocess.run(["sinfo"], env=cluster.environment, capture_output=True, check=False)
    return done.returncode == 0


def _stop(cluster: Slurm) -> None:
    for daemon in reversed(cluster.processes.values()):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()
