from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from avrsp.media.probe import Media
from avrsp.prediction import exports, records
from avrsp.prediction.batch import predict_videos
from avrsp.prediction.find_videos import find_videos
from avrsp.prediction.kept_maps import KeptMaps
from avrsp.prediction.overlay_style import MapsForm
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.wanted import OutputChoice
from avrsp.types import InputSpec

Make = Callable[[str, str], Path]

PICTURE = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.2 -c:v mpeg4"
MAPS = OutputChoice(overlay=False)


class Bright(nn.Module):
    """Looks at what is bright in the last frame."""

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        return torch.sigmoid(frames[:, :, -1].float().mean(1))


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(
        Bright(), InputSpec(8, 16, 24, audio=True), torch.device("cpu"), "float32", "stand-in"
    )


@pytest.fixture
def video(make_video: Make) -> Path:
    return make_video("clip.mp4", PICTURE)


@pytest.mark.parametrize(("form", "name"), [("png", "clip.maps"), ("npz", "clip.maps.npz")])
def test_what_a_person_has_there_is_left_alone(
    video: Path,
    tmp_path: Path,
    predictor: Predictor,
    capsys: pytest.CaptureFixture[str],
    form: MapsForm,
    name: str,
) -> None:
    out = tmp_path / "out"
    own = out / name / "thesis.txt" if form == "png" else out / name
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    assert predict_videos([video], out, predictor, OutputChoice(overlay=False, maps=form)) == [
        video
    ]
    (line,) = [each for each in capsys.readouterr().err.splitlines() if "avrsp:" in each]
    assert f"{out / name}: is there already" in line
    assert own.read_text() == "mine"
    assert [each.name for each in out.iterdir()] == [name]


def test_facts_never_overwrite_a_persons_json(
    video: Path, tmp_path: Path, predictor: Predictor
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "clip.json").write_text("{}")
    wanted = OutputChoice(overlay=False, maps="none", json=True)
    assert predict_videos([video], out, predictor, wanted) == [video]
    assert (out / "clip.json").read_text() == "{}"
    (out / "clip.json").rename(out / "other.json")
    assert predict_videos([video], out, predictor, wanted) == []
    (out / "clip.prediction.json").write_text('{"a person\'s": 1}')
    assert predict_videos([video], out, predictor, wanted) == [video]


def test_what_a_person_put_among_the_results_is_left_alone(
    video: Path, tmp_path: Path, predictor: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    pictures = OutputChoice(overlay=False, maps="png")
    assert predict_videos([video], out, predictor, pictures) == []
    notes = out / "clip.maps" / "notes.txt"
    notes.write_text("mine")
    again = OutputChoice(overlay=False, maps="png", stride=2)
    assert predict_videos([video], out, predictor, again) == [video]
    assert f"{notes}: is there already" in capsys.readouterr().err
    assert notes.read_text() == "mine"
    assert len(list((out / "clip.maps").glob("*.png"))) == 5
    notes.unlink()
    assert predict_videos([video], out, predictor, again) == []


def test_a_record_that_is_no_json_is_not_ours_unless_it_begins_so(
    video: Path, tmp_path: Path, predictor: Predictor
) -> None:
    out = tmp_path / "out"
    assert predict_videos([video], out, predictor, MAPS) == []
    record, maps = out / "clip.prediction.json", out / "clip.maps.npz"
    record.write_bytes(record.read_bytes()[:-20])
    assert predict_videos([video], out, predictor, MAPS) == []
    for path in (record, maps):
        path.write_text("my notes")
    assert predict_videos([video], out, predictor, MAPS) == [video]
    assert record.read_text() == maps.read_text() == "my notes"


def test_another_video_of_the_same_name_gets_another_name(
    make_video: Make, tmp_path: Path, predictor: Predictor
) -> None:
    out, videos = tmp_path / "out", []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        videos.append(make_video(f"{folder}/walk.mp4", PICTURE))
        assert predict_videos(videos[-1:], out, predictor, MAPS) == []
    names = {"walk.maps.npz", "b-walk.maps.npz", "walk.prediction.json", "b-walk.prediction.json"}
    assert {path.name for path in out.iterdir()} == names
    before = {path: path.stat().st_ino for path in out.iterdir()}
    assert predict_videos(videos[1:], out, predictor, MAPS) == []
    assert {path: path.stat().st_ino for path in out.iterdir()} == before


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_damaged_results_are_made_again(
    video: Path, tmp_path: Path, predictor: Predictor, damage: str
) -> None:
    out = tmp_path / "out"
    assert predict_videos([video], out, predictor, MAPS) == []
    maps = out / "clip.maps.npz"
    whole = maps.read_bytes()
    changed = bytes([whole[40] ^ 1]) + whole[41:]
    maps.write_bytes(whole[:-9] if damage == "cut" else whole[:40] + changed)
    assert predict_videos([video], out, predictor, MAPS) == []
    assert maps.read_bytes() == whole


def test_a_video_of_another_content_is_predicted_again(
    video: Path, tmp_path: Path, predictor: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = MAPS
    assert predict_videos([video], tmp_path, predictor, wanted) == []
    times, content = video.stat(), bytearray(video.read_bytes())
    content[content.index(b"mdat") + 40] ^= 255
    video.write_bytes(content)
    os.utime(video, ns=(times.st_atime_ns, times.st_mtime_ns))
    records._content.cache_clear()  # as in another process
    capsys.readouterr()
    predict_videos([video], tmp_path, predictor, wanted)
    assert "holds something else than when its results were written" in capsys.readouterr().err
    assert predict_videos([video], tmp_path, predictor, wanted) == []
    said = capsys.readouterr().err
    assert "done before, left as it is" in said
    assert "holds something else" not in said


def test_forms_of_earlier_runs_stay(video: Path, tmp_path: Path, predictor: Predictor) -> None:
    out = tmp_path / "out"
    forms: tuple[MapsForm, ...] = ("png", "npz", "png")
    for form in forms:
        wanted = OutputChoice(overlay=False, maps=form)
        assert predict_videos([video], out, predictor, wanted) == []
    assert len(list((out / "clip.maps").iterdir())) == 5
    assert len(np.load(out / "clip.maps.npz")["maps"]) == 5


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ENAMETOOLONG, errno.ELOOP])
def test_a_fault_of_the_disk_is_a_line_and_the_others_go_on(
    make_video: Make,
    tmp_path: Path,
    predictor: Predictor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    video, other = make_video("clip.mp4", PICTURE), make_video("other.mp4", PICTURE)

    def refused(path: Path, maps: KeptMaps, media: Media) -> None:
        if path.name.startswith("clip"):
            raise OSError(number, os.strerror(number), str(path))
        exports.write_npz(path, maps, media)

    monkeypatch.setitem(exports.WRITERS, "npz", refused)
    assert predict_videos([video, other], tmp_path / "out", predictor, MAPS) == [video]
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("avrsp:")]
    assert len(said) == 1
    assert "clip" in said[0]
    assert {path.name.split(".")[0] for path in (tmp_path / "out").iterdir()} == {"other"}


def test_our_own_mistakes_are_no_fault_of_the_video(
    video: Path, tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> None:
        raise TypeError("a defect")

    monkeypatch.setitem(exports.WRITERS, "npz", mistaken)
    with pytest.raises(TypeError, match="a defect"):
        predict_videos([video], tmp_path / "out", predictor, MAPS)


def test_links_are_named_as_given_and_odd_names_do_no_harm(
    video: Path, tmp_path: Path, predictor: Predictor, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder, out = tmp_path / "snapshot", tmp_path / "out"
    folder.mkdir()
    for name in ("walk.mp4", "walk_copy.mp4"):
        (folder / name).symlink_to(video)
    latin, long = os.fsdecode(b"caf\xe9.mp4"), "long title " * 22 + ".mp4"
    for name in (latin, long):
        (folder / name).write_bytes(video.read_bytes())
    found = find_videos([str(folder)])
    assert len(found) == 4
    assert predict_videos(found, out, predictor, OutputChoice()) == []
    written = {os.fsencode(path.name) for path in out.glob("*.maps.npz")}
    assert {b"walk.maps.npz", b"walk_copy.maps.npz", b"caf\xe9.maps.npz"} < written
    assert len(written) == 4
    assert b"caf\xe9.maps.npz" in capfdbinary.readouterr().out
    inodes = {path: path.stat().st_ino for path in out.iterdir()}
    assert predict_videos(found, out, predictor, OutputChoice()) == []
    assert {path: path.stat().st_ino for path in out.iterdir()} == inodes


def test_long_names_stay_apart() -> None:
    videos = [Path(f"/a/{'long ' * 45}{number}.mp4") for number in range(3)]
    named = records.names(videos)
    assert len(set(named)) == 3
    assert all(len(name.encode()) <= records.LONGEST for name in named)


def test_a_video_is_looked_at_once_and_decoded_for_maps_and_for_pictures(
    video: Path, tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    popen = subprocess.Popen

    def counted(command: list[str], **options: object) -> object:
        started.append(command[0] if str(video) in " ".join(command) else "other")
        return popen(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", counted)
    assert predict_videos([video], tmp_path / "out", predictor, OutputChoice(json=True)) == []
    assert [each for each in started if each != "other"] == ["ffprobe", "ffmpeg", "ffmpeg"]
