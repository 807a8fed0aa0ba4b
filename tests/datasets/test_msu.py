"""AViMoS, NTIRE 2026 and CrowdSAL: tiny sets in their layouts, placed, counted and converted."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from avrsp import datasets
from avrsp.convert.convert_video import Layout, convert
from avrsp.datasets import msu_files
from avrsp.datasets.download import outcome
from avrsp.datasets.download.fetch import Means, bring
from avrsp.datasets.gaze import blurred
from avrsp.datasets.msu_survey import read_points
from avrsp.errors import RawDataError
from avrsp.media.luma import read_luma
from avrsp.store.manifest import Verdict
from avrsp.store.video_store import VideoStore

HEIGHT, WIDTH, FRAMES, SIGMA = 64, 96, 6, 6.0
SETS = ("avimos", "ntire2026", "crowdsal")


def points_of(seed: int, size: tuple[int, int]) -> list[list[list[int]]]:
    """Lists of `[y, x]`, a point of each repeated."""
    rng = np.random.default_rng(seed)
    lists = [rng.integers((8, 8), np.subtract(size, 8), (5, 2)).tolist() for _ in range(FRAMES)]
    return [[*points, points[0]] for points in lists]


def write_video(path: Path, frames: int, size: tuple[int, int], *, sound: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = ["-f", "lavfi", "-i", f"testsrc2=size={size[1]}x{size[0]}:rate=30"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440"] if sound else []
    codecs = ["-c:v", "libx264", "-pix_fmt", "yuv420p", *(["-c:a", "aac"] if sound else [])]
    length = ["-frames:v", str(frames), "-t", f"{frames / 30:.3f}"]
    command = ["ffmpeg", "-v", "error", "-y", *source, *tone, *codecs, *length, str(path)]
    subprocess.run(command, check=True)


def write_maps(path: Path, lists: list[list[list[int]]], size: tuple[int, int]) -> None:
    """Encode Gaussians as luma of 10 bits from 64 to 940, and a pixel of 20 beyond them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    planes = []
    for points in lists:
        made = blurred(np.array(points), size, SIGMA)
        luma = np.rint(64 + 876 * (made - made.min()) / np.ptp(made)).astype("<u2")
        luma[0, 0] = 20
        chroma = np.full(size[0] * size[1] // 2, 512, "<u2")
        planes.append(luma.tobytes() + chroma.tobytes())
    source = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", f"{size[1]}x{size[0]}", "-r", "30"]
    codecs = ["-c:v", "ffv1"] if path.suffix == ".mkv" else ["-c:v", "libx264", "-crf", "0"]
    command = ["ffmpeg", "-v", "error", "-y", *source, "-i", "-", *codecs, str(path)]
    subprocess.run(command, input=b"".join(planes), check=True)


def write_set(root: Path, key: str, *, mp4: bool = False) -> None:
    """Write four videos of a set: three of the training part, one upright of the test part."""
    names = ["0001", "0002", "0003", "3001"] if key == "crowdsal" else ["a_1", "a_2", "a_3", "t_1"]
    for number, name in enumerate(names):
        part, size = ("Train", (HEIGHT, WIDTH)) if number < 3 else ("Test", (WIDTH, HEIGHT))
        lists = points_of(number, size)
        video, maps, points = (
            (root / part / "Videos", root / part / "Saliency", root / part / "Fixations")
            if key == "crowdsal"
            else (
                root / "Videos",
                root / f"Saliency{part}/{part}",
                root / f"Fixations{part}/{part}",
            )
        )
        write_video(video / f"{name}.mp4", FRAMES + (number == 1), size, sound=number != 2)
        write_maps(maps / f"{name}.mp4", lists, size)
        file = points / (f"{name}.json" if key == "crowdsal" else f"{name}/fixations.json")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(lists))
    facts = {name: {"license": "CC BY 3.0", "author": f"author of {name}"} for name in names}
    if key == "crowdsal":
        for part in ("Train", "Test"):
            lines = [{"file_name": f"Videos/{name}.mp4", **facts[name]} for name in names]
            (root / part / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
        return
    images = root / "FixationsTrain/Train/a_1/fixations_maps"
    images.mkdir()
    (images / "0000.png").write_bytes(b"not looked at")
    split = {"train": names[:3], "public_test": [], "private_test": names[3:]}
    named = {part: [f"{each}.mp4" if mp4 else each for each in of] for part, of in split.items()}
    (root / "TrainTestSplit.json").write_text(json.dumps(named))
    (root / "VideoInfo.json").write_text(json.dumps(facts))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for key in SETS:
        write_set(folder / key, key, mp4=key == "ntire2026")
    return folder


def brought(workspace: Path, key: str) -> Path:
    """Bring what lies in `incoming`; return the raw folder."""
    raw = workspace / "data/raw/paper"
    state, said = bring(key, raw, [], Means(), outcome.place(raw, key))
    assert (state.present, said) == (True, [])
    return raw


def converted(raw: Path, key: str, store: Path) -> dict[str, tuple[Verdict, Path]]:
    entry = datasets.spec(key)
    assert entry.list_videos is not None
    found = {}
    for row in entry.list_videos(raw):
        path = store / f"{row.video}.zarr.zip"
        found[row.video] = convert(entry, row, raw, path, Layout(32, 48, 8, "c0de")), path
    return found


def nearly(found: NDArray[np.uint8], points: list[list[int]], size: tuple[int, int]) -> None:
    made = blurred(np.array(points), size, SIGMA)
    wanted = 255 * (made - made.min()) / np.ptp(made)
    assert np.abs(found - wanted).mean() < 1.5


@pytest.mark.parametrize("key", SETS)
def test_a_set_becomes_stores(key: str, sets: Path, workspace: Path) -> None:
    shutil.copytree(sets / key, workspace / "data/raw/incoming" / key)
    raw = brought(workspace, key)
    found = converted(raw, key, workspace / "store")
    first, longer, silent, upright = sorted(found)
    assert all(verdict.kept for verdict, _ in found.values())
    assert [found[name][0].roles["all"] for name in sorted(found)] == ["train"] * 3 + ["test"]
    assert [found[name][0].has_sound for name in sorted(found)] == [True, True, False, True]
    assert any("7 lists" in note or "lists 7" in note for note in found[longer][0].notes)
    for number, name in ((0, first), (3, upright)):
        store = VideoStore(found[name][1])
        size = (HEIGHT, WIDTH) if number == 0 else (WIDTH, HEIGHT)
        lists = points_of(number, size)
        assert store.truth_size == size
        assert len(store) == FRAMES
        for frame in (0, FRAMES - 1):
            assert store.fixations(frame).tolist() == lists[frame]
            nearly(store.density(frame), lists[frame], size)
            assert store.density(frame).max() == 255
        assert store.attributes.credit == f"author of {name}, CC BY 3.0"
        assert "mouse" in str(store.attributes.ground_truth["source"])
    assert silent in found


def test_archives_and_folders_are_taken_side_by_side(sets: Path, workspace: Path) -> None:
    incoming = workspace / "data/raw/incoming/avimos"
    shutil.copytree(sets / "avimos", incoming)
    for part in ("Videos", "FixationsTest"):
        shutil.make_archive(str(incoming / part), "zip", incoming / part)
        shutil.rmtree(incoming / part)
    raw = brought(workspace, "avimos")
    assert (raw / "avimos/Videos").is_dir()
    assert (raw / "avimos/SaliencyTrain").is_symlink()
    assert len(msu_files.index("avimos", raw / "avimos")) == 4
    assert json.loads((workspace / "data/archives.lock").read_text()).keys() == {
        "avimos/FixationsTest.zip",
        "avimos/Videos.zip",
    }


def test_what_is_not_there_is_absent_with_what_to_do(workspace: Path) -> None:
    raw = workspace / "data/raw/paper"
    state, said = bring("crowdsal", raw, [], Means(), outcome.place(raw, "crowdsal"))
    assert not state.present
    assert len(said) == 1
    assert "run: avrsp download crowdsal, or put Train/Videos" in said[0]


def test_a_state_is_stale_when_videos_come(sets: Path, workspace: Path) -> None:
    place = workspace / "data/raw/incoming/crowdsal"
    shutil.copytree(sets / "crowdsal", place)
    late = place / "Train/Videos/0002.mp4"
    late.rename(workspace / "late.mp4")
    raw = brought(workspace, "crowdsal")
    entry, state = datasets.spec("crowdsal"), outcome.place(raw, "crowdsal")
    assert entry.list_videos is not None
    assert len(entry.list_videos(raw)) == 3
    assert not outcome.is_stale(state, entry, raw, None)
    (workspace / "late.mp4").rename(late)
    assert outcome.is_stale(state, entry, raw, None)
    brought(workspace, "crowdsal")
    assert len(entry.list_videos(raw)) == 4


def test_the_checks_say_a_line_each(
    sets: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(sets / "ntire2026", workspace / "data/raw/incoming/ntire2026")
    brought(workspace, "ntire2026")
    lines = [line for line in capsys.readouterr().err.splitlines() if ": check " in line]
    numbers = [int(line.split("check ")[1].split(":")[0]) for line in lines]
    assert numbers == list(range(1, 15))
    said = "\n".join(lines)
    for expected in (
        "lists 3 train, 0 public_test, 1 private_test, names with .mp4",
        "[y, x]: the longer side shows it in 4 of 4 videos, nothing shows it in 0, [x, y] in 0",
        "6.0 points a frame, 6 at most, 24 repeated; 0 of 4 files are indented",
        "differ in 1 (a_2); 0 lists are empty",
        "frames a second: 30 (4); gaps: none; turned when shown: none",
        "yuv420p10le, limited range (4)",
        "High 10",
        "without sound: 1 (a_3)",
        "1 channels from 0.000 s",
        "not unpacked here: whether it is the second version is not known",
        "facts of videos: author, license; not credited: none",
    ):
        assert expected in said, said
    sigmas = [
        float(each.split(" pixels")[0]) for each in said.split("fitted: ")[1].split(", ")[::2][:1]
    ]
    assert sigmas[0] == pytest.approx(SIGMA, abs=0.3)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([[[90, 10]], [[80, 20]]], "as if they were \\[x, y\\]"),
        ([[[1, 2, 3]]], "list 0 is not one of points"),
        ([[], ["a"]], "list 1 is not one of points"),
        ({"0": []}, "expected a list of points for each frame"),
    ],
)
def test_other_points_are_refused(tmp_path: Path, content: Any, expected: str) -> None:
    path = tmp_path / "fixations.json"
    path.write_text(json.dumps(content))
    with pytest.raises(RawDataError, match=expected):
        read_points(path, (HEIGHT, WIDTH))


def test_points_between_pixels_and_beyond_the_frame(tmp_path: Path) -> None:
    path = tmp_path / "fixations.json"
    inside = [[1.0, 2.0]] * 300
    path.write_text(json.dumps([[[3.7, 4.2], *inside, [-1, 5]], []]))
    first, second = read_points(path, (HEIGHT, WIDTH))
    assert first.inside[0].tolist() == [3, 4]
    assert (first.count, len(first.inside), first.broken, first.repeats) == (302, 301, 1, 299)
    assert second.count == 0


@pytest.mark.parametrize("name", ["maps.mkv", "maps.mp4"])
def test_luma_is_clipped_to_its_range_and_nothing_else_is_done_to_it(
    tmp_path: Path, name: str
) -> None:
    size = HEIGHT, WIDTH
    lists = points_of(0, size)
    write_maps(tmp_path / name, lists, size)
    planes = list(read_luma(tmp_path / name))
    assert len(planes) == FRAMES
    assert all(plane.min() >= 64 and plane.max() <= 940 for plane in planes)
    raw = next(read_luma(tmp_path / name, clipped=False))
    assert raw.min() < 64
    if name.endswith(".mkv"):  # lossless
        made = blurred(np.array(lists[0]), size, SIGMA)
        wanted = np.rint(64 + 876 * (made - made.min()) / np.ptp(made))
        np.testing.assert_array_equal(planes[0].ravel()[1:], wanted.ravel()[1:])


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("key", SETS)
def test_the_tiny_sets_give_what_is_expected_of_them(key: str, real: Path, workspace: Path) -> None:
    tiny = real / "msu_tiny"
    if not tiny.is_dir():
        pytest.skip("the tiny sets are not there")
    incoming = workspace / "data/raw/incoming"
    incoming.mkdir(parents=True)
    (incoming / key).symlink_to(tiny / key)
    found = converted(brought(workspace, key), key, workspace / "store")
    expected = json.loads((tiny / "expected.json").read_text())[key]
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        verdict, path = found[name]
        store = VideoStore(path)
        points = [store.fixations(frame) for frame in range(len(store))]
        joined = np.concatenate(points)
        assert verdict.kept
        assert (verdict.height, verdict.width) == (wanted["height"], wanted["width"])
        assert verdict.fps == wanted["rate"]
        assert len(store) == min(wanted["video_frames"], wanted["map_frames"])
        assert verdict.has_sound == wanted["sound"]
        assert len(joined) == wanted["points"]
        assert len(points[0]) == wanted["points_in_first_frame"]
        assert points[0][0].tolist() == wanted["first_point_yx"]
        assert joined.max(axis=0).tolist() == [wanted["largest_y"], wanted["largest_x"]]
        assert verdict.roles["all"] == ("train" if wanted["split"].lower() == "train" else "test")
        assert all(later > earlier for earlier, later in pairwise(store.times))
