"""The maps of one video as files: npz, zarr, PNG, a grey video, and a JSON of where they peak."""

from __future__ import annotations

import glob
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import matplotlib as mpl
import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from avrsp.files import replacing, write_json
from avrsp.media.decode import Frame, Media
from avrsp.media.encode import encode
from avrsp.prediction.records import remove
from avrsp.store.video_store import write_maps

FASTEST = 1
ENDINGS = {
    "npz": ".maps.npz",
    "zarr": ".maps.zarr.zip",
    "png": ".maps",
    "video": ".maps.mp4",
    "facts": ".json",
}
"""By form."""


def results_path(stem: Path, form: str) -> Path:
    """Return where the maps of a form, or the facts, are written."""
    return stem.with_name(stem.name + ENDINGS[form])


class Spool:
    """The maps h x w of one video as float16 in a nameless file, which ends with the process.

    Memory stays flat however long the video is; the number of maps is known once all are in.
    Unless `kept`, only the times are remembered.
    """

    def __init__(self, folder: Path, *, kept: bool = True) -> None:
        self._kept = kept
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._shape: tuple[int, ...] = (0, 0)
        self.times: list[float] = []

    def add(self, time: float, saliency: NDArray[np.floating]) -> None:
        """Append the map of the frame shown at `time` seconds."""
        self._shape = saliency.shape
        if self._kept:
            self._file.write(saliency.astype("<f2").tobytes())
        self.times.append(time)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def shape(self) -> tuple[int, ...]:
        """T, h, w."""
        return (len(self), *self._shape)

    def __iter__(self) -> Iterator[NDArray[np.float16]]:
        size = 2 * int(np.prod(self._shape))
        self._file.seek(0)
        for _ in self.times:
            yield np.frombuffer(self._file.read(size), "<f2").reshape(self._shape)

    def close(self) -> None:
        """Give the space back."""
        self._file.close()


def write_npz(stem: Path, spool: Spool, _: Media) -> Path:
    """Write `<stem>.maps.npz`: `maps` T x h x w float16 and `times` T float64, in seconds."""
    path = results_path(stem, "npz")
    header = {"descr": "<f2", "fortran_order": False, "shape": spool.shape}
    with (
        replacing(path) as temporary,
        ZipFile(temporary, "w", ZIP_DEFLATED, compresslevel=FASTEST) as archive,
    ):
        with archive.open("maps.npy", "w", force_zip64=True) as entry:
            np.lib.format.write_array_header_1_0(entry, header)
            for saliency in spool:
                entry.write(saliency.tobytes())
        with archive.open("times.npy", "w") as entry:
            np.lib.format.write_array(entry, np.array(spool.times))
    return path


def write_zarr(stem: Path, spool: Spool, _: Media) -> Path:
    """Write `<stem>.maps.zarr.zip`, which `MapStore` reads: array `maps` T x h x w float16."""
    path = results_path(stem, "zarr")
    write_maps(path, spool)
    return path


def write_png(stem: Path, spool: Spool, _: Media) -> Path:
    """Write the folder `<stem>.maps` of `000001.png` and on: 8 bit, each map stretched to 0..255.

    The folder appears once it is complete.
    """
    path = results_path(stem, "png")
    for stale in path.parent.glob(f".tmp-*-{glob.escape(path.name)}"):
        process = stale.name.split("-")[1]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            remove(stale)
    draft = path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
    try:
        draft.mkdir()
        for number, saliency in enumerate(spool, start=1):
            grey(saliency).save(draft / f"{number:06d}.png")
        remove(path)
        draft.rename(path)
    except BaseException:
        remove(draft)
        raise
    return path


def write_video(stem: Path, spool: Spool, media: Media) -> Path:
    """Write `<stem>.maps.mp4`: grey, at network size, each map stretched to 0..255."""
    path = results_path(stem, "video")
    pictures = (np.asarray(grey(saliency).convert("RGB")) for saliency in spool)
    encode(path, map(Frame, spool.times, pictures), rate=media.rate)
    return path


WRITERS: dict[str, Callable[[Path, Spool, Media], Path]] = {
    "npz": write_npz,
    "zarr": write_zarr,
    "png": write_png,
    "video": write_video,
}


def write_facts(stem: Path, spool: Spool, media: Media) -> Path:
    """Write `<stem>.json`: for each frame its time, peak, centre of mass and entropy."""
    path = results_path(stem, "facts")
    frames = [
        {"time": time, **describe(saliency, media.height, media.width)}
        for time, saliency in zip(spool.times, spool, strict=True)
    ]
    write_json(path, {"height": media.height, "width": media.width, "frames": frames})
    return path


def describe(saliency: NDArray[Any], height: int, width: int) -> dict[str, object]:
    """Return where a map h x w peaks and its centre of mass, [x, y] in pixels of the picture.

    The entropy is in bits, of the map scaled to sum 1: log2(h w) where it is constant.
    """
    values = saliency.astype(np.float64)
    total = values.sum()
    mass = values / total if total > 0 else np.full_like(values, 1 / values.size)
    scale = np.array([width / values.shape[1], height / values.shape[0]])
    row, column = np.unravel_index(values.argmax(), values.shape)
    centre = np.array(
        [mass.sum(0) @ _middles(mass.shape[1]), mass.sum(1) @ _middles(mass.shape[0])]
    )
    positive = mass[mass > 0]
    return {
        "peak": np.round((np.array([column, row]) + 0.5) * scale, 2).tolist(),
        "centre": np.round(centre * scale, 2).tolist(),
        "entropy": round(float(-(positive * np.log2(positive)).sum()), 4),
    }


def _middles(count: int) -> NDArray[np.float64]:
    return np.arange(0.5, count, dtype=np.float64)


COLOURS = "inferno"
"""matplotlib's map of even perceived steps, dark to bright."""

STRONGEST = 0.75
"""Opacity at the most salient point; it falls linearly to 0 at the least salient one."""


def paint(image: NDArray[np.uint8], saliency: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the picture H x W x 3 with the map h x w laid over it, enlarged to H x W.

    Each map is stretched between its least and its greatest value, since the training loss
    leaves its scale open; a constant map leaves the picture as it is.
    """
    height, width = image.shape[:2]
    levels = grey(saliency).resize((width, height), Image.Resampling.BICUBIC)
    opacity = levels.point([round(STRONGEST * level) for level in range(256)])
    levels.putpalette(_palette())
    painted = Image.composite(levels.convert("RGB"), Image.fromarray(image), opacity)
    return np.asarray(painted)


def beside(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return two pictures H x W x 3 as one of H x 2W x 3."""
    return np.hstack((left, right))


def grey(saliency: NDArray[np.floating]) -> Image.Image:
    """Return the map h x w in 256 levels between its least and its greatest value."""
    values = saliency.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    scale = 255 / (high - low) if high > low else 0.0
    return Image.fromarray(np.rint((values - low) * scale).astype(np.uint8))


@lru_cache
def _palette() -> bytes:
    steps = mpl.colormaps[COLOURS](np.arange(256), bytes=True)
    return bytes(np.asarray(steps)[:, :3].tobytes())
