"""Maps in zarr hierarchies that others wrote, read through zarr itself, or refused.

What a hierarchy says about itself decides which code of zarr runs and how much memory it takes, so
its descriptions are read first: only plain numbers, well-known codecs and chunks of bounded size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
import zarr  # noqa: TID251 - only avrsp/store knows the store format
from numpy.typing import NDArray
from zarr.storage import ZipStore  # noqa: TID251

from avrsp.errors import StoreError

LARGEST_MAP: Final = 1 << 26
"""Pixels of the largest map that is read, twice those of 8K video."""

LARGEST_CHUNK: Final = 1 << 30
"""Bytes of the largest chunk, which is held as a whole."""

BLOCK: Final = 1 << 27
"""Bytes of maps that are read at once, unless a single chunk is larger."""

PIECE: Final = 1 << 20
"""Bytes that are read at a time to compare a checksum."""

DESCRIPTION_LIMIT: Final = 1 << 20
"""Bytes of the largest description."""

DESCRIPTIONS: Final = ("zarr.json", ".zarray")
CODECS: Final = {"bytes", "transpose", "zstd", "blosc", "gzip", "crc32c", "sharding_indexed"}
OLD_CODECS: Final = {"zlib", "gzip", "bz2", "blosc", "zstd", "lz4", "shuffle", "delta"}
OLD_TYPE: Final = re.compile(r"[<>|][biuf]\d+")
TYPES: Final = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)")

MAPS_AXES = 3


def map_shape(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, int, int]:
    """Return the T x H x W of an array of maps; a channel axis of length 1 is left out.

    Raises:
        ValueError: It is no such array, or its maps are too large.
    """
    found = f"{dtype} of shape {shape}"
    if dtype.kind not in "biuf":
        raise ValueError(f"{found}, expected real numbers T x H x W")
    single = [axis for axis in (1, -1) if len(shape) == MAPS_AXES + 1 and shape[axis] == 1]
    plain = tuple(np.delete(shape, single[0]).tolist()) if single else shape
    if len(plain) != MAPS_AXES or not all(side > 0 for side in plain):
        raise ValueError(f"{found}, expected T x H x W")
    if plain[1] * plain[2] > LARGEST_MAP:
        raise ValueError(f"{found}, expected at most {LARGEST_MAP} pixels a map")
    return plain[0], plain[1], plain[2]


def foreign_maps(path: Path) -> Iterator[NDArray[np.number | np.bool_]]:
    """Yield the maps H x W of the array `maps`, or of the only array, of a zip file by zarr.

    Raises:
        StoreError: There is none, or it is not T x H x W real numbers in chunks of bounded size,
            compressed by codecs that are known here.
    """
    try:
        alone = _check(path)
        store = ZipStore(path, mode="r")
        try:
            yield from _maps(zarr.open_array(store, mode="r") if alone else _array(store))
        finally:
            store.close()
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise StoreError(
            f"{path}: no readable zarr array `maps` ({reason}); write it again, as T x H x W "
            "numbers by zarr.save(path, maps=...) or numpy.savez"
        ) from None


def _array(store: ZipStore) -> zarr.Array[Any]:
    arrays = dict(zarr.open_group(store, mode="r", use_consolidated=False).arrays())
    if "maps" not in arrays and len(arrays) != 1:
        raise ValueError(f"arrays: {', '.join(sorted(arrays)[:5]) or 'none'}")
    return arrays["maps"] if "maps" in arrays else next(iter(arrays.values()))


def _maps(array: zarr.Array[Any]) -> Iterator[NDArray[np.number | np.bool_]]:
    count, height, width = map_shape(array.shape, array.dtype)
    chunk = array.shards or array.chunks
    if int(np.prod(chunk)) * array.dtype.itemsize > LARGEST_CHUNK:
        raise ValueError(f"chunks {chunk} of {array.dtype}, expected at most {LARGEST_CHUNK} bytes")
    fit = BLOCK // (height * width * array.dtype.itemsize)
    step = max(chunk[0], fit // chunk[0] * chunk[0])
    for start in range(0, count, step):
        block = np.asarray(array[start : start + step])
        yield from block.reshape(-1, height, width)


def _check(path: Path) -> bool:
    """Read every description, and every other entry to its end, where its checksum is compared.

    Zarr reads parts of entries, in which damage would pass.

    Returns:
        Whether the hierarchy is an array and no group of arrays.
    """
    alone = False
    with ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                if entry.filename.rpartition("/")[2] not in DESCRIPTIONS:
                    _read_to_end(entry, stream)
                    continue
                if entry.file_size > DESCRIPTION_LIMIT:
                    raise BadZipFile(f"{entry.filename} has {entry.file_size} bytes")
                facts = json.loads(stream.read())
            if facts.get("node_type") == "array":
                _check_types(facts["data_type"], TYPES)
                _check_codecs(facts["codecs"])
                alone |= entry.filename in DESCRIPTIONS
            elif "dtype" in facts:
                _check_types(facts["dtype"], OLD_TYPE)
                alone |= entry.filename in DESCRIPTIONS
                used = [facts.get("compressor"), *(facts.get("filters") or [])]
                _check_names({each["id"] for each in used if each}, OLD_CODECS)
    return alone


def _read_to_end(entry: ZipInfo, stream: IO[bytes]) -> None:
    if entry.file_size > LARGEST_CHUNK:
        raise BadZipFile(f"{entry.filename} has {entry.file_size} bytes")
    while stream.read(PIECE):
        pass


def _check_types(name: object, known: re.Pattern[str]) -> None:
    if not isinstance(name, str) or not known.fullmatch(name):
        raise ValueError(f"elements of type {name}, expected real numbers")


def _check_codecs(codecs: list[Mapping[str, Any]]) -> None:
    _check_names({each["name"] for each in codecs}, CODECS)
    for each in codecs:
        inner = each.get("configuration") or {}
        for key in ("codecs", "index_codecs"):
            _check_codecs(inner.get(key, []))


def _check_names(names: set[str], known: set[str]) -> None:
    if unknown := sorted(names - known):
        raise ValueError(f"codec {unknown[0]}, expected one of {', '.join(sorted(known))}")
