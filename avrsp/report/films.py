"""Short clips that play in the page: a video beside a model's map over it, with its sound."""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import soundfile
from PIL import Image

from avrsp.errors import RawDataError, StoreError
from avrsp.media.decode import Frame
from avrsp.media.encode import Quality, encode
from avrsp.media.probe import Track
from avrsp.models.windows import extent
from avrsp.report.charts import Pixels, overlay
from avrsp.report.inputs import Inputs, judge, judged, ranks
from avrsp.report.page import Block, FilmBlock, Notice
from avrsp.store.video_store import MapStore, VideoStore
from avrsp.types import SOUND_RATE

SECONDS: Final = 6.0
WIDTH: Final = 288
"""Pixels across of each of the two pictures."""

SMALL: Final = Quality(preset="slow", crf=27, sound_bitrate="64k", repeatable=True)
"""As a page needs it."""


def clips(inputs: Inputs) -> list[Block]:
    """Show the test videos with sound that are predicted best, middling and worst."""
    blocks: list[Block] = []
    model = judge(inputs.rows)
    for rank, (dataset, split, video) in _chosen(inputs).items():
        name = inputs.about.clip(dataset, video)
        maps = inputs.maps(dataset, split, video).get(model)
        if maps is None:
            blocks.append(Notice(f"{name}: {model} has no maps of it."))
            continue
        try:
            store = inputs.store(dataset, video)
            block = _clip(store, maps, name, caption=_caption(rank, model), rank=rank)
            blocks.append(replace(block, credit=inputs.credited([(dataset, video)])))
        except (StoreError, RawDataError) as error:
            blocks.append(Notice(f"{name}: {error}", fault=True))
    return blocks


def film(store: VideoStore, maps: MapStore) -> bytes:
    """Return an MP4 (H.264, AAC) of at most 6 s from the middle of a video, with its sound.

    Left is the frame, right the map over it.

    Raises:
        StoreError: The store or the maps cannot be read.
        RawDataError: ffmpeg is missing or cannot write the file.
    """
    fps, frames = store.attributes.fps, _frames(store)
    times = store.times[frames.start : frames.stop]
    start, stop = extent(times, fps)
    height = _height(store)
    pictures = (
        Frame(time - times[0], _beside(frame, saliency.astype(np.float32), height))
        for time, frame, saliency in zip(
            times, store.frames(frames), maps.maps(frames.start, frames.stop), strict=True
        )
    )
    rate = Fraction(fps).limit_denominator(1001)
    with tempfile.TemporaryDirectory() as folder:
        sound, out = Path(folder) / "sound.wav", Path(folder) / "clip.mp4"
        waveform = np.asarray(store.sound[start:stop])
        soundfile.write(sound, waveform, SOUND_RATE, subtype="PCM_16")
        track = Track(sound, 0, "pcm_s16le", SOUND_RATE, 1) if waveform.size else None
        encode(out, pictures, rate=rate, sound=track, quality=SMALL)
        return out.read_bytes()


def poster(store: VideoStore, maps: MapStore) -> bytes:
    """Return the first picture of a film as PNG; a page shows it until the film is played."""
    first, height = _frames(store).start, _height(store)
    (saliency,) = maps.maps(first, first + 1)
    pixels = _beside(store.frames([first])[0], saliency.astype(np.float32), height)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def _frames(store: VideoStore) -> range:
    """Return the frames that a film has: at most 6 s from the middle."""
    count = min(len(store), round(SECONDS * store.attributes.fps))
    first = (len(store) - count) // 2
    return range(first, first + count)


def _height(store: VideoStore) -> int:
    height, width = store.truth_size
    return 2 * round(WIDTH * height / width / 2)


def _chosen(inputs: Inputs) -> dict[str, tuple[str, int | str, str]]:
    """Rank the test videos with sound by their mean CC."""
    rows = judged(inputs.rows)
    keys = pd.MultiIndex.from_frame(rows[["dataset", "video"]])
    sounding = rows[keys.isin(inputs.with_sound)]
    means = sounding.groupby(["dataset", "split", "video"])["cc"].mean()
    order = means.sort_values(ascending=False, kind="stable").index.to_list()
    return {rank: order[place] for place, rank in ranks(len(order)).items()}


def _caption(rank: str, model: str) -> str:
    which = (
        "The only test video with sound"
        if rank == "only"
        else f"{rank.capitalize()} mean CC of {model} among the test videos with sound"
    )
    return (
        f"{which}. Left: the video. Right: {model}'s map over it, the brightest place of each "
        "frame in yellow."
    )


def _clip(store: VideoStore, maps: MapStore, title: str, *, caption: str, rank: str) -> FilmBlock:
    return FilmBlock(
        name=f"clip-{rank}",
        title=title,
        caption=caption,
        content=film(store, maps),
        first=poster(store, maps),
        width=2 * WIDTH,
        height=_height(store),
    )


def _beside(frame: Pixels, saliency: np.ndarray, height: int) -> Pixels:
    plain = np.asarray(Image.fromarray(frame).resize((WIDTH, height)))
    return np.hstack([plain, overlay(frame, saliency, height, WIDTH)])
