"""Strips of pictures: a frame with its fixations, the ground truth, and each model's map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from avrsp.report.names import KINDS, given_name, in_display_order, method_name, shortened
from avrsp.report.palette import Theme, dataset_styles, tidy
from avrsp.store.video_store import MapStore, VideoStore

COLUMNS: Final = ("Frame and fixations", "Ground truth")
CELL_WIDTH: Final = 2.9
"""Width of one picture in inches."""

DISPLAY_WIDTH: Final = 480
"""Pixels across to which frames and maps are brought before they are laid over each other."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame of a video with all that is known about where people look in it.

    Attributes:
        label: What stands beside the row.
        frame: H x W x 3, at network size.
        fixations: k x 2 (row, column), in the size of `truth`.
        truth: h x w ground-truth density.
        maps: H x W predicted map by method; a method that is missing was not run.
        scores: CC of this frame by method.
    """

    label: str
    frame: Pixels
    fixations: NDArray[np.int16]
    truth: Pixels
    maps: Mapping[str, HeatMap]
    scores: Mapping[str, float]


def moment(
    store: VideoStore,
    maps: Mapping[str, MapStore],
    index: int,
    *,
    label: str,
    scores: Mapping[str, float],
) -> Moment:
    """Read frame `index` of a video and what each method predicted for it."""
    return Moment(
        label=label,
        frame=store.frames([index])[0],
        fixations=store.fixations(index),
        truth=store.density(index),
        maps={name: source.maps(index, index + 1)[0] for name, source in maps.items()},
        scores=scores,
    )


def strip(moments: Sequence[Moment], theme: Theme, *, labels: bool = True) -> Figure:
    """Draw one row a moment: frame with fixations, ground truth, and each method's map."""
    names = (*COLUMNS, *methods_of(moments))
    height, width = moments[0].truth.shape
    cell = CELL_WIDTH * height / width
    margin, top = (1.55 if labels else 0.08), 0.36
    across = margin + CELL_WIDTH * len(names) + 0.08
    down = top + (cell + 0.08) * len(moments)
    figure = Figure(figsize=(across, down))
    grid = figure.add_gridspec(
        len(moments),
        len(names),
        left=margin / across,
        right=1 - 0.08 / across,
        top=1 - top / down,
        bottom=0.08 / down,
        wspace=0.025,
        hspace=0.025 * width / height,
    )
    for line, shown in enumerate(moments):
        axes = [figure.add_subplot(grid[line, column]) for column in range(len(names))]
        _draw(axes, shown, names, theme)
        if labels:
            axes[0].annotate(
                shown.label,
                (-0.04, 0.5),
                xycoords="axes fraction",
                ha="right",
                va="center",
                fontsize=9.5,
                linespacing=1.5,
            )
        if line == 0:
            for place, name in zip(axes, names, strict=True):
                place.set_title(_heading(name), color=theme.of(name), pad=7)
    return figure


def methods_of(moments: Sequence[Moment]) -> tuple[str, ...]:
    """Return the methods that have a map or a score of one of the moments, the chain's first."""
    return in_display_order(
        name for each in moments for name in (*each.maps, *(set(each.scores) & set(KINDS)))
    )


def _heading(name: str) -> str:
    """Return a column's title, which tells maps that were given from those of our models."""
    return name if name in (*COLUMNS, *KINDS) else given_name(shortened(name))


def _draw(axes: Sequence[Axes], shown: Moment, names: Sequence[str], theme: Theme) -> None:
    """Fill one row; a map that was not predicted leaves an empty cell that says so."""
    rows, columns = shown.truth.shape
    width, height = DISPLAY_WIDTH, round(DISPLAY_WIDTH * rows / columns)
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    for place in axes:
        place.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:])
        place.spines[:].set_visible(False)
        place.set_aspect("auto")
    frame = np.asarray(Image.fromarray(shown.frame).resize((width, height)))
    axes[0].imshow(frame, extent=extent, aspect="auto")
    axes[0].scatter(
        shown.fixations[:, 1],
        shown.fixations[:, 0],
        s=26,
        facecolors="#ffe14d",
        edgecolors="#10131a",
        linewidths=0.9,
    )
    axes[1].imshow(overlay(shown.frame, shown.truth, height, width), extent=extent, aspect="auto")
    for place, name in zip(axes[2:], names[2:], strict=True):
        if name in shown.maps:
            picture = overlay(shown.frame, shown.maps[name], height, width)
            place.imshow(picture, extent=extent, aspect="auto")
        else:
            place.text(0.5, 0.5, "not run", transform=place.transAxes, ha="center", va="center")
            place.set_facecolor(theme.faint)
        if name in shown.scores:
            _caption(place, f"CC {shown.scores[name]:.2f}")


def _caption(place: Axes, text: str) -> None:
    place.text(
        0.97,
        0.05,
        text,
        transform=place.transAxes,
        ha="right",
        va="bottom",
        color="#ffffff",
        fontsize=8.5,
        bbox={"boxstyle": "round,pad=0.35", "facecolor": "#10131acc", "edgecolor": "none"},
    )


CURVES_ACROSS = 3


def learning_curves(histories: Mapping[str, pd.DataFrame], theme: Theme) -> Figure:
    """Draw training and validation loss by epoch, one panel for each training run.

    Args:
        histories: By run, a frame with columns `epoch`, `train_loss` and `validation_loss`.
        theme: Colours of the picture.
    """
    across = min(CURVES_ACROSS, len(histories))
    down = math.ceil(len(histories) / across)
    figure = Figure(figsize=(4.1 * across, 3.0 * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).flat
    for place, (run, history) in zip(panels, histories.items(), strict=False):
        _curve(place, run, history, theme)
    for place in list(figure.axes)[len(histories) :]:
        place.remove()
    return figure


def per_video(
    videos: pd.DataFrame, pair: tuple[str, str], titles: Mapping[str, str], theme: Theme
) -> Figure:
    """Draw the CC of one method against that of another, a mark for each test video.

    Args:
        videos: Columns `dataset` and those of the `pair`.
        pair: The method along the horizontal axis, and that along the vertical one.
        titles: By dataset, its name as it is shown.
        theme: Colours of the picture.
    """
    across, up = pair
    figure = Figure(figsize=(6.0, 5.6), layout="constrained")
    place = figure.add_subplot()
    tidy(place, theme)
    values = videos[[*pair]].to_numpy(dtype=np.float64)
    low, high = min(0.0, float(values.min())), float(values.max())
    limits = (low - 0.02, high + 0.04 * (high - low) + 0.02)
    place.plot(limits, limits, color=theme.ink, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    styles = dataset_styles(titles)
    for dataset, rows in videos.groupby("dataset", sort=True):
        colour, marker = styles[str(dataset)]
        place.scatter(
            rows[across],
            rows[up],
            label=titles[str(dataset)],
            marker=marker,
            color=colour,
            edgecolors=theme.ground,
            linewidths=0.6,
            s=52,
        )
    place.set(xlim=limits, ylim=limits, aspect="equal")
    place.set_xlabel(f"CC of {across}, mean of the video's frames")
    place.set_ylabel(f"CC of {up}, mean of the video's frames")
    said = f"above the line: {up} is better"
    place.annotate(said, (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=9)
    place.legend(loc="lower right", fontsize=9, handletextpad=0.2)
    return figure


def _curve(place: Axes, run: str, history: pd.DataFrame, theme: Theme) -> None:
    tidy(place, theme)
    colour = theme.of(method_name(run))
    epochs = history["epoch"]
    for name, style in (("train", "--"), ("validation", "-")):
        label = "training" if name == "train" else name
        losses = history[f"{name}_loss"]
        place.plot(epochs, losses, style, color=colour, label=label, marker="o", markersize=3.5)
    best = int(history["validation_loss"].argmin())
    place.scatter(
        epochs.iloc[[best]],
        history["validation_loss"].iloc[[best]],
        s=90,
        facecolors="none",
        edgecolors=theme.ink,
        zorder=3,
    )
    place.set_title(run)
    place.set_xlabel("epoch")
    place.set_ylabel("loss (eq. 19)")
    place.xaxis.set_major_locator(MaxNLocator(integer=True))
    place.legend(fontsize=9)


Pixels = NDArray[np.uint8]
HeatMap = NDArray[np.float32]

HEAT: Final = colormaps["inferno"]
DIM: Final = 0.42
"""Brightness that is left to the frame below a map."""


def overlay(frame: Pixels, saliency: HeatMap | Pixels, height: int, width: int) -> Pixels:
    """Lay a map over a dimmed grey frame; the map's own maximum is the brightest.

    Returns:
        height x width x 3.
    """
    values = np.asarray(saliency, dtype=np.float32)
    values = (values - values.min()) / max(float(np.ptp(values)), np.finfo(np.float32).tiny)
    weight = np.asarray(Image.fromarray(values).resize((width, height)), np.float32).clip(0, 1)
    return mixed(frame, weight, np.sqrt(weight))


def mixed(frame: Pixels, weight: HeatMap, opacity: HeatMap | float) -> Pixels:
    """Lay the colours of `weight`, height x width in [0, 1], over a dimmed grey frame of any size.

    `opacity` in [0, 1] says how much of the frame they hide, everywhere or at each pixel.
    """
    height, width = weight.shape
    grey = np.asarray(Image.fromarray(frame).convert("L").resize((width, height)), np.float32)
    heat = np.asarray(HEAT(weight), dtype=np.float32)[..., :3]
    share = np.asarray(opacity, np.float32)[..., None]
    return np.asarray(np.rint((1 - share) * DIM * grey[..., None] + share * 255 * heat), np.uint8)
