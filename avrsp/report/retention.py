"""Maps of what RAVF retains, over the frame (Fig. 6): absolute, averaged over heads (D16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from avrsp.data.store import MapStore
from avrsp.errors import StoreError
from avrsp.report.figures import CELL_WIDTH, DISPLAY_WIDTH
from avrsp.report.inputs import Inputs
from avrsp.report.names import run_name
from avrsp.report.overlays import DIM, HEAT, Pixels
from avrsp.report.palette import Theme

NAMES: Final = ("audio", "visual")
HEADS: Final = ("Frame", "Ret_A", "Ret_V")
OPACITY: Final = 0.75


@dataclass(frozen=True, slots=True)
class Kept:
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


def kept_at(inputs: Inputs, key: tuple[str, int, str], label: str) -> Kept:
    """Read the frame in the middle of those that were looked at, and its retention.

    Raises:
        StoreError: A store is missing or damaged.
    """
    dataset, split, video = key
    rows = inputs.sound_rows
    same = (rows["dataset"] == dataset) & (rows["split"] == split) & (rows["video"] == video)
    frames = np.sort(rows[same & (rows["sound"] == "true")]["frame"].to_numpy())
    place = len(frames) // 2
    folder = inputs.places.reliance / run_name("AV", split)
    maps = [
        MapStore(folder / dataset / f"{video}.{name}.zarr.zip").maps(place, place + 1)[0]
        / _largest(inputs, split, name)
        for name in NAMES
    ]
    store = inputs.store(dataset, video)
    return Kept(
        label=label,
        dataset=dataset,
        video=video,
        frame=int(frames[place]),
        picture=store.frames([int(frames[place])])[0],
        size=store.truth_size,
        maps=(maps[0].astype(np.float32), maps[1].astype(np.float32)),
    )


def retention(shown: Sequence[Kept], theme: Theme) -> Figure:
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


def _over(each: Kept, place: int, size: tuple[int, int]) -> Pixels:
    """Lay a map over the dimmed grey frame; black to yellow is 0 to the model's largest value."""
    grey = np.asarray(Image.fromarray(each.picture).convert("L").resize(size), np.float32)
    values = Image.fromarray(each.maps[place]).resize(size, Image.Resampling.BICUBIC)
    heat = np.asarray(HEAT(np.clip(np.asarray(values), 0, 1)), np.float32)[..., :3]
    mixed = (1 - OPACITY) * DIM * grey[..., None] + OPACITY * 255 * heat
    return np.asarray(np.rint(mixed), np.uint8)


def _enlarged(picture: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize(size))


def _largest(inputs: Inputs, split: int, name: str) -> float:
    """Return the largest value that a model retains in any test video: the scale of all pictures.

    Raises:
        StoreError: There is none.
    """
    folder = inputs.places.reliance / run_name("AV", split)
    stores = [MapStore(path) for path in sorted(folder.glob(f"*/*.{name}.zarr.zip"))]
    values = [float(store.maps(0, len(store)).max()) for store in stores]
    if not values or max(values) <= 0:
        raise StoreError(f"{folder}: nothing is retained; run: dvc repro reliance")
    return max(values)
