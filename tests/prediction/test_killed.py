"""`avrsp predict` killed at any moment, and run again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avrsp.media.decode import frame_times, probe
from tests.prediction.untrained import untrained

CLIP = "-f lavfi -i testsrc2=size=96x64:rate=25:duration=4 -f lavfi -i sine=duration=4"
KILLS = 5


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return untrained(tmp_path / "model", 16, width=0.0625, heads=4)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_after_ctrl_c_it_says_one_sentence_and_goes_on(
    make_video: Callable[[str, str], Path], tmp_path: Path, model: Path
) -> None:
    video, out = make_video("film.mkv", CLIP.replace("=4", "=40")), tmp_path / "out"
    command = [sys.executable, "-m", "avrsp", "predict", str(video), "--out", str(out)]
    command += ["--weights", str(model), "--device", "cpu", "--no-overlay"]
    part = out / ".film.maps.part"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while process.poll() is None and not (part.exists() and part.stat().st_size > 500_000):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130, said
    last = said.splitlines()[-1]
    assert last.startswith("avrsp: interrupted; ")
    assert last.endswith(
        f"frames of {video} are predicted and kept; the same command goes on from there"
    )
    assert "Aborted" not in said
    assert "Traceback" not in said
    kept = int(last.removeprefix("avrsp: interrupted; ").split(" ")[0].replace(",", ""))
    assert 0 < kept < 1000
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{video}: goes on after {kept:,} frames" in again.stderr
    assert not part.exists()
    found = np.load(out / "film.maps.npz")["maps"].astype(np.float32)
    whole = [*command[:6], str(tmp_path / "whole"), *command[7:]]
    subprocess.run(whole, capture_output=True, check=True)
    expected = np.load(tmp_path / "whole" / "film.maps.npz")["maps"].astype(np.float32)
    assert len(found) == 1000
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_random_moments_it_ends_whole(
    make_video: Callable[[str, str], Path], tmp_path: Path, model: Path
) -> None:
    videos, out = [make_video(name, CLIP) for name in ("one.mp4", "two.mkv")], tmp_path / "out"
    command = [sys.executable, "-m", "avrsp", "predict", *map(str, videos), "--out", str(out)]
    command += ["--weights", str(model), "--json", "--device", "cpu", "--maps", "png"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    begin = time.monotonic()
    with start() as whole:
        _, said = whole.communicate()
    assert whole.returncode == 0, said
    longest = time.monotonic() - begin
    expected = {path.name for path in out.iterdir()}
    facts = (out / "one.json").read_text()
    chance = random.Random(7)
    for _ in range(KILLS):
        for path in out.glob("*.prediction.json"):
            path.write_text(path.read_text()[:20])
        with start() as victim:
            time.sleep(chance.uniform(0.3, 1.0) * longest)
            victim.send_signal(signal.SIGKILL)
            victim.communicate()
    with start() as again:
        _, said = again.communicate()
    assert again.returncode == 0, said
    assert {path.name for path in out.iterdir()} == expected
    assert (out / "one.json").read_text() == facts
    for name in ("one", "two"):
        overlay = out / f"{name}.overlay.mp4"
        assert len(frame_times(overlay)) == len(list((out / f"{name}.maps").iterdir())) == 100
        assert probe(overlay).has_sound
        assert np.isclose(probe(overlay).duration or 0, 4, atol=0.1)
