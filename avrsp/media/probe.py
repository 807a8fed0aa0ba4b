"""What a video file holds, and its frames and sound, decoded by ffmpeg."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from avrsp.errors import RawDataError
from avrsp.media.pipes import GUARDS, STALL_SECONDS, address, complaint, running

FALLBACK_RATE = Fraction(25)
HIGHEST_RATE = 1000
"""Frames a second above which a stated rate is a time base, not a rate."""

ENTRIES = (
    "format=start_time,duration:"
    "stream=index,codec_type,codec_name,width,height,avg_frame_rate,r_frame_rate,nb_frames,start_time,"
    "duration,bit_rate,pix_fmt,color_range,sample_rate,channels,sample_aspect_ratio:"
    "stream_disposition=default,attached_pic:stream_side_data=rotation:stream_tags=rotate"
)

Stream = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Media:
    """The chosen picture and sound of a video file.

    Attributes:
        width: Pixels of the picture as shown, after rotation.
        height: Likewise.
        rate: Frames a second, exact where the file states it; the average where it varies.
        frames: How many the file says it stores; None where it does not say.
        duration: Seconds, of the picture where the file says so, else of the whole file.
        video_stream: Index of the chosen video stream in the file.
        audio_stream: Index of the chosen audio stream; None without sound.
        sound_codec: ffmpeg's name of its codec; None without sound.
        sound_rate: Samples a second of the chosen audio stream; None without sound.
        sound_channels: Its channels.
        rotation: Degrees by which the picture is turned when shown, counter-clockwise.
        pixel_aspect: Width of a shown pixel over its height.
        pixel_format: ffmpeg's name of how the picture's samples are stored; empty if not known.
        full_range: Whether luma spans all levels; else 16 to 235 of 8 bits, 64 to 940 of 10.
    """

    width: int
    height: int
    rate: Fraction
    frames: int | None
    duration: float | None
    video_stream: int
    audio_stream: int | None
    sound_codec: str | None
    sound_rate: int | None
    sound_channels: int | None
    rotation: int
    pixel_aspect: Fraction
    pixel_format: str = ""
    full_range: bool = False

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(self.rate)

    @property
    def has_sound(self) -> bool:
        """Whether there is a sound track, be it a silent one."""
        return self.audio_stream is not None

    @property
    def expected(self) -> int | None:
        """How many frames will be shown: the least that the file's own facts allow."""
        # an edit list hides frames that are stored and counted
        lasting = None if self.duration is None else max(1, round(self.duration * self.rate))
        return min((each for each in (self.frames, lasting) if each is not None), default=None)


def probe(path: Path) -> Media:
    """Read what `path` holds; of several streams the default one is chosen, else the best.

    Raises:
        RawDataError: Not a readable file, or not a video that ffmpeg knows.
    """
    found = _inspect(path)
    streams: list[Stream] = found.get("streams", [])
    videos = [stream for stream in streams if _is_picture(stream)]
    if not videos:
        raise RawDataError(f"{path}: holds no video stream; expected a video file")
    video = max(videos, key=_picture_quality)
    sounds = [stream for stream in streams if stream.get("codec_type") == "audio"]
    sound = max(sounds, key=_sound_quality, default=None)
    rotation = _rotation(video)
    sideways = rotation % 180 != 0
    size = int(video["width"]), int(video["height"])
    aspect = _ratio(video.get("sample_aspect_ratio")) or Fraction(1)
    return Media(
        width=size[sideways],
        height=size[not sideways],
        rate=_frame_rate(video),
        frames=_count(video.get("nb_frames")),
        duration=_seconds(video.get("duration")) or _seconds(found["format"].get("duration")),
        video_stream=int(video["index"]),
        audio_stream=None if sound is None else int(sound["index"]),
        sound_codec=None if sound is None else sound.get("codec_name"),
        sound_rate=None if sound is None else _count(sound.get("sample_rate")),
        sound_channels=None if sound is None else _count(sound.get("channels")),
        rotation=rotation,
        pixel_aspect=1 / aspect if sideways else aspect,
        pixel_format=str(video.get("pix_fmt", "")),
        full_range=video.get("color_range") == "pc",
    )


def _inspect(path: Path) -> dict[str, Any]:
    _check_file(path)
    command = ["ffprobe", "-v", "error"]
    for name, value in GUARDS.items():
        command += [f"-{name}", value]
    command += ["-of", "json", "-show_entries", ENTRIES, "-i", address(path)]
    with running(command) as run:
        try:
            answer, _ = run.process.communicate(timeout=STALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise RawDataError(
                f"{path}: ffprobe did not finish in {STALL_SECONDS:.0f} s; re-encode the video"
            ) from None
        if run.process.returncode:
            raise RawDataError(
                f"{path}: not a video that ffmpeg can read ({complaint(run.said())}); "
                "check the file, or convert it to MP4"
            )
    return dict(json.loads(answer.decode(errors="replace")))


def _check_file(path: Path) -> None:
    if path.is_file() and path.stat().st_size:
        return
    found = "an empty file" if path.is_file() else "not a regular file"
    raise RawDataError(f"{path}: {found if path.exists() else 'no such file'}; expected a video")


def _is_picture(stream: Stream) -> bool:
    cover = stream.get("disposition", {}).get("attached_pic", 0)
    shown = stream.get("width", 0) and stream.get("height", 0)
    return stream.get("codec_type") == "video" and bool(shown) and not cover


def _picture_quality(stream: Stream) -> tuple[int, int, int, int]:
    pixels = int(stream["width"]) * int(stream["height"])
    return _is_default(stream), pixels, _count(stream.get("bit_rate")) or 0, -int(stream["index"])


def _sound_quality(stream: Stream) -> tuple[int, int, int, int, int]:
    return (
        _is_default(stream),
        _count(stream.get("channels")) or 0,
        _count(stream.get("sample_rate")) or 0,
        _count(stream.get("bit_rate")) or 0,
        -int(stream["index"]),
    )


def _is_default(stream: Stream) -> int:
    return int(stream.get("disposition", {}).get("default", 0))


def _frame_rate(stream: Stream) -> Fraction:
    for key in ("avg_frame_rate", "r_frame_rate"):
        rate = _ratio(stream.get(key))
        if rate is not None and rate <= HIGHEST_RATE:
            return rate
    return FALLBACK_RATE


def _rotation(stream: Stream) -> int:
    for data in stream.get("side_data_list", []):
        if "rotation" in data:
            return round(float(data["rotation"]))
    return round(float(stream.get("tags", {}).get("rotate", 0)))


def _ratio(text: str | None) -> Fraction | None:
    """Read `24000/1001` or `4:3`; None for nothing, zero, or a zero denominator."""
    above, _, below = (text or "").replace(":", "/").partition("/")
    if not (above.isdigit() and below.isdigit() and int(above) and int(below)):
        return None
    return Fraction(int(above), int(below))


def _count(text: str | int | None) -> int | None:
    number = str(text or "")
    return int(number) if number.isdigit() and int(number) else None


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or 0)
    except ValueError:  # N/A
        return None
    return seconds if seconds > 0 else None
