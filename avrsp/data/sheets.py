"""The datasets' sheets: which videos there are, how long, how fast, and their role in each split.

Preset `paper` reads `data/sheets/<dataset>.tsv`; preset `sample` asks the world what it will hold.
A validation part is carved out of every training list here, by video; test lists are never
touched, and DHF1K has a validation list of its own.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from avrsp import paths
from avrsp.data.datasets import DATASETS
from avrsp.data.manifest import Role
from avrsp.data.world.plan import sheet
from avrsp.errors import ParamsError
from avrsp.params import SPLITS, WorldParams

NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"
"""What a video may be called: it becomes a file's name."""

SPELLINGS: Final = {"": "none", "val": "validation"}
"""How sheets write roles, where it is not as here; an empty cell: the split leaves it out."""


class Row(BaseModel):
    """A video of a sheet.

    Attributes:
        video: Its name, unique in the dataset.
        frames: How many frames it has.
        fps: Frames a second.
        roles: Role in each split, "1" to "3".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    video: Annotated[str, Field(pattern=f"^{NAME}$")]
    frames: Annotated[int, Field(gt=0)]
    fps: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    roles: dict[str, Role]


def read_sheet(path: Path) -> list[Row]:
    """Read a sheet: columns video, frames, fps, then split1 to split3, or split for all three.

    Raises:
        ParamsError: No such file, a column is missing, a value wrong, or a video listed twice.
    """
    if not path.exists():
        raise ParamsError(f"{path}: no such sheet; restore it: git restore {path}")
    lines = csv.DictReader(io.StringIO(path.read_text()), delimiter="\t")
    try:
        rows = [_row(line) for line in lines]
    except (KeyError, ValidationError) as error:
        raise ParamsError(
            f"{path}: line {lines.line_num}: {' '.join(str(error).split())}"
        ) from None
    twice = sorted(
        video for video, times in Counter(row.video for row in rows).items() if times > 1
    )
    if twice or not rows:
        raise ParamsError(f"{path}: {f'listed twice: {twice}' if twice else 'no video'}")
    return rows


def generated_sheet(spec: WorldParams, seed: int, dataset: str) -> list[Row]:
    """Return the sheet of a dataset of the world, which need not exist yet."""
    return [_row(line._asdict()) for line in sheet(spec, seed, dataset)]


def prepared(dataset: str, rows: Iterable[Row], fraction: float) -> list[Row]:
    """Return the rows to convert, sorted by name, with a validation part in each split."""
    kept = [row for row in rows if set(row.roles.values()) & DATASETS[dataset].converted]
    if any(role == "validation" for row in kept for role in row.roles.values()):
        return sorted(kept, key=lambda row: row.video)
    chosen = {split: _validation(dataset, kept, str(split), fraction) for split in SPLITS}
    return [
        row.model_copy(
            update={
                "roles": row.roles
                | {str(k): "validation" for k in SPLITS if row.video in chosen[k]}
            }
        )
        for row in sorted(kept, key=lambda row: row.video)
    ]


def folder(named: str | None) -> Path:
    """Return the folder of preset `paper`'s sheets: one that params.yaml names, or data/sheets."""
    return paths.workspace() / (named or "data/sheets")


def published(folder: Path, dataset: str, fraction: float) -> list[Row]:
    """Return the rows to convert of the sheet `folder`/<dataset>.tsv.

    Raises:
        ParamsError: There is no such sheet, or it is wrong.
    """
    return prepared(dataset, read_sheet(folder / f"{dataset}.tsv"), fraction)


def _validation(dataset: str, rows: Sequence[Row], split: str, fraction: float) -> set[str]:
    """Choose that fraction of a training list, at least one video if it has two, by hash."""
    training = [row.video for row in rows if row.roles[split] == "train"]
    training.sort(key=lambda video: hashlib.sha256(f"{dataset}/{video}".encode()).digest())
    wanted = max(round(fraction * len(training)), 1) if len(training) > 1 else 0
    return set(training[:wanted])


def _row(line: Mapping[str, str | int | float]) -> Row:
    given = {str(k): line["split"] if "split" in line else line[f"split{k}"] for k in SPLITS}
    roles = {split: SPELLINGS.get(str(role), role) for split, role in given.items()}
    return Row.model_validate(
        {"video": line["video"], "frames": line["frames"], "fps": line["fps"], "roles": roles}
    )
