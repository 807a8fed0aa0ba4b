"""Made-up videos with ground truth, the maps of two runs for them, and their scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from avrsp.report.inputs import ReportPlaces
from avrsp.store.video_store import StoreAttributes, write_maps, write_store

TRUTH = (60, 80)
FRAME = (64, 96)
COUNT = 12


def write_video(
    places: ReportPlaces,
    dataset: str,
    video: str,
    *,
    quality: float,
    random: np.random.Generator,
    credit: str = "",
) -> list[dict[str, object]]:
    """Write the store of a video and its maps of both runs; return their rows of scores."""
    gaze = [(15 + 2 * frame, 60 - 3 * frame) for frame in range(COUNT)]
    truth = [_blob(*point) for point in gaze]
    write_store(
        places.stores / dataset / f"{video}.zarr.zip",
        frames=[_scene(point, random) for point in gaze],
        densities=truth,
        fixations=[np.array([point, (30, 40)], np.int16) for point in gaze],
        waveform=np.zeros(0, np.float32),
        attributes=StoreAttributes(
            dataset, video, 25.0, None, None, "", "", COUNT, COUNT, credit=credit
        ),
        chunk=8,
    )
    rows: list[dict[str, object]] = []
    for run, gain in (("v-split1", 0.0), ("av-split1", 0.1)):
        noise = gaussian_filter(random.random((COUNT, *TRUTH)), (1, 6, 6))
        maps = np.stack(truth) / 255 + noise / noise.max()
        write_maps(places.maps / run / dataset / f"{video}.zarr.zip", maps)
        rows += [
            _row(dataset, video, frame, run, quality + gain + 0.01 * frame)
            for frame in range(COUNT)
        ]
    return rows


def _row(dataset: str, video: str, frame: int, run: str, cc: float) -> dict[str, object]:
    """One row of scores; the first frame was not fixated by anybody."""
    return {
        "dataset": dataset, "split": 1, "video": video, "method": run, "protocol": "avrsp",
        "frame": frame, "fixations": 2 * (frame > 0), "predicted": True, "empty": False,
        "kl": 1.0, "cc": cc, "sim": 0.4, "nss": 1.5, "auc_judd": 0.8,
    }  # fmt: skip


def _blob(row: int, column: int) -> NDArray[np.uint8]:
    spot = np.zeros(TRUTH)
    spot[row, column] = 1
    blurred = gaussian_filter(spot, 6)
    return np.asarray(np.rint(255 * blurred / blurred.max()), np.uint8)


def _scene(point: tuple[int, int], random: np.random.Generator) -> NDArray[np.uint8]:
    picture = gaussian_filter(random.integers(60, 200, (*FRAME, 3)).astype(np.float64), (3, 3, 0))
    row, column = point[0] * FRAME[0] // TRUTH[0], point[1] * FRAME[1] // TRUTH[1]
    picture[max(row - 6, 0) : row + 6, max(column - 6, 0) : column + 6] = (230, 90, 40)
    return picture.astype(np.uint8)
