"""Starting a training in several processes: on one machine, or on every node of a Slurm job.

On one machine the stage runs `torchrun` within itself. On several nodes it has `srun` start the
same stage once on each, where they meet at an address of the first node and then do the same.
"""

from __future__ import annotations

import functools
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from avrsp import processes
from avrsp.errors import EXIT_FAILURE, EXIT_INTERRUPTED, ParamsError
from avrsp.train.signals import noticing

PROCESSES: Final = "AVRSP_PROCESSES"
NODES: Final = "AVRSP_NODES"
RENDEZVOUS: Final = "AVRSP_RENDEZVOUS"
"""Where the nodes of one training meet, host:port; only what `srun` starts has it."""

EXPECTED: Final = {
    PROCESSES: "the number of processes that train together, one for each GPU of this machine",
    NODES: "the number of nodes of this Slurm job that train together",
}
LOOK_SECONDS: Final = 0.2


def launched(main: Callable[[], None]) -> Callable[[], None]:
    """Let `main` be run by `$AVRSP_PROCESSES` processes on each of `$AVRSP_NODES` nodes.

    Without these variables, or where both are 1, it runs in this process. The launcher passes
    SIGINT and SIGTERM on to the processes, and gives them 30 seconds to save.
    """

    @functools.wraps(main)
    def program() -> None:
        count, nodes = wanted(PROCESSES), wanted(NODES)
        before = os.environ.get("TMPDIR")
        with processes.temporary_folder():
            if "TORCHELASTIC_RUN_ID" in os.environ or count * nodes == 1:
                main()
            elif nodes > 1 and RENDEZVOUS not in os.environ:
                _start_on_nodes(nodes, before)
            else:
                _start(count, nodes)

    return program


def wanted(variable: str) -> int:
    """Return the number that an environment variable gives; 1 where it is not set.

    Raises:
        ParamsError: It is no positive number.
    """
    said = os.environ.get(variable) or "1"
    if not said.isdecimal() or said == "0":
        raise ParamsError(f"{variable}: found {said!r}, expected {EXPECTED[variable]}")
    return int(said)


def _module(variable: str) -> str:
    """Return the name of the module that is running as a program."""
    spec = sys.modules["__main__"].__spec__
    if spec is None:
        raise ParamsError(f"{variable} is above 1: run the stage as python -m avrsp.stages.<name>")
    return spec.name


def _start(count: int, nodes: int) -> None:
    """Run the program that is running in `count` processes, and end as they do.

    Where there are several nodes, the processes of all of them meet first.
    """
    from torch.distributed.elastic.multiprocessing import SignalException  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415
    from torch.distributed.run import main as torchrun  # noqa: PLC0415

    program = ["--nproc-per-node", str(count), "-m", _module(PROCESSES), *sys.argv[1:]]
    os.environ[processes.LAUNCHER] = str(os.getpid())
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # what torchrun would set, with a warning
    logging.disable()  # each process says itself what it has to say
    start: Callable[[list[str]], None] = torchrun
    try:
        start([*_meeting(nodes), *program])
    except SignalException:
        raise SystemExit(EXIT_INTERRUPTED) from None
    except ChildFailedError as error:
        codes = {failure.exitcode for failure in error.failures.values()}
        stopped = codes == {EXIT_INTERRUPTED}
        raise SystemExit(EXIT_INTERRUPTED if stopped else EXIT_FAILURE) from None


def _meeting(nodes: int) -> list[str]:
    """Return the options by which `torchrun` finds those of the other nodes."""
    if nodes == 1:
        return ["--standalone"]
    endpoint = os.environ[RENDEZVOUS]
    place = ["--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--rdzv-id", endpoint]
    return ["--nnodes", str(nodes), *place]


def _start_on_nodes(nodes: int, folder: str | None) -> None:
    """Have Slurm start the program that is running once on each node, and end as these do.

    A signal to this process asks all of them to save. A node that fails ends the others.

    Args:
        nodes: How many; the job has them.
        folder: `TMPDIR` as it was: this process's folder for temporary files is on this node only.

    Raises:
        ParamsError: There is no `srun`: this is no job of Slurm.
    """
    if shutil.which("srun") is None:
        raise ParamsError(f"{NODES} is {nodes}, but there is no srun; expected a job of Slurm")
    environment = {**os.environ, RENDEZVOUS: f"{socket.gethostname()}:{_free_port()}"}
    environment.pop("TMPDIR")
    if folder is not None:
        environment["TMPDIR"] = folder
    command = [*_step(nodes), sys.executable, "-m", _module(NODES), *sys.argv[1:]]
    # Ctrl-C is sent to whole process groups, and srun takes it for a request to end at once.
    with (
        subprocess.Popen(command, env=environment, start_new_session=True) as step,
        noticing() as asked,
    ):
        while step.poll() is None and not asked():
            time.sleep(LOOK_SECONDS)
        if step.poll() is None:
            step.terminate()  # srun passes SIGTERM on
        code = step.wait()
    if code:
        raise SystemExit(EXIT_INTERRUPTED if asked() else EXIT_FAILURE)


def _step(nodes: int) -> Sequence[str]:
    """Return the command of a step with one task on each node, which has all of the node's CPUs."""
    cpus = os.environ.get("SLURM_CPUS_PER_TASK")
    each = ["--cpus-per-task", cpus] if cpus else []
    return ["srun", f"--nodes={nodes}", "--ntasks-per-node=1", "--kill-on-bad-exit=1", *each]


def _free_port() -> int:
    """Return a port of this node that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
    return port
