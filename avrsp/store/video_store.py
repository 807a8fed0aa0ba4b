"""The store of a video and the store of its predicted maps: a zarr hierarchy in one zip file.

| array | shape and type | |
|---|---|---|
| `frames` | T x H x W x 3 uint8 | RGB at network size |
| `density` | T x h x w uint8 | ground-truth map at its own size, maximum 255 |
| `fixation_points` | K x 2 int16 | row and column in the density's size |
| `fixation_offsets` | T + 1 int64 | frame t owns points offsets[t] : offsets[t + 1] |
| `fixation_observers` | K int16 | who looked there, from 0; only where that is known |
| `times` | T float64 | seconds from the first frame at which each frame is shown |
| `waveform` | N float32 | mono in [-1, 1] at 22,050 Hz from the first frame; empty without sound |
| `maps` | T x H x W float16 | alone in a store of predicted maps |

Equal content makes equal bytes, and a store is whole or not there. The attribute `format` of the
hierarchy is the number of this layout; a reader refuses every other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import zarr  # noqa: TID251 - the one place
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, ZstdCodec  # noqa: TID251
from zarr.storage import MemoryStore  # noqa: TID251

from avrsp.errors import StoreError
from avrsp.store import blocks
from avrsp.store.blocks import Blocks, ZipSource
from avrsp.store.descriptions import described
from avrsp.store.members import check_entries
from avrsp.types import Samples

__all__ = [
    "MapStore",
    "StoreAttributes",
    "VideoStore",
    "is_own",
    "open_store",
    "write_maps",
    "write_store",
]

Codec = ZstdCodec | BloscCodec
PIXELS = ZstdCodec(level=blocks.LEVEL)
FLOATS = BloscCodec(cname="zstd", clevel=3, shuffle="shuffle")
DESCRIPTION_LIMIT = 1 << 20
"""Bytes that are read of what a file says about itself."""

FORMAT = 2
"""Raised whenever the layout changes. 1 bore no number and had no `times`."""

SOUND_CHUNK, MAPS_CHUNK = 65_536, 16


def open_store(path: Path | str) -> VideoStore:
    """Open the store of a video: its frames, ground truth and sound.

    Raises:
        StoreError: It is not there, damaged, or of another format.
    """
    store = VideoStore(Path(path))
    len(store)
    return store


def write_store(  # noqa: PLR0913 - one argument for each array
    path: Path,
    *,
    frames: Iterable[NDArray[np.uint8]],
    densities: Iterable[NDArray[np.uint8]],
    fixations: Sequence[NDArray[np.integer]],
    waveform: NDArray[np.float32],
    attributes: StoreAttributes,
    chunk: int,
    times: Sequence[float] | NDArray[np.float64] | None = None,
    observers: Sequence[NDArray[np.integer]] | None = None,
) -> None:
    """Write a video's store, with at most `chunk` frames or maps in memory at a time.

    `attributes.used` frames H x W x 3, densities h x w and k x 2 fixated pixels; N samples.
    `times` are seconds, from the first frame or any other moment; without them the rate is
    constant. As many as frames, they may be filled while `frames` are taken. `observers` are k
    numbers for each frame, where it is known who looked.

    Raises:
        StoreError: Their numbers differ, or the times do not rise.
    """
    offsets = np.cumsum([0, *map(len, fixations)], dtype=np.int64)
    points = np.concatenate([np.zeros((0, 2), np.int16), *fixations], dtype=np.int16)
    with blocks.writing(path) as keys:
        group = zarr.create_group(MemoryStore(keys), attributes=_facts(attributes))
        found = _pixels(group, keys, "frames", blocks.stacked(frames, chunk))
        truth = _pixels(group, keys, "density", blocks.stacked(densities, chunk))
        if not found == truth == len(fixations) == attributes.used:
            counts = f"{found} frames, {truth} maps, {len(fixations)} lists of fixations"
            raise StoreError(f"{path.name}: {counts}; {attributes.used} of each are to be used")
        shown = _shown(path, attributes, times)
        _stream(group, "fixation_points", [points], PIXELS)
        _stream(group, "fixation_offsets", [offsets], PIXELS)
        if observers is not None:
            who = np.concatenate([np.zeros(0, np.int16), *observers], dtype=np.int16)
            _stream(group, "fixation_observers", [who], PIXELS)
        _stream(group, "times", [shown], PIXELS)
        _stream(group, "waveform", blocks.cut(waveform, SOUND_CHUNK), FLOATS)


def _shown(
    path: Path, attributes: StoreAttributes, times: Sequence[float] | NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the seconds T at which frames are shown, from the first one on."""
    if times is None:
        return np.arange(attributes.used) / attributes.fps
    found = np.asarray(times[: attributes.used], np.float64)
    if len(found) != attributes.used or not (np.diff(found) > 0).all():
        raise StoreError(
            f"{path.name}: {len(found)} times of {attributes.used} frames; expected one a frame, "
            "rising"
        )
    return found - found[:1]


def write_maps(
    path: Path,
    maps: Iterable[NDArray[Any]],
    *,
    video: tuple[str, str] | None = None,
    chunk: int = MAPS_CHUNK,
) -> int:
    """Write predicted maps H x W as float16, `chunk` at a time; return their number.

    `video` names the dataset and the video that they are of, where these are known.
    """
    with blocks.writing(path) as keys:
        group = zarr.create_group(MemoryStore(keys), attributes={"format": FORMAT, "video": video})
        halves = blocks.stacked((each.astype(np.float16) for each in maps), chunk)
        return _stream(group, "maps", halves, FLOATS)


def _facts(attributes: StoreAttributes) -> dict[str, Any]:
    return {"format": FORMAT, **dataclasses.asdict(attributes)}


def _pixels(
    group: zarr.Group, keys: blocks.ZipSink, name: str, pieces: Iterable[NDArray[np.uint8]]
) -> int:
    """Write pieces of equal length, the last perhaps shorter, as the chunks of an array."""
    shape, length = blocks.write(keys, name, pieces)
    chunks = length, *shape[1:]
    group.create_array(name, shape=shape, chunks=chunks, dtype=np.uint8, compressors=PIXELS)
    return shape[0]


def _stream(group: zarr.Group, name: str, pieces: Iterable[NDArray[Any]], codec: Codec) -> int:
    """Write `pieces` one after another as the chunks of one array; only the last may be shorter."""
    array, count = None, 0
    for block in pieces:
        if array is None:
            array = group.create_array(
                name,
                shape=(0, *block.shape[1:]),
                chunks=(max(len(block), 1), *block.shape[1:]),
                dtype=block.dtype,
                compressors=codec,
                config={"write_empty_chunks": True},  # a missing one shows that the file is damaged
            )
        array.resize((count + len(block), *block.shape[1:]))
        array[count:] = block
        count += len(block)
    return count


@dataclass(frozen=True, slots=True)
class StoreAttributes:
    """Where a video's store comes from, and what was lost on the way.

    Attributes:
        dataset: Its key in the registry of datasets.
        video: Name in the dataset's sheet.
        fps: Frames a second, exact, from the sheet.
        sound_rate_native: Samples a second of the raw sound; None without sound.
        sound_channels_native: Channels of the raw sound; None without sound.
        sources: SHA-256 over the raw files.
        code: Digest of the modules that wrote the store.
        listed: Frames in the sheet.
        used: Frames in the store.
        ground_truth: How it was made of gaze, where that is known: sigma, detector, frame rule.
        credit: Licence and source of the video itself, where each of a dataset has its own.
    """

    dataset: str
    video: str
    fps: float
    sound_rate_native: int | None
    sound_channels_native: int | None
    sources: str
    code: str
    listed: int
    used: int
    ground_truth: dict[str, str | float] = dataclasses.field(default_factory=dict)
    credit: str = ""


OF_THE_FILE = {errno.ENOENT, errno.EINVAL, None}
"""Numbers of system errors by which a file is gone, or its directory points outside itself."""


class _Hierarchy:
    """Arrays in a zip, opened by the process that reads: handles survive no fork and no pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owner: int | None = None
        self._arrays: dict[str, Blocks] = {}
        self._facts: dict[str, Any] = {}
        self._whole: dict[str, NDArray[Any]] = {}

    def __reduce__(self) -> tuple[type[_Hierarchy], tuple[Path]]:
        return type(self), (self.path,)

    def _array(self, name: str) -> Blocks:
        self._open()
        if name not in self._arrays:
            raise self._damaged(f"no array `{name}`")
        return self._arrays[name]

    def _names(self) -> Iterable[str]:
        self._open()
        return self._arrays

    def _span(self, name: str, start: int, stop: int) -> NDArray[Any]:
        array = self._array(name)
        with self._reading(name):
            return array.span(start, stop)

    def _kept(self, name: str) -> NDArray[Any]:
        """Return a whole array, which is read once."""
        if name not in self._whole:
            self._whole[name] = self._span(name, 0, len(self._array(name)))
        return self._whole[name]

    def _open(self) -> None:
        if self._owner == os.getpid():
            return
        with self._reading("zarr.json"):
            source = ZipSource(self.path)
            self._facts, self._arrays = described(source)
            if (found := self._facts.pop("format", None)) != FORMAT:
                raise BadZipFile(f"format {found}, this version reads {FORMAT}")
            check_entries(source, self._arrays)
        self._owner = os.getpid()

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Turn damage of the file into a `StoreError`; anything else is a defect of ours."""
        try:
            yield
        except OSError as error:
            if error.errno not in OF_THE_FILE:  # the computer's fault says nothing about the file
                raise
            raise self._damaged(f"{name}: {error}") from None
        except BadZipFile as error:
            raise self._damaged(f"{name}: {error}") from None

    def _damaged(self, reason: str) -> StoreError:
        remedy = "remove it and make it again (of a video: snakemake --cores all preprocess)"
        return StoreError(f"{self.path}: not a readable store ({reason}); {remedy}")


class VideoStore(_Hierarchy):
    """Frames, ground truth and sound of one video; nothing is opened before the first read."""

    @property
    def attributes(self) -> StoreAttributes:
        """What the store says about itself."""
        self._open()
        try:
            return StoreAttributes(**self._facts)
        except TypeError as error:
            raise self._damaged(str(error)) from None

    def __len__(self) -> int:
        return len(self._array("frames"))

    @property
    def truth_size(self) -> tuple[int, int]:
        """Height and width of the ground truth in pixels."""
        _, height, width = self._array("density").shape
        return height, width

    def frames(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return frames N x H x W x 3 in the order of `indices`; no chunk is decoded twice."""
        array = self._array("frames")
        with self._reading("frames"):
            return array.rows(np.asarray(indices, np.int64))

    def density(self, frame: int) -> NDArray[np.uint8]:
        """Return the ground-truth map h x w of one frame."""
        found: NDArray[np.uint8] = self._span("density", frame, frame + 1)[0]
        return found

    def densities_at(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return maps n x h x w of frames in the order of `indices`; no chunk is decoded twice."""
        array = self._array("density")
        with self._reading("density"):
            return array.rows(np.asarray(indices, np.int64))

    def densities(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return the ground-truth maps n x h x w of frames `start` up to `stop`."""
        return self._span("density", start, stop)

    def fixations(self, frame: int) -> NDArray[np.int16]:
        """Return k x 2 rows and columns of the pixels fixated in one frame."""
        first, after = self._kept("fixation_offsets")[frame : frame + 2]
        return self._kept("fixation_points")[first:after]

    def observers(self, frame: int) -> NDArray[np.int16] | None:
        """Return the k numbers of those who fixated one frame's pixels; None where not known."""
        if "fixation_observers" not in self._names():
            return None
        first, after = self._kept("fixation_offsets")[frame : frame + 2]
        return self._kept("fixation_observers")[first:after]

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds T, from the first frame, at which each frame is shown."""
        return self._kept("times")

    @property
    def waveform(self) -> NDArray[np.float32]:
        """The whole sound, N samples, read anew at every access."""
        return np.asarray(self.sound[:])

    @property
    def sound(self) -> Samples:
        """The sound for `windows.excerpt`: a slice of it decodes only the chunks it touches."""
        return _Track(self._array("waveform"), self._reading)


def is_own(path: Path) -> bool:
    """Say whether a zip file is a store of this package's, of whatever format and however damaged.

    Raises:
        StoreError: It is no zip file.
    """
    try:
        with ZipFile(path) as archive, archive.open("zarr.json") as stream:
            facts = json.loads(stream.read(DESCRIPTION_LIMIT))
    except (LookupError, ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error):
        return False
    except BadZipFile as error:
        raise StoreError(f"{path}: not a readable store ({error}); make it again") from None
    attributes = facts.get("attributes") if isinstance(facts, dict) else None
    return isinstance(attributes, dict) and "format" in attributes


class MapStore(_Hierarchy):
    """The predicted maps of one video."""

    def __len__(self) -> int:
        return len(self._array("maps"))

    @property
    def video(self) -> tuple[str, str] | None:
        """Dataset and name of the video that the maps are of; None where it is not known."""
        self._open()
        match self._facts.get("video"):
            case [str(dataset), str(name)]:
                return dataset, name
        return None

    def maps(self, start: int, stop: int) -> NDArray[np.float16]:
        """Return maps n x H x W of frames `start` to `stop` (exclusive)."""
        return self._span("maps", start, stop)


class _Track:
    """The sound of a store: a slice of it decompresses only the blocks that it touches."""

    def __init__(
        self, array: Blocks, reading: Callable[[str], contextlib.AbstractContextManager[None]]
    ) -> None:
        self.size = len(array)
        self._array, self._reading = array, reading

    def __getitem__(self, span: slice, /) -> NDArray[np.float32]:
        start, stop, _ = span.indices(self.size)
        with self._reading(self._array.name):
            return self._array.span(start, stop)
