"""Maps of what RAVF retains, over the frame (Fig. 6): absolute, averaged over heads (D16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from avrsp.errors import StoreError
from avrsp.report.charts import CELL_WIDTH, DISPLAY_WIDTH, Pixels, mixed
from avrsp.report.inputs import Inputs, store_of
from avrsp.report.names import HEARING, run_name
from avrsp.report.palette import Theme, tidy
from avrsp.store.video_store import MapStore
from avrsp.types import SOUND_RATE

SplitVideoKey = tuple[str, int | str, str]
"""Dataset, split and video."""

NAMES: Final = ("audio", "visual")
HEADS: Final = ("Frame", "Ret_A", "Ret_V")
OPACITY: Final = 0.75


@dataclass(frozen=True, slots=True)
class RetentionFrame:
    """One frame with the retention that its prediction was made with.

    Attributes:
        label: What stands beside the row.
        dataset: Of the video.
        video: Its name.
        frame: Index of the frame.
        picture: H x W x 3 at network size.
        size: Height and width of the ground truth, whose shape the picture is shown in.
        maps: Ret_A and Ret_V, h x w, scaled to the model's largest value.
    """

    label: str
    dataset: str
    video: str
    frame: int
    picture: Pixels
    size: tuple[int, int]
    maps: tuple[NDArray[np.float32], NDArray[np.float32]]


def retention_at(inputs: Inputs, key: SplitVideoKey, label: str) -> RetentionFrame:
    """Read the frame in the middle of those that were looked at, and its retention.

    Raises:
        StoreError: A store is missing or damaged.
    """
    dataset, split, video = key
    rows = inputs.sound_rows
    same = (rows["dataset"] == dataset) & (rows["split"] == split) & (rows["video"] == video)
    frames = np.sort(rows[same & (rows["sound"] == "true")]["frame"].to_numpy())
    place = len(frames) // 2
    folder = inputs.places.reliance / run_name(HEARING, split)
    maps = [
        MapStore(store_of(folder, dataset, f"{video}.{name}")).maps(place, place + 1)[0]
        / _largest(inputs, split, name)
        for name in NAMES
    ]
    store = inputs.store(dataset, video)
    return RetentionFrame(
        label=label,
        dataset=dataset,
        video=video,
        frame=int(frames[place]),
        picture=store.frames([int(frames[place])])[0],
        size=store.truth_size,
        maps=(maps[0].astype(np.float32), maps[1].astype(np.float32)),
    )


def retention(shown: Sequence[RetentionFrame], theme: Theme) -> Figure:
    """Draw one row a frame: the frame, Ret_A over it, Ret_V over it."""
    height, width = shown[0].size
    cell, margin, top = CELL_WIDTH * height / width, 1.7, 0.36
    across, down = margin + CELL_WIDTH * len(HEADS) + 0.08, top + (cell + 0.08) * len(shown)
    figure = Figure(figsize=(across, down))
    grid = figure.add_gridspec(
        len(shown),
        len(HEADS),
        left=margin / across,
        right=1 - 0.08 / across,
        top=1 - top / down,
        bottom=0.08 / down,
        wspace=0.025,
        hspace=0.03,
    )
    for line, each in enumerate(shown):
        size = (DISPLAY_WIDTH, round(DISPLAY_WIDTH * each.size[0] / each.size[1]))
        pictures = [_enlarged(each.picture, size), *(_over(each, place, size) for place in (0, 1))]
        for column, picture in enumerate(pictures):
            axes = figure.add_subplot(grid[line, column])
            axes.imshow(picture, aspect="auto")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if line == 0:
                axes.set_title(HEADS[column], color=theme.ink, pad=7)
            if column == 0:
                axes.set_ylabel(each.label, rotation=0, ha="right", va="center", labelpad=8)
    return figure


def _over(each: RetentionFrame, place: int, size: tuple[int, int]) -> Pixels:
    """Lay a map over the dimmed grey frame; black to yellow is 0 to the model's largest value."""
    values = Image.fromarray(each.maps[place]).resize(size, Image.Resampling.BICUBIC)
    weight = np.clip(np.asarray(values, np.float32), 0, 1)
    return mixed(each.picture, weight, OPACITY)


def _enlarged(picture: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize(size))


def _largest(inputs: Inputs, split: int | str, name: str) -> float:
    """Return the largest value that a model retains in any test video: the scale of all pictures.

    Raises:
        StoreError: There is none.
    """
    folder = inputs.places.reliance / run_name(HEARING, split)
    stores = [MapStore(path) for path in sorted(folder.glob(f"*/*.{name}.zarr.zip"))]
    values = [float(store.maps(0, len(store)).max()) for store in stores]
    if not values or max(values) <= 0:
        raise StoreError(f"{folder}: nothing is retained; run: dvc repro reliance")
    return max(values)


BANDS: Final = 64
HIGHEST: Final = 8_000
"""Mel bands of the drawn spectrogram, up to a frequency in Hz: they show which object sounds."""
FLOOR: Final = -60
"""Decibels below the loudest at which the spectrogram is black."""
FFT: Final = 1_024
HOP: Final = 256
"""Samples of a spectrum, and from one to the next."""

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Seconds and values."""


@dataclass(frozen=True, slots=True)
class TimeCourse:
    """What is known of a clip over time.

    Attributes:
        waveform: N samples in [-1, 1]; empty without sound.
        duration: Of the picture, in seconds.
        retention: Mean absolute Ret_A.
        scores: CC of each frame by method.
        changes: Seconds at which another object begins to sound.
    """

    waveform: NDArray[np.float32]
    duration: float
    retention: Curve
    scores: Mapping[str, Curve]
    changes: Sequence[float]


def timeline(course: TimeCourse, theme: Theme) -> Figure:
    """Draw three panels above each other on one axis of seconds."""
    figure = Figure(figsize=(11.6, 5.2), layout="constrained")
    sound, retained, score = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1, 1.6))
    for place in (sound, retained, score):
        tidy(place, theme)
        for change in course.changes:
            place.axvline(change, color=theme.ink, linewidth=1, linestyle=(0, (4, 3)))
    _draw_sound(sound, course, theme)
    retained.plot(*course.retention, color=theme.audio_visual, marker="o", markersize=3)
    retained.set_ylabel("mean |Ret_A|")
    for method, curve in course.scores.items():
        score.plot(*curve, color=theme.of(method), label=method, linewidth=1.4)
    score.set_ylabel("CC")
    score.set_xlabel("seconds")
    score.set_xlim(0, course.duration)
    if course.scores:
        score.legend(loc="lower right", ncols=2, fontsize=9)
    return figure


def _draw_sound(place: Axes, course: TimeCourse, theme: Theme) -> None:
    place.set_ylabel("sound (mel)")
    place.set_yticks([])
    if not course.waveform.size:
        place.text(0.5, 0.5, "no sound", transform=place.transAxes, ha="center", va="center")
        return
    import librosa  # noqa: PLC0415 - takes two seconds

    waveform = np.pad(course.waveform, (0, max(0, FFT - course.waveform.size)))
    power = librosa.feature.melspectrogram(
        y=waveform, sr=SOUND_RATE, n_fft=FFT, hop_length=HOP, n_mels=BANDS, fmax=HIGHEST
    )
    decibels = librosa.power_to_db(power, ref=np.max)
    extent = (0, waveform.size / SOUND_RATE, 0, BANDS)
    place.imshow(
        decibels, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=FLOOR, vmax=0
    )
