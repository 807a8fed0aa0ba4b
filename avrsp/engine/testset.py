"""The maps of a split's test videos: read from the stores, predicted, and kept as float16."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avrsp.data.manifest import Verdict, store_path
from avrsp.data.store import VideoStore, write_maps
from avrsp.engine.compute import at_precision, device_named
from avrsp.engine.predict import predict_maps
from avrsp.engine.run import load_model
from avrsp.params import ComputeParams
from avrsp.progress import track
from avrsp.types import InputSpec, SaliencyModel

READ = 64
"""Frames read from a store at a time."""


def write_test_maps(
    place: Path, stores: Path, videos: Sequence[Verdict], compute: ComputeParams, out: Path
) -> None:
    """Predict every frame of `videos` with the model in `place`; one store of maps a video.

    Raises:
        ParamsError: The device is not there.
        WeightsError: The model is missing or damaged.
        StoreError: A store is damaged.
    """
    model, spec, _ = load_model(place)
    device = device_named(compute.device)
    run = at_precision(model.to(device), device, compute.precision)
    for place_in_list, video in enumerate(videos, 1):
        label = f"{out.name}, video {place_in_list} of {len(videos)}"
        maps = _maps(run, VideoStore(store_path(stores, video)), spec, compute.windows, device)
        write_maps(store_path(out, video), track(maps, total=video.frames, label=label))


def _maps(
    model: SaliencyModel, store: VideoStore, spec: InputSpec, windows: int, device: torch.device
) -> Iterator[NDArray[np.float32]]:
    return predict_maps(
        model,
        _frames(store),
        count=len(store),
        waveform=store.sound,
        fps=store.attributes.fps,
        spec=spec,
        batch=windows,
        device=device,
    )


def _frames(store: VideoStore) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(store), READ):
        yield from store.frames(range(start, min(start + READ, len(store))))
