"""Damaged raw files by name; `test_mutations` has those at random."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image

from avrsp.store.video_store import VideoStore
from tests.raw_videos import HEIGHT, WIDTH, Convert, MirrorFiles


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
    def broken(path: Path) -> NoReturn:
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
