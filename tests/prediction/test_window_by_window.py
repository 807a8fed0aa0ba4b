"""Streaming prediction equals the definition applied to each frame by itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp.errors import StoreError
from avrsp.models import registry
from avrsp.models.windows import excerpt, window_of
from avrsp.prediction.window_by_window import predict_maps
from avrsp.types import InputSpec, SaliencyModel

T = 16
FPS = 25.0
SPEC = InputSpec(T, 32, 32, audio=True)
SILENT = InputSpec(T, 32, 32, audio=False)
REPEATED = InputSpec(T, 32, 32, audio=True, start="repeated")
MIDDLE = InputSpec(T, 32, 32, audio=True, predicted="middle")


def wrapped(frame: int, count: int) -> NDArray[np.int64]:
    """The frames around one from its fourth predecessor on; past the end, the first ones again."""
    first = max(0, frame - 4)
    return first + np.arange(8) % min(8, count - first)


WRAPPED = InputSpec(8, 32, 32, audio=True, predicted="middle", rule=wrapped)
SPARSE = InputSpec(5, 32, 32, audio=False, step=4)


def cheap(
    frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
) -> Tensor:
    """Depend on every frame, on its place in the window, and on where the sound is."""
    weights = torch.linspace(0.5, 1.5, frames.shape[2]).cos()
    assert frames.dtype == torch.uint8
    maps = (frames.float().mean(1) / 64 * weights[None, :, None, None]).sum(1)
    if waveform is not None:
        place = torch.linspace(0, 1, waveform.shape[-1])
        maps = maps + (waveform[:, 0] * place).sum(1)[:, None, None]
    return maps


def video(count: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    rng = np.random.default_rng(count)
    sound = rng.uniform(-1, 1, int(count * 22_050 / FPS)).astype(np.float32)
    return rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), sound


def one_by_one(
    model: SaliencyModel,
    frames: NDArray[np.uint8],
    sound: NDArray[np.float32] | None,
    spec: InputSpec = SPEC,
) -> NDArray[np.float32]:
    maps = []
    for frame in range(len(frames)):
        window = window_of(frame, len(frames), spec)
        waveform = None
        if sound is not None:
            waveform = torch.from_numpy(excerpt(sound, window / FPS, FPS, spec.samples))[None, None]
        with torch.inference_mode():
            clip = torch.from_numpy(frames[window]).permute(3, 0, 1, 2)[None]
            maps.append(model(clip, waveform)[0].numpy())
    return np.stack(maps)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 30, 31, 40])
@pytest.mark.parametrize("batch", [1, 5, 16])
def test_streaming_equals_the_definition(count: int, batch: int) -> None:
    frames, sound = video(count)
    found = list(
        predict_maps(
            cheap, iter(frames), count=count, waveform=sound, fps=FPS, spec=SPEC, batch=batch
        )
    )
    np.testing.assert_allclose(np.stack(found), one_by_one(cheap, frames, sound), atol=1e-4)


@pytest.mark.parametrize("count", [1, 4, 16, 17, 40])
@pytest.mark.parametrize("spec", [REPEATED, MIDDLE, SPARSE, WRAPPED])
@pytest.mark.parametrize("stride", [1, 7, 30])
def test_every_window_rule_is_streamed(count: int, spec: InputSpec, stride: int) -> None:
    frames, sound = video(count)
    maps = predict_maps(
        cheap, iter(frames), count=count, waveform=sound, fps=FPS, spec=spec, batch=3, stride=stride
    )
    expected = one_by_one(cheap, frames, sound if spec.audio else None, spec)
    np.testing.assert_allclose([*maps][::stride], expected[::stride], atol=1e-4)


@pytest.mark.parametrize("spec", [SPEC, SILENT])
def test_the_network_gives_the_same_in_batches(spec: InputSpec) -> None:
    torch.manual_seed(0)
    model = registry.build("avrsp", audio=spec.audio, width=0.0625).eval()
    frames, sound = video(20)
    maps = predict_maps(model, frames, count=None, waveform=sound, fps=FPS, spec=spec, batch=6)
    expected = one_by_one(model, frames, sound if spec.audio else None)
    np.testing.assert_allclose(np.stack(list(maps)), expected, atol=1e-5)


@pytest.mark.parametrize("spec", [SPEC, SILENT])
def test_without_sound_no_waveform_is_passed(spec: InputSpec) -> None:
    frames, sound = video(18)
    given = sound if not spec.audio else sound[:0]
    maps = predict_maps(cheap, frames, count=18, waveform=given, fps=FPS, spec=spec, batch=4)
    np.testing.assert_allclose(np.stack(list(maps)), one_by_one(cheap, frames, None), atol=1e-4)


def test_no_frames_give_no_maps() -> None:
    sound = np.zeros(0, np.float32)
    maps = predict_maps(cheap, [], count=0, waveform=sound, fps=FPS, spec=SPEC, batch=4)
    assert list(maps) == []


@pytest.mark.parametrize("count", [17, 19])
def test_a_store_that_yields_another_number_of_frames_is_noticed(count: int) -> None:
    frames, sound = video(18)
    maps = predict_maps(cheap, frames, count=count, waveform=sound, fps=FPS, spec=SPEC, batch=4)
    with pytest.raises(StoreError, match=f"found 18 frames, expected {count}"):
        list(maps)


def test_no_more_is_read_than_the_next_batch_needs() -> None:
    frames, sound = video(10)
    read = 0

    def endless() -> Iterator[NDArray[np.uint8]]:
        nonlocal read
        while True:
            read += 1
            yield frames[read % 10]

    maps = predict_maps(cheap, endless(), count=None, waveform=sound, fps=FPS, spec=SPEC, batch=4)
    for _ in range(500):
        next(maps)
    assert 500 <= read <= 500 + 2 * T
