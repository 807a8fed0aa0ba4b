"""Real servers on this machine; what is not installed is named and its tests are skipped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.pipeline.conftest import REPOSITORY

PAUSE = "TEST_PAUSE"
"""Variable that names a file with the seconds which `choose_motion`'s network waits in each step.

It holds training up for as long as the file is there, whatever the speed of the machine.
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm.Slurm]:
    """A Slurm of two nodes."""
    if lost := slurm.absent():
        pytest.skip(f"no Slurm here ({', '.join(lost)}): make cluster-tools")
    with slurm.running(tmp_path_factory.mktemp("slurm")) as found:
        yield found


def environment(clone: Path, **variables: str) -> dict[str, str]:
    """Return the environment in which commands run in a clone."""
    inherited = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
    return {
        **inherited,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}{slurm.PLACES}",
        "PYTHONPATH": str(clone),
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GLOO_SOCKET_IFNAME": "lo",
        **variables,
    }


def ran(clone: Path, *command: str, **variables: str) -> str:
    """Run a command in a clone to its good end; return what it says."""
    done = subprocess.run(
        command, cwd=clone, env=environment(clone, **variables), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: {done.stdout[-6000:]}"
    return done.stdout


IMPORTS = """
import os
import time
from pathlib import Path
"""
WAIT = f"""\
        pause = Path(os.environ.get("{PAUSE}", ""))
        if self.training and pause.is_file():
            time.sleep(float(pause.read_text()))
"""


def choose_motion(clone: Path) -> None:
    """Let a clone train the small network that the documentation adds, which `PAUSE` can stop."""
    page = (REPOSITORY / "docs" / "own-model.md").read_text()
    match = re.search(r"```python\n(\"\"\"Motion: .*?)```", page, re.DOTALL)
    assert match is not None
    first = "        x = frames / 255 - 0.5\n"
    assert first in match[1]
    code = match[1].replace(first, WAIT + first)
    code = code.replace("import annotations\n", f"import annotations\n{IMPORTS}", 1)
    (clone / "avrsp" / "models" / "motion.py").write_text(code)
    params = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(params.replace("model: avrsp", "model: motion", 1))
