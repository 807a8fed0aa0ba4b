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


def test_a_network_with_sound_is_chosen_by_its_variant() -> None:
    entry = models.spec("vinet")

    def variant(name: str | None, *, audio: bool = True) -> Any:
        return entry.chosen({}, audio=audio, variant=name)["variant"]

    assert variant(None) == "av-bilinear"
    assert variant("av-concat-transformer") == "av-concat-transformer"
    assert variant("av-concat-transformer", audio=False) == "v"


def test_settings_of_an_entry_go_before_those_of_any_network() -> None:
    chosen = models.spec("unisal").chosen(
        {"width": 0.25, "length": 8}, audio=False, own={"domain": "hollywood", "width": 0.5}
    )
    assert chosen == {"domain": "hollywood", "width": 0.5}


@pytest.mark.parametrize(
    ("name", "variant", "own", "said"),
    [
        ("vinet", "v", {}, "variant: found 'v', expected a network of vinet with sound, null or"),
        ("unisal", "av", {}, "expected a network of unisal with sound, null: it has none"),
        ("vinet", None, {"variant": "av-bilinear"}, r"settings\.variant: tells V from AV"),
        ("unisal", None, {"domain": "mit"}, "settings of unisal: domain 'mit': expected 'dhf1k'"),
        ("tased", None, {"aligned": True}, "settings of tased: unknown setting aligned; allowed"),
    ],
)
def test_a_choice_that_an_entry_does_not_have_is_refused(
    name: str, variant: str | None, own: dict[str, Any], said: str
) -> None:
    with pytest.raises(ParamsError, match=said):
        models.spec(name).check_choice(variant, own)
