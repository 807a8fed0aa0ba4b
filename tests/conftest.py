"""What every test shares: shapes enforced at run time, one thread, workspaces of their own."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook(
    [
        "avrsp.metrics.definitions",  # not all of them: Numba compiles no wrapped loop
        "avrsp.metrics.fixations",
        "avrsp.metrics.moments",
        "avrsp.models.avrsp",
        "avrsp.models.layers",
        "avrsp.models.registry",
    ],
    "beartype.beartype",
)
pytest_plugins = ["tests.raw_videos", "tests.small_stores"]
torch.set_num_threads(1)  # two workers share two cores

REAL = Path(__file__).parents[2] / "shared" / "real"


CLIPS = Path(__file__).parent / "clips"
"""Real clips of two to three seconds under free licences; ATTRIBUTION.md there says whose."""


@pytest.fixture
def real() -> Path:
    """Folder of real clips and gaze, which are not part of the repository."""
    if not REAL.is_dir():
        pytest.skip(f"real material is not there: {REAL}")
    return REAL


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to, or taken from, the user's cache."""
    monkeypatch.setenv("AVRSP_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is both the workspace and the root."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".avrsp").touch()
    (tmp_path / "params.yaml").write_text((Path(__file__).parents[1] / "params.yaml").read_text())
    return tmp_path


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[[str, str], Path]:
    """What ffmpeg writes from the given arguments, under the given name, in an empty folder."""

    def make(name: str, arguments: str) -> Path:
        path = tmp_path / name
        command = ["ffmpeg", "-v", "error", "-y", *shlex.split(arguments), f"file:{path}"]
        subprocess.run(command, check=True, cwd=tmp_path, stdin=subprocess.DEVNULL)
        return path

    return make
