"""Exports in the forms of trackers, each made of the same gaze, give the same rows."""

from __future__ import annotations

import contextlib
import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from avrsp.cli import commands
from avrsp.datasets import gaze_csv, trackers
from avrsp.errors import RawDataError
from tests.datasets.recorded import FRAMES, HEIGHT, RATE, SCREEN, WIDTH, disc, write_folder

CLOCK = 12.5
"""Seconds of the tracker's clock at which the video begins."""

TIMES = np.arange(-20, 620) / 100
LOST = 43
WIDE, HIGH = SCREEN


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("import") / "disc")


def on_screen() -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the screen, on which the video was shown four times as large."""
    x, y = disc(TIMES)
    return 4 * x, 4 * y


def eyelink(path: Path) -> Path:
    lines = ["** CONVERTED", f"MSG\t100 GAZE_COORDS 0.00 0.00 {WIDE - 1}.00 {HIGH - 1}.00"]
    lines += ["SAMPLES\tGAZE\tLEFT\tRIGHT\tRATE\t100.00\tTRACKING\tCR"]
    for number, (time, x, y) in enumerate(zip(TIMES, *on_screen(), strict=True)):
        at = round(1000 * (CLOCK + time))
        if abs(time) < 1e-9:
            lines.append(f"MSG\t{at} VIDEO_ONSET disc.mp4")
        left = ".\t.\t0.0" if number % LOST == 0 else f"{x - 2:.3f}\t{y:.3f}\t900.0"
        right = ".\t.\t0.0" if number % LOST == 0 else f"{x + 2:.3f}\t{y:.3f}\t900.0"
        lines.append(f"{at}\t{left}\t{right}\t.....")
    lines += ["EFIX L   12600\t12900\t300\t  200.0\t  100.0\t  900"]
    path.write_text("\n".join(lines) + "\n")
    return path


def tobii(path: Path) -> Path:
    x, y = on_screen()
    valid = np.where(np.arange(len(TIMES)) % LOST == 0, "Invalid", "Valid")
    table = pd.DataFrame(
        {
            "Recording timestamp": np.rint(1e6 * (CLOCK + TIMES)).astype(int),
            "Participant name": "viewer",
            "Presented Stimulus name": np.where(TIMES < -1e-9, "", "disc.mp4"),
            "Gaze point X": [f"{each:.3f}".replace(".", ",") for each in x],
            "Gaze point Y": [f"{each:.3f}".replace(".", ",") for each in y],
            "Validity left": valid,
            "Validity right": valid,
            "Eye movement type": np.where((TIMES > 0.095) & (TIMES < 0.395), "Fixation", "Saccade"),
            "Eye movement type index": 3,
            "Fixation point X": 200,
            "Fixation point Y": 100,
        }
    )
    path.write_text(table.to_csv(sep="\t", index=False), encoding="utf-16")
    return path


def pupil(path: Path) -> Path:
    x, y = on_screen()
    seen = np.arange(len(TIMES)) % LOST != 0
    pd.DataFrame(
        {
            "gaze_timestamp": CLOCK + TIMES,
            "x_norm": x / WIDE,
            "y_norm": 1 - y / HIGH,
            "on_surf": seen,
            "confidence": 0.9,
        }
    ).to_csv(path, index=False)
    return path


def gazepoint(path: Path) -> Path:
    x, y = on_screen()
    seen = (np.arange(len(TIMES)) % LOST != 0).astype(int)
    pd.DataFrame(
        {
            "MEDIA_NAME": np.where(TIMES < -1e-9, "pause", "disc.mp4"),
            "TIME(2026/01/01 10:00:00.000)": CLOCK + TIMES,
            "FPOGX": 200 / WIDE,
            "FPOGY": 100 / HIGH,
            "FPOGS": CLOCK + 0.1,
            "FPOGD": np.clip(TIMES, 0, 0.3),
            "FPOGID": 1,
            "FPOGV": (TIMES <= 0.3).astype(int),
            "BPOGX": x / WIDE,
            "BPOGY": y / HIGH,
            "BPOGV": seen,
        }
    ).to_csv(path, index=False)
    return path


def smi(path: Path) -> Path:
    lines = [
        "## [iView]",
        f"## Calibration Area:\t{WIDE}\t{HIGH}",
        "Time\tType\tTrial\tL POR X [px]\tL POR Y [px]\tR POR X [px]\tR POR Y [px]",
    ]
    for number, (time, x, y) in enumerate(zip(TIMES, *on_screen(), strict=True)):
        at = round(1e6 * (CLOCK + time))
        if abs(time) < 1e-9:
            lines.append(f"{at}\tMSG\t1\t# Message: onset of disc")
        place = (
            "0.00\t0.00\t0.00\t0.00"
            if number % LOST == 0
            else (f"{x - 2:.2f}\t{y:.2f}\t{x + 2:.2f}\t{y:.2f}")
        )
        lines.append(f"{at}\tSMP\t1\t{place}")
    path.write_text("\n".join(lines) + "\n")
    return path


def bids(path: Path) -> Path:
    x, y = on_screen()
    x[::LOST] = y[::LOST] = np.nan
    rows = pd.DataFrame({"t": np.rint(1000 * (CLOCK + TIMES)).astype(int), "x": x, "y": y})
    with gzip.open(path, "wt") as stream:
        stream.write(rows.to_csv(sep="\t", header=False, index=False, na_rep="n/a"))
    about = {"Columns": ["timestamp", "x_coordinate", "y_coordinate"], "SamplingFrequency": 100}
    about |= {"SampleCoordinateSystem": "gaze-on-screen", "PhysioType": "eyetrack"}
    path.with_name(path.name.replace(".tsv.gz", ".json")).write_text(json.dumps(about))
    events = path.with_name(path.name.replace("_physio", "_physioevents"))
    with gzip.open(events, "wt") as stream:
        stream.write(f"{1000 * CLOCK:.0f}\t0\tn/a\tonset of disc\n12600\t0.3\tfixation\tn/a\n")
    return path


Writer = Callable[[Path], Path]
MADE: dict[str, tuple[Writer, str, list[str]]] = {
    "eyelink-asc": (eyelink, "viewer.asc", ["--start", "VIDEO_ONSET"]),
    "tobii-tsv": (tobii, "export.tsv", []),
    "pupil-surface": (pupil, "viewer.csv", ["--start", str(CLOCK)]),
    "gazepoint": (gazepoint, "viewer.csv", []),
    "smi": (smi, "viewer.txt", ["--start", "onset of disc"]),
    "bids": (bids, "sub-viewer_task-a_physio.tsv.gz", ["--start", "onset of disc"]),
}


def bring(kind: str, folder: Path, files: list[Path], *more: str) -> str:
    command = ["recordings", "import", kind, *map(str, files), "--to", str(folder)]
    done = CliRunner().invoke(commands, [*command, "--video", "disc", *more])
    if done.exception:
        raise done.exception
    return done.output


@pytest.mark.parametrize("kind", MADE)
def test_samples_come_out_in_seconds_and_pixels_of_the_video(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    write, name, start = MADE[kind]
    gaze = folder / "gaze" / "disc.csv"
    gaze.unlink(missing_ok=True)
    said = bring(kind, folder, [write(tmp_path / name)], *start)
    assert "viewer: 600 samples" in said
    found = gaze_csv.read(gaze)
    assert found.viewers == ("viewer",)
    assert found.duration is None
    np.testing.assert_allclose(found.time, np.arange(FRAMES / RATE * 100) / 100, atol=1e-6)
    assert np.isnan(found.x).sum() == (np.arange(20, 620) % LOST == 0).sum()
    x, y = disc(found.time)
    np.testing.assert_allclose(found.x[found.seen], x[found.seen], atol=0.02)
    np.testing.assert_allclose(found.y[found.seen], y[found.seen], atol=0.02)


@pytest.mark.parametrize("kind", ["eyelink-asc", "tobii-tsv", "gazepoint", "bids"])
def test_the_trackers_own_fixations(kind: str, folder: Path, tmp_path: Path) -> None:
    write, name, start = MADE[kind]
    gaze = folder / "gaze" / "disc.csv"
    gaze.unlink(missing_ok=True)
    bring(kind, folder, [write(tmp_path / name)], "--fixations", "tracker", *start)
    found = gaze_csv.read(gaze)
    assert found.duration is not None
    np.testing.assert_allclose(found.time, [0.1], atol=1e-6)
    np.testing.assert_allclose(found.duration, [0.3], atol=0.011)
    if kind != "bids":  # has no place of a fixation: the mean of its samples
        np.testing.assert_allclose((found.x, found.y), [[50], [25]], atol=0.01)


def test_pupils_fixations_on_a_surface(folder: Path, tmp_path: Path) -> None:
    (folder / "gaze" / "disc.csv").unlink(missing_ok=True)
    file = tmp_path / "viewer.csv"
    rows = {"fixation_id": [1, 1], "start_timestamp": [1.5, 1.5], "duration": [250.0, 250.0]}
    rows |= {"norm_pos_x": [0.25, 0.25], "norm_pos_y": [0.75, 0.75], "on_surf": [True, True]}
    pd.DataFrame(rows).to_csv(file, index=False)
    bring("pupil-surface", folder, [file], "--fixations", "tracker", "--start", "1")
    found = gaze_csv.read(folder / "gaze" / "disc.csv")
    assert [found.time, found.duration, found.x, found.y] == [[0.5], [0.25], [40], [24]]


def test_fixations_that_are_all_lost_are_no_export(tmp_path: Path) -> None:
    rows = {"fixation_id": [1], "start_timestamp": [1.5], "duration": [250.0]}
    rows |= {"norm_pos_x": [0.25], "norm_pos_y": [0.75], "confidence": [0.1]}
    pd.DataFrame(rows).to_csv(tmp_path / "viewer.csv", index=False)
    with pytest.raises(RawDataError, match="no gaze is found"):
        trackers.read("pupil-surface", tmp_path / "viewer.csv")


def test_columns_whose_names_differ_in_capitals_alone_are_read(tmp_path: Path) -> None:
    table = pd.read_csv(gazepoint(tmp_path / "a.csv"))
    expected = trackers.read("gazepoint", tmp_path / "a.csv")[0].samples
    table.assign(bpogx=0.5).to_csv(tmp_path / "b.csv", index=False)
    pd.testing.assert_frame_equal(
        trackers.read("gazepoint", tmp_path / "b.csv")[0].samples, expected
    )


def test_fixations_are_detected_by_name_and_viewers_are_added(folder: Path, tmp_path: Path) -> None:
    gaze = folder / "gaze" / "disc.csv"
    gaze.unlink(missing_ok=True)
    file = eyelink(tmp_path / "a.asc")
    for viewer in ("P1", "P2", "P1"):
        bring("eyelink-asc", folder, [file], "--start", "VIDEO_ONSET", "--fixations", "idt",
              "--observer", viewer)  # fmt: skip
    found = gaze_csv.read(gaze)
    assert found.viewers == ("P1", "P2")
    assert found.duration is not None
    assert (found.duration >= 0.05).all()
    with pytest.raises(RawDataError, match="holds fixations"):
        bring("eyelink-asc", folder, [file], "--start", "VIDEO_ONSET")


@pytest.mark.parametrize("kind", trackers.FORMATS)
def test_what_is_no_such_export_is_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    for content in (b"", b"a,b\n1,2\n", b"\x00\xff\x13" * 40):
        path = tmp_path / "x_physio.tsv.gz"
        path.write_bytes(content)
        with pytest.raises(RawDataError, match="x_physio"):
            trackers.read(kind, path)


def test_another_screen_than_stated_is_named(folder: Path, tmp_path: Path) -> None:
    file = eyelink(tmp_path / "a.asc")
    file.write_text(file.read_text().replace("639.00", "1919.00"))
    with pytest.raises(RawDataError, match=r"1920 x 384, dataset\.yaml says 640 x 384"):
        bring("eyelink-asc", folder, [file], "--start", "VIDEO_ONSET")


def test_a_message_that_is_not_there_is_named_with_those_that_are(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(RawDataError, match=r"a\.asc: no message with 'begin'.*VIDEO_ONSET disc"):
        bring("eyelink-asc", folder, [eyelink(tmp_path / "a.asc")], "--start", "begin")


ONE_EYE = """\
MSG\t1000 GAZE_COORDS 0.00 0.00 639.00 383.00
START\t1000\tRIGHT\tSAMPLES\tEVENTS
SAMPLES\tGAZE\tRIGHT\tRATE\t2000.00\tTRACKING\tCR\tFILTER\t2
1001.0\t10.0\t20.0\t900.0\t...
1001.5\t11.0\t20.5\t900.0\t...
1002.0\t   .\t   .\t0.0\t...
END\t1003\tSAMPLES\tEVENTS\tRES\t30.0\t30.0
"""
TWO_EYES = """\
MSG\t1000 GAZE_COORDS 0.00 0.00 639.00 383.00
START\t1000\tLEFT\tRIGHT\tSAMPLES\tEVENTS
SAMPLES\tGAZE\tLEFT\tRIGHT\tRATE\t500.00\tTRACKING\tCR\tFILTER\t2
1001\t10.0\t20.0\t900.0\t12.0\t22.0\t900.0\t.....
1003\t10.0\t20.0\t900.0\t   .\t   .\t0.0\t..R..
1005\t   .\t   .\t0.0\t   .\t   .\t0.0\t..R..
END\t1006\tSAMPLES\tEVENTS\tRES\t30.0\t30.0
"""


@pytest.mark.parametrize("content", [ONE_EYE, TWO_EYES, None])
def test_samples_of_an_eyelink_file_are_equal_with_pymovements_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    gaze = pytest.importorskip("pymovements", reason="pymovements is not installed").gaze
    file = eyelink(tmp_path / "a.asc")
    if content:
        file.write_text(content)
    reader = Mock(wraps=gaze.from_asc)
    monkeypatch.setattr(gaze, "from_asc", reader)
    theirs = trackers.read("eyelink-asc", file)[0].samples
    monkeypatch.setattr("avrsp.datasets.eyelink.find_spec", lambda _: None)
    ours = trackers.read("eyelink-asc", file)[0].samples
    reader.assert_called_once_with(file)
    pd.testing.assert_frame_equal(ours, theirs)
    assert ours["x"].isna().any()


def test_what_pymovements_cannot_read_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("pymovements", reason="pymovements is not installed")
    file = eyelink(tmp_path / "a.asc")
    whole, chance = file.read_bytes(), np.random.default_rng(17)
    for _ in range(40):
        content = bytearray(whole[: chance.integers(20, 4_000)])
        for place in chance.integers(0, len(content), chance.integers(1, 30)):
            content[place] = chance.integers(256)
        file.write_bytes(content)
        with contextlib.suppress(RawDataError):
            trackers.read("eyelink-asc", file)


def diem(path: Path, events: str = "1\t1") -> Path:
    """A log of 180 frames: the eyes 4 pixels beside the disc, whose video stood in the middle."""
    left, right = events.split("\t")
    x, y = disc((np.arange(180) + 0.5) / 30)
    x, y = x + (1280 - WIDTH) / 2, y + (960 - HEIGHT) / 2
    lines = [
        f"{frame}\t{across - 4}\t{down}\t1500.0\t{left}\t{across + 4}\t{down}\t1500.0\t{right}\r\n"
        for frame, (across, down) in enumerate(zip(x, y, strict=True), start=1)
    ]
    path.write_bytes("".join(lines).encode())
    return path


def test_logs_of_diem_are_those_of_their_videos_frames(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "disc", about=ABOUT_DIEM)
    gaze = folder / "gaze" / "disc.csv"
    gaze.unlink()
    logs = [diem(tmp_path / f"diem5s0{each}.asc_15_disc_160x96.txt") for each in (1, 2)]
    blink = diem(tmp_path / "diem5s09.asc_15_disc_160x96.txt", "1\t0")
    said = bring("diem", folder, [*logs, blink])
    assert "diem5s01: 180 samples" in said
    assert "begins where the format says" in said
    found = gaze_csv.read(gaze)
    assert found.viewers == ("diem5s01", "diem5s02", "diem5s09")
    np.testing.assert_allclose(found.time[:3], [0.5 / 30, 1.5 / 30, 2.5 / 30], atol=1e-6)
    x, y = disc(found.time)
    np.testing.assert_allclose(found.x[found.seen], x[found.seen], atol=0.02)
    np.testing.assert_allclose(found.y[found.seen], y[found.seen], atol=0.02)
    assert found.seen.sum() == 2 * 180


def test_places_of_diem_that_are_measured_upwards_are_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "disc", about=ABOUT_DIEM)
    (folder / "gaze" / "disc.csv").unlink()
    logs = [diem(tmp_path / f"diem5s0{each}.asc_15_disc_160x96.txt") for each in (1, 2, 3)]
    for log in logs:
        rows = pd.read_csv(log, sep="\t", header=None)
        rows[[2, 6]] = 960 - rows[[2, 6]]
        rows.to_csv(log, sep="\t", header=False, index=False)
    bring("diem", folder, logs)
    code, said = checked(folder)
    assert (code, "fits the picture better upside down" in said) == (1, True), said


ABOUT_DIEM = """\
name: Disc
viewers: two
heard_sound: true
licence: CC0-1.0
screen: {width: 1280, height: 960, shown: own size}
sigma_pixels: 6
detector: none
fractions: {test: 1.0}
"""


@pytest.mark.data
@pytest.mark.slow  # 69 viewers, a thousand samples a second for a minute each, read six times
@pytest.mark.parametrize(
    ("name", "viewers", "inside"),
    [("arctic_bears_1066x710", 49, "99.8"), ("documentary_dolphins_1280x720", 20, "99.6")],
)
def test_real_logs_of_diem_by_the_commands(
    real: Path, tmp_path: Path, name: str, viewers: int, inside: str
) -> None:
    folder = write_folder(tmp_path / "diem", about=ABOUT_DIEM)
    gaze, video = folder / "gaze" / "disc.csv", folder / "videos" / "disc.mp4"
    gaze.unlink()
    width, height = map(int, name.rpartition("_")[2].split("x"))
    grey = f"color=gray:size={width}x{height}:rate=30:duration=60"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", grey, "-preset", "ultrafast"]
    command.append(str(video))
    subprocess.run(command, check=True)
    logs = sorted((real / "diem_gaze" / name / "event_data").glob("*.txt"))
    bring("diem", folder, logs)
    code, said = checked(folder)
    assert code == 0, said
    assert f"disc: {viewers} viewers" in said
    assert "the picture shows nothing by which places could be judged" in said
    found = gaze_csv.read(gaze)
    inner = (found.x >= 0) & (found.y >= 0) & (found.x < width) & (found.y < height)
    assert f"{100 * inner.sum() / found.seen.sum():.1f}" == inside
    table = pd.read_csv(gaze)
    for change, expected in (
        ({"time": table["time"] * 1000}, "in milliseconds?"),
        (
            {"x": table["x"] + (1280 - width) / 2, "y": table["y"] + (960 - height) / 2},
            "pixels of the screen of 1280 x 960?",
        ),
        ({"observer": ""}, "observer is empty"),
    ):
        table.assign(**change).to_csv(gaze, index=False)
        code, said = checked(folder)
        assert (code, expected in said) == (1, True), said
    table.drop(columns="observer").to_csv(gaze, index=False)
    assert "row 1: no column observer" in checked(folder)[1]


def checked(folder: Path) -> tuple[int, str]:
    done = CliRunner().invoke(commands, ["recordings", "check", str(folder)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output
