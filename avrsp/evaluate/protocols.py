"""Named evaluation protocols: what public code does between a predicted map and a table's number.

The same maps give different numbers in different code. Each protocol says how a map is prepared,
which frames count, what an undefined score means, and how frames are averaged; `PROTOCOLS` holds
them side by side.

In all of them an empty ground truth, as `store.ground_truth.is_empty` has it, is a map of zeros,
although the imitated codes do not know noise from gaze and score the noise: KL and CC are not
defined there, and SIM is not, or is 0 as in the MIT code; in the MSU group's code CC and SIM are 0.

What no protocol imitates: JPEG loss, random jitter, and MATLAB's treatment of the outermost pixels
when it resizes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from avrsp.evaluate import msu_scores
from avrsp.evaluate.summary import COLUMNS, METRICS
from avrsp.params import ProtocolName

Size: TypeAlias = tuple[int, int]
Step: TypeAlias = Callable[[Tensor, Size], Tensor]

FrameScore: TypeAlias = Callable[
    [NDArray[np.number], NDArray[np.number], NDArray[np.integer]], NDArray[np.float64]
]

GREYS = 255


def resized(filtering: Literal["bilinear", "bicubic"]) -> Step:
    """Return the step that resizes maps n x H x W to the truth's size, smoothed when it shrinks.

    Bicubic is MATLAB's (a = -0.5). What it overshoots is cut off, as it is in 8-bit images.
    """
    return partial(_resize, filtering=filtering)


def blurred(sigma: float, radius: int, border: Literal["symmetric", "reflect"]) -> Step:
    """Return the step that blurs by a Gaussian of 2 `radius` + 1 pixels, borders as NumPy pads."""
    return partial(_blur, sigma=sigma, radius=radius, border=border)


def as_image(maps: Tensor, _: Size) -> Tensor:
    """Stretch each map to 0..255 and round, as saving it as an 8-bit image does."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    span = torch.where(high > low, high - low, 1.0)
    return ((maps - low) / span * GREYS).round()


def _resize(maps: Tensor, size: Size, *, filtering: str) -> Tensor:
    if tuple(maps.shape[-2:]) == size:
        return maps
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    larger = F.interpolate(maps.unsqueeze(1), size, mode=filtering, antialias=True).squeeze(1)
    return torch.clamp(larger, low, high)


def _blur(maps: Tensor, _: Size, *, sigma: float, radius: int, border: str) -> Tensor:
    mode: Literal["reflect", "mirror"] = "reflect" if border == "symmetric" else "mirror"
    content = maps.cpu().numpy()
    smooth = scipy.ndimage.gaussian_filter(content, sigma, mode=mode, radius=radius, axes=(-2, -1))
    return torch.from_numpy(np.asarray(smooth)).to(maps.device)


@dataclass(frozen=True, slots=True)
class Protocol:
    """How maps become a dataset's score.

    Attributes:
        source: Where the rules come from.
        steps: What happens to a map before it is scored at the truth's size.
        first_frame: Index of the first frame that counts, from 0.
        constant: Score of a constant prediction: "chance" (CC 0, NSS 0, AUC 0.5), or "undefined".
        missing: A frame without a map is left out, or scores 0 in CC, SIM, NSS and AUC.
        average: Over frames, then over videos; or over all frames at once.
        metrics: Which it has; columns of others stay empty.
        others: Where the other fixations of shuffled AUC come from: other frames of the same video
            as in STAViS' code, or ten random frames of the dataset as in DHF1K's.
        frame_score: The scoring of one frame (prediction, density, k x 2 fixations) where the
            definitions are not those of `avrsp.metrics`; the metrics as named there.
        same_size: Whether maps of another size than the ground truth's are refused.
    """

    source: str
    steps: tuple[Step, ...]
    first_frame: int = 0
    constant: Literal["chance", "undefined"] = "undefined"
    missing: Literal["left out", "zero"] = "left out"
    average: Literal["videos", "frames"] = "videos"
    metrics: tuple[str, ...] = METRICS
    others: Literal["video", "dataset"] = "dataset"
    frame_score: FrameScore | None = None
    same_size: bool = False

    def prepare(self, maps: Tensor, size: Size) -> Tensor:
        """Return maps n x H x W of any size as n x h x w of `size`, ready to be scored."""
        for step in self.steps:
            maps = step(maps, size)
        return maps


PROTOCOLS: dict[ProtocolName, Protocol] = {
    "avrsp": Protocol(
        source="this project's: maps as predicted, every frame",
        steps=(resized("bilinear"),),
        constant="chance",
        metrics=COLUMNS,
    ),
    "stavis": Protocol(
        source="STAViS, eval_code: saved at network size, blurred there, frames from the ninth on",
        steps=(as_image, blurred(2.0, radius=6, border="symmetric"), resized("bicubic")),
        first_frame=8,
        metrics=(*METRICS, "auc_shuffled"),
        others="video",
    ),
    "vinet": Protocol(
        source="ViNet, generate_result and eval_diem: blurred at the frame's size, then saved",
        steps=(resized("bilinear"), blurred(2.0, radius=5, border="reflect"), as_image),
        missing="zero",
    ),
    "dhf1k": Protocol(
        source="DHF1K, code_for_Metrics: maps as handed in, all frames of a dataset pooled",
        steps=(resized("bicubic"),),
        average="frames",
        metrics=(*METRICS, "auc_shuffled"),
    ),
    "msu2024": Protocol(
        source="MSU group, AIM 2024 and NTIRE 2026: scaled, then resized without smoothing",
        steps=(),
        metrics=msu_scores.NAMES,
        frame_score=msu_scores.challenges,
    ),
    "crowdsal": Protocol(
        source="MSU group, CrowdSAL: maps of the ground truth's size, AUC over 16-bit levels",
        steps=(),
        metrics=msu_scores.NAMES,
        frame_score=msu_scores.crowdsal,
        same_size=True,
    ),
}
"""In all of them the entries of several splits are pooled as STAViS pools them: a video that two
splits test counts twice. DIEM's three models share one list, for which that is the mean of three
means."""
