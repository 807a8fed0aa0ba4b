"""Charts: how training went, and how the two models compare on every video."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from avrsp.report.names import method_name, title
from avrsp.report.palette import DATASET_COLOURS, DATASET_MARKERS, Theme, tidy

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


def per_video(videos: pd.DataFrame, theme: Theme) -> Figure:
    """Draw the CC of AV against that of V, a mark for each test video.

    Args:
        videos: Columns `dataset`, `V` and `AV`.
        theme: Colours of the picture.
    """
    figure = Figure(figsize=(6.0, 5.6), layout="constrained")
    place = figure.add_subplot()
    tidy(place, theme)
    values = videos[["V", "AV"]].to_numpy(dtype=np.float64)
    low, high = min(0.0, float(values.min())), float(values.max())
    limits = (low - 0.02, high + 0.04 * (high - low) + 0.02)
    place.plot(limits, limits, color=theme.ink, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    for dataset, rows in videos.groupby("dataset", sort=False):
        place.scatter(
            rows["V"],
            rows["AV"],
            label=title(str(dataset)),
            marker=DATASET_MARKERS.get(str(dataset), "o"),
            color=DATASET_COLOURS.get(str(dataset), theme.ink),
            edgecolors=theme.ground,
            linewidths=0.6,
            s=52,
        )
    place.set(xlim=limits, ylim=limits, aspect="equal")
    place.set_xlabel("CC of V, mean of the video's frames")
    place.set_ylabel("CC of AV, mean of the video's frames")
    place.annotate(
        "above the line: AV is better", (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=9
    )
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
