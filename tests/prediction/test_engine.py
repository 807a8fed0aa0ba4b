"""What windows share is computed once, and every map stays what its definition says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from avrsp import models
from avrsp.errors import StoreError
from avrsp.media.decode import Frame
from avrsp.models.avrsp.network import AVRSP, Settings
from avrsp.models.registry import WindowSize
from avrsp.params import FUSIONS
from avrsp.prediction.engine import Engine, Request, WindowByWindow, engine
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.reuse import Sliding
from avrsp.prediction.speed import Speed
from avrsp.types import InputSpec
from tests.prediction.reuse import FPS, HEIGHT, WIDTH, compare, network, video

COUNTS = (1, 2, 31, 32, 33, 62, 63, 64)


@pytest.mark.parametrize("count", [1, 2, 32, 33, 63])
def test_every_frame_has_the_map_of_its_own_window(count: int) -> None:
    maps = compare(network(), count, 32)
    assert maps.std() > 1e-3
    if count > 1:
        assert not np.allclose(maps[0], maps[-1], atol=1e-3)


@pytest.mark.parametrize("length", [8, 16])
@pytest.mark.parametrize("count", [1, 7, 9, 16, 33])
def test_shorter_windows_share_too(count: int, length: int) -> None:
    compare(network(), count, length, windows=5)


@pytest.mark.slow
@pytest.mark.parametrize("count", [*COUNTS, 200])
@pytest.mark.parametrize("length", [8, 16, 32])
@pytest.mark.parametrize("audio", [True, False])
def test_all_counts_lengths_and_kinds(count: int, length: int, audio: bool) -> None:
    compare(network(audio=audio), count, length)


@pytest.mark.parametrize(
    "settings",
    [
        {"audio": False},
        *({"fusion": fusion} for fusion in FUSIONS),
        {"synergy": False},
        {"gate": False},
        {"synergy": False, "gate": False},
        {"pairs": 1},
        {"pairs": 4},
        {"blocks": 1},
        {"width": 0.125},
    ],
    ids=str,
)
def test_every_setting_of_the_network_streams(settings: dict[str, Any]) -> None:
    compare(network(**settings), 20, 16)


@pytest.mark.parametrize("windows", [1, 64])
def test_the_block_does_not_matter(windows: int) -> None:
    compare(network(), 23, 16, windows=windows)


@pytest.mark.parametrize(("count", "stride"), [(5, 2), (27, 3), (27, 10), (5, 20)])
def test_with_a_stride_the_maps_between_are_interpolated(count: int, stride: int) -> None:
    every, some = compare(network(), count, 8), compare(network(), count, 8, stride=stride)
    np.testing.assert_allclose(some[::stride], every[::stride], atol=1e-5)
    last = (count - 1) // stride * stride
    if last:
        middle = some[0] + (some[stride] - some[0]) / stride
        np.testing.assert_allclose(some[1], middle, atol=1e-5)
    np.testing.assert_array_equal(some[last:], np.stack([some[last]] * (count - last)))


@pytest.mark.parametrize("stride", [1, 3, 40])
@pytest.mark.parametrize("name", ["vinet", "vinet-s"])
def test_other_networks_with_the_same_trunk_share_too(name: str, stride: int) -> None:
    entry = models.spec(name)
    settings = entry.chosen(entry.tiny, audio=entry.audio_visual)
    torch.manual_seed(0)
    model, spec = models.build(name, **settings).eval(), entry.input(settings)
    spec = entry.input(settings, WindowSize(spec.length, 32, 64)) if name == "vinet-s" else spec
    frames, sound = video(45)
    frames = np.tile(frames, (1, spec.height // HEIGHT, spec.width // WIDTH, 1))
    pace = Speed(torch.device("cpu"), "float32", 8)
    request = Request(sound, FPS, count=45, stride=stride)
    plain = list(engine(model, spec, pace).maps(frames, request))
    assert entry.engine == "reuse"
    found = list(engine(model, spec, pace, entry.engine).maps(frames, request))
    np.testing.assert_allclose(found, plain, atol=1e-5, rtol=0)


def test_half_precision_stays_close() -> None:
    model, (frames, sound) = network(), video(40)
    spec = InputSpec(16, HEIGHT, WIDTH, audio=True)
    exact, rough = (
        np.stack(
            list(
                engine(model, spec, Speed(torch.device("cpu"), precision, 8), "reuse").maps(
                    frames, Request(sound, FPS)
                )
            )
        )
        for precision in ("float32", "bf16")
    )
    assert 1e-6 < np.abs(rough - exact).max() < 0.05


def test_the_given_network_is_left_as_it_is() -> None:
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    compare(model, 9, 8)
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_nothing_is_read_far_ahead_and_wrong_counts_are_noticed() -> None:
    frames, sound = video(10)
    read = 0

    def endless() -> Iterator[NDArray[np.uint8]]:
        nonlocal read
        while True:
            read += 1
            yield frames[read % 10]

    spec = InputSpec(8, HEIGHT, WIDTH, audio=True)
    fast = engine(network(), spec, Speed(torch.device("cpu"), "float32", 4), "reuse")
    maps = fast.maps(endless(), Request(sound, FPS))
    for _ in range(100):
        next(maps)
    assert 100 <= read <= 100 + 2 * 8
    with pytest.raises(StoreError, match="found 10 frames, expected 11"):
        list(fast.maps(frames, Request(sound, FPS, count=11)))
    assert list(fast.maps([], Request(sound, FPS))) == []


class Fading(nn.Module):
    """Remembers half of what it saw; the sequences of a batch do not know each other."""

    def advance(self, frames: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        seen = frames.float().mean(1) + (0 if state is None else state / 2)
        return seen, seen


@pytest.mark.parametrize("count", [0, 2, 3, 11])
def test_interleaved_sequences_advance_each_with_its_state(count: int) -> None:
    frames, sound = video(count + 1)[0][:count], np.zeros(0, np.float32)
    spec = InputSpec(6, HEIGHT, WIDTH, audio=False, step=3)
    fading = engine(Fading(), spec, Speed(torch.device("cpu"), "float32", 4), "recurrent")
    found = list(fading.maps(frames, Request(sound, FPS, count=count)))
    assert len(found) == count
    grey = frames.astype(np.float32).mean(-1)
    for frame, saliency in enumerate(found):
        expected = sum(grey[frame - 3 * back] / 2**back for back in range(frame // 3 + 1))
        np.testing.assert_allclose(saliency, expected, rtol=1e-5)


def test_an_engine_refuses_a_network_that_it_cannot_run() -> None:
    spec, pace = InputSpec(8, HEIGHT, WIDTH, audio=False), Speed(torch.device("cpu"), "float32", 4)
    for name in ("reuse", "recurrent"):
        with pytest.raises(TypeError, match="Sequential"):
            engine(nn.Sequential(), spec, pace, name)


def test_a_new_frame_costs_half_a_window() -> None:
    with torch.device("meta"), torch.no_grad():
        model = AVRSP(Settings()).eval()
        sliding = Sliding(model.stages, model.necks, 32, 1)
        sliding.warm(torch.empty(31, 3, 224, 384))
        with FlopCounterMode(display=False) as counter:
            pyramid = sliding.pyramid(torch.empty(4, 3, 224, 384))
            encoder = counter.get_total_flops()
            model.from_pyramid(pyramid, torch.empty(4, 1, 70_560))
    costs = (encoder / 2e9 / 4, counter.get_total_flops() / 2e9 / 4)
    assert costs == pytest.approx((29.2, 41.2), abs=0.1)
    assert costs[1] < 60


@pytest.mark.slow
def test_the_full_network_streams() -> None:
    model = network(width=1.0, heads=8)
    frames = np.random.default_rng(0).integers(0, 256, (34, 96, 160, 3), dtype=np.uint8)
    spec, sound = InputSpec(32, 96, 160, audio=True), np.zeros(0, np.float32)
    fast = engine(model, spec, Speed(torch.device("cpu"), "float32", 4), "reuse")
    found = list(fast.maps(frames, Request(sound, FPS, stride=6)))
    plain = WindowByWindow(model, spec, Speed(torch.device("cpu"), "float32", 2))
    expected = list(plain.maps(frames, Request(sound, FPS, stride=6)))
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


def test_a_predictor_makes_its_engine_ready_once_for_all_videos(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Engine] = []

    def counted(*given: Any) -> Engine:
        made.append(engine(*given))
        return made[-1]

    monkeypatch.setattr("avrsp.prediction.predictor.engine", counted)
    spec = InputSpec(8, HEIGHT, WIDTH, audio=True)
    predictor = Predictor(network(), spec, torch.device("cpu"), "float32", "stand-in", "reuse")
    for count in (3, 9):
        frames, sound = video(count)
        timed = (Frame(number / FPS, image) for number, image in enumerate(frames))
        assert len([*predictor.timed_maps(timed, sound, FPS)]) == count
    assert len(made) == 1
    assert "computed once; trained on unknown videos" in str(predictor)
