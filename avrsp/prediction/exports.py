"""The maps of one video as files, npz, zarr, PNG or a grey video, and read again from those."""

from __future__ import annotations

import glob
import math
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avrsp import processes
from avrsp.files import replacing
from avrsp.media.decode import Frame, Media
from avrsp.media.encode import encode
from avrsp.prediction.kept_maps import KeptMaps
from avrsp.prediction.predictor import TimedMap
from avrsp.prediction.records import remove
from avrsp.prediction.wanted import Form

FASTEST = 1
BLOCK = 64
"""Maps read at a time."""


def write_npz(path: Path, maps: KeptMaps, _: Media) -> None:
    """Write `maps` T x h x w float16 and `times` T float64, in seconds."""
    header = {"descr": "<f2", "fortran_order": False, "shape": maps.shape}
    with (
        replacing(path) as temporary,
        ZipFile(temporary, "w", ZIP_DEFLATED, compresslevel=FASTEST) as archive,
    ):
        with archive.open("maps.npy", "w", force_zip64=True) as entry:
            np.lib.format.write_array_header_1_0(entry, header)
            for saliency in maps:
                entry.write(saliency.tobytes())
        with archive.open("times.npy", "w") as entry:
            np.lib.format.write_array(entry, np.array(maps.times))


def write_zarr(path: Path, maps: KeptMaps, _: Media) -> None:
    """Write what `MapStore` reads: array `maps` T x h x w float16."""
    from avrsp.store.video_store import write_maps  # noqa: PLC0415 - zarr takes half a second

    write_maps(path, maps)


def write_png(path: Path, maps: KeptMaps, _: Media) -> None:
    """Write a folder of `000001.png` and on: 8 bit, each map stretched to 0..255.

    The folder appears once it is complete.
    """
    found = path.parent.glob(f".tmp-*-{glob.escape(path.name)}")
    for stale in filter(processes.was_left_behind, found):
        remove(stale)
    draft = path.with_name(f".tmp-{processes.own_mark()}-{secrets.token_hex(4)}-{path.name}")
    try:
        draft.mkdir()
        for number, saliency in enumerate(maps, start=1):
            grey(saliency).save(draft / f"{number:06d}.png")
        remove(path)
        draft.rename(path)
    except BaseException:
        remove(draft)
        raise


def write_video(path: Path, maps: KeptMaps, media: Media) -> None:
    """Write a grey video at network size, each map stretched to 0..255."""
    pictures = (np.asarray(grey(saliency).convert("RGB")) for saliency in maps)
    encode(path, map(Frame, maps.times, pictures), rate=media.rate)


WRITERS: dict[Form, Callable[[Path, KeptMaps, Media], None]] = {
    "npz": write_npz,
    "zarr": write_zarr,
    "png": write_png,
    "video": write_video,
}


def read_npz(path: Path) -> Iterator[TimedMap]:
    """Yield the times and maps that `write_npz` wrote, one in memory at a time."""
    with ZipFile(path) as archive:
        with archive.open("times.npy") as entry:
            times = np.lib.format.read_array(entry, allow_pickle=False)
        with archive.open("maps.npy") as entry:
            np.lib.format.read_magic(entry)
            (_, *shape), _, dtype = np.lib.format.read_array_header_1_0(entry)
            size = math.prod(shape) * dtype.itemsize
            for time in times:
                content = np.frombuffer(entry.read(size), dtype).reshape(shape)
                yield float(time), content.astype(np.float32)


def read_zarr(path: Path) -> Iterator[NDArray[np.float32]]:
    """Yield the maps that `write_zarr` wrote, a block in memory at a time."""
    from avrsp.store.video_store import MapStore  # noqa: PLC0415 - zarr takes half a second

    store = MapStore(path)
    for start in range(0, len(store), BLOCK):
        yield from store.maps(start, start + BLOCK).astype(np.float32)


def grey(saliency: NDArray[np.floating]) -> Image.Image:
    """Return the map h x w in 256 levels between its least and its greatest value."""
    values = saliency.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    scale = 255 / (high - low) if high > low else 0.0
    return Image.fromarray(np.rint((values - low) * scale).astype(np.uint8))
