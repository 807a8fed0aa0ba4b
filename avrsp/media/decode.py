"""Frames and sound out of a video file, streamed through a pipe in flat memory."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from avrsp.errors import RawDataError
from avrsp.media.pipes import GUARDS, MOST_PIXELS, Run, address, complaint, running
from avrsp.media.probe import Media, probe

__all__ = ["Frame", "Media", "frame_times", "probe", "read_frames", "read_sound", "read_timed"]

SCALING = "bilinear+accurate_rnd+full_chroma_int"
SOUND_CHUNK = 1 << 20
LONGEST_SOUND = 24 * 3600
"""Seconds of sound read at most, because a damaged time stamp can ask for years of silence."""

EMPTY_PACKETS = 2
"""How many frames a sound file may lack: Xvid's empty packets are counted in an AVI's header."""

CLOCK = 1_000_000
STAMP = re.compile(rb"^\[Parsed_showinfo[^\]]*\] \[info\] n: *\d+ pts: *(\S+)", re.MULTILINE)
FAULT = re.compile(rb"^.*\[(?:error|fatal)\].*$", re.MULTILINE)


class Frame(NamedTuple):
    """A decoded picture.

    Attributes:
        time: Seconds from the file's start at which it is first shown.
        image: H x W x 3 uint8, RGB.
    """

    time: float
    image: NDArray[np.uint8]


def read_frames(
    path: Path, *, height: int, width: int, notes: list[str] | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Yield each presented frame as H x W x 3 uint8 RGB, upright and scaled to the given size.

    A damaged or cut-short file gives the frames that are there; `notes`, where given, then
    receives one line that says so.

    Raises:
        RawDataError: Not a video, or no frame of it can be decoded.
    """
    for frame in read_timed(path, height=height, width=width, notes=notes):
        yield frame.image


def read_timed(
    path: Path, *, height: int, width: int, notes: list[str] | None = None, most: int | None = None
) -> Iterator[Frame]:
    """Yield what `read_frames` does with the time of each frame, at most `most` frames.

    Times rise strictly: a frame without a time, or out of order, follows its predecessor after
    the average distance of two frames.

    Raises:
        RawDataError: Not a video, or no frame of it can be decoded.
    """
    media = probe(path)
    count = 0
    with running(_picture_command(path, media, (height, width), most)) as run:
        clock = _Clock(run, 1 / media.fps)
        while len(content := run.read(height * width * 3)) == height * width * 3:
            image = np.frombuffer(content, np.uint8).reshape(height, width, 3)
            yield Frame(clock.next(), image)
            count += 1
        run.finish()
        faults = b"\n".join(FAULT.findall(run.said()))
    if not count:
        raise RawDataError(
            f"{path}: no frame can be decoded ({complaint(faults)}); "
            "check the file, or convert it to MP4"
        )
    short = media.frames is not None and count < (media.expected or 0) - EMPTY_PACKETS
    if notes is not None and most is None and (faults or short):
        of = f" of {media.expected}" if short else ""
        why = f" ({complaint(faults)})" if faults else ""
        notes.append(f"{path}: damaged or cut short{why}; {count}{of} frames could be read")


def frame_times(path: Path) -> NDArray[np.float64]:
    """Return the time in seconds, from the file's start, of each presented frame: float64 (T,).

    Raises:
        RawDataError: Not a video, or no frame of it can be decoded.
    """
    return np.array([frame.time for frame in read_timed(path, height=2, width=2)], np.float64)


def read_sound(path: Path, *, rate: int) -> NDArray[np.float32]:
    """Return the sound as mono float32 (N,) in [-1, 1], `rate` samples a second.

    Sample 0 is heard when the first frame is shown: what comes before is left out, and a sound
    that begins later is preceded by zeros, as are gaps in it. What lasts longer than the picture
    is left out too. The array is empty where there is no sound, or none that can be decoded.

    Raises:
        RawDataError: Not a video, or no frame of it can be decoded.
    """
    return samples(b"".join(sound_chunks(path, rate=rate)))


def sound_chunks(path: Path, *, rate: int) -> Iterator[bytearray]:
    """Yield the sound as whole 16-bit samples; `read_sound` says which, and what it raises."""
    media = probe(path)
    if media.audio_stream is None:
        return
    begin = next(read_timed(path, height=2, width=2, most=1)).time
    with running(_sound_command(path, media, rate, begin)) as run:
        while chunk := run.read(SOUND_CHUNK):
            yield chunk[: len(chunk) // 2 * 2]


def samples(content: bytes | bytearray) -> NDArray[np.float32]:
    """Return 16-bit samples as float32 in [-1, 1]."""
    return np.frombuffer(content, np.int16).astype(np.float32) / np.float32(32768)


def _picture_command(
    path: Path, media: Media, size: tuple[int, int], most: int | None
) -> list[str]:
    height, width = size
    filters = (
        f"scale={width}:{height}:flags={SCALING},settb=1/{CLOCK},showinfo=checksum=0"  # the clock
    )
    options = {} if most is None else {"frames:v": most}
    stream = _source(path)[str(media.video_stream)].output(
        "pipe:", vf=filters, vsync="passthrough", format="rawvideo", pix_fmt="rgb24", **options
    )
    return _command(stream)


def _sound_command(path: Path, media: Media, rate: int, begin: float) -> list[str]:
    end = begin + min(media.duration or LONGEST_SOUND, LONGEST_SOUND) + 1
    filters = (
        f"atrim=start={begin:.6f}:end={end:.6f},asetpts=PTS-{begin:.6f}/TB,"
        f"aresample={rate}:async=1:first_pts=0"
    )
    # 16-bit output, since ffmpeg scales the down-mix to [-1, 1] for integers only
    stream = _source(path)[str(media.audio_stream)].output(
        "pipe:", af=filters, format="s16le", acodec="pcm_s16le", ac=1
    )
    return _command(stream)


def _source(path: Path) -> Any:  # noqa: ANN401 - ffmpeg-python has no types
    return ffmpeg.input(address(path), max_pixels=MOST_PIXELS, **GUARDS)


def _command(stream: Any) -> list[str]:  # noqa: ANN401 - ffmpeg-python has no types
    quiet = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info")
    command: list[str] = stream.global_args(*quiet).compile()
    return command


class _Clock:
    """Reads from ffmpeg's log when each frame is shown, one frame after the other."""

    def __init__(self, run: Run, step: float) -> None:
        self.run = run
        self.step = step
        self.position = 0
        self.stamps: deque[bytes] = deque()
        self.last = -math.inf

    def next(self) -> float:
        """Return the time of the next frame in seconds; times rise strictly."""
        if not self.stamps:
            self._read_log()
        stamp = self.stamps.popleft() if self.stamps else b"NOPTS"
        time = self.last + self.step if stamp == b"NOPTS" else int(stamp) / CLOCK
        if not time > self.last:
            time = self.last + self.step
        self.last = time if math.isfinite(time) else 0.0
        return self.last

    def _read_log(self) -> None:
        # A frame's line is logged before its bytes are written, so it is there by now.
        log = self.run.said(self.position)
        whole = log[: log.rfind(b"\n") + 1]
        self.position += len(whole)
        self.stamps.extend(STAMP.findall(whole))
