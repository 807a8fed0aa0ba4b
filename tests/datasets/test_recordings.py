"""A user's own recordings: read, refused with the row that is wrong, checked, and converted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.io import loadmat

from avrsp import datasets, params, paths
from avrsp.cli import commands
from avrsp.convert.convert_video import Layout, convert
from avrsp.datasets import gaze_csv, recordings, recordings_check
from avrsp.datasets.dataset_registry import DatasetSpec
from avrsp.datasets.recorded_video import RecordedVideo, points_by_frame
from avrsp.datasets.recordings_about import RecordingsDescription, read_about
from avrsp.errors import ParamsError, RawDataError
from avrsp.store.video_store import VideoStore
from tests.datasets.recorded import ABOUT, FRAMES, HEIGHT, RATE, WIDTH, disc, samples, write_folder

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("recordings") / "disc")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "disc"))


def checked(folder: Path) -> tuple[int, str]:
    done = CliRunner().invoke(commands, ["recordings", "check", str(folder)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def entry_of(folder: Path) -> DatasetSpec:
    return recordings.entry("mine", folder, read_about(folder))


def test_samples_become_fixations_maps_and_sound_in_the_store(folder: Path, tmp_path: Path) -> None:
    raw, store = tmp_path / "raw", tmp_path / "store.zarr.zip"
    entry = entry_of(folder)
    assert entry.prepare is not None
    assert entry.list_videos is not None
    entry.prepare(raw)
    row = entry.list_videos(raw)[0]
    assert (row.video, row.frames, row.fps) == ("disc", FRAMES, RATE)
    verdict = convert(entry, row, raw, store, Layout(32, 48, 8, "c0de"))
    assert verdict.kept
    assert verdict.has_sound
    found = VideoStore(store)
    assert found.truth_size == (HEIGHT, WIDTH)
    np.testing.assert_allclose(np.diff(found.times), 1 / RATE, atol=1e-6)
    for frame in (20, 75, 120):
        x, y = disc(np.array((frame + 0.5) / RATE))
        density = found.density(frame)
        assert density.max() == 255
        peak = np.unravel_index(density.argmax(), density.shape)
        np.testing.assert_allclose(peak, (y, x), atol=1.5)
        observers = found.observers(frame)
        assert observers is not None
        assert {*observers.tolist()} == {
            0,
            1,
            2,
        }
    made = found.attributes.ground_truth
    degree = 640 / 32 * 2 * 60 * np.tan(np.radians(0.5)) / 4  # shown four times as large
    assert made["pixels_per_degree"] == pytest.approx(degree, abs=1e-3)
    assert made["sigma_degrees"] == 1
    assert made["fixations"] == "I-VT, 30 degrees a second, 100 ms"
    assert made["viewers"] == 3


def test_a_sample_counts_in_the_frame_that_is_shown_at_its_time() -> None:
    about = RecordingsDescription.model_validate(
        {"name": "a", "viewers": "b", "heard_sound": False, "licence": "c", "detector": "none"}
        | {"sigma_pixels": 5, "fractions": {"test": 1}}
    )
    gaze = gaze_csv.Gaze(
        viewers=("a", "b"),
        observer=np.array([0, 0, 0, 1, 1, 1], np.int16),
        time=np.array([-0.01, 0.0, 0.099, 0.1, 0.35, 0.46]),
        x=np.array([1.0, 2.0, 3.0, 4.9, 9.0, 5.0]),
        y=np.array([1.0, 2.0, 3.0, 4.9, 50.0, 5.0]),
        duration=None,
    )
    times = np.array([0.0, 0.1, 0.3])
    points, who, stated = points_by_frame(gaze, times, (10, 10), about)
    assert [each.tolist() for each in points] == [[[2, 2], [3, 3]], [[4, 4]], []]
    assert [each.tolist() for each in who] == [[0, 0], [1], []]
    assert stated == "none: every sample"


def test_a_fixation_counts_in_each_frame_whose_middle_it_covers(folder: Path) -> None:
    rows = [("a", 0.01, 0.04, 7.5, 3.5), ("a", 0.1, 0.04, 20.0, 9.0), ("b", 0.0, 6.0, 30.0, 40.0)]
    table = pd.DataFrame(rows, columns=["observer", "time", "duration", "x", "y"])
    table.to_csv(folder / "gaze" / "disc.csv", index=False)
    found = RecordedVideo(Path(), str(folder), "disc").annotation(FRAMES, RATE)
    of_a = [each.tolist() for each in found.of(0)]
    assert of_a[:4] == [[[3, 7]], [], [[9, 20]], []]  # middles at 0.02, 0.06, 0.10 and 0.14
    assert all(each.tolist() == [[40, 30]] for each in found.of(1))
    assert found.made["fixations"] == "as given, with their durations"


@pytest.mark.parametrize("name", ["{:04d}.png", "map{}.png"])
def test_maps_instead_of_gaze_are_taken_as_they_are(folder: Path, name: str) -> None:
    shutil.rmtree(folder / "gaze")
    maps = folder / "maps" / "disc"
    maps.mkdir(parents=True)
    for number in range(FRAMES):
        Image.fromarray(np.full((12, 20), number, np.uint8)).save(maps / name.format(number))
    video = RecordedVideo(Path(), str(folder), "disc")
    assert video.counts().maps == FRAMES
    assert [int(each.max()) for each in video.densities(12)] == list(range(12))
    assert not sum(map(len, video.annotation(FRAMES, RATE).points))


def test_right_recordings_have_no_fault_and_a_sheet(folder: Path) -> None:
    code, said = checked(folder)
    assert (code, "no fault" in said) == (0, True), said
    assert "3 viewers, 1800 samples, 100.0 % inside, 0.0 % lost" in said
    assert (folder / "check" / "disc.png").stat().st_size > 1000


WRONG: dict[str, tuple[Change, str]] = {
    "milliseconds": (lambda t: t.assign(time=t["time"] * 1000), "in milliseconds?"),
    "divided": (lambda t: t.assign(time=t["time"] / 1000), "divided by 1000?"),
    "upwards": (lambda t: t.assign(y=HEIGHT - t["y"]), "is y measured from the bottom?"),
    "mirrored": (lambda t: t.assign(x=WIDTH - t["x"]), "is x measured from the right?"),
    "screen": (lambda t: t.assign(x=t["x"] * 4, y=t["y"] * 4), "pixels of the screen"),
    "fractions": (lambda t: t.assign(x=t["x"] / WIDTH, y=t["y"] / HEIGHT), "fractions"),
    "no observer": (lambda t: t.drop(columns="observer"), "row 1: no column observer"),
    "empty observer": (
        lambda t: t.assign(observer=t["observer"].where(t.index != 4)),
        "row 6: obs",
    ),
    "one name": (lambda t: t.assign(observer="x"), "rows 602, 603, 604 and 1197 more: the same"),
    "a word": (
        lambda t: t.assign(x=t["x"].astype(object).where(t.index != 9, "l0")),
        "row 11: x is 'l0'",
    ),
    "half a place": (
        lambda t: t.assign(y=t["y"].where(t.index != 0)),
        "row 2: only one of x and y",
    ),
    "no duration": (lambda t: t.assign(duration=0), "duration is not above 0"),
    "valid": (lambda t: t.assign(valid=2), "valid is not 1 or 0"),
    "a column twice": (lambda t: t.assign(X=t["x"]), "row 1: column x is there twice"),
    "all lost": (lambda t: t.assign(x=np.nan, y=np.nan), "every one is lost"),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_column_is_named_with_its_file(folder: Path, name: str) -> None:
    change, expected = WRONG[name]
    file = folder / "gaze" / "disc.csv"
    change(samples()).to_csv(file, index=False)
    code, said = checked(folder)
    assert code == 1
    faults = [line for line in said.splitlines() if line.startswith("fault:")]
    assert len(faults) == 1, said
    assert f"{file}: " in faults[0]
    assert expected in faults[0]


def test_rows_are_counted_as_an_editor_does_with_lines_that_hold_nothing(folder: Path) -> None:
    file = folder / "gaze" / "disc.csv"
    head, *lines = samples().to_csv(index=False).splitlines()
    lost = lines[5].split(",")[:2]
    lines[5] = ",".join([*lost, "l0", "1"])
    file.write_text("\n".join(["", head, "", *lines[:3], ",,,", *lines[3:], "", ""]))
    code, said = checked(folder)
    assert code == 1
    assert f"{file}: row 10: x is 'l0'" in said
    lines[5] = ",".join([*lost, "1", "1"])
    file.write_text("\n".join(["", head, "", *lines[:3], ",,,", *lines[3:], "", ""]))
    assert checked(folder)[0] == 0
    for nothing in ("", " \n\n", ",,,\n,,,\n"):
        file.write_text(nothing)
        code, said = checked(folder)
        assert (code, f"{file}: " in said) == (1, True), said


def test_faults_of_the_folder_are_named(folder: Path) -> None:
    shutil.copy(folder / "gaze" / "disc.csv", folder / "gaze" / "dics.csv")
    about = ABOUT.replace("fractions: {train: 0.5, test: 0.5}", "splits: {train: [disk]}")
    (folder / "dataset.yaml").write_text(about)
    code, said = checked(folder)
    assert code == 1
    for expected in ("dics.csv: no video of this name", "no video disk", "disc has no role"):
        assert expected in said


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("licence: CC0-1.0\n", "", "licence: Field required"),
        ("heard_sound: true", "heard_sound: maybe", "heard_sound: "),
        ("train: 0.5", "train: 0.9", "shares that sum to 1"),
        ("width_cm: 32, ", "", "expected pixels_per_degree, or screen with width_cm"),
        ("detector: ivt", "detector: idv", "detector: Input should be 'idt', 'ivt' or 'none'"),
        ("name: Disc", "name: [", "not YAML"),
    ],
)
def test_a_wrong_dataset_yaml_is_one_line(folder: Path, old: str, new: str, expected: str) -> None:
    assert old in ABOUT
    (folder / "dataset.yaml").write_text(ABOUT.replace(old, new))
    with pytest.raises(ParamsError) as error:
        read_about(folder)
    assert expected in str(error.value)
    assert "dataset.yaml" in str(error.value)
    done = CliRunner().invoke(commands, ["recordings", "check", str(folder)])
    assert isinstance(done.exception, ParamsError)


def test_conversion_sets_aside_what_the_check_would_name(folder: Path, tmp_path: Path) -> None:
    file = folder / "gaze" / "disc.csv"
    samples().assign(time=lambda t: t["time"] * 1000).to_csv(file, index=False)
    entry = entry_of(folder)
    assert entry.prepare is not None
    assert entry.list_videos is not None
    entry.prepare(tmp_path)
    row = entry.list_videos(tmp_path)[0]
    verdict = convert(entry, row, tmp_path, tmp_path / "s.zarr.zip", Layout(32, 48, 8, "c0de"))
    assert not verdict.kept
    assert "in milliseconds?" in str(verdict.reason)


def test_params_make_a_folder_a_dataset(folder: Path, workspace: Path) -> None:
    file = workspace / "params.yaml"
    file.write_text(file.read_text().replace("recordings: {}", f"recordings: {{mine: {folder}}}"))
    loaded = params.load(paths.params_file())
    datasets.register_named(loaded, Path())
    assert datasets.spec("mine").title == "Disc"
    assert datasets.spec("mine").viewers_heard_sound
    datasets.register_named(loaded.model_copy(update={"recordings": {}}), Path())
    with pytest.raises(ParamsError, match="no such dataset"):
        datasets.spec("mine")
    with pytest.raises(ParamsError, match="there is a dataset of this key already"):
        datasets.register_named(
            loaded.model_copy(update={"recordings": {"diem": str(folder)}}), Path()
        )


def test_roles_by_fractions_are_drawn_by_name_and_complete(folder: Path) -> None:
    about = read_about(folder).model_copy(
        update={"fractions": {"train": 0.6, "validation": 0.2, "test": 0.2}}
    )
    videos = [f"v{number}" for number in range(20)]
    roles = recordings.divided("mine", about, videos)
    counts = [list(roles.values()).count(role) for role in ("train", "validation", "test")]
    assert counts == [12, 4, 4]
    assert recordings.divided("mine", about, videos[::-1]) == roles


def test_gaze_that_no_frame_has_is_a_fault(folder: Path) -> None:
    path = next((folder / "gaze").glob("*.csv"))
    lost = [
        f"a,{0.002 * row:.3f},{(0, 30, 20)[row % 3]},{(0, 20, 9)[row % 3]}\n" for row in range(500)
    ]
    path.write_text("observer,time,x,y\n" + "".join(lost))
    faults = [line for each in recordings_check.check(folder) for line in each.faults]
    assert len(faults) == 1
    assert "no frame has gaze" in faults[0]
    assert path.name in faults[0]


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    beyond_the_head = b"observer,time,x,y\n1,2,3,4,5\n"
    for content in (
        *(b"", b"observer,time,x,y\n", b"\xff\xfe\x00", b'a,b\n1,2,3,4\n"'),
        beyond_the_head,
    ):
        path.write_bytes(content)
        with pytest.raises(RawDataError, match=r"a\.csv"):
            gaze_csv.read(path)


@pytest.mark.data
def test_real_gaze_has_no_fault_and_is_found_out_upside_down(real: Path, tmp_path: Path) -> None:
    if not (real / "lund2013").is_dir():
        pytest.skip("the recordings of Lund 2013 are not there")
    folder = lund(real / "lund2013", tmp_path / "lund")
    code, said = checked(folder)
    assert code == 0, said
    assert "triple_jump: 6 viewers, 16885 samples" in said
    for file in (folder / "gaze").glob("*.csv"):
        table = pd.read_csv(file)
        table.assign(y=576 - table["y"]).to_csv(file, index=False)
    code, said = checked(folder)
    assert code == 1
    assert "in all videos together, gaze fits the picture better upside down" in said


def lund(source: Path, folder: Path) -> Path:
    """Write the recordings of Lund 2013 as a folder: the video filled a screen of 1024 x 768."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for file in sorted(source.glob("gaze/*_RA.mat")):
        viewer, _, rest = file.stem.partition("_video_")
        video = rest.removesuffix("_labelled_RA")
        position = loadmat(file, simplify_cells=True)["ETdata"]["pos"]
        x, y = position[:, 3] / 1024 * 720, position[:, 4] / 768 * 576
        lost = (x == 0) & (y == 0)
        time = (position[:, 0] - position[0, 0]) / 1e6
        x, y = np.where(lost, np.nan, x), np.where(lost, np.nan, y)
        table = pd.DataFrame({"observer": viewer, "time": time, "x": x, "y": y})
        tables.setdefault(video, []).append(table)
    shutil.copytree(source / "video", folder / "videos")
    (folder / "gaze").mkdir()
    for video, rows in tables.items():
        pd.concat(rows).to_csv(folder / "gaze" / f"{video}.csv", index=False)
    (folder / "dataset.yaml").write_text(
        "name: Lund 2013\nviewers: ten\nheard_sound: false\nlicence: GPL-3.0\n"
        "screen: {width: 1024, height: 768, width_cm: 38, distance_cm: 67, shown: stretch}\n"
        "detector: ivt\nfractions: {test: 1.0}\n"
    )
    return folder
