"""Evaluation streams, resumes, and goes on past what is broken."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from avrsp.errors import StoreError
from avrsp.evaluate import scores
from avrsp.evaluate.run import Outcome, evaluate_run, write_no_rows
from avrsp.evaluate.score_table import read_rows
from avrsp.evaluate.scores import score_video
from avrsp.evaluate.summary import COLUMNS, METRICS
from avrsp.store.manifest import Verdict
from avrsp.store.video_store import VideoStore, write_maps

Write = Callable[..., Verdict]
Predict = Callable[[int], list[NDArray[np.float32]]]

COUNTS = {"a": 20, "b": 33, "c": 8}


def run(tmp_path: Path, videos: list[Verdict], **options: Any) -> Outcome:
    return evaluate_run(
        tmp_path / "maps",
        tmp_path / "store",
        videos,
        method="av",
        split=1,
        out=tmp_path / "rows.parquet",
        **options,
    )


def test_a_row_for_each_frame(tmp_path: Path, three_videos: list[Verdict]) -> None:
    assert run(tmp_path, three_videos) == ([], [])
    rows = pd.read_parquet(tmp_path / "rows.parquet")
    assert list(rows.groupby("video")["frame"].max() + 1) == list(COUNTS.values())
    expected = ["dataset", "split", "video", "method", "protocol", "frame", "fixations"]
    assert list(rows.columns) == [*expected, "predicted", "empty", *COLUMNS]
    assert rows[list(METRICS)].notna().all(axis=None)
    store = VideoStore(tmp_path / "store" / "avad" / "b.zarr.zip")
    assert rows[rows["video"] == "b"]["fixations"].tolist() == [
        len(store.fixations(frame)) for frame in range(33)
    ]
    parts = list(read_rows(tmp_path / "rows.parquet"))
    assert [part["video"].unique().tolist() for part in parts] == [["a"], ["b"], ["c"]]
    assert not list(tmp_path.glob(".rows*"))


def test_chunks_do_not_matter(tmp_path: Path, write_truth: Write, predicted: Predict) -> None:
    write_truth("avad", "video", 40)
    store, maps = VideoStore(tmp_path / "store" / "avad" / "video.zarr.zip"), predicted(40)
    whole = score_video([np.stack(maps)], store, ("avrsp", "stavis"))
    singly = score_video((each[None] for each in maps), store, ("avrsp", "stavis"))
    pd.testing.assert_frame_equal(whole, singly, rtol=1e-9)


def test_it_goes_on_where_it_was_interrupted(
    tmp_path: Path, three_videos: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, three_videos)
    undisturbed = (tmp_path / "rows.parquet").read_bytes()
    (tmp_path / "rows.parquet").unlink()
    scored: list[str] = []

    def counting(chunks: Any, store: VideoStore, *rest: Any) -> pd.DataFrame:
        if len(scored) == 2 and "stop" not in scored:
            scored.append("stop")
            raise KeyboardInterrupt
        scored.append(store.path.name[0])
        return score_video(chunks, store, *rest)

    monkeypatch.setattr(scores, "score_video", counting)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, three_videos)
    assert not (tmp_path / "rows.parquet").exists()
    run(tmp_path, three_videos)
    assert scored == ["a", "b", "stop", "c"]
    assert (tmp_path / "rows.parquet").read_bytes() == undisturbed


def test_new_maps_are_not_answered_with_old_rows(
    tmp_path: Path, three_videos: list[Verdict], predicted: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("avrsp.evaluate.run._join", interrupted)
        run(tmp_path, three_videos)
    write_maps(tmp_path / "maps" / "avad" / "a.zarr.zip", [1 - each for each in predicted(20)])
    run(tmp_path, three_videos)
    rows = pd.read_parquet(tmp_path / "rows.parquet").query("video == 'a'")
    maps = np.stack([1 - each for each in predicted(20)]).astype(np.float16)
    fresh = score_video([maps], VideoStore(tmp_path / "store" / "avad" / "a.zarr.zip"))
    np.testing.assert_allclose(rows["cc"], fresh["cc"])


def test_memory_does_not_grow_with_the_video(tmp_path: Path, write_truth: Write) -> None:
    def maps(count: int) -> Iterator[NDArray[np.float32]]:
        rng = np.random.default_rng(0)
        for _ in range(count // 8):
            yield rng.random((8, 200, 300), dtype=np.float32)

    peaks = []
    for name, count in (("warm", 16), ("short", 32), ("long", 320)):
        write_truth("avad", name, count)
        store = VideoStore(tmp_path / "store" / "avad" / f"{name}.zarr.zip")
        tracemalloc.start()
        score_video(maps(count), store)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]


def test_damaged_stores_are_named(tmp_path: Path, three_videos: list[Verdict]) -> None:
    path = tmp_path / "store" / "avad" / "a.zarr.zip"
    content = bytearray(path.read_bytes())
    for place in range(2000, len(content) - 5000, 700):
        content[place] ^= 255
    path.write_bytes(content)
    (tmp_path / "maps" / "avad" / "b.zarr.zip").write_bytes(b"text")
    faults, _ = run(tmp_path, three_videos)
    assert [fault.split(":")[0] for fault in faults] == ["avad/a", "avad/b"]


def test_nothing_to_evaluate_is_an_error(tmp_path: Path, three_videos: list[Verdict]) -> None:
    with pytest.raises(StoreError, match="no video could be evaluated; the first: avad/a: no maps"):
        evaluate_run(
            tmp_path / "elsewhere",
            tmp_path / "store",
            three_videos,
            method="av",
            split=1,
            out=tmp_path / "rows.parquet",
        )


def test_the_maps_of_another_video_are_refused(
    tmp_path: Path, three_videos: list[Verdict], predicted: Predict
) -> None:
    path = tmp_path / "maps" / "avad" / "b.zarr.zip"
    write_maps(path, predicted(33), video=("avad", "c"))
    faults, _ = run(tmp_path, three_videos)
    (fault,) = faults
    assert fault.startswith("avad/b: ")
    assert "holds the maps of avad/c" in fault
    write_maps(path, predicted(33), video=("avad", "b"))
    assert run(tmp_path, three_videos).faults == []


def test_no_flipped_bit_of_the_scores_is_passed_over(
    tmp_path: Path, three_videos: list[Verdict]
) -> None:
    run(tmp_path, three_videos)
    path = tmp_path / "rows.parquet"
    whole, expected = path.read_bytes(), pd.concat(read_rows(path))
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        content = bytearray(whole)
        content[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        try:
            found = pd.concat(read_rows(path))
        except StoreError as error:
            refused += "\n" not in str(error)
            continue
        pd.testing.assert_frame_equal(found, expected)
    assert refused > 50
    path.unlink()
    with pytest.raises(StoreError, match="no such scores"):
        list(read_rows(path))


def test_a_table_without_a_row_is_read_as_none(tmp_path: Path) -> None:
    write_no_rows(tmp_path / "av-split1.parquet")
    assert list(read_rows(tmp_path / "av-split1.parquet")) == []
    assert pd.read_parquet(tmp_path / "av-split1.parquet", columns=["cc", "method"]).empty
