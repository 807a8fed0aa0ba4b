"""The page of `avrsp app` in headless Chromium: a clip goes in, an overlay and files come out."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from avrsp.media.decode import frame_times, probe
from tests.prediction.untrained import untrained

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
MILLISECONDS = 120_000

pytest.importorskip("gradio", reason="gradio is not installed; `make test-app` installs it")
pytest.importorskip("playwright", reason="playwright is not installed; `make test-app` installs it")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(BROWSER is None, reason="Chromium is not there"),
]


@pytest.fixture(scope="module")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models: of the sample, and as if it were of real videos; neither is trained."""
    folder = tmp_path_factory.mktemp("models")
    for name, learnt_from in (("sample", ("generated world",)), ("real", ("dhf1k",))):
        untrained(folder / name, 16, learnt_from, width=0.0625, heads=4)
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("predicted")


@pytest.fixture(scope="module")
def address(models_folder: Path, out: Path) -> Iterator[str]:
    """Where the page is served, by the command that people type."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "avrsp", "app", "--models", str(models_folder)]
    command += ["--out", str(out), "--port", str(port), "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        for line in server.stderr:
            if "open http://" in line:
                break
        yield f"http://127.0.0.1:{port}/"
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)


@pytest.fixture
def opened(address: str) -> Iterator[tuple[Any, list[str]]]:
    """The page in a browser, and the addresses that it asked for."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - see importorskip

    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(MILLISECONDS)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("#predict")
        yield page, asked
        browser.close()


def status(page: Any, pattern: str) -> str:
    """Wait until the status line says something, and return it."""
    found = page.locator("#status").filter(has_text=re.compile(pattern))
    found.wait_for()
    return str(found.inner_text())


def cut(clip: Path, folder: Path, seconds: float) -> Path:
    """The first seconds of a real clip, small."""
    short = folder / "clip.mp4"
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-t", str(seconds)]
    subprocess.run([*command, "-vf", "scale=320:-2", str(short)], check=True)
    return short


@pytest.mark.data
def test_a_real_clip_is_predicted_shown_and_downloaded(
    opened: tuple[Any, list[str]], real: Path, tmp_path: Path, out: Path
) -> None:
    page, asked = opened
    clip = cut(real / "clips" / "flower.webm", tmp_path, 2)
    page.locator("#video input[type=file]").set_input_files(str(clip))
    page.locator("#video video").wait_for()
    page.get_by_label("Show it without the sound, too").check()
    page.locator("#predict").click()
    assert "files in" in status(page, r"Done: ")
    with page.expect_download() as download:
        page.locator("#files a[download$='.overlay.mp4']").click()
    saved = tmp_path / "saved.mp4"
    download.value.save_as(saved)
    assert len(frame_times(saved)) == len(frame_times(clip))
    assert probe(saved).has_sound
    assert probe(saved).width == 640  # with and without the sound
    shown = page.locator("#overlay video")
    shown.wait_for()
    assert shown.evaluate("(video) => video.error") is None
    assert len(list(out.glob("*.without-sound.maps.npz"))) == 1
    hosts = {urlsplit(url).hostname for url in asked if url.startswith(("http", "ws"))}
    assert hosts == {"127.0.0.1"}


def test_it_can_be_stopped_and_goes_on(
    opened: tuple[Any, list[str]], tmp_path: Path, out: Path
) -> None:
    page, _ = opened
    clip = tmp_path / "long.mp4"
    source = "testsrc2=size=64x48:rate=25:duration=60"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, str(clip)], check=True)
    page.locator("#video input[type=file]").set_input_files(str(clip))
    page.locator("#video video").wait_for()
    page.locator("#predict").click()
    said = status(page, r" of 1,500 frames, .* left")
    assert page.locator("#status progress").count() == 1, said
    page.locator("#stop").click()
    assert "are predicted and kept" in status(page, r"Stopped")
    assert [path.name for path in out.glob(".long*.maps.part")] == [".long.maps.part"]
    page.locator("#predict").click()
    status(page, r"Done: ")
    assert len(frame_times(out / "long.overlay.mp4")) == 1500


def test_weights_of_the_generated_world_are_named(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    warning = page.get_by_text("This model has seen generated videos only")
    assert warning.count() == 0  # the default is the one of real videos
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name=re.compile("sample")).click()
    warning.wait_for()


def test_another_sites_name_does_not_lead_here(address: str) -> None:
    request = urllib.request.Request(address, headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400
    refused.value.close()
    with urllib.request.urlopen(address) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
