"""The stage `pool` on two splits that share a video, against sums written down by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from avrsp.evaluate.score_table import write_rows
from avrsp.stages import pool

CC = {  # by split, then by video: the CC of its frames
    1: {"a": [0.2, 0.4], "b": [0.8, 1.0, 0.9]},
    2: {"b": [0.5, 0.5], "c": [0.1, 0.3]},
}


def write(workspace: Path, name: str, split: int, methods: list[str], shift: float = 0.0) -> None:
    """Write rows as the stages `evaluate` do: a group of rows for each video and method."""
    path = workspace / "data" / "scores" / f"{name}-split{split}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [
        pa.Table.from_pandas(rows(split, video, method, np.array(values) + shift))
        for method in methods
        for video, values in CC[split].items()
    ]
    write_rows(path, parts, parts[0].schema)


def rows(split: int, video: str, method: str, cc: np.ndarray) -> pd.DataFrame:
    frames = len(cc)
    return pd.DataFrame(
        {
            "dataset": "diem", "split": split, "video": video, "method": method,
            "protocol": "avrsp", "frame": range(frames), "fixations": 3, "predicted": True,
            "kl": 1.0, "cc": cc, "sim": 0.5, "nss": 2.0, "auc_judd": 0.9, "empty": False,
        }
    )  # fmt: skip


def settle(workspace: Path, splits: str) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("splits: [1]", f"splits: {splits}"))


def pooled(workspace: Path, method: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workspace / f"reports/pooled/{method}.json").read_text())
    return found


def test_a_video_counts_in_each_split_that_tests_it(workspace: Path) -> None:
    settle(workspace, "[1, 2]")
    for split in CC:
        write(workspace, "av", split, ["av"])
    pool.main()
    found = pooled(workspace, "av")
    diem = found["datasets"]["diem"]
    assert diem["cc"] == pytest.approx((0.3 + 0.9 + 0.5 + 0.2) / 4)  # a, b and b again, c
    assert (diem["videos"], diem["frames"], found["preset"]) == (4, 9, "sample")
    assert found["mean"]["cc"] == diem["cc"]
    # Three videos are drawn, b with both its entries: the least and the greatest mean are c's and
    # b's alone, each drawn three times in one of 27 draws, which is more than 2.5 % of them.
    assert diem["cc_interval"] == pytest.approx([0.2, 0.7])


def test_only_the_splits_that_are_run_are_pooled(workspace: Path) -> None:
    for split in CC:
        write(workspace, "v", split, ["v"])
    pool.main()
    assert pooled(workspace, "v")["datasets"]["diem"]["cc"] == pytest.approx(0.6)
    assert not (workspace / "reports/pooled/av.json").exists()


def test_references_share_a_file_and_are_told_apart(workspace: Path) -> None:
    write(workspace, "references", 1, ["uniform", "centre prior", "other frame"])
    pool.main()
    names = {path.name for path in (workspace / "reports/pooled").iterdir()}
    assert names == {"uniform.json", "centre-prior.json", "other-frame.json"}
    assert pooled(workspace, "centre-prior")["datasets"]["diem"]["videos"] == 2


def test_the_same_scores_pool_to_the_same_bytes(workspace: Path) -> None:
    write(workspace, "av", 1, ["av"])
    path = workspace / "reports" / "pooled" / "av.json"
    pool.main()
    first = path.read_bytes()
    pool.main()
    assert path.read_bytes() == first
