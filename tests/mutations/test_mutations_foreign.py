"""What others wrote, damaged: read plausibly or refused in one line, and never for ever.

A format with checksums is never read otherwise than it was; one without can be.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
import soundfile
import torch
import zarr  # noqa: TID251 - files of others
from numpy.typing import NDArray
from PIL import Image
from scipy import sparse
from scipy.io import savemat

from avrsp import params
from avrsp.datasets import gaze_csv, images, msu_files, msu_survey, sheets, trackers
from avrsp.datasets.download.archives import Limits, unpack
from avrsp.datasets.matlab import read_matrix
from avrsp.datasets.recordings_about import read_about
from avrsp.evaluate.map_readers import Findings, read_maps
from avrsp.media import sound
from avrsp.media.luma import read_luma
from avrsp.media.probe import probe_sound
from avrsp.media.reader import VideoReader
from avrsp.media.soundtrack import Soundtrack
from avrsp.models.import_checkpoint import import_checkpoint
from avrsp.models.weights import read_torch
from avrsp.reliance.truth import read_truths
from avrsp.types import SOUND_RATE
from tests.datasets import recorded
from tests.datasets.test_trackers import MADE
from tests.models.test_import import published
from tests.models.tiny import ENTRY
from tests.mutations.mutate import endured

ROUNDS = 3
"""Of eight mutations each."""

HEIGHT, WIDTH, COUNT = 24, 32, 4
MAPS = np.random.default_rng(0).random((COUNT, HEIGHT, WIDTH)).astype(np.float32)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
]


class Reader(NamedTuple):
    """How a file is made and read, and whether its format has checksums over all that is read."""

    name: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    checked: bool = False


def grey() -> Image.Image:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return Image.fromarray(np.uint8((7 * rows + 5 * columns) % 256))


def picture(path: Path) -> object:
    frame = images.read_frame(path, 12, 16)
    assert frame.shape == (12, 16, 3)
    return [frame, images.read_map(path), images.size(path)]


def maps(path: Path) -> object:
    """Read maps as `avrsp evaluate` does; damaged ones are NaN and named."""
    findings = Findings()
    place = path.parent if path.suffix in {".png", ".jpg", ".tif", ".bmp"} else path
    found = [*read_maps(place, COUNT, findings)]
    whole = all(np.isfinite(chunk).all() for chunk in found)
    assert whole or findings.faults
    return None if findings.faults else found


def pictures_of_maps(path: Path) -> None:
    for number in range(1, COUNT + 1):
        name = path.with_name(f"{number:04d}{path.suffix}")
        Image.fromarray(np.uint8(255 * MAPS[number - 1])).save(name)


def zarr_maps(version: Literal[2, 3]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with zarr.storage.ZipStore(path, mode="w") as store:
            group = zarr.create_group(store, zarr_format=version)
            group.create_array("maps", data=MAPS, chunks=(2, HEIGHT, WIDTH))

    return make


def sharded(path: Path) -> None:
    with zarr.storage.ZipStore(path, mode="w") as store:
        group = zarr.create_group(store)
        group.create_array("maps", data=MAPS, chunks=(1, 12, 16), shards=(2, HEIGHT, WIDTH))


def encoded(arguments: str, size: str = "64x48") -> Callable[[Path], None]:
    def make(path: Path) -> None:
        source = f"-f lavfi -i testsrc2=size={size}:rate=25:duration=0.6"
        tone = "-f lavfi -i sine=frequency=440:duration=0.6"
        command = f"ffmpeg -v error -y {source} {tone} {arguments}".split()
        subprocess.run([*command, str(path)], check=True)

    return make


def film(path: Path) -> object:
    """Read picture and sound as `avrsp predict` does; damage that is noticed is a line."""
    reader = VideoReader(path)
    try:
        frames = [*reader.frames(12, 16)]
        lasting = min(frames[-1].time - frames[0].time, 60)
        waveform = reader.sound[: round((lasting + 1) * SOUND_RATE)]
    finally:
        reader.close()
    times = [frame.time for frame in frames]
    assert frames
    assert np.isfinite(times).all()
    assert (np.diff(times) > 0).all()
    assert np.isfinite(waveform).all()
    assert np.abs(waveform).max(initial=0) <= 1
    assert all("\n" not in note for note in reader.notes)
    return None if reader.notes else [frames, waveform]


def planes(path: Path) -> object:
    found = [*read_luma(path)]
    assert len({plane.shape for plane in found}) == 1
    return found


def wav(subtype: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        soundfile.write(path, 0.5 * np.sin(np.arange(9_000) * 0.1), 44_100, subtype=subtype)

    return make


def waveform_of(path: Path) -> object:
    found = sound.read(path)
    assert np.isfinite(found.waveform).all()
    assert np.abs(found.waveform).max(initial=0) <= 1
    return found


def sound_beside_pictures(path: Path) -> object:
    track = Soundtrack(probe_sound(path))
    try:
        found = track[:]
    finally:
        track.close()
    assert np.isfinite(found).all()
    return None if track.complaint else found


def matrix(values: Any, *, compressed: bool = False) -> Callable[[Path], None]:
    return lambda path: savemat(path, {"eyeMap": values}, do_compression=compressed)


MARKED = np.zeros((HEIGHT, WIDTH))
MARKED[4, 8] = MARKED[9, 9] = 1

SHEET = "video\tframes\tfps\tsplit1\tsplit2\tsplit3\n" + "".join(
    f"clip_{n}\t{100 + n}\t25\ttrain\ttest\tval\n" for n in range(6)
)
POINTS = [[[3, 4], [5, 6]], [], [[1, 2]], [[7, 8]]]
LOG = "".join(f"{n}\t500.1\t300.2\t900\t1\t501\t301\t880\t1\n" for n in range(1, 9))


def text(content: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_text(content)

    return make


def gaze_rows(path: Path) -> object:
    gaze, faults = gaze_csv.examine(path)
    assert (gaze is None) == bool(faults)
    assert all("\n" not in fault for fault in faults)
    return gaze


def truths(path: Path) -> None:
    clip = {
        "kind": "sounding", "fps": 25.0, "changes": [0.4], "sounding": [0, 0, 1],
        "objects": [{"positions": [[1, 2], [3, 4]], "diameter": 5}],
    }  # fmt: skip
    path.write_text(json.dumps({"a": clip, "b": {**clip, "kind": "music"}}))


def tar(path: Path) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for number in range(3):
            member = tarfile.TarInfo(f"AVAD/v{number}/img_00001.jpg")
            member.size = 600
            archive.addfile(member, io.BytesIO(bytes(range(200)) * 3))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"AVAD/v{number}/img_00001.jpg", bytes(range(200)) * 3)


def unpacked(path: Path) -> object:
    target = path.with_name("unpacked")
    target.mkdir(exist_ok=True)
    for each in sorted(target.rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
    unpack(path, target, Limits())
    return {str(each.relative_to(target)): each.read_bytes() for each in _files(target)}


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


def imported(path: Path) -> object:
    folder, *_ = import_checkpoint(ENTRY, path, path.parent / "models")
    return (folder / "weights.safetensors").read_bytes()


def rows_of_sheet(path: Path) -> object:
    return sheets.prepared("diem", sheets.read_sheet(path, ("1", "2", "3")), 0.2)


def points(path: Path) -> NDArray[Any] | object:
    return [each.inside for each in msu_survey.read_points(path, (HEIGHT, WIDTH))]


H264 = "-c:v libx264 -preset ultrafast -g 8 -pix_fmt yuv420p -c:a"
READERS = [
    Reader("a.jpg", lambda path: grey().convert("RGB").save(path), picture),
    Reader("a.png", lambda path: grey().save(path), picture, checked=True),
    Reader("0002.png", pictures_of_maps, maps, checked=True),
    Reader("0002.jpg", pictures_of_maps, maps),
    Reader("0002.tif", pictures_of_maps, maps),
    Reader("0002.bmp", pictures_of_maps, maps),
    Reader("a.npz", lambda path: np.savez(path, maps=MAPS), maps, checked=True),
    Reader("b.npz", lambda path: np.savez_compressed(path, maps=MAPS), maps, checked=True),
    Reader("c.npz", lambda path: np.savez(path, maps=np.asfortranarray(MAPS)), maps, checked=True),
    Reader("v2.zarr.zip", zarr_maps(2), maps, checked=True),
    Reader("v3.zarr.zip", zarr_maps(3), maps, checked=True),
    Reader("shards.zarr.zip", sharded, maps, checked=True),
    Reader("maps.mkv", encoded("-an -c:v ffv1 -frames:v 4"), maps),
    Reader("a.mp4", encoded(f"{H264} aac"), film),
    Reader("a.mkv", encoded(f"{H264} libopus"), film),
    Reader("a.webm", encoded("-c:v libvpx -deadline realtime -c:a libvorbis"), film),
    Reader("a.avi", encoded("-c:v mjpeg -q:v 4 -c:a pcm_s16le"), film),
    Reader("a.ts", encoded(f"{H264} aac"), film),
    Reader("a.mpg", encoded("-c:v mpeg2video -c:a mp2"), film),
    Reader("luma.mkv", encoded("-an -c:v ffv1 -pix_fmt yuv420p10le"), planes),
    Reader("pcm.wav", wav("PCM_16"), waveform_of),
    Reader("float.wav", wav("FLOAT"), waveform_of),
    Reader("a.flac", encoded("-map 1:a -c:a flac"), sound_beside_pictures),
    Reader("a.mp3", encoded("-map 1:a -c:a mp3"), sound_beside_pictures),
    Reader("full.mat", matrix(MARKED), lambda path: read_matrix(path, "eyeMap")),
    Reader(
        "packed.mat",
        matrix(sparse.csc_matrix(MARKED), compressed=True),
        lambda path: read_matrix(path, "eyeMap"),
        checked=True,
    ),
    Reader("diem.tsv", text(SHEET), rows_of_sheet),
    Reader("fixations.json", text(json.dumps(POINTS)), points),
    Reader(
        "VideoInfo.json",
        text(json.dumps({"a": {"license": "CC BY"}, "b": {"author": "c"}})),
        lambda path: msu_survey.meta(path.parent),
    ),
    Reader(
        "TrainTestSplit.json",
        text(json.dumps({"train": ["a.mp4", "b"], "public_test": ["c"]})),
        lambda path: msu_files.read_split(path.parent),
    ),
    Reader("gaze.csv", lambda path: recorded.samples(2, 10).to_csv(path, index=False), gaze_rows),
    Reader(
        "log.txt",
        text(LOG),
        lambda path: trackers.read("diem", path),
    ),
    Reader("dataset.yaml", text(recorded.ABOUT), lambda path: read_about(path.parent)),
    Reader(
        "params.yaml", text((Path(__file__).parents[2] / "params.yaml").read_text()), params.load
    ),
    Reader(
        "world.json",
        truths,
        lambda path: read_truths(path.parent, ["world"], [("world", "a"), ("world", "b")]),
    ),
    Reader("AVAD.tar", tar, unpacked),
    Reader("AVAD.tar.gz", tar, unpacked, checked=True),
    Reader("AVAD.zip", zipped, unpacked, checked=True),
    Reader("tiny.pth", lambda path: torch.save(published(), path), imported, checked=True),
    Reader("plain.pth", lambda path: torch.save(published(), path), read_torch, checked=True),
    *(
        Reader(name, write, lambda path, kind=kind: trackers.read(kind, path))  # type: ignore[misc]
        for kind, (write, name, _) in MADE.items()
    ),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_damage_is_told_or_does_no_harm(tmp_path: Path, reader: Reader) -> None:
    path = tmp_path / reader.name
    reader.make(path)
    found = endured(path, reader.read, ROUNDS)
    if reader.checked:
        assert found.other == 0
        assert found.refused > ROUNDS


def test_the_description_beside_a_recording(tmp_path: Path) -> None:
    write, name, _ = MADE["bids"]
    path = write(tmp_path / name)
    about = path.with_name(path.name.replace(".tsv.gz", ".json"))
    found = endured(about, lambda _: trackers.read("bids", path), ROUNDS)
    assert found.refused > ROUNDS
