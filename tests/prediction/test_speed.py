from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from avrsp.media.decode import read_sound
from avrsp.media.probe import probe
from avrsp.media.soundtrack import Soundtrack
from avrsp.models.registry import EngineName
from avrsp.prediction import speed as speeds
from avrsp.prediction.reuse import Prepared, Slide, Task
from avrsp.prediction.speed import Speed, ahead, has_bf16, speed, worth_compiling
from avrsp.prediction.window_by_window import WindowSound
from avrsp.types import InputSpec
from tests.prediction.reuse import network

CPU = torch.device("cpu")
VALUES = 350
FULL = InputSpec(32, 224, 384, audio=True)


def test_items_come_in_order_and_not_too_far_ahead() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    for place, number in enumerate(ahead(numbers(), depth=4)):
        assert number == place
        assert len(taken) <= place + 1 + 4
    assert len(taken) == 50


def test_an_error_comes_at_its_place() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("third")

    items = ahead(broken(), depth=2)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(items)


def test_leaving_early_closes_the_source_and_ends_the_thread() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    with closing(ahead(endless())) as items:
        next(items)
        assert threading.active_count() == before + 1
    assert closed.is_set()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("able", "expected"),
    [({}, "float32"), ({"avx512_bf16": True}, "bf16"), ({"amx_tile": True}, "bf16")],
)
def test_auto_takes_bf16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, able: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert has_bf16(CPU) == (expected == "bf16")
    assert speed(CPU, "auto", FULL, VALUES).precision == expected
    assert speed(CPU, "float32", FULL, VALUES).precision == "float32"


def test_windows_follow_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def windows(gigabytes: float, width: float = 1.0, method: EngineName = "windows") -> int:
        facts: Any = type("Memory", (), {"available": int(gigabytes * 1e9)})
        monkeypatch.setattr(psutil, "virtual_memory", lambda: facts)
        return speed(CPU, "float32", FULL, VALUES * width, method).windows

    assert windows(0.1) == 1
    assert 1 < windows(2) < windows(3) <= 8
    assert windows(0.1, width=0.1) > 1
    assert windows(1000) == 8
    assert windows(1000, method="reuse") == 16


def test_only_a_long_video_on_a_gpu_is_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    assert [worth_compiling(gpu, count) for count in (None, 100, 100_000)] == [False, False, True]
    assert not worth_compiling(CPU, 100_000)
    compiled: list[int] = []

    def stand_in(network: Callable[..., Any], *, dynamic: bool) -> Callable[..., Any]:
        def run(pyramid: list[torch.Tensor], sound: torch.Tensor | None) -> Any:
            compiled.append(len(pyramid[0]))
            return network(pyramid, sound)

        assert not dynamic
        return run

    monkeypatch.setattr(speeds, "LONG", 0)
    monkeypatch.setattr("avrsp.prediction.reuse.worth_compiling", lambda _, count: count == 7)
    monkeypatch.setattr(torch, "compile", stand_in)
    prepared = Prepared(network(audio=False), Speed(CPU, "float32", 3))
    slide = Slide(prepared, Task(WindowSound(None, 25.0, 0), 8, 1, 7))
    frames = (np.zeros((32, 32, 3), np.uint8) for _ in range(14))
    shown = (np.arange(end - 7, end + 1) for end in range(7, 14))
    assert [number for number, _ in slide.over(frames, 7, shown)] == list(range(7, 14))
    assert compiled == [3, 3]  # and the last block of one window as it is


def test_a_soundtrack_is_the_sound_in_a_file(
    make_video: Callable[[str, str], Path], tmp_path: Path
) -> None:
    picture = "-f lavfi -i color=size=64x48:rate=25:duration=1"
    video = make_video("tone.mkv", f"{picture} -f lavfi -i sine=duration=1 -c:a pcm_s16le")
    whole = read_sound(video, rate=22_050)
    track = Soundtrack(probe(video).sound, tmp_path)
    assert track.size > 0
    for span in (slice(0, 100), slice(7000, 9000), slice(22_000, 99_999), slice(500, 400)):
        np.testing.assert_array_equal(track[span], whole[span])
    assert [path.name for path in tmp_path.iterdir()] == ["tone.mkv"]
    assert Soundtrack(probe(make_video("mute.mkv", picture)).sound).size == 0
