"""One video, several sounds: what a network predicts from the same frames with each of them.

Where a network encodes the picture apart from the sound (`types.EncodesOnce`) it does so once a
window, and only what follows is computed for each sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avrsp import metrics
from avrsp.compute import autocasting, device_named
from avrsp.evaluate.scores import score_video
from avrsp.models.avrsp.network import COARSEST
from avrsp.models.avrsp.ravf import Heard, retained
from avrsp.models.saved import load_model
from avrsp.models.windows import sized, window_of
from avrsp.params import ComputeParams, Precision, ProtocolName
from avrsp.reliance.sounds import SoundName, Waveform, sound_of
from avrsp.store.video_store import VideoStore
from avrsp.types import EncodesOnce, InputSpec

CHUNK: Final = 64

MapArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SoundProbe:
    """A network with what it needs to be shown a video; `windows` are predicted at a time."""

    model: nn.Module
    spec: InputSpec
    device: torch.device
    precision: Precision
    windows: int


class ShownWindows(NamedTuple):
    """What came out for n frames of a video.

    Attributes:
        frames: Their indices.
        maps: n x H x W by sound.
        audio: Mean absolute Ret_A of each position of the visual tokens with the true sound, over
            blocks, heads, sound steps and time: n x h x w; empty where nothing is retained.
        visual: Of Ret_V likewise.
        added: n x 2, size and selectivity of what the true sound adds to the visual tokens
            (`Contribution`), means over blocks; NaN where nothing is added or retained.
    """

    frames: NDArray[np.int64]
    maps: dict[SoundName, MapArray]
    audio: MapArray
    visual: MapArray
    added: MapArray


def sound_probe(place: Path, compute: ComputeParams) -> SoundProbe:
    """Load the model in folder `place` so that it can be shown videos.

    Raises:
        WeightsError: It is missing or damaged.
    """
    model, spec, _ = load_model(place)
    device = device_named(compute.device)
    return SoundProbe(model.to(device), spec, device, compute.precision, compute.windows)


def evenly(count: int, wanted: int) -> NDArray[np.int64]:
    """Return at most `wanted` frames of a video of `count`, evenly spaced from first to last."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))


def listen(
    probe: SoundProbe,
    store: VideoStore,
    tracks: Mapping[SoundName, Waveform],
    frames: NDArray[np.int64],
) -> ShownWindows:
    """Predict the given frames of a video with each sound."""
    parts = [
        _batch(probe, store, tracks, frames[start : start + probe.windows])
        for start in range(0, len(frames), probe.windows)
    ]
    return ShownWindows(
        frames,
        {name: np.concatenate([part.maps[name] for part in parts]) for name in tracks},
        np.concatenate([part.audio for part in parts]),
        np.concatenate([part.visual for part in parts]),
        np.concatenate([part.added for part in parts]),
    )


def rows_of(shown: ShownWindows, store: VideoStore, protocol: ProtocolName) -> pd.DataFrame:
    """Score what was predicted with each sound.

    Returns:
        The columns of `score_video`, and `sound`, `maps_cc` (CC between the map and that of the
        true sound), `retention` (mean absolute Ret_A), and `contribution` and `selectivity` (see
        `Contribution`), the last three of the true sound alone.
    """
    parts = []
    true = torch.from_numpy(shown.maps["true"])
    for name, maps in shown.maps.items():
        rows = score_video(_spread(maps, shown.frames, len(store)), store, (protocol,))
        rows = rows[rows["predicted"]].reset_index(drop=True)
        rows["sound"] = name
        rows["maps_cc"] = metrics.cc(torch.from_numpy(maps), true).numpy()
        rows["retention"] = (
            shown.audio.mean((1, 2)) if name == "true" and shown.audio.size else np.nan
        )
        rows[["contribution", "selectivity"]] = shown.added if name == "true" else np.nan
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


@torch.inference_mode()
def _batch(
    probe: SoundProbe,
    store: VideoStore,
    tracks: Mapping[SoundName, Waveform],
    frames: NDArray[np.int64],
) -> ShownWindows:
    spec, count = probe.spec, len(store)
    shown = [window_of(int(frame), count, spec) for frame in frames]
    images = torch.from_numpy(sized(store.frames(np.concatenate(shown)), spec))
    clips = torch.unflatten(images, 0, (len(shown), -1)).permute(
        0, 4, 1, 2, 3
    )  # b t h w c -> b c t h w
    fps, times, maps = store.attributes.fps, store.times, {}
    kept: list[Heard] = []
    with autocasting(probe.device, probe.precision):
        predicted = _predicting(probe.model, clips.to(probe.device))
        for name, track in tracks.items():
            sound = np.stack(
                [sound_of(name, track, times[each], fps, spec.samples) for each in shown]
            )
            waveform = torch.from_numpy(sound)[:, None].to(probe.device)
            has_sound = torch.full((len(shown),), bool(track.size), device=probe.device)
            with retained(probe.model) as retention:
                found = predicted(waveform, has_sound)
            maps[name] = found.float().cpu().numpy()
            kept = retention if name == "true" else kept
    size = (spec.height // COARSEST, spec.width // COARSEST)
    return ShownWindows(frames, maps, *_retention(kept, size, len(shown)), _added(kept, len(shown)))


def _predicting(model: nn.Module, clips: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Return what maps the sound of clips, and whether they have any, to their maps."""
    if not isinstance(model, EncodesOnce):
        return partial(model, clips)
    return partial(model.from_features, model.encode(clips))


def _retention(
    kept: Sequence[Heard], size: tuple[int, int], count: int
) -> tuple[MapArray, MapArray]:
    """Average each block's retention over all but the visual tokens' positions, then the blocks."""
    if not kept:
        return (np.zeros((count, 0, 0), np.float32),) * 2
    blocks = [block.retention for block in kept]
    audio = torch.stack([block.audio.float().abs().mean((1, 3)) for block in blocks]).mean(0)
    visual = torch.stack([block.visual.float().abs().mean((1, 2)) for block in blocks]).mean(0)
    return _placed(audio, size), _placed(visual, size)


def _added(kept: Sequence[Heard], count: int) -> MapArray:
    """Average what each block's sound added over the blocks."""
    if not kept:
        return np.full((count, 2), np.nan, np.float32)
    added = [torch.stack(block.contribution, dim=1) for block in kept]
    return np.asarray(torch.stack(added).mean(0).cpu().numpy())


def _placed(tokens: Tensor, size: tuple[int, int]) -> MapArray:
    """Bring B x (t h w) values to B x h x w, their mean over time."""
    return np.asarray(torch.unflatten(tokens, 1, (-1, *size)).mean(1).cpu().numpy())


def _spread(maps: MapArray, frames: NDArray[np.int64], count: int) -> Iterator[MapArray]:
    """Yield maps for all `count` frames in chunks; NaN stands where none was predicted."""
    for start in range(0, count, CHUNK):
        chunk = np.full((min(CHUNK, count - start), *maps.shape[1:]), np.nan, np.float32)
        inside = (frames >= start) & (frames < start + len(chunk))
        chunk[frames[inside] - start] = maps[inside]
        yield chunk
