"""One video, several sounds: what the network predicts from the same frames with each of them.

The picture is encoded once a window; only what follows the encoder is computed for each sound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp import metrics
from avrsp.compute import autocasting
from avrsp.evaluate.scores import score_video
from avrsp.models.avrsp.network import AVRSP
from avrsp.models.avrsp.ravf import Retention, retained
from avrsp.models.windows import ending_at
from avrsp.params import Precision, ProtocolName
from avrsp.reliance.sounds import SoundName, Waveform, sound_of
from avrsp.store.video_store import VideoStore
from avrsp.train.clips import normalised
from avrsp.types import InputSpec

FRAMES_A_STEP: Final = 8
"""Frames of a window in one time step of the visual tokens."""

CHUNK: Final = 64

Maps = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ear:
    """A network with what it needs to be shown a video; `windows` are predicted at a time."""

    model: AVRSP
    spec: InputSpec
    device: torch.device
    precision: Precision
    windows: int


class Heard(NamedTuple):
    """What came out for n frames of a video.

    Attributes:
        frames: Their indices.
        maps: n x H x W by sound.
        audio: Mean absolute Ret_A of each position of the visual tokens with the true sound, over
            blocks, heads, sound steps and time: n x h x w; empty where nothing is retained.
        visual: Of Ret_V likewise.
    """

    frames: NDArray[np.int64]
    maps: dict[SoundName, Maps]
    audio: Maps
    visual: Maps


def evenly(count: int, wanted: int) -> NDArray[np.int64]:
    """Return at most `wanted` frames of a video of `count`, evenly spaced from first to last."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))


def listen(
    ear: Ear, store: VideoStore, tracks: Mapping[SoundName, Waveform], frames: NDArray[np.int64]
) -> Heard:
    """Predict the given frames of a video with each sound."""
    parts = [
        _batch(ear, store, tracks, frames[start : start + ear.windows])
        for start in range(0, len(frames), ear.windows)
    ]
    return Heard(
        frames,
        {name: np.concatenate([part.maps[name] for part in parts]) for name in tracks},
        np.concatenate([part.audio for part in parts]),
        np.concatenate([part.visual for part in parts]),
    )


def rows_of(heard: Heard, store: VideoStore, protocol: ProtocolName) -> pd.DataFrame:
    """Score what was predicted with each sound.

    Returns:
        The columns of `score_video`, and `sound`, `maps_cc` (CC between the map and that of the
        true sound) and `retention` (mean absolute Ret_A).
    """
    parts = []
    true = torch.from_numpy(heard.maps["true"])
    for name, maps in heard.maps.items():
        rows = score_video(_spread(maps, heard.frames, len(store)), store, (protocol,))
        rows = rows[rows["predicted"]].reset_index(drop=True)
        rows["sound"] = name
        rows["maps_cc"] = metrics.cc(torch.from_numpy(maps), true).numpy()
        rows["retention"] = (
            heard.audio.mean((1, 2)) if name == "true" and heard.audio.size else np.nan
        )
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


@torch.inference_mode()
def _batch(
    ear: Ear,
    store: VideoStore,
    tracks: Mapping[SoundName, Waveform],
    frames: NDArray[np.int64],
) -> Heard:
    shown = [ending_at(int(frame), ear.spec.length, len(store)) for frame in frames]
    images = normalised(store.frames(np.concatenate(shown)))  # c (b t) h w
    clips = images.reshape(3, len(shown), ear.spec.length, *images.shape[2:]).transpose(0, 1)
    fps, times, maps = store.attributes.fps, store.times, {}
    kept: list[Retention] = []
    with autocasting(ear.device, ear.precision):
        features = ear.model.encoder(clips.to(ear.device))
        for name, track in tracks.items():
            sound = np.stack(
                [sound_of(name, track, times[each], fps, ear.spec.samples) for each in shown]
            )
            waveform = torch.from_numpy(sound)[:, None].to(ear.device)
            heard = torch.full((len(shown),), bool(track.size), device=ear.device)
            with retained(ear.model) as retention:
                found = ear.model.from_features(features, waveform, heard)
            maps[name] = found.float().cpu().numpy()
            kept = retention if name == "true" else kept
    steps = max(1, ear.spec.length // FRAMES_A_STEP)
    grid = (steps, ear.spec.height / ear.spec.width)
    return Heard(frames, maps, *_retention(kept, grid, len(shown)))


def _retention(kept: Sequence[Retention], grid: tuple[int, float], count: int) -> tuple[Maps, Maps]:
    """Average each block's retention over all but the visual tokens' positions, then the blocks."""
    if not kept:
        return (np.zeros((count, 0, 0), np.float32),) * 2
    audio = torch.stack([block.audio.float().abs().mean((1, 3)) for block in kept]).mean(0)
    visual = torch.stack([block.visual.float().abs().mean((1, 2)) for block in kept]).mean(0)
    return _placed(audio, *grid), _placed(visual, *grid)


def _placed(tokens: Tensor, steps: int, aspect: float) -> Maps:
    """Bring B x (t h w) values to B x h x w, their mean over time."""
    cells = tokens.shape[1] // steps
    height = round(math.sqrt(cells * aspect))
    grid = tokens.reshape(len(tokens), steps, height, cells // height).mean(1)
    return np.asarray(grid.cpu().numpy())


def _spread(maps: Maps, frames: NDArray[np.int64], count: int) -> Iterator[Maps]:
    """Yield maps for all `count` frames in chunks; NaN stands where none was predicted."""
    for start in range(0, count, CHUNK):
        chunk = np.full((min(CHUNK, count - start), *maps.shape[1:]), np.nan, np.float32)
        inside = (frames >= start) & (frames < start + len(chunk))
        chunk[frames[inside] - start] = maps[inside]
        yield chunk
