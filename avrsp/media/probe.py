"""What a video file holds, and which of its streams a person means, from one run of ffprobe."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from avrsp.errors import RawDataError
from avrsp.media.pipes import STALL_SECONDS, address, complaint, guards, running

FALLBACK_RATE: Final = Fraction(25)
HIGHEST_RATE: Final = 1000
"""Frames a second above which a stated rate is a time base, not a rate."""

PACKETS: Final = 600
"""Packets at the start of a file whose times are looked at."""

FASTER: Final = 1.5
"""How many times its packets' rate a stated rate may be; beyond that it is a time base."""

JUMP: Final = 600.0
"""Seconds between two frames beyond which no picture is shown that long: the clock jumps."""

FEWEST: Final = 8
"""A picture stream with fewer than 1 / 8 of another one's frames is a preview, or stills."""

RIGHT_ANGLE: Final = 1.0
"""Degrees from a quarter turn within which ffmpeg turns a picture by it, and swaps its sides."""

ENTRIES: Final = (
    "packet=stream_index,pts_time:format=duration:"
    "stream=index,codec_type,codec_name,width,height,avg_frame_rate,r_frame_rate,nb_frames,"
    "duration,bit_rate,sample_rate,channels,sample_aspect_ratio,pix_fmt,color_range,sample_fmt,"
    "profile,start_time:"
    "stream_disposition=default,attached_pic:stream_side_data_list:stream_tags=rotate,DURATION"
)
"""What is asked for. Before FFmpeg 5.1, side data may be known by their list's name only."""

Stream = dict[str, Any]
Times = Mapping[int, NDArray[np.float64]]
"""The rising times in seconds of the first packets of each stream."""


@dataclass(frozen=True, slots=True)
class Track:
    """The sound of a file.

    Attributes:
        path: The file.
        stream: Index of the sound's stream in it.
        codec: ffmpeg's name of its codec; None where it has none.
        rate: Samples a second; None where the file does not say.
        channels: None where the file does not say.
        decodable: Whether ffmpeg could decode the start of it.
        picture: Index of the stream whose frames it belongs to; None in a sound file, on whose own
            clock the frames' times then are.
        start: Seconds at which it begins.
    """

    path: Path
    stream: int
    codec: str | None
    rate: int | None
    channels: int | None
    decodable: bool = True
    picture: int | None = None
    start: float = 0.0


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
        sound: The chosen sound; None without sound.
        rotation: Degrees by which the picture is turned when shown, counter-clockwise.
        pixel_aspect: Width of a shown pixel over its height.
        pixel_format: ffmpeg's name of how the picture's samples are stored; empty if not known.
        full_range: Whether luma spans all levels; else 16 to 235 of 8 bits, 64 to 940 of 10.
        profile: ffmpeg's name of the codec's profile; empty if not known.
        longest_step: Seconds that a picture is shown at most, of the first ones of the file.
    """

    width: int
    height: int
    rate: Fraction
    frames: int | None
    duration: float | None
    video_stream: int
    sound: Track | None
    rotation: int
    pixel_aspect: Fraction
    pixel_format: str = ""
    full_range: bool = False
    profile: str = ""
    longest_step: float = 0.0

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(self.rate)

    @property
    def has_sound(self) -> bool:
        """Whether there is a sound track, be it a silent one."""
        return self.sound is not None

    @property
    def expected(self) -> int | None:
        """How many frames will be shown: the least that the file's own facts allow."""
        # an edit list hides frames that are stored and counted
        lasting = None if self.duration is None else max(1, round(self.duration * self.rate))
        return min((each for each in (self.frames, lasting) if each is not None), default=None)


def probe(path: Path) -> Media:
    """Read what `path` holds and choose its picture and its sound.

    What can be decoded comes first, then what lasts (a film before a preview or stills), then the
    default stream, then the larger picture, the sound with more channels.

    Raises:
        RawDataError: Not a readable file, or not a video that ffmpeg knows.
    """
    found = _inspect(path)
    streams: list[Stream] = found.get("streams", [])
    times = _packet_times(found.get("packets", []))
    videos = [stream for stream in streams if _is_picture(stream)]
    if not videos:
        raise RawDataError(f"{path}: holds no video stream; expected a video file")
    video = _chosen_picture(videos, times)
    rotation = _rotation(video)
    sideways = abs(rotation % 180 - 90) < RIGHT_ANGLE
    size = int(video["width"]), int(video["height"])
    aspect = _ratio(video.get("sample_aspect_ratio")) or Fraction(1)
    shown = times.get(int(video["index"]), np.zeros(0))
    return Media(
        width=size[sideways],
        height=size[not sideways],
        rate=_frame_rate(video, shown),
        frames=_count(video.get("nb_frames")),
        duration=_lasting(video) or _seconds(found.get("format", {}).get("duration")),
        video_stream=int(video["index"]),
        sound=_chosen_sound(path, streams, int(video["index"])),
        rotation=round(rotation),
        pixel_aspect=1 / aspect if sideways else aspect,
        pixel_format=str(video.get("pix_fmt", "")),
        full_range=video.get("color_range") == "pc",
        profile=str(video.get("profile", "")),
        longest_step=float(np.diff(shown).max(initial=0)),
    )


def probe_sound(path: Path) -> Track:
    """Read what sound the sound file `path` holds and choose as `probe` does.

    Raises:
        RawDataError: Not a readable file, or without sound that ffmpeg knows.
    """
    streams = _inspect(path, sound=True).get("streams", [])
    track = _chosen_sound(path, streams, None)
    if track is None:
        raise RawDataError(f"{path}: holds no sound; expected a sound file")
    return track


def _inspect(path: Path, *, sound: bool = False) -> dict[str, Any]:
    _check_file(path, "sound file" if sound else "video")
    command = ["ffprobe", "-v", "error"]
    for name, value in guards(sound=sound).items():
        command += [f"-{name}", value]
    command += ["-of", "json", "-show_entries", ENTRIES, "-read_intervals", f"%+#{PACKETS}"]
    command += ["-i", address(path)]
    with running(command) as run:
        try:
            answer, _ = run.process.communicate(timeout=STALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise RawDataError(
                f"{path}: ffprobe did not finish in {STALL_SECONDS:.0f} s; re-encode it"
            ) from None
        try:
            found = dict(json.loads(answer.decode(errors="replace")))
        except ValueError:  # it ended in the middle of its answer, or before
            found = {}
        # damage among the packets is found again, and said, in decoding
        if run.process.returncode and not found.get("streams"):
            raise RawDataError(
                f"{path}: not a {'sound file' if sound else 'video'} that ffmpeg can read "
                f"({complaint(run.said())}); check the file, or convert it to "
                f"{'WAV' if sound else 'MP4'}"
            )
    return found


def _check_file(path: Path, expected: str) -> None:
    if path.is_file() and path.stat().st_size:
        return
    found = "an empty file" if path.is_file() else "not a regular file"
    found = found if path.exists() else "no such file"
    raise RawDataError(f"{path}: {found}; expected a {expected}")


def _packet_times(packets: Sequence[Mapping[str, Any]]) -> Times:
    times: dict[int, list[float]] = {}
    for packet in packets:
        if "pts_time" in packet and "stream_index" in packet:
            times.setdefault(int(packet["stream_index"]), []).append(float(packet["pts_time"]))
    return {index: np.sort(np.array(found)) for index, found in times.items()}


def _is_picture(stream: Stream) -> bool:
    cover = stream.get("disposition", {}).get("attached_pic", 0)
    shown = stream.get("width", 0) and stream.get("height", 0)
    return stream.get("codec_type") == "video" and bool(shown) and not cover


def _chosen_picture(videos: Sequence[Stream], times: Times) -> Stream:
    counts = [_count(stream.get("nb_frames")) for stream in videos]
    if None in counts:
        counts = [len(times.get(int(stream["index"]), ())) for stream in videos]
    most = max(count or 0 for count in counts)
    films = {
        int(stream["index"]): FEWEST * (count or 0) >= most
        for stream, count in zip(videos, counts, strict=True)
    }
    longest = max(_lasting(stream) or 0 for stream in videos)

    def quality(stream: Stream) -> tuple[int, ...]:
        return (
            _is_decodable(stream, "pix_fmt"),
            films[int(stream["index"])],
            _lasts(stream, longest),
            _is_default(stream),
            int(stream["width"]) * int(stream["height"]),
            _count(stream.get("bit_rate")) or 0,
            -int(stream["index"]),
        )

    return max(videos, key=quality)


def _chosen_sound(path: Path, streams: Sequence[Stream], picture: int | None) -> Track | None:
    sounds = [stream for stream in streams if stream.get("codec_type") == "audio"]
    if not sounds:
        return None
    longest = max(_lasting(stream) or 0 for stream in sounds)

    def quality(stream: Stream) -> tuple[int, ...]:
        return (
            _is_decodable(stream, "sample_fmt"),
            _lasts(stream, longest),
            _is_default(stream),
            _count(stream.get("channels")) or 0,
            _count(stream.get("sample_rate")) or 0,
            _count(stream.get("bit_rate")) or 0,
            -int(stream["index"]),
        )

    chosen = max(sounds, key=quality)
    return Track(
        path,
        int(chosen["index"]),
        chosen.get("codec_name"),
        _count(chosen.get("sample_rate")),
        _count(chosen.get("channels")),
        _is_decodable(chosen, "sample_fmt"),
        picture,
        _seconds(chosen.get("start_time")) or 0.0,
    )


def _is_decodable(stream: Stream, sample: str) -> bool:
    """Say whether ffprobe learnt the kind of pixel or sample, which takes a decoder."""
    return str(stream.get(sample, "unknown")) != "unknown"


def _lasts(stream: Stream, longest: float) -> bool:
    lasting = _lasting(stream)
    return lasting is None or 2 * lasting >= longest


def _is_default(stream: Stream) -> int:
    return int(stream.get("disposition", {}).get("default", 0))


def _frame_rate(stream: Stream, times: NDArray[np.float64]) -> Fraction:
    """Return the stated rate, unless it cannot be that of the packets at those times."""
    stated = [_ratio(stream.get(key)) for key in ("avg_frame_rate", "r_frame_rate")]
    rate = next((each for each in stated if each is not None and each <= HIGHEST_RATE), None)
    steps = np.diff(times)
    steps = steps[steps > 0]
    if steps.max(initial=0) > JUMP:  # an average over it says nothing
        rate, steps = None, steps[steps <= JUMP]
    if len(steps) < FEWEST:
        return rate or FALLBACK_RATE
    seen, fastest = 1 / steps.mean(), 1 / np.percentile(steps, 10)
    counted = _count(stream.get("nb_frames")) is not None  # then it is their true average
    if rate is not None and rate <= FASTER * fastest and (counted or seen <= FASTER * rate):
        return rate
    return Fraction(float(seen)).limit_denominator(1001)


def _rotation(stream: Stream) -> float:
    for data in stream.get("side_data_list", []):
        if "rotation" in data:
            return float(data["rotation"])
    return float(stream.get("tags", {}).get("rotate", 0))


def _ratio(text: str | None) -> Fraction | None:
    """Read `24000/1001` or `4:3`; None for nothing, zero, or a zero denominator."""
    above, _, below = (text or "").replace(":", "/").partition("/")
    if not (above.isdigit() and below.isdigit() and int(above) and int(below)):
        return None
    return Fraction(int(above), int(below))


def _count(text: str | int | None) -> int | None:
    number = str(text or "")
    return int(number) if number.isdigit() and int(number) else None


def _lasting(stream: Stream) -> float | None:
    """Return the seconds that a stream lasts, which Matroska keeps in a tag as h:m:s."""
    parts = str(stream.get("tags", {}).get("DURATION", "")).split(":")
    if len(parts) == 3 and (tag := _seconds(parts[2])) is not None:  # noqa: PLR2004
        hours, minutes = (int(part) if part.isdigit() else 0 for part in parts[:2])
        return 3600 * hours + 60 * minutes + tag
    return _seconds(stream.get("duration"))


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or 0)
    except ValueError:  # N/A
        return None
    return seconds if 0 < seconds < float("inf") else None
