"""One training by several processes: the stage's program starts itself anew through `torchrun`.

How many is an environment variable and no parameter, so that DVC does not repeat a training
because the next node has another number of GPUs.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable

from avrsp.errors import EXIT_FAILURE, EXIT_INTERRUPTED, ParamsError

PROCESSES = "AVRSP_PROCESSES"


def launched(main: Callable[[], None]) -> Callable[[], None]:
    """Let `main` be run by `$AVRSP_PROCESSES` processes of this machine where that is above one.

    The launcher passes SIGINT and SIGTERM on to them, and gives them 30 seconds to save.
    """

    @functools.wraps(main)
    def program() -> None:
        count = _wanted()
        if count > 1 and "TORCHELASTIC_RUN_ID" not in os.environ:
            _start(count)
        else:
            main()

    return program


def _wanted() -> int:
    said = os.environ.get(PROCESSES) or "1"
    if not said.isdecimal() or said == "0":
        raise ParamsError(
            f"{PROCESSES}: found {said!r}, expected the number of processes that train together, "
            "one for each GPU of this machine"
        )
    return int(said)


def _start(count: int) -> None:
    """Run the program that is running in `count` processes, and end as they do."""
    from torch.distributed.elastic.multiprocessing import SignalException  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415
    from torch.distributed.run import main as torchrun  # noqa: PLC0415

    spec = sys.modules["__main__"].__spec__
    if spec is None:
        raise ParamsError(f"{PROCESSES} is {count}: run the stage as python -m avrsp.stages.<name>")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # what torchrun would set, with a warning
    logging.disable()  # each process says itself what it has to say
    command = ["--standalone", "--nproc-per-node", str(count), "-m", spec.name, *sys.argv[1:]]
    start: Callable[[list[str]], None] = torchrun
    try:
        start(command)
    except SignalException:
        raise SystemExit(EXIT_INTERRUPTED) from None
    except ChildFailedError as error:
        codes = {failure.exitcode for failure in error.failures.values()}
        stopped = codes == {EXIT_INTERRUPTED}
        raise SystemExit(EXIT_INTERRUPTED if stopped else EXIT_FAILURE) from None
