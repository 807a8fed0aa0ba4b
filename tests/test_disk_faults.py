"""Whatever the disk refuses, and wherever: every command ends in one line that says so."""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from avrsp.cli import main
from avrsp.stages import check, pool, report, train
from avrsp.stages import evaluate as stage_evaluate
from avrsp.stages import predict as stage_predict
from avrsp.store.video_store import StoreAttributes, write_maps, write_store
from tests.datasets.download.conftest import TREES, archive
from tests.datasets.download.test_command import SHEET
from tests.datasets.recorded import write_folder
from tests.datasets.test_trackers import eyelink
from tests.evaluate.test_compare import rows, write
from tests.models.test_import import published
from tests.prediction.test_export_network import saved
from tests.stages.test_training import settle

NUMBERS = (
    *(errno.ENOSPC, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG, errno.ELOOP, errno.EROFS),
    *(errno.ENOENT, errno.EEXIST, errno.EINVAL, errno.EBADF, errno.ENOTDIR, errno.EISDIR),
)
PLACES = 12
"""So many of a command's calls fail, one in each run; the first, the last, and others evenly."""


class FaultyDisk:
    """Counts what is opened, renamed and flushed below a folder, and refuses one of these calls."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.calls, self.refused, self.number = folder, list[str](), -1, 0
        opened, opened_by_number = builtins.open, os.open
        renamed, replaced, flushed = os.rename, os.replace, os.fsync

        def open_file(file: Any, *words: Any, **named: Any) -> Any:
            self.call("open", file)
            return opened(file, *words, **named)

        def open_number(file: Any, *words: Any, **named: Any) -> int:
            self.call("os.open", file)
            return opened_by_number(file, *words, **named)

        def rename(source: Any, target: Any, **named: Any) -> None:
            self.call("rename", target)
            renamed(source, target, **named)

        def replace(source: Any, target: Any, **named: Any) -> None:
            self.call("rename", target)
            replaced(source, target, **named)

        def flush(file: Any) -> None:
            number = file if isinstance(file, int) else file.fileno()
            self.call("fsync", Path(f"/proc/self/fd/{number}").readlink())
            flushed(file)

        patch.setattr(builtins, "open", open_file)
        patch.setattr(io, "open", open_file)
        patch.setattr(os, "open", open_number)
        patch.setattr(os, "rename", rename)
        patch.setattr(os, "replace", replace)
        patch.setattr(os, "fsync", flush)

    def call(self, kind: str, path: object) -> None:
        if not isinstance(path, str | os.PathLike):
            return
        place = Path(os.fspath(path))
        if not (Path.cwd() / place).is_relative_to(self.folder):
            return
        self.calls.append(f"{kind} {place}")
        if len(self.calls) - 1 == self.refused:
            raise OSError(self.number, os.strerror(self.number), str(path))


def world(folder: Path) -> list[str]:
    path = folder / "params.yaml"
    text = path.read_text().replace("avad: 42", "avad: 3").replace("[48, 84]", "[8, 9]")
    path.write_text(text)
    return ["world", "--out", "made", "--datasets", "avad"]


def download(folder: Path) -> list[str]:
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("mirrors: null", "mirrors: []", 1))
    (folder / "data" / "sheets").mkdir(parents=True)
    (folder / "data" / "sheets" / "coutrot2.tsv").write_text(SHEET)
    for tree in TREES:
        place = folder / "data" / "raw" / "incoming" / tree / "Coutrot_db2.tar.gz"
        place.parent.mkdir(parents=True)
        place.write_bytes(archive(tree))
    return ["download", "coutrot2"]


def list_models(folder: Path) -> list[str]:
    saved("stavis", folder / "data" / "models" / "own", audio=True)
    return ["models"]


def import_weights(folder: Path) -> list[str]:
    torch.save(published(), folder / "tiny.pth")
    return ["import-weights", "tiny", "tiny.pth"]


def fetch_weights(_: Path) -> list[str]:
    return ["fetch-weights", "unisal"]


def export(folder: Path) -> list[str]:
    saved("stavis", folder / "own", audio=True)
    return ["export", "own", "--to", "torch"]


def predict(folder: Path) -> list[str]:
    saved("stavis", folder / "own", audio=True)
    made = "ffmpeg -v error -f lavfi -i testsrc2=size=64x48:rate=25:duration=0.2 -c:v mpeg4 a.mp4"
    subprocess.run(made.split(), cwd=folder, check=True)
    return ["predict", "a.mp4", "--out", "maps", "--weights", "own", "--maps", "png", "--json"]


def evaluate(folder: Path) -> list[str]:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_maps(folder / "maps" / "avad" / f"{name}.zarr.zip", rng.random((8, 12, 16)))
        write_store(
            folder / "store" / "avad" / f"{name}.zarr.zip",
            frames=rng.integers(0, 256, (8, 8, 8, 3), np.uint8),
            densities=rng.integers(0, 256, (8, 24, 32), np.uint8),
            fixations=[rng.integers(0, 24, (5, 2)) for _ in range(8)],
            waveform=np.zeros(0, np.float32),
            attributes=StoreAttributes("avad", name, 25.0, None, None, "", "", 8, 8),
            chunk=8,
        )
    return ["evaluate", "--maps", "maps", "--store", "store", "--out", "rows.parquet"]


def compare(folder: Path) -> list[str]:
    for name in ("one", "two"):
        write(folder / f"{name}.parquet", rows(np.random.default_rng(len(name)).random(9), name))
    return ["compare", "one.parquet", "two.parquet", "--plot", "compared.png"]


def doctor(_: Path) -> list[str]:
    return ["doctor"]


def check_recordings(folder: Path) -> list[str]:
    write_folder(folder / "disc")
    return ["recordings", "check", "disc"]


def import_recordings(folder: Path) -> list[str]:
    write_folder(folder / "disc", pd.DataFrame())
    (folder / "disc" / "gaze" / "disc.csv").unlink()
    eyelink(folder / "viewer.asc")
    words = ["--to", "disc", "--video", "disc", "--start", "VIDEO_ONSET"]
    return ["recordings", "import", "eyelink-asc", "viewer.asc", *words]


COMMANDS: tuple[Callable[[Path], list[str]], ...] = (
    *(world, download, list_models, import_weights, fetch_weights, export, predict, evaluate),
    *(compare, doctor, check_recordings, import_recordings),
)


def run(
    program: Callable[[], None], words: list[str], capsys: pytest.CaptureFixture[str]
) -> tuple[object, str]:
    """Run a program in this process; return its exit code and what it said on standard error."""
    code: object = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["program", *words])
        try:
            program()
        except SystemExit as end:
            code = end.code or 0
    return code, capsys.readouterr().err


def refuse_in_turn(
    program: Callable[[], None],
    words: list[str],
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run a program again and again, from the same start, and refuse another call each time."""
    template = workspace.with_name(f"{workspace.name}-template")
    shutil.copytree(workspace, template)
    with pytest.MonkeyPatch.context() as patch:
        whole = FaultyDisk(workspace, patch)
        assert run(program, words, capsys)[0] in {0, 1}
    last = len(whole.calls) - 1
    for step, place in enumerate(sorted({round(last * k / (PLACES - 1)) for k in range(PLACES)})):
        for each in workspace.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        shutil.copytree(template, workspace, dirs_exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            disk = FaultyDisk(workspace, patch)
            disk.refused, disk.number = place, NUMBERS[step % len(NUMBERS)]
            code, said = run(program, words, capsys)
        about = f"{errno.errorcode[disk.number]} at {disk.calls[place:][:1]}: {said}"
        assert "Traceback" not in said, about
        assert code in {0, 1}, about
        lines = [line for line in said.splitlines() if line.startswith(("avrsp: ", "fault: "))]
        assert code == 0 or lines, about
        assert not [path for path in workspace.rglob(".tmp-*") if path.is_file()], about


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("prepare", COMMANDS)
def test_a_command_says_in_one_line_what_the_disk_refuses(
    prepare: Callable[[Path], list[str]], workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse_in_turn(main, prepare(workspace), workspace, capsys)


STAGES: dict[str, tuple[ModuleType, list[str]]] = {
    "check": (check, []),
    "pretrain": (train, ["pretrain"]),
    "finetune-v": (train, ["v", "--split", "1"]),
    "predict": (stage_predict, ["v", "--split", "1"]),
    "evaluate": (stage_evaluate, ["v", "--split", "1"]),
    "references": (stage_evaluate, ["references", "--split", "1"]),
    "pool": (pool, []),
    "report": (report, []),
}
"""In the order of the chain; each needs what those before it have made."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stage_says_in_one_line_what_the_disk_refuses(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    settle(workspace)
    (workspace / "data" / "weights").mkdir()
    for name, (stage, words) in STAGES.items():
        place = workspace.with_name(f"{name}")
        shutil.copytree(workspace, place)
        with monkeypatch.context() as patch:
            patch.chdir(place)
            refuse_in_turn(stage.main, words, place, capsys)
        assert run(stage.main, words, capsys)[0] == 0
