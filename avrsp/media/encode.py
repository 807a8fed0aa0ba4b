"""Write an MP4 that browsers play: one frame in, one frame out, each at its own time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from avrsp import processes
from avrsp.errors import RawDataError
from avrsp.files import replacing
from avrsp.media import pipes
from avrsp.media.decode import Frame
from avrsp.media.probe import Track

COLOUR: Final = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}
LEAST_TICKS: Final = 90_000
"""Time units a second in the file, at least; a multiple of them is what a frame's time becomes."""

COPIED_SOUND: Final = frozenset({"aac", "mp3", "opus", "flac", "alac", "ac3", "eac3"})


REPEATABLE: Final = {
    "threads": 1,
    "fflags": "+bitexact",
    "flags:v": "+bitexact",
    "flags:a": "+bitexact",
    "map_metadata": -1,
}


@dataclass(frozen=True, slots=True)
class Quality:
    """How exactly picture and sound are kept.

    Attributes:
        preset: Of x264: how much time it takes to save bytes.
        crf: Of x264: 18 is near lossless, 28 small.
        sound_bitrate: Of sound that is not copied, bits a second.
        copied: Whether sound is copied where MP4 holds it.
        repeatable: The same bytes from the same frames, by one thread and without dates.
    """

    preset: str = "veryfast"
    crf: int = 20
    sound_bitrate: str = "192k"
    copied: bool = True
    repeatable: bool = False


def encode(  # noqa: PLR0913 - what a film consists of
    path: Path,
    frames: Iterable[Frame],
    *,
    rate: Fraction,
    sound: Track | None = None,
    pixel_aspect: Fraction = Fraction(1),
    quality: Quality = Quality(),
    notes: list[str] | None = None,
) -> int:
    """Write `frames`, each at its time, to the MP4 file `path` atomically; return their number.

    Odd sizes are padded by one repeated row or column, since yuv420p knows only even ones.
    `rate`, in frames a second, is the nominal or average one; the last frame lasts 1 / `rate`.
    Sound is copied where MP4 can hold it, encoded as AAC otherwise, and stays in step with the
    frames' times; where it cannot be read, `notes` receives a line.

    Raises:
        RawDataError: There are no frames, or ffmpeg cannot write the file.
    """
    with replacing(path) as temporary:
        command = _picture_command(temporary, rate, pixel_aspect, quality)
        count, begin = _write_picture(command, frames, rate, temporary)
        lost = sound is not None and not _add_sound(temporary, begin, sound, quality)
        if lost and sound is not None and notes is not None:
            notes.append(f"{sound.path}: its sound cannot be read, so {path.name} has none")
    return count


def _write_picture(
    command: Sequence[str], frames: Iterable[Frame], rate: Fraction, path: Path
) -> tuple[int, float]:
    """Write the frames without sound; return their number and the time of the first."""
    count, begin = 0, 0.0
    with pipes.running(command, feed=True) as run:
        with contextlib.suppress(BrokenPipeError):  # the exit code and the log say why
            for frame in frames:
                image = _even(frame.image)
                if not count:
                    begin = frame.time
                    run.write(header(image.shape[0], image.shape[1], rate))
                run.write(block_header(frame.time - begin, image.nbytes))
                run.write(image.data.cast("B"))
                count += 1
        failed = run.finish(path)
        if failed or not count:
            why = pipes.complaint(run.said()) if count else "there are no frames"
            raise RawDataError(f"{path.name}: the video cannot be written ({why})")
    return count, begin


def _even(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last row or column of an H x W x 3 image where H or W is odd."""
    height, width = image.shape[:2]
    margin = ((0, height % 2), (0, width % 2), (0, 0))
    return np.ascontiguousarray(
        np.pad(image, margin, mode="edge") if height % 2 or width % 2 else image
    )


def _picture_command(
    path: Path, rate: Fraction, pixel_aspect: Fraction, quality: Quality
) -> list[str]:
    ticks = rate.numerator * -(-LEAST_TICKS // rate.numerator)
    aspect = pixel_aspect.limit_denominator(1000)
    return pipes.command(
        ffmpeg.input("pipe:", format="matroska").output(
            pipes.quoted(path),
            vcodec="libx264",
            preset=quality.preset,
            crf=quality.crf,
            pix_fmt="yuv420p",
            **COLOUR,
            vf=f"scale=out_color_matrix=bt709:out_range=tv,setsar={aspect.numerator}/{aspect.denominator}",
            enc_time_base=f"1/{CLOCK}",
            video_track_timescale=ticks,
            movflags="+faststart",
            format="mp4",
            **pipes.passthrough(),
            **(REPEATABLE if quality.repeatable else {}),
        )
    )


def _add_sound(path: Path, begin: float, sound: Track, quality: Quality) -> bool:
    """Put a sound beside the picture in `path`, a temporary name of `files.replacing`.

    Its first frame is shown at `begin` seconds.
    """
    name = path.name.split("-", 3)[3]  # short enough for a disk, and swept as `path` is
    joined = path.with_name(f".tmp-{processes.own_mark()}-sound-{name}")
    copied = {"acodec": "copy", "strict": "experimental"}  # which FLAC in MP4 was until ffmpeg 6
    encoded = {"acodec": "aac", "audio_bitrate": quality.sound_bitrate}
    ways = (copied, encoded) if quality.copied and sound.codec in COPIED_SOUND else (encoded,)
    exact = REPEATABLE if quality.repeatable else {}
    try:
        for codec in ways:
            shown = ffmpeg.input(pipes.quoted(path), itsoffset=f"{begin:.6f}")
            file = pipes.source(sound.path, sound=sound.picture is None)
            options = {"vcodec": "copy", "movflags": "+faststart", "format": "mp4"}
            outputs = ffmpeg.output(
                shown, file[str(sound.stream)], pipes.quoted(joined), **options, **codec, **exact
            )
            if sound.picture is not None:
                beside = pipes.clocked(file, sound.picture, vcodec="copy")
                outputs = ffmpeg.merge_outputs(outputs, beside)
            with pipes.running(pipes.command(outputs)) as run:
                if run.finish(joined) == 0 and joined.exists():
                    joined.replace(path)
                    return True
        return False
    finally:
        joined.unlink(missing_ok=True)


CLOCK = 1_000_000
"""Time units a second."""

UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
KEY_FRAME = b"\x81\x00\x00\x80"


def header(height: int, width: int, rate: Fraction) -> bytes:
    """Return what precedes the first frame of an RGB video; `rate` is in frames a second."""
    kind = _element(0x1A45DFA3, _element(0x4282, b"matroska"))
    clock = _element(0x1549A966, _number(0x2AD7B1, 1_000_000_000 // CLOCK))
    picture = _element(
        0xE0, _number(0xB0, width) + _number(0xBA, height) + _element(0x2EB524, b"RGB\x18")
    )
    track = b"".join(
        (
            _number(0xD7, 1),
            _number(0x73C5, 1),
            _number(0x83, 1),
            _element(0x86, b"V_UNCOMPRESSED"),
            _number(0x23E383, round(1_000_000_000 / rate)),
            picture,
        )
    )
    segment = (0x18538067).to_bytes(4) + UNKNOWN_SIZE
    return kind + segment + clock + _element(0x1654AE6B, _element(0xAE, track))


def block_header(time: float, size: int) -> bytes:
    """Return what precedes a frame of `size` bytes shown `time` seconds after the start."""
    stamp = _number(0xE7, round(time * CLOCK))
    block = _head(0xA3, len(KEY_FRAME) + size) + KEY_FRAME
    return _head(0x1F43B675, len(stamp) + len(block) + size) + stamp + block


def _element(name: int, content: bytes) -> bytes:
    return _head(name, len(content)) + content


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(8))


def _head(name: int, size: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8) + (size | 1 << 56).to_bytes(8)
