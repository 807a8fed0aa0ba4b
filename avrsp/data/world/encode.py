"""Encode drawn frames and sound with ffmpeg, and let ffmpeg take a video apart again."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.io import wavfile

from avrsp.data.pipes import Run, address, complaint, running
from avrsp.errors import RawDataError

MP4: Final = ("-c:v", "mpeg4", "-q:v", "3", "-c:a", "aac", "-b:a", "128k")
AVI: Final = ("-c:v", "mpeg4", "-vtag", "XVID", "-q:v", "4", "-c:a", "libmp3lame", "-b:a", "96k")
"""What the mirror's sources and DHF1K's files are like."""

EXACT: Final = ("-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact")
EXACT_SOUND: Final = ("-flags:a", "+bitexact")
"""The same bytes from the same ffmpeg every time, without its version in the file."""

JPEG_QUALITY: Final = ("-q:v", "3")
FFMPEG: Final = ("ffmpeg", "-v", "error", "-nostdin", "-y")


class Sound(NamedTuple):
    """A sound track: samples x channels, 16 bit, and samples a second."""

    samples: npt.NDArray[np.int16]
    rate: int


def encode(
    path: Path,
    frames: Iterable[npt.NDArray[np.uint8]],
    rate: Fraction,
    sound: Sound | None,
    codecs: Sequence[str],
) -> None:
    """Write frames (H x W x 3, RGB) and sound to `path` in the format that its suffix names.

    Raises:
        RawDataError: ffmpeg is missing or fails.
        OSError: The disk is full.
    """
    frames = iter(frames)
    first = next(frames)
    height, width, _ = first.shape
    picture = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}")
    wave = path.with_suffix(".source.wav")
    inputs = [*picture, "-framerate", str(rate), "-i", "pipe:0"]
    if sound is not None:
        wavfile.write(wave, sound.rate, sound.samples)
        inputs += ["-i", address(wave)]
    output = ["-pix_fmt", "yuv420p", *codecs, *EXACT, *EXACT_SOUND, address(path)]
    with running([*FFMPEG, *inputs, *output], feed=True) as run:
        with contextlib.suppress(BrokenPipeError):  # its own complaint says more
            run.write(first.tobytes())
            for frame in frames:
                run.write(frame.tobytes())
        _finish(run, path)
    wave.unlink(missing_ok=True)


def take_apart(path: Path, pictures: Path, wave: Path | None) -> None:
    """Write a video's frames to `pictures` / img_%05d.jpg, and its sound as 16-bit WAV to `wave`.

    Raises:
        RawDataError: ffmpeg is missing or fails.
        OSError: The disk is full.
    """
    pictures.mkdir(parents=True)
    images = ["-map", "0:v", "-fps_mode", "passthrough", *JPEG_QUALITY, *EXACT]
    command = [*FFMPEG, "-threads", "1", "-i", address(path), *images]
    command.append(address(pictures / "img_%05d.jpg"))
    if wave is not None:
        wave.parent.mkdir(parents=True)
        command += ["-map", "0:a", "-c:a", "pcm_s16le", "-fflags", "+bitexact", *EXACT_SOUND]
        command.append(address(wave))
    with running(command) as run:
        _finish(run, path)


def _finish(run: Run, path: Path) -> None:
    if run.finish() == 0:
        return
    log = run.said()
    if os.strerror(errno.ENOSPC).encode() in log:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    raise RawDataError(
        f"{path.name}: ffmpeg failed ({complaint(log)}); check with `avrsp doctor` that it has the "
        "encoders mpeg4, aac and libmp3lame"
    )
