"""Frames out of a video file, each with its time, streamed through pipes in flat memory."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from avrsp.errors import RawDataError
from avrsp.media.pipes import (
    LONGEST_BACK,
    QUIET,
    Run,
    clocked,
    command,
    complaint,
    passthrough,
    running,
    source,
)
from avrsp.media.probe import Media, Track, probe
from avrsp.media.sound import Sound, read
from avrsp.media.soundtrack import Soundtrack
from avrsp.types import SOUND_RATE, Resampling

__all__ = ["Frame", "Media", "frame_times", "probe", "read_frames", "read_sound", "read_timed"]

Size = tuple[int, int]
"""Height and width in pixels."""

Picture = NDArray[np.uint8]

SCALING: Final = "accurate_rnd+full_chroma_int"
FILTERS: Final[dict[Resampling, str]] = {
    "nearest": "neighbor",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "lanczos",
}
"""What FFmpeg calls them; where a picture shrinks, all but the first average."""
TALKATIVE: Final = (*QUIET, "-loglevel", "level+info")
"""The times of frames are logged as information."""

EMPTY_PACKETS: Final = 2
"""How many frames a sound file may lack: Xvid's empty packets are counted in an AVI's header."""

LEAST_STEP: Final = 0.001
"""Seconds after its predecessor at which a frame is shown that has the same time, or one before."""

LEAP: Final = 10.0
"""Seconds between two frames from which on ffmpeg may have mended the clock between them."""

REORDERED: Final = 3
"""Frames that are shown after, but decoded before, the one at which ffmpeg mends a clock."""

FLICKS: Final = 705_600_000
"""Time units a second, of which every usual time base and frame rate has a whole number."""

STAMP: Final = re.compile(rb"^\[Parsed_showinfo[^\]]*\] \[info\] n: *\d+ pts: *(\S+)", re.MULTILINE)
FAULT: Final = re.compile(rb"^.*\[(?:error|fatal)\].*$", re.MULTILINE)
CONTEXT: Final = re.compile(rb"\[(?:[a-z#0-9]+[:/])*([^\]\s@]+)(?: @ 0x[0-9a-f]+)?\]")
WRITERS: Final = (b"rawvideo", b"null", b"out#", b"aost", b"aist", b"af#", b"auto_aresample")
"""What in ffmpeg's log has nothing to do with the picture that is read."""


class Frame(NamedTuple):
    """A decoded picture.

    Attributes:
        time: Seconds on the file's clock at which it is first shown.
        image: H x W x 3 uint8, RGB.
    """

    time: float
    image: Picture


def read_frames(
    path: Path, *, height: int, width: int, notes: list[str] | None = None
) -> Iterator[Picture]:
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

    Times rise strictly; see `Clock`.

    Raises:
        RawDataError: Not a video, or no frame of it can be decoded.
    """
    yield from decoded(path, probe(path), (height, width), notes, most)


def frame_times(path: Path) -> NDArray[np.float64]:
    """Return the time in seconds, on the file's clock, of each presented frame: float64 (T,).

    Raises:
        RawDataError: Not a video, or no frame of it can be decoded.
    """
    return np.array([frame.time for frame in read_timed(path, height=2, width=2)], np.float64)


def read_sound(path: Path, *, rate: int, seconds: float | None = None) -> NDArray[np.float32]:
    """Return the sound as mono float32 (N,) in [-1, 1], `rate` samples a second.

    Where `seconds` are given, there are no more: a damaged time stamp can ask for a day of silence.
    Sample 0 is at the time of the first frame; `Soundtrack` says more. The array is empty where
    there is no sound, or none that can be decoded.

    Raises:
        RawDataError: Not a video, or no frame of it can be decoded.
    """
    sound = Soundtrack(probe(path).sound, rate=rate)
    sound.begin = next(read_timed(path, height=2, width=2, most=1)).time
    return sound[: None if seconds is None else round(seconds * rate)]


def sound_of(path: Path, seconds: float) -> Sound:
    """Return the sound of a WAV file, or that of a video, which begins with its first frame.

    Of a video no more than `seconds` are decoded.

    Raises:
        RawDataError: Neither, or it holds no plausible sound.
    """
    if path.suffix.lower() == ".wav":
        return read(path)
    track = probe(path).sound
    waveform = read_sound(path, rate=SOUND_RATE, seconds=seconds)
    rate, channels = (track.rate, track.channels) if track else (None, None)
    return Sound(waveform, rate or SOUND_RATE, channels or 1)


def decoded(
    path: Path,
    media: Media,
    size: Size,
    notes: list[str] | None = None,
    most: int | None = None,
    resampling: Resampling = "bilinear",
) -> Iterator[Frame]:
    """Yield each frame, brought to `size` by the filter `resampling`.

    Raises:
        RawDataError: No frame can be decoded.
    """
    count, faults = 0, b""
    shape = (*size, 3)
    # a sound that turns out not to be decodable must not stand in the way of the picture
    sound = media.sound if media.sound and media.sound.decodable else None
    for clocking in (sound, None) if sound else (None,):
        with running(_command(path, media, size, most, clocking, resampling)) as run:
            for time, content in _timed(run, Clock(run, 1 / media.fps), math.prod(shape)):
                yield Frame(time, np.frombuffer(content, np.uint8).reshape(shape))
                count += 1
            run.finish()
            faults = _picture_faults(run.said(), media)
        if count:
            break
    if not count:
        raise RawDataError(
            f"{path}: no frame can be decoded ({complaint(faults)}); "
            "check the file, or convert it to MP4"
        )
    if notes is not None and most is None:
        notes += _damage(path, media, count, faults)


def _timed(run: Run, clock: Clock, size: int) -> Iterator[tuple[float, bytearray]]:
    """Yield the time and the `size` bytes of each frame; before a jump of time, look ahead."""
    held: deque[bytearray] = deque()
    wanted = 1
    while True:
        # the end may come in the middle of a frame
        while len(held) < wanted and len(content := run.read(size)) == size:
            held.append(content)
        if not held:
            return
        if wanted == 1 and clock.leaps():
            wanted += REORDERED
            continue
        yield clock.next(), held.popleft()
        wanted = 1


def _damage(path: Path, media: Media, count: int, faults: bytes) -> list[str]:
    """Say whether frames are missing, or ffmpeg complained although none is known to be."""
    stated = media.frames is not None
    short = (stated or bool(faults)) and count < (media.expected or 0) - EMPTY_PACKETS
    why = f" ({complaint(faults)})" if faults else ""
    if short:
        of = f"{count} of {media.expected} frames could be read"
        return [f"{path}: damaged or cut short{why}; {of}"]
    return [f"{path}: parts of it cannot be decoded{why}; {count} frames could"] if faults else []


def _picture_faults(log: bytes, media: Media) -> bytes:
    """Return the lines in which ffmpeg complains of the file or of its picture."""
    others: tuple[bytes, ...] = WRITERS
    ignored = b"stream #0:none"
    if media.sound:
        others += ((media.sound.codec or "none").encode(),)
        ignored = f"stream #0:{media.sound.stream}:".encode()
    kept = (
        line
        for line in FAULT.findall(log)
        if ignored not in line
        and not any(name.startswith(others) for name in CONTEXT.findall(line))
    )
    return b"\n".join(kept)


def _command(
    path: Path,
    media: Media,
    size: Size,
    most: int | None,
    sound: Track | None,
    resampling: Resampling,
) -> list[str]:
    file = source(path)
    options = {"format": "rawvideo", "pix_fmt": "rgb24", **passthrough()}
    if most is not None:
        options["frames:v"] = str(most)
    height, width = size
    scale = f"scale={width}:{height}:flags={FILTERS[resampling]}+{SCALING}"
    clock = f"settb=1/{FLICKS},showinfo=checksum=0"
    picture = file[str(media.video_stream)].output("pipe:", vf=f"{scale},{clock}", **options)
    if sound is None:
        return command(picture, TALKATIVE)
    # decoded, because until FFmpeg 6 that, too, decides how a jump of the clock is mended
    limit = {} if most is None else {"frames:a": str(most)}
    return command(ffmpeg.merge_outputs(picture, clocked(file, sound.stream, **limit)), TALKATIVE)


class Clock:
    """Reads from ffmpeg's log when each frame is shown, one frame after the other.

    A frame without a time is shown 1 / rate after its predecessor, one that has its predecessor's
    time or an earlier one a millisecond after it. Where times go back by more than a second, the
    clock was set back, and all later times are shifted. Where ffmpeg has mended a jump, a frame or
    two that it had decoded by then stand beyond the jump; they are shown after their predecessors.
    """

    def __init__(self, run: Run, step: float) -> None:
        self.run = run
        self.step = step
        self.position = 0
        self.stamps: deque[float | None] = deque()
        self.shift = 0.0
        self.last = -math.inf

    def leaps(self) -> bool:
        """Say whether the next frame comes long after its predecessor."""
        self._read_log()
        stamp = self.stamps[0] if self.stamps else None
        return stamp is not None and stamp + self.shift > self.last + LEAP > -math.inf

    def next(self) -> float:
        """Return the time of the next frame in seconds; times rise strictly."""
        self._read_log()
        stray = self.leaps() and self._comes_back()
        stamp = self.stamps.popleft() if self.stamps else None
        time = self.last + self.step if stamp is None or stray else stamp + self.shift
        if not math.isfinite(time):
            time = 0.0
        if time < self.last - LONGEST_BACK:
            self.shift += self.last + self.step - time
            time = self.last + self.step
        self.last = max(time, self.last + LEAST_STEP)
        return self.last

    def _comes_back(self) -> bool:
        """Say whether one of the frames after the next one follows the one before it."""
        coming = (
            each + self.shift for each in islice(self.stamps, 1, 1 + REORDERED) if each is not None
        )
        return any(self.last < time < self.last + LEAP for time in coming)

    def _read_log(self) -> None:
        # A frame's line is logged before its bytes are written, so it is there by now.
        if len(self.stamps) > REORDERED:
            return
        log = self.run.said(self.position)
        whole = log[: log.rfind(b"\n") + 1]
        self.position += len(whole)
        self.stamps.extend(
            int(pts) / FLICKS if pts.lstrip(b"-").isdigit() else None
            for pts in STAMP.findall(whole)
        )
