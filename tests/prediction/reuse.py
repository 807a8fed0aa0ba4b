"""A small network, random videos, and the maps of both by reuse and by definition."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from avrsp import models
from avrsp.models.avrsp.network import AVRSP
from avrsp.prediction.engine import Request, engine
from avrsp.prediction.speed import Speed
from avrsp.prediction.window_by_window import predict_maps
from avrsp.types import InputSpec

FPS = 25.0
HEIGHT, WIDTH = 32, 32

Video = tuple[NDArray[np.uint8], NDArray[np.float32]]


@cache
def network(**settings: Any) -> AVRSP:
    """A network whose every parameter and statistic matters."""
    torch.manual_seed(0)
    model = models.build("avrsp", **{"width": 0.0625, "heads": 4, **settings}).eval()
    assert isinstance(model, AVRSP)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm3d):
            for values, low, high in (
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.5, 2.0),
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.2, 0.2),
            ):
                assert values is not None
                values.uniform_(low, high)
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return model


def video(count: int) -> Video:
    rng = np.random.default_rng(count)
    sound = rng.uniform(-1, 1, int(count * 22_050 / FPS)).astype(np.float32)
    return rng.integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8), sound


def compare(
    model: AVRSP, count: int, length: int, *, windows: int = 8, stride: int = 1
) -> NDArray[np.float32]:
    """Predict by reuse and by definition, expect the same, and return it."""
    frames, sound = video(count)
    spec = InputSpec(length, HEIGHT, WIDTH, audio=model.settings.audio)
    fast = engine(model, spec, Speed(torch.device("cpu"), "float32", windows), "reuse")
    found = list(fast.maps(iter(frames), Request(sound, FPS, count=count, stride=stride)))
    expected = list(
        predict_maps(
            model,
            frames,
            count=count,
            waveform=sound,
            fps=FPS,
            spec=spec,
            batch=8,
            stride=stride,
        )
    )
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)
    return np.stack(found)
