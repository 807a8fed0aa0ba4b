"""The same maps from every kind of holder, and every kind of fault in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from avrsp.errors import RawDataError, StoreError
from avrsp.evaluate import map_values
from avrsp.evaluate.map_readers import Findings, find_maps, read_maps
from avrsp.store.video_store import write_maps

Predict = Callable[[int], list[NDArray[np.float32]]]


def as_store(folder: Path, maps: list[NDArray[np.float32]]) -> Path:
    write_maps(folder / "video.zarr.zip", maps)
    return folder / "video.zarr.zip"


def as_npz(folder: Path, maps: list[NDArray[np.float32]]) -> Path:
    np.savez_compressed(folder / "video.maps.npz", maps=np.stack(maps).astype(np.float16))
    return folder / "video.maps.npz"


def as_images(folder: Path, maps: list[NDArray[np.float32]], suffix: str = ".png") -> Path:
    (folder / "video").mkdir()
    for number, saliency in enumerate(maps, start=1):
        picture = Image.fromarray(np.round(255 * saliency).astype(np.uint8))
        picture.save(folder / "video" / f"eyeMap_{number}{suffix}")
    return folder / "video"


@pytest.mark.parametrize("save", [as_store, as_npz, as_images])
def test_every_holder_gives_the_maps_in_order(
    save: Callable[[Path, list[NDArray[np.float32]]], Path], tmp_path: Path, predicted: Predict
) -> None:
    maps, notes = predicted(35), Findings()
    path = save(tmp_path, maps)
    assert find_maps(tmp_path, "avad", "video") == path
    assert find_maps(path, "avad", "video") == path
    chunks = list(read_maps(path, 35, notes))
    found = np.concatenate(chunks)
    assert max(map(len, chunks)) <= 16
    scale = 255 if save is as_images else 1
    np.testing.assert_allclose(found / scale, np.stack(maps), atol=1 / 500)
    assert notes == Findings()


def test_a_video_of_maps(tmp_path: Path, predicted: Predict) -> None:
    images = as_images(tmp_path, predicted(20))
    path = tmp_path / "clip.mp4"
    source = ffmpeg.input(str(images / "eyeMap_%d.png"), framerate=25)
    source.output(str(path), pix_fmt="yuv444p", crf=1).run(quiet=True)
    found = np.concatenate(list(read_maps(path, 20, Findings())))
    for frame, saliency in enumerate(predicted(20)):
        assert np.corrcoef(found[frame].ravel(), saliency.ravel())[0, 1] > 0.99


def test_maps_are_sought_by_dataset_first(tmp_path: Path, predicted: Predict) -> None:
    as_store(tmp_path, predicted(2))
    (tmp_path / "diem").mkdir()
    own = as_store(tmp_path / "diem", predicted(2))
    assert find_maps(tmp_path, "diem", "video") == own
    assert find_maps(tmp_path, "avad", "video") == tmp_path / "video.zarr.zip"
    assert find_maps(tmp_path, "avad", "other") is None


@pytest.mark.parametrize(
    ("count", "said"),
    [(30, ["wrong count: 20 maps for 30 frames"]), (17, ["wrong count: more maps for 17 frames"])],
)
def test_a_wrong_count(count: int, said: list[str], tmp_path: Path, predicted: Predict) -> None:
    notes = Findings()
    for _ in read_maps(as_store(tmp_path, predicted(20)), count, notes):
        pass
    assert notes.faults == said


def test_unusable_frames_are_nan_and_the_rest_is_read(tmp_path: Path, predicted: Predict) -> None:
    maps, notes = predicted(40), Findings()
    maps[3][2, 2] = np.nan
    maps[30][0, 0] = np.inf
    found = np.concatenate(list(read_maps(as_store(tmp_path, maps), 40, notes)))
    assert np.flatnonzero(np.isnan(found).all((1, 2))).tolist() == [3, 30]
    assert notes.faults == ["NaN or infinity inside: frame 3 and 1 more"]


def test_bad_images(tmp_path: Path, predicted: Predict) -> None:
    folder, notes = as_images(tmp_path, predicted(20)), Findings()
    (folder / "eyeMap_1.png").unlink()
    (folder / "eyeMap_5.png").write_bytes(b"text")
    (folder / "eyeMap_6.png").write_bytes((folder / "eyeMap_7.png").read_bytes()[:90])
    Image.new("L", (5, 5)).save(folder / "eyeMap_9.png")
    chunks = list(read_maps(folder, 20, notes))
    unusable = [np.isnan(each).all() for chunk in chunks for each in chunk]
    assert np.flatnonzero(unusable).tolist() == [0, 4, 5, 8]
    assert sorted(note.split(":")[0] for note in notes.faults) == [
        "no image",
        "unreadable image (UnidentifiedImageError)",
        "unreadable image (ValueError)",  # a part of the PNG is cut short
        "wrong size, expected 24 x 32 as the first map is",
    ]


def test_sixteen_bits_and_counting_from_zero(tmp_path: Path, predicted: Predict) -> None:
    for number, saliency in enumerate(predicted(3)):
        deep = Image.fromarray(np.round(65535 * saliency).astype(np.uint16))
        deep.save(tmp_path / f"{number:05d}.png")
    found = np.concatenate(list(read_maps(tmp_path, 3, Findings())))
    np.testing.assert_allclose(found / 65535, np.stack(predicted(3)), atol=1e-5)


def test_what_holds_no_maps_is_named(tmp_path: Path, predicted: Predict) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RawDataError, match="empty: holds no images"):
        list(read_maps(tmp_path / "empty", 3, Findings()))
    (tmp_path / "video.npz").write_bytes(b"no zip")
    with pytest.raises(StoreError, match="no npz file with an array `maps`"):
        list(read_maps(tmp_path / "video.npz", 3, Findings()))
    path = as_store(tmp_path, predicted(40))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"video\.zarr\.zip"):
        list(read_maps(path, 40, Findings()))


def test_a_map_of_one_value_is_remarked_and_still_read() -> None:
    flat = np.full((4, 6), 7, np.uint8)
    assert map_values.remark(flat) == "constant"
    assert map_values.remark(np.arange(24, dtype=np.uint8).reshape(4, 6)) is None
    np.testing.assert_array_equal(map_values.as_saliency(flat), flat)
