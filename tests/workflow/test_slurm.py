"""The cluster's job script, with stand-ins for Slurm's programs and for dvc."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "workflow" / "slurm" / "repro.sbatch"
DIRECTIVE = re.compile(r"^#SBATCH --signal=B:(\w+)@(\d+)$", re.MULTILINE)

# dvc ignores SIGINT while a stage runs; the stage saves and exits as Ctrl-C would have it.
DVC = """#!/usr/bin/env bash
echo "$* processes=$AVRSP_PROCESSES" >> called
trap '' INT
python3 -c '
import signal, sys, time
from pathlib import Path
def save(*_):
    time.sleep(0.3)
    Path("saved").touch()
    sys.exit(130)
signal.signal(signal.SIGINT, save)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(99))
Path("training").touch()
time.sleep(float(Path("seconds").read_text()))
'
"""
SCONTROL = '#!/bin/sh\necho "$@" >> requeued\n'
SBATCH = """#!/usr/bin/env bash
script=$1; shift
SLURM_JOB_ID=42 SLURM_GPUS_ON_NODE=4 SLURM_SUBMIT_DIR=$PWD exec bash "$script" "$@"
"""
SRUN = "#!/bin/sh\nexit 70\n"  # steps of their own would not see the signal to the job script

Submit = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def submit(tmp_path: Path) -> Submit:
    """Submit the job script to a stand-in for Slurm that runs it at once."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    stands = {"dvc": DVC, "scontrol": SCONTROL, "sbatch": SBATCH, "srun": SRUN}
    for name, content in stands.items():
        (programs / name).write_text(content)
        (programs / name).chmod(0o755)

    def sbatch(*arguments: str, seconds: float) -> subprocess.Popen[str]:
        (tmp_path / "seconds").write_text(str(seconds))
        process = subprocess.Popen(
            ["sbatch", str(SCRIPT), *arguments],
            cwd=tmp_path, env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        while not (tmp_path / "training").exists():
            assert process.poll() is None
            time.sleep(0.02)
        return process

    return sbatch


def test_before_the_time_limit_it_saves_and_queues_itself_again(
    tmp_path: Path, submit: Submit
) -> None:
    (directive,) = DIRECTIVE.findall(SCRIPT.read_text())
    assert int(directive[1]) > 60  # Slurm may be a minute late
    process = submit("pretrain", seconds=60)
    process.send_signal(signal.Signals[f"SIG{directive[0]}"])
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert (tmp_path / "saved").exists()
    assert (tmp_path / "requeued").read_text() == "requeue 42\n"
    assert (tmp_path / "called").read_text() == "repro pretrain processes=4\n"


def test_a_cancelled_job_saves_and_stays_away(tmp_path: Path, submit: Submit) -> None:
    process = submit(seconds=60)
    process.terminate()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert (tmp_path / "saved").exists()
    assert not (tmp_path / "requeued").exists()


def test_a_job_that_ends_by_itself_is_not_queued_again(tmp_path: Path, submit: Submit) -> None:
    process = submit(seconds=0)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert not (tmp_path / "requeued").exists()


def test_a_second_signal_does_not_cut_the_saving_short(tmp_path: Path, submit: Submit) -> None:
    process = submit(seconds=60)
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.1)
    process.terminate()
    process.communicate(timeout=60)
    assert (tmp_path / "saved").exists()
    assert (tmp_path / "requeued").exists()
