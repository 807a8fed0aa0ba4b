"""Short clips that play in the page: a video beside a model's map over it, with its sound."""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import soundfile
from PIL import Image

from avrsp.errors import RawDataError, StoreError
from avrsp.models.windows import extent
from avrsp.report.charts import Pixels, overlay
from avrsp.report.inputs import Inputs, judge, judged
from avrsp.report.page import Block, Clip, Notice
from avrsp.store.video_store import MapStore, VideoStore
from avrsp.types import SOUND_RATE

SECONDS: Final = 6.0
WIDTH: Final = 288
"""Pixels across of each of the two pictures."""

QUIET: Final = ("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y")
SAME: Final = ("-threads", "1", "-fflags", "+bitexact", "-map_metadata", "-1")
"""With one thread and without dates the same frames make the same bytes."""


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
            blocks.append(_clip(store, maps, name, caption=_caption(rank, model), rank=rank))
        except (StoreError, RawDataError) as error:
            blocks.append(Notice(f"{name}: {error}"))
    return blocks


def film(store: VideoStore, maps: MapStore) -> bytes:
    """Return an MP4 (H.264, AAC) of at most 6 s from the middle of a video, with its sound.

    Left is the frame, right the map over it.

    Raises:
        StoreError: The store or the maps cannot be read.
        RawDataError: ffmpeg is missing or cannot write the file.
    """
    fps, frames = store.attributes.fps, _frames(store)
    start, stop = extent(store.times[frames.start : frames.stop], fps)
    pictures = zip(store.frames(frames), maps.maps(frames.start, frames.stop), strict=True)
    height = _height(store)
    images = [_beside(frame, saliency.astype(np.float32), height) for frame, saliency in pictures]
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        soundfile.write(sound, np.asarray(store.sound[start:stop]), SOUND_RATE, subtype="PCM_16")
        return _encoded(images, fps, sound if store.sound.size else None, Path(folder))


def poster(store: VideoStore, maps: MapStore) -> bytes:
    """Return the first picture of a film as PNG; a page shows it until the film is played."""
    first, height = _frames(store).start, _height(store)
    (saliency,) = maps.maps(first, first + 1)
    pixels = _beside(store.frames([first])[0], saliency.astype(np.float32), height)
    stream = io.BytesIO()
    Image.frombytes("RGB", (2 * WIDTH, height), pixels).save(stream, "png")
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
    if not order:
        return {}
    places = {"highest": 0, "middle": len(order) // 2, "lowest": len(order) - 1}
    return {
        rank: order[place]
        for rank, place in places.items()
        if place == 0 or rank != "middle" or place < len(order) - 1
    }


def _caption(rank: str, model: str) -> str:
    return (
        f"{rank.capitalize()} mean CC of {model} among the test videos with sound. Left: the "
        f"video. Right: {model}'s map over it, the brightest place of each frame in yellow."
    )


def _clip(store: VideoStore, maps: MapStore, title: str, *, caption: str, rank: str) -> Clip:
    return Clip(
        name=f"clip-{rank}",
        title=title,
        caption=caption,
        content=film(store, maps),
        first=poster(store, maps),
        width=2 * WIDTH,
        height=_height(store),
    )


def _beside(frame: Pixels, saliency: np.ndarray, height: int) -> bytes:
    plain = np.asarray(Image.fromarray(frame).resize((WIDTH, height)))
    return np.hstack([plain, overlay(frame, saliency, height, WIDTH)]).tobytes()


def _encoded(images: Sequence[bytes], fps: float, sound: Path | None, folder: Path) -> bytes:
    height = len(images[0]) // (2 * WIDTH * 3)
    out = folder / "clip.mp4"
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{2 * WIDTH}x{height}"]
    audio = ["-i", str(sound), "-c:a", "aac", "-b:a", "64k", "-flags:a", "+bitexact"]
    command = [
        *QUIET,
        *(*source, "-framerate", f"{fps:.6f}", "-i", "pipe:0"),
        *(audio[:2] if sound else []),
        *("-c:v", "libx264", "-preset", "slow", "-crf", "27", "-pix_fmt", "yuv420p"),
        *("-flags:v", "+bitexact", *(audio[2:] if sound else []), *SAME),
        *("-movflags", "+faststart", str(out)),
    ]
    try:
        done = subprocess.run(command, input=b"".join(images), capture_output=True, check=False)
    except FileNotFoundError:
        raise RawDataError("ffmpeg is not on the PATH; install it to have clips") from None
    if done.returncode or not out.exists():
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RawDataError(f"the clip cannot be written ({said[-1] if said else 'no reason'})")
    return out.read_bytes()
