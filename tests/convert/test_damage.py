"""Damaged raw files by name; `test_mutations` has those at random."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import sparse
from scipy.io import savemat

from avrsp.store.video_store import VideoStore
from tests.raw_videos import HEIGHT, LISTED, WIDTH, Convert, MirrorFiles


def _deep_png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((HEIGHT, WIDTH), 9_000, np.uint16)).save(stream, "PNG")
    return stream.getvalue()


MATLAB_7_3 = b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(384) + b"\x89HDF\r\n\x1a\n"


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\xd8\xff", _deep_png(), MATLAB_7_3])
@pytest.mark.parametrize("kind", ["frame", "density", "fixation", "wav"])
def test_an_unreadable_file_sets_the_video_aside_by_name(
    mirror: MirrorFiles, converted: Convert, kind: str, content: bytes
) -> None:
    path = mirror.wav if kind == "wav" else getattr(mirror, kind)(4)
    path.write_bytes(content)
    verdict = converted()
    assert not verdict.kept
    assert verdict.reason is not None
    assert str(path) in verdict.reason
    assert "\n" not in verdict.reason


def _patched(path: Path, where: int, value: int) -> None:
    content = bytearray(path.read_bytes())
    content[where : where + 4] = value.to_bytes(4, "little")
    path.write_bytes(content)


RATE_AT, LENGTH_AT = 24, 40


def test_a_sound_file_that_claims_more_samples_gives_those_that_are_there(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    converted()
    expected = store.waveform
    _patched(mirror.wav, LENGTH_AT, 0x7FFF_FFFE)
    assert converted().kept
    np.testing.assert_array_equal(VideoStore(store.path).waveform, expected)


@pytest.mark.parametrize("rate", [0, 7, 900_000])
def test_a_sound_file_of_an_impossible_rate_is_set_aside(
    mirror: MirrorFiles, converted: Convert, rate: int
) -> None:
    _patched(mirror.wav, RATE_AT, rate)
    assert "a.wav" in (converted().reason or "")


def test_a_sound_file_that_lies_about_its_rate_does_not_fit_the_picture(
    mirror: MirrorFiles, converted: Convert
) -> None:
    _patched(mirror.wav, RATE_AT, 8_000)
    assert converted().notes == ["sound lasts 0.68 s, the picture 0.24 s: cut"]


def test_a_fault_of_the_machine_is_not_blamed_on_the_data(
    mirror: MirrorFiles, converted: Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path, formats: object) -> NoReturn:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(Image, "open", broken)
    with pytest.raises(OSError, match="Input/output error"):
        converted()


def test_a_cut_avi_is_set_aside(dhf1k: Path, converted: Convert) -> None:
    path = dhf1k / "dhf1k/video/005.AVI"
    path.write_bytes(path.read_bytes()[:3_000])
    verdict = converted("dhf1k", video="005", fps=30.0)
    assert not verdict.kept
    path.write_bytes(b"RIFF")
    assert "005.AVI" in (converted("dhf1k", video="005", fps=30.0).reason or "")


@pytest.mark.parametrize("error", [TypeError, MemoryError, AttributeError, IndexError])
def test_a_defect_of_ours_or_of_the_machine_ends_the_job(
    mirror: MirrorFiles,
    converted: Convert,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        raise error("ours")

    for place in ("PIL.Image.Image.resize", "avrsp.datasets.map_images.fixated"):
        with monkeypatch.context() as patched:
            patched.setattr(place, broken)
            with pytest.raises(error, match="ours"):
                converted()
    assert converted().kept


MARKED = np.zeros((HEIGHT, WIDTH))
MARKED[4, 8] = 1


@pytest.mark.parametrize(
    "matrix",
    [
        sparse.csc_matrix(MARKED),
        sparse.csc_matrix(MARKED.astype(bool)),
        MARKED.astype(bool),
        MARKED * 255,
        MARKED.astype(np.int16) * 3,
    ],
    ids=["sparse", "sparse logical", "logical", "255", "a count"],
)
def test_fixation_maps_as_people_save_them_are_read(
    mirror: MirrorFiles, converted: Convert, store: VideoStore, matrix: object
) -> None:
    savemat(mirror.fixation(4), {"eyeMap": matrix}, do_compression=True)
    assert converted().notes == []
    assert store.fixations(3).tolist() == [[4, 8]]


def test_maps_that_count_fixations_are_noted(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    counts = MARKED.copy()
    counts[5, 9] = 2
    savemat(mirror.fixation(4), {"eyeMap": counts})
    assert converted().notes == ["1 fixation maps of counts: each pixel counts once"]
    assert store.fixations(3).tolist() == [[4, 8], [5, 9]]


@pytest.mark.parametrize(
    "matrix",
    [
        np.where(MARKED, np.nan, 0),
        np.where(MARKED, np.inf, 0),
        MARKED - 1,
        MARKED * 0.3,
        1 - MARKED,
        MARKED.T,
        MARKED.reshape(1, -1),
    ],
    ids=["NaN", "infinite", "negative", "fraction", "inverted", "transposed", "a row"],
)
def test_what_is_no_map_of_fixations_sets_the_video_aside(
    mirror: MirrorFiles, converted: Convert, matrix: object
) -> None:
    savemat(mirror.fixation(4), {"eyeMap": matrix})
    verdict = converted()
    assert not verdict.kept
    assert str(mirror.fixation(4)) in (verdict.reason or "")


@pytest.mark.parametrize("changed", [lambda m: m.T, lambda m: m.reshape(1, -1)])
def test_fixation_maps_that_are_all_of_another_shape_set_the_video_aside(
    mirror: MirrorFiles,
    converted: Convert,
    changed: Callable[[NDArray[np.generic]], NDArray[np.generic]],
) -> None:
    for number in range(1, LISTED + 1):
        savemat(mirror.fixation(number), {"eyeMap": changed(MARKED)})
    assert "fixation maps of" in (converted().reason or "")


def test_files_that_file_managers_leave_belong_to_no_video(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    converted()
    before = store.path.read_bytes()
    for path in (mirror.frame(1), mirror.density(1), mirror.fixation(1)):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
        path.with_name(".DS_Store").write_bytes(b"x")
    assert converted().kept
    assert store.path.read_bytes() == before
