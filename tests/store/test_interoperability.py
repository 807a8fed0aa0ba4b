"""Any reader of zarr opens our stores, and what we cannot read as others wrote it is refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr  # noqa: TID251 - the stranger who reads and writes
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, GzipCodec  # noqa: TID251
from zarr.storage import ZipStore  # noqa: TID251

from avrsp.errors import StoreError
from avrsp.evaluate.map_readers import open_maps
from avrsp.store.video_store import (
    FORMAT,
    MapStore,
    StoreAttributes,
    VideoStore,
    open_store,
    write_maps,
    write_store,
)

rng = np.random.default_rng(4)
FRAMES = rng.integers(0, 256, (21, 8, 12, 3), np.uint8)
DENSITY = rng.integers(0, 256, (21, 10, 15), np.uint8)
FIXATIONS = [rng.integers(0, 10, (t % 3, 2), np.int16) for t in range(21)]
SOUND = np.concatenate([np.zeros(70_000), rng.uniform(-1, 1, 70_000)]).astype(np.float32)
MAPS: NDArray[np.float32] = rng.random((21, 6, 9)).astype(np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_store(
        tmp_path / "a.zarr.zip",
        frames=iter(FRAMES),
        densities=iter(DENSITY),
        fixations=FIXATIONS,
        waveform=SOUND,
        attributes=StoreAttributes("diem", "a", 25.0, 44_100, 2, "", "", 21, 21),
        chunk=4,
    )
    return tmp_path / "a.zarr.zip"


def test_plain_zarr_reads_our_stores(store: Path, tmp_path: Path) -> None:
    with ZipStore(store, mode="r") as source:
        group: Any = zarr.open_group(source, mode="r")
        np.testing.assert_array_equal(group["frames"][:], FRAMES)
        np.testing.assert_array_equal(group["density"][5:9], DENSITY[5:9])
        np.testing.assert_array_equal(group["waveform"][:], SOUND)
        np.testing.assert_array_equal(group["fixation_points"][:], np.concatenate(FIXATIONS))
        assert (
            group["fixation_offsets"][:].tolist() == np.cumsum([0, *map(len, FIXATIONS)]).tolist()
        )
        assert group.attrs["dataset"] == "diem"
        assert group.attrs["format"] == FORMAT
    black = np.concatenate([np.zeros_like(MAPS), MAPS])
    write_maps(tmp_path / "m.zarr.zip", black)
    with ZipStore(tmp_path / "m.zarr.zip", mode="r") as source:
        written: Any = zarr.open_group(source, mode="r")
        found = written["maps"][:]
    np.testing.assert_array_equal(found, black.astype(np.float16))
    np.testing.assert_array_equal(MapStore(tmp_path / "m.zarr.zip").maps(0, 42), found)


Change = Callable[[dict[str, Any]], Any]
STRANGE: dict[str, Change] = {
    "unknown codec": lambda facts: facts["codecs"].append({"name": "crc32c"}),
    "transposed": lambda facts: facts["codecs"].insert(0, {"name": "transpose"}),
    "big-endian": lambda facts: facts["codecs"][0].update(configuration={"endian": "big"}),
    "gzip": lambda facts: facts["codecs"][-1].update(name="gzip"),
    "other keys": lambda facts: facts["chunk_key_encoding"].update(name="v2"),
    "other separator": lambda facts: facts["chunk_key_encoding"]["configuration"].update(
        separator="."
    ),
    "other grid": lambda facts: facts["chunk_grid"].update(name="rectilinear"),
    "other chunks": lambda facts: facts["chunk_grid"]["configuration"].update(
        chunk_shape=[4, 5, 15]
    ),
    "no chunks": lambda facts: facts["chunk_grid"]["configuration"].update(chunk_shape=[0, 10, 15]),
    "other fill": lambda facts: facts.update(fill_value=7),
    "transformed": lambda facts: facts.update(storage_transformers=[{"name": "x"}]),
    "other version": lambda facts: facts.update(zarr_format=4),
    "text": lambda facts: facts.update(data_type="string"),
    "more rows": lambda facts: facts.update(shape=[30, 10, 15]),
}


def altered(path: Path, name: str, change: Change) -> Path:
    """Return a copy of a store in which one description is another."""
    copy = path.with_name("b.zarr.zip")
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(copy, "w") as changed:
        for entry in whole.infolist():
            content = whole.read(entry)
            if entry.filename == name:
                facts = json.loads(content)
                change(facts)
                content = json.dumps(facts).encode()
            changed.writestr(entry.filename, content)
    return copy


@pytest.mark.parametrize("kind", STRANGE)
def test_a_layout_that_is_not_ours_is_refused(kind: str, store: Path) -> None:
    copy = altered(store, "density/zarr.json", STRANGE[kind])
    with pytest.raises(StoreError, match=r"b\.zarr\.zip: not a readable store") as caught:
        VideoStore(copy).densities(0, 21)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [None, FORMAT - 1, FORMAT + 1, "2"])
def test_another_version_of_the_format_is_refused(version: object, store: Path) -> None:
    copy = altered(store, "zarr.json", lambda facts: facts["attributes"].update(format=version))
    with pytest.raises(StoreError, match=f"this version reads {FORMAT}"):
        open_store(copy)
    assert len(open_store(str(store))) == 21


Write = Callable[[Path, Any], Any]


def by_zip(**options: Any) -> Write:
    def write(path: Path, maps: Any) -> None:
        with ZipStore(path, mode="w") as target:
            group = zarr.create_group(target, zarr_format=options.get("zarr_format", 3))
            group.create_array(
                "maps", data=maps, **{k: v for k, v in options.items() if k != "zarr_format"}
            )

    return write


def alone(path: Path, maps: Any) -> None:
    with ZipStore(path, mode="w") as target:
        zarr.save_array(target, maps)


def saved(path: Path, maps: Any) -> None:
    with ZipStore(path, mode="w") as target:
        zarr.save_group(target, maps=maps)


def deflated(path: Path, maps: Any) -> None:
    with ZipStore(path, mode="w", compression=zipfile.ZIP_DEFLATED) as target:
        zarr.save_group(target, predictions=maps)


LAYOUTS: dict[str, Write] = {
    "alone": alone,
    "saved": saved,
    "deflated": deflated,
    "chunked": by_zip(chunks=(5, 4, 3)),
    "one chunk a map": by_zip(chunks=(1, 6, 9)),
    "rows first": by_zip(chunks=(21, 2, 9)),
    "sharded": by_zip(chunks=(2, 3, 9), shards=(4, 6, 9)),
    "plain": by_zip(compressors=None),
    "gzip": by_zip(compressors=GzipCodec()),
    "blosc": by_zip(compressors=BloscCodec(cname="lz4")),
    "filled": by_zip(fill_value=3.0),
    "column-major": by_zip(order="F"),
    "old format": by_zip(zarr_format=2),
    "old column-major": by_zip(zarr_format=2, order="F", chunks=(5, 4, 3)),
    "old zlib": by_zip(zarr_format=2, compressors=numcodecs.Zlib()),
    "old shuffled": by_zip(zarr_format=2, filters=[numcodecs.Shuffle(2)]),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4", "uint8"])
def test_maps_in_every_layout_of_zarr_are_read_rightly(
    kind: str, dtype: str, tmp_path: Path
) -> None:
    scaled = np.round(MAPS * 255)
    given = scaled.astype(dtype)
    LAYOUTS[kind](tmp_path / "m.zarr.zip", given)
    found = np.stack(list(open_maps(tmp_path / "m.zarr.zip")))
    np.testing.assert_array_equal(found, scaled)


def test_a_channel_axis_is_left_out(tmp_path: Path) -> None:
    by_zip(chunks=(5, 1, 6, 9))(tmp_path / "m.zarr.zip", MAPS[:, None])
    np.testing.assert_array_equal(np.stack(list(open_maps(tmp_path / "m.zarr.zip"))), MAPS)


def pickled(path: Path) -> None:
    facts = {
        "shape": [2, 3, 4],
        "chunks": [2, 3, 4],
        "dtype": "<f4",
        "fill_value": 0,
        "order": "C",
        "filters": [{"id": "pickle", "protocol": 5}],
        "compressor": None,
        "zarr_format": 2,
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(".zarray", json.dumps(facts))
        archive.writestr("0.0.0", b"cos\nsystem\n(S'touch /tmp/opened'\ntR.")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "write",
    [
        pickled,
        lambda path: by_zip()(path, np.zeros((2, 3, 4), complex)),
        lambda path: by_zip()(path, np.zeros((3, 4))),
        lambda path: by_zip()(path, np.zeros((2, 3, 4), "M8[s]")),
        lambda path: by_zip(chunks=(1, 9000, 9000))(path, np.zeros((1, 9000, 9000), "u1")),
        lambda path: zipfile.ZipFile(path, "w").close(),
        lambda path: zipfile.ZipFile(path, "w").writestr("zarr.json", "{"),
        lambda path: zipfile.ZipFile(path, "w").writestr("zarr.json", "[]"),
        lambda path: path.write_bytes(b"PK\5\6" + bytes(18) + b"x"),
    ],
)
def test_what_holds_no_maps_is_one_line(write: Callable[[Path], Any], tmp_path: Path) -> None:
    write(tmp_path / "m.zarr.zip")
    with pytest.raises(StoreError, match=r"m\.zarr\.zip: ") as caught:
        list(open_maps(tmp_path / "m.zarr.zip"))
    assert "\n" not in str(caught.value)
