"""Run Snakemake as the DVC stage `preprocess`, also where an earlier one was killed."""

import signal
import subprocess
import sys
from pathlib import Path

from avrsp import params, paths
from avrsp.convert import snakemake_lock
from avrsp.errors import EXIT_INTERRUPTED, AvrspError, exits_cleanly
from avrsp.processes import only_one
from avrsp.stages import left_out

COMMAND = ("snakemake", "--cores", "all", "preprocess")
WAIT_SECONDS = 120.0


@exits_cleanly
def main() -> None:
    """Remove the lock of a Snakemake that has ended, then run it with the given arguments.

    Damaged stores that a stage had to leave out are made again (`avrsp.stages.left_out`).
    """
    here = Path.cwd()
    place = here / snakemake_lock.FOLDER / "avrsp.lock"
    with only_one(place, WAIT_SECONDS, busy, lambda who: say(f"waiting for {who}")):
        if snakemake_lock.is_locked(here):
            if who := snakemake_lock.holder(here):
                raise busy(who)
            say("Snakemake was killed here before; its lock is removed")
            run("--unlock")
        preset = params.load(paths.params_file()).preset
        for store in left_out.remove_damaged(preset):
            say(f"{store}: damaged, and left out by a stage; it is removed and made again")
        run()
        left_out.empty_all(preset)


def busy(who: str) -> AvrspError:
    """Return the error that another Snakemake works in this folder."""
    return AvrspError(
        f"Snakemake ({who}) works in this folder; wait for it and run the same command again, or, "
        "if it has ended on another machine: snakemake --unlock"
    )


def say(message: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"{message}\n")


def run(*more: str) -> None:
    """Run Snakemake; where this process is asked to end, so is that one."""
    with subprocess.Popen([*COMMAND, *sys.argv[1:], *more]) as process:
        try:
            process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
    if process.returncode:
        interrupted = process.returncode in {-signal.SIGINT, EXIT_INTERRUPTED}
        raise SystemExit(EXIT_INTERRUPTED if interrupted else 1)


main()
