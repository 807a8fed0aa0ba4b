"""Maps as people have them: odd arrays, odd pictures, and files that are no maps at all."""

from __future__ import annotations

import os
import resource
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from avrsp.errors import AvrspError, RawDataError
from avrsp.evaluate.map_readers import Findings, open_maps, read_maps
from avrsp.evaluate.map_values import Values

Array = NDArray[np.float32]
Predict = Callable[[int], list[Array]]
COUNT = 20


def read(path: Path, values: Values | None = None) -> tuple[Array, Findings]:
    findings = Findings()
    return np.concatenate(list(read_maps(path, COUNT, findings, values))), findings


def unchanged(found: Array, maps: Array) -> None:
    """Assert that maps are multiples of others."""
    peaks = [each.max((1, 2), keepdims=True) for each in (found, maps)]
    np.testing.assert_allclose(found / peaks[0], maps / peaks[1], atol=2e-3)


@pytest.mark.parametrize(
    "change",
    [
        np.asfortranarray,
        lambda maps: maps.astype(">f4"),
        lambda maps: maps[:, None],
        lambda maps: maps[..., None],
        lambda maps: maps.astype(np.float64) * 1e300,
        lambda maps: maps * np.float32(1e-30),
        lambda maps: np.asfortranarray(maps.astype(np.float64)),
        lambda maps: np.round(maps * 255).astype(np.uint8),
        lambda maps: np.round(maps * 30000).astype(">i2"),
    ],
    ids=[
        "fortran",
        "big-endian",
        "channel",
        "last-axis",
        "huge",
        "tiny",
        "fortran64",
        "bytes",
        "shorts",
    ],
)
@pytest.mark.parametrize("name", ["maps", "arr_0"])
def test_arrays_in_any_order_and_type(
    change: Callable[[Any], Any], name: str, tmp_path: Path, predicted: Predict
) -> None:
    maps = np.stack(predicted(COUNT))
    np.savez(tmp_path / "video.npz", **{name: change(maps)})
    found, findings = read(tmp_path / "video.npz")
    unchanged(found, maps)
    assert findings == Findings()


def header(shape: str, kind: str = "'<f4'") -> bytes:
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text


def zipped(path: Path, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("maps.npy", content)
    return path


def encrypted(path: Path) -> Path:
    content = bytearray(zipped(path, header("(1, 2, 2)") + bytes(16)).read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    path.write_bytes(content)
    return path


ODD: dict[str, Callable[[Path], object]] = {
    "no dimension": lambda path: np.savez(path, maps=np.float32(3)),
    "one dimension": lambda path: np.savez(path, maps=np.zeros(3)),
    "no frame": lambda path: np.savez(path, maps=np.zeros((0, 4, 5))),
    "no pixel": lambda path: np.savez(path, maps=np.zeros((4, 0, 5))),
    "structured": lambda path: np.savez(path, maps=np.zeros((2, 3, 4), "f4,f4")),
    "complex": lambda path: np.savez(path, maps=np.zeros((2, 3, 4), complex)),
    "text": lambda path: np.savez(path, maps=np.full((2, 3, 4), "a")),
    "dates": lambda path: np.savez(path, maps=np.zeros((2, 3, 4), "M8[s]")),
    "objects": lambda path: np.savez(path, maps=np.array([[[None]]])),
    "two arrays": lambda path: np.savez(path, a=np.zeros((2, 3, 4)), b=np.zeros((2, 3, 4))),
    "empty zip": lambda path: zipfile.ZipFile(path, "w").close(),
    "no zip": lambda path: path.write_bytes(b"text"),
    "empty": lambda path: path.write_bytes(b""),
    "cut values": lambda path: zipped(path, header("(2, 2, 2)") + bytes(20)),
    "more values": lambda path: zipped(path, header("(2, 2, 2)") + bytes(40)),
    "negative shape": lambda path: zipped(path, header("(-2, -2, 2)") + bytes(32)),
    "a program": lambda path: zipped(path, header("__import__('os')")),
    "a type of its own": lambda path: zipped(path, header("(1,1,1)", "[('a',") + bytes(4)),
    "a large header": lambda path: zipped(
        path, b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(10**8)
    ),
    "a large map": lambda path: zipped(path, header("(1, 30000, 30000)") + bytes(10**6)),
    "lzma": lambda path: zipped(path, header("(1, 2, 2)") + bytes(16), zipfile.ZIP_LZMA),
    "bzip2": lambda path: zipped(path, header("(1, 2, 2)") + bytes(16), zipfile.ZIP_BZIP2),
    "encrypted": encrypted,
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "nowhere": lambda path: path.symlink_to("/nowhere"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_npz_of_maps_is_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "video.npz"
    ODD[kind](path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AvrspError, match=r"video\.npz: ") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_damaged_npz_files_are_one_line_or_read(tmp_path: Path, predicted: Predict) -> None:
    path, rng = tmp_path / "video.npz", np.random.default_rng(0)
    maps = np.stack(predicted(COUNT))
    np.savez_compressed(path, maps=maps)
    whole = path.read_bytes()
    for _ in range(200):
        content = bytearray(whole)
        content[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(
            content[: rng.integers(1, len(whole) + 1)] if rng.random() < 0.3 else content
        )
        try:
            found, _ = read(path)
        except AvrspError:
            continue
        np.testing.assert_array_equal(found, maps)


def folder_of(maps: list[Array], folder: Path, name: str = "{:04d}.png") -> Path:
    folder.mkdir()
    for number, saliency in enumerate(maps, 1):
        picture = Image.fromarray(np.round(255 * saliency).astype(np.uint8))
        picture.save(folder / name.format(number))
    return folder


def test_hidden_files_are_no_maps(tmp_path: Path, predicted: Predict) -> None:
    maps = predicted(COUNT)
    folder = folder_of(maps, tmp_path / "video")
    for number in range(1, COUNT + 1):
        (folder / f"._{number:04d}.png").write_bytes(b"\0\5\x16\7" + bytes(100))
    (folder / "Thumbs.db").write_bytes(bytes(9))
    found, findings = read(folder)
    unchanged(found, np.stack(maps))
    assert findings == Findings()


@pytest.mark.parametrize(
    "name", ["frame{:04d}_320x240.png", "{:04d}_pred_v2.png", "eyeMap_{}.PNG", "v2_{:d}.tif"]
)
def test_the_number_that_differs_is_the_frames(
    name: str, tmp_path: Path, predicted: Predict
) -> None:
    maps = predicted(COUNT)
    found, findings = read(folder_of(maps, tmp_path / "video", name))
    unchanged(found, np.stack(maps))
    assert findings == Findings()


def test_two_images_of_one_frame_are_refused(tmp_path: Path, predicted: Predict) -> None:
    folder = folder_of(predicted(COUNT), tmp_path / "video")
    (folder / "1.jpg").write_bytes((folder / "0001.png").read_bytes())
    with pytest.raises(RawDataError, match="expected one image a frame"):
        read(folder)


def bomb(path: Path, side: int) -> None:
    """Write a valid black PNG of side x side pixels without holding it."""
    row, packer = bytes(1 + side), zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    shape = side.to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    chunks = [(b"IHDR", shape), (b"IDAT", body), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
            for kind, data in chunks
        )
    )


def test_pictures_that_are_no_maps_cost_their_frame_alone(
    tmp_path: Path, predicted: Predict
) -> None:
    folder = folder_of(predicted(COUNT), tmp_path / "video")
    for number in (2, 3, 4, 5, 6, 7):
        (folder / f"{number:04d}.png").unlink()
    os.mkfifo(folder / "0002.png")
    (folder / "0003.png").symlink_to("/dev/zero")
    (folder / "0004.png").mkdir()
    bomb(folder / "0005.png", 9000)
    bomb(folder / "0006.png", 15000)
    (folder / "0007.png").write_bytes(b"")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found, findings = read(folder)
    assert np.flatnonzero(np.isnan(found).all((1, 2))).tolist() == [1, 2, 3, 4, 5, 6]
    assert findings.faults == [
        "no regular file: frame 1 and 2 more",
        "image of 9000 x 9000 pixels, expected at most 67108864: frame 4",
        "unreadable image (DecompressionBombError): frame 5",
        "unreadable image (UnidentifiedImageError): frame 6",
    ]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_log_densities_and_logits_are_named_and_converted(
    tmp_path: Path, predicted: Predict
) -> None:
    maps = np.stack(predicted(COUNT))
    inner = maps.clip(1e-3, 1 - 1e-3)
    for values, content in (("log", np.log(inner)), ("logits", np.log(inner / (1 - inner)))):
        np.savez(tmp_path / "video.npz", maps=content)
        assert read(tmp_path / "video.npz")[1].remarks == {"negative"}
        found, findings = read(tmp_path / "video.npz", values)  # type: ignore[arg-type]
        unchanged(found, inner)
        assert findings == Findings()
        assert read(tmp_path / "video.npz", "saliency")[1] == Findings()
    with np.errstate(divide="ignore"):
        np.savez(tmp_path / "video.npz", maps=np.log(maps))
    unchanged(read(tmp_path / "video.npz", "log")[0], maps)


def test_heat_maps_are_named_and_converted(tmp_path: Path, predicted: Predict) -> None:
    maps, folder = predicted(COUNT), tmp_path / "video"
    folder.mkdir()
    for number, saliency in enumerate(maps, 1):
        coloured = np.round(255 * colormaps["jet"](saliency)[..., :3]).astype(np.uint8)
        Image.fromarray(coloured).save(folder / f"{number}.png")
    assert read(folder)[1].remarks == {"coloured"}
    found, findings = read(folder, "jet")
    np.testing.assert_allclose(found, np.stack(maps), atol=3 / 255)
    assert findings == Findings()


def test_grey_pictures_of_every_form_are_the_same(tmp_path: Path, predicted: Predict) -> None:
    maps, folder = predicted(COUNT), tmp_path / "video"
    folder.mkdir()
    for number, saliency in enumerate(maps, 1):
        grey = Image.fromarray(np.round(255 * saliency).astype(np.uint8))
        forms = grey.convert("RGB"), grey.convert("RGBA"), grey.convert("LA"), grey.convert("P")
        forms[number % 4].save(folder / f"{number}.png")
    turned = Image.fromarray(np.round(255 * maps[0][::-1, ::-1]).astype(np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 3  # upside down
    turned.save(folder / "1.png", exif=exif)
    found, findings = read(folder)
    unchanged(found, np.stack(maps))
    assert findings == Findings()


def test_maps_are_opened_one_by_one_from_python(tmp_path: Path, predicted: Predict) -> None:
    maps = predicted(3)
    maps[1][0, 0] = np.nan
    np.savez(tmp_path / "video.npz", maps=np.stack(maps))
    found = list(open_maps(str(tmp_path / "video.npz")))
    assert [np.isnan(each).all() for each in found] == [False, True, False]
    np.testing.assert_array_equal(found[2], maps[2])


def test_compressed_values_beyond_the_shape_are_not_unpacked(tmp_path: Path) -> None:
    zipped(tmp_path / "video.npz", header("(1, 2, 2)") + bytes(10**8))
    with pytest.raises(AvrspError, match="but 100000000 bytes of values"):
        read(tmp_path / "video.npz")
