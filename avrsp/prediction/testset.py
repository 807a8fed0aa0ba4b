"""The maps of a split's test videos: read from the stores, predicted, and kept as float16."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avrsp import models
from avrsp.compute import device_named
from avrsp.models.saved import load_model
from avrsp.models.windows import sized
from avrsp.params import ComputeParams
from avrsp.prediction.engine import Engine, Request, engine
from avrsp.prediction.speed import Speed
from avrsp.prediction.window_by_window import MapIterator
from avrsp.progress import track
from avrsp.store.manifest import Verdict, store_path
from avrsp.store.video_store import VideoStore, write_maps
from avrsp.types import InputSpec
from avrsp.workers import map_in_workers, network_workers

READ = 64
"""Frames read from a store at a time."""


def write_test_maps(
    place: Path, stores: Path, videos: Sequence[Verdict], compute: ComputeParams, out: Path
) -> None:
    """Predict every frame of `videos` with the model in `place`; one store of maps a video.

    On a CPU a small network runs in a process of one thread for each processor.

    Raises:
        ParamsError: The device is not there.
        WeightsError: The model is missing or damaged.
        StoreError: A store is damaged.
    """
    _network.cache_clear()  # another one may lie there by now
    _, spec = _network(place, compute)
    window = spec.length * spec.height * spec.width
    number = network_workers(device_named(compute.device).type, window, len(videos))
    write = partial(_write, place=place, stores=stores, compute=compute, out=out)
    if number:
        done = map_in_workers(write, videos, number)
        for _ in track(done, total=len(videos), label=out.name, unit="video"):
            pass
        return
    for place_in_list, video in enumerate(videos, 1):
        write(video, label=f"{out.name}, video {place_in_list} of {len(videos)}")


def _write(
    video: Verdict, place: Path, stores: Path, compute: ComputeParams, out: Path, label: str = ""
) -> None:
    """Write the maps of a video, and show the progress where there is a label."""
    run, spec = _network(place, compute)
    maps = _maps(run, VideoStore(store_path(stores, video)), spec)
    shown = track(maps, total=video.frames, label=label) if label else maps
    write_maps(store_path(out, video), shown, video=(video.dataset, video.video))


@lru_cache(maxsize=1)
def _network(place: Path, compute: ComputeParams) -> tuple[Engine, InputSpec]:
    """Return the network, ready to predict, and what it takes; each process loads it once."""
    model, spec, config = load_model(place)
    device = device_named(compute.device)
    pace = Speed(device, compute.precision, compute.windows)
    return engine(model.to(device), spec, pace, models.spec(config.model).engine), spec


def _maps(run: Engine, store: VideoStore, spec: InputSpec) -> MapIterator:
    request = Request(store.sound, store.attributes.fps, store.times, count=len(store))
    return run.maps(_frames(store, spec), request)


def _frames(store: VideoStore, spec: InputSpec) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(store), READ):
        yield from sized(store.frames(range(start, min(start + READ, len(store)))), spec)
