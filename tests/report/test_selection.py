"""The frames that figures show follow from the scores."""

from __future__ import annotations

import numpy as np
import pandas as pd

from avrsp.report.inputs import ReportPlaces, best_video, ranks, shifted_pair, typical, video_means
from avrsp.store.video_store import StoreAttributes, VideoStore, write_store


def rows(model: str, scores: dict[str, list[float]], fixations: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "dataset": "diem", "split": 1, "video": video, "frame": frame,
                "model": model, "fixations": fixations, "cc": cc,
            }
            for video, values in scores.items()
            for frame, cc in enumerate(values)
        ]
    )  # fmt: skip


SCORES = {"a": [0.1, 0.2, 0.3], "b": [0.9, 0.5, 0.7], "c": [0.4, 0.4, 0.1], "d": [0.2, 0.9, 0.1]}


def test_highest_middle_and_lowest_video_each_at_its_median_frame() -> None:
    chosen = typical(rows("AV", SCORES), "diem")
    assert [(each.rank, each.video, each.frame) for each in chosen] == [
        ("highest", "b", 2),
        ("middle", "c", 0),
        ("lowest", "a", 1),
    ]
    assert chosen[0].scores == {"AV": 0.7}


def test_v_decides_where_av_was_not_run() -> None:
    assert typical(rows("V", {"a": [0.5]}), "diem")[0].rank == "only"


def test_no_video_is_shown_twice() -> None:
    assert ranks(0) == {}
    assert ranks(1) == {0: "only"}
    assert ranks(2) == {0: "highest", 1: "lowest"}
    assert ranks(5) == {0: "highest", 2: "middle", 4: "lowest"}


def test_frames_that_nobody_fixated_are_not_shown() -> None:
    watched = rows("AV", {"a": [0.1, 0.2, 0.3]})
    watched.loc[watched["frame"] == 1, "fixations"] = 0
    assert typical(watched, "diem")[0].frame == 0
    assert typical(rows("AV", SCORES, fixations=0), "diem") == ()


def test_the_best_video_is_sought_among_the_allowed() -> None:
    table = rows("AV", SCORES)
    assert best_video(table, {("diem", "a"), ("diem", "d"), ("avad", "b")}) == ("diem", 1, "d")
    assert best_video(table, set()) is None


def test_means_are_of_videos_that_both_models_scored() -> None:
    both = pd.concat([rows("V", {"a": [0.1, 0.3], "b": [1.0]}), rows("AV", {"a": [0.4, np.nan]})])
    means = video_means(both, ("V", "AV"))
    assert means.to_dict("records") == [{"dataset": "diem", "video": "a", "V": 0.2, "AV": 0.4}]


def test_the_pair_is_where_gaze_moved_farthest_among_good_frames(places: ReportPlaces) -> None:
    points = [(0, 0), (5, 5), (6, 6), (9, 9)]
    path = places.stores / "diem" / "a.zarr.zip"
    write_store(
        path,
        frames=[np.zeros((8, 8, 3), np.uint8)] * 4,
        densities=[np.zeros((10, 10), np.uint8)] * 4,
        fixations=[np.array([point], np.int16) for point in points],
        waveform=np.zeros(0, np.float32),
        attributes=StoreAttributes("diem", "a", 25.0, None, None, "", "", 4, 4),
        chunk=4,
    )
    table = rows("AV", {"a": [0.6, 0.7, 0.9, 0.1]})
    assert shifted_pair(table, VideoStore(path)) == (1, 2)
