from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from avrsp import models
from avrsp.errors import ParamsError, WeightsError
from avrsp.models import registry
from avrsp.models.layers.s3d import S3D
from avrsp.models.layers.soundnet import SoundNet
from avrsp.models.weights import load_into

WIDTH = 0.05


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({"fusion": "sum"}, "fusion 'sum': expected 'visual', 'add', 'mul', .* or 'ravf'"),
        ({"pairs": 5}, "pairs 5: expected less than or equal to 4"),
        ({"heads": 3}, "heads 3: expected one of the divisors of 16"),
        ({"width": 0.0}, "greater than 0"),
        ({"blocks": 0}, "greater than or equal to 1"),
        ({"pair": 3}, "unknown setting pair; allowed: audio, fusion, synergy"),
    ],
)
def test_what_cannot_be_built_says_what_can(settings: dict[str, Any], allowed: str) -> None:
    with pytest.raises(ParamsError, match=allowed):
        registry.build("avrsp", **{"width": WIDTH, **settings})


def test_an_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(ParamsError, match=r"no model 'stranger'; allowed: .*avrsp"):
        models.build("stranger")


@pytest.mark.parametrize("shape", [(12, 64, 64), (8, 48, 64)])
def test_a_clip_of_another_size_is_refused(shape: tuple[int, int, int]) -> None:
    model = registry.build("avrsp", audio=False, width=WIDTH)
    with pytest.raises(ParamsError, match="multiples of 32"):
        model(torch.zeros(1, 3, *shape, dtype=torch.uint8))


def test_encoders_start_from_files(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = registry.build("avrsp", width=WIDTH)
    for part, source in (("encoder", S3D(width=WIDTH)), ("listen.soundnet", SoundNet(width=WIDTH))):
        file = tmp_path / f"{part}.safetensors"
        save_file(source.state_dict(), file)
        load_into(model.get_submodule(part), file)
        loaded = model.get_submodule(part).state_dict()
        assert all(torch.equal(loaded[key], x) for key, x in source.state_dict().items())
    with pytest.raises(WeightsError, match="misshapen"):
        load_into(
            registry.build("avrsp", width=0.2).get_submodule("encoder"),
            tmp_path / "encoder.safetensors",
        )
