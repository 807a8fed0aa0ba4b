"""The raw layouts: what a video of the mirror and of DHF1K looks like on disk.

Mirror (STAViS): frames, sound and annotations in three trees, numbered from 1; a video is encoded
and taken apart again, as the mirror's were. DHF1K: an AVI and its annotation, three digits for the
one and four for the other; test videos have no annotation.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.io import savemat, wavfile

from avrsp.datasets.dataset_registry import ListedVideo, spec
from avrsp.datasets.stavis_mirror import TREE, TREES
from avrsp.errors import RawDataError
from avrsp.media.pipes import Run, address, complaint, passthrough, running
from avrsp.sample.plan import SPLITS, PlannedVideo

GreyMap = npt.NDArray[np.uint8]

EYE_MAP_QUALITY: Final = 90
MAT_TEXT: Final = b"MATLAB 5.0 MAT-file".ljust(116)
"""Replaces a header that would hold the time of writing."""

UNEVEN: Final = "Coutrot_db2_list_train_1_fps.txt"
UNENDED: Final = "ETMD_av_list_test_3_fps.txt"
"""A list with tabs, wide gaps and blank lines; a list without a line feed at its end."""


class Recording(NamedTuple):
    """A video and its ground truth: H x W x 3 frames, sound, and maps (H x W) of each frame."""

    frames: Iterable[npt.NDArray[np.uint8]]
    sound: EncodedSound | None
    densities: Sequence[GreyMap]
    fixations: Sequence[GreyMap]


def leaves(video: PlannedVideo) -> list[str]:
    """Return the files and folders, below the raw folder, that belong to this video alone."""
    if video.dataset == "dhf1k":
        return [f"dhf1k/video/{video.video}.AVI", f"dhf1k/annotation/{int(video.video):04d}"]
    place = f"{spec(video.dataset).folder}/{video.video}"
    return [f"{TREE}/{tree}/{place}" for tree in TREES]


def write_mirror(folder: Path, video: PlannedVideo, recording: Recording) -> None:
    """Write an audio-visual video, with its quirks, in the mirror's layout below `folder`."""
    frames, audio, annotations = (folder / leaf for leaf in leaves(video))
    source = folder / "source.mp4"
    folder.mkdir(parents=True)
    encode(source, recording.frames, video.rate, recording.sound, MP4)
    has_sound = recording.sound is not None and "missing sound" not in video.quirks
    with taken_apart(source, frames, audio / f"{video.video}.wav" if has_sound else None):
        (annotations / "maps").mkdir(parents=True)
        for number, density, fixation in _numbered(recording):
            Image.fromarray(density).save(
                annotations / "maps" / f"eyeMap_{number:05d}.jpg", quality=EYE_MAP_QUALITY
            )
            _save_mat(annotations / f"fixMap_{number:05d}.mat", "eyeMap", fixation)
    source.unlink()
    if "one frame fewer" in video.quirks:
        (frames / f"img_{video.frames:05d}.jpg").unlink()


def write_dhf1k(folder: Path, video: PlannedVideo, recording: Recording) -> None:
    """Write a video in DHF1K's layout below `folder`."""
    avi, annotation = (folder / leaf for leaf in leaves(video))
    avi.parent.mkdir(parents=True)
    encode(avi, recording.frames, video.rate, recording.sound, AVI)
    if video.roles["1"] == "test":
        return
    (annotation / "maps").mkdir(parents=True)
    (annotation / "fixation" / "maps").mkdir(parents=True)
    for number, density, fixation in _numbered(recording):
        Image.fromarray(density).save(annotation / "maps" / f"{number:04d}.png")
        binary = annotation / "fixation" / f"{number:04d}.png"
        Image.fromarray(fixation * np.uint8(255)).save(binary)
        _save_mat(annotation / "fixation" / "maps" / f"{number:04d}.mat", "I", fixation)


def fold_lists(dataset: str, rows: Sequence[ListedVideo]) -> Iterator[tuple[str, str]]:
    """Yield name and content of a set's fold lists; DHF1K has none."""
    if dataset == "dhf1k":
        return
    for split in SPLITS[:1] if dataset == "diem" else SPLITS:
        for role in ("train", "test"):
            number = "" if dataset == "diem" else f"_{split}"
            name = f"{spec(dataset).folder}_list_{role}{number}_fps.txt"
            yield name, _list_text(name, [row for row in rows if row.roles[split] == role])


def _list_text(name: str, rows: Sequence[ListedVideo]) -> str:
    if name == UNEVEN:
        return "\n".join(f"{row.video}\t{row.frames}   {row.fps} \n" for row in rows)
    text = "".join(f"{row.video} {row.frames} {row.fps}\n" for row in rows)
    return text.rstrip("\n") if name == UNENDED else text


def _numbered(recording: Recording) -> Iterator[tuple[int, GreyMap, GreyMap]]:
    maps = zip(recording.densities, recording.fixations, strict=True)
    for number, (density, fixation) in enumerate(maps, start=1):
        yield number, density, fixation


def _save_mat(path: Path, variable: str, content: GreyMap) -> None:
    with path.open("w+b") as stream:  # SciPy hides why it cannot open a file
        savemat(stream, {variable: content}, do_compression=True)  # type: ignore[arg-type]
        stream.seek(0)
        stream.write(MAT_TEXT)


MP4: Final = ("-c:v", "mpeg4", "-q:v", "3", "-c:a", "aac", "-b:a", "128k")
AVI: Final = ("-c:v", "mpeg4", "-vtag", "XVID", "-q:v", "4", "-c:a", "libmp3lame", "-b:a", "96k")
"""What the mirror's sources and DHF1K's files are like."""

EXACT: Final = ("-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact")
EXACT_SOUND: Final = ("-flags:a", "+bitexact")
"""The same bytes from the same ffmpeg every time, without its version in the file."""

JPEG_QUALITY: Final = ("-q:v", "3")
FFMPEG: Final = ("ffmpeg", "-v", "error", "-nostdin", "-y")


class EncodedSound(NamedTuple):
    """A sound track: samples x channels, 16 bit, and samples a second."""

    samples: npt.NDArray[np.int16]
    rate: int


def encode(
    path: Path,
    frames: Iterable[npt.NDArray[np.uint8]],
    rate: Fraction,
    sound: EncodedSound | None,
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


@contextlib.contextmanager
def taken_apart(path: Path, pictures: Path, wave: Path | None) -> Iterator[None]:
    """Write a video's frames to `pictures` / img_%05d.jpg, and its sound as 16-bit WAV to `wave`.

    ffmpeg does so beside what is done in the `with` block, and at its end both are there.

    Raises:
        RawDataError: ffmpeg is missing or fails.
        OSError: The disk is full.
    """
    pictures.mkdir(parents=True)
    modes = (word for name, mode in passthrough().items() for word in (f"-{name}", mode))
    images = ["-map", "0:v", *modes, *JPEG_QUALITY, *EXACT]
    command = [*FFMPEG, "-threads", "1", "-i", address(path), *images]
    command.append(f"{address(pictures).replace('%', '%%')}/img_%05d.jpg")
    if wave is not None:
        wave.parent.mkdir(parents=True)
        command += ["-map", "0:a", "-c:a", "pcm_s16le", "-fflags", "+bitexact", *EXACT_SOUND]
        command.append(address(wave))
    with running(command) as run:
        yield
        _finish(run, path)


def _finish(run: Run, path: Path) -> None:
    if run.finish() == 0:
        return
    log = run.said()
    if os.strerror(errno.ENOSPC).encode() in log:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    raise RawDataError(
        f"{path.name}: ffmpeg failed ({complaint(log)}); `ffmpeg -encoders` must list "
        "mpeg4, aac and libmp3lame"
    )
