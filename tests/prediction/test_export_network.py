"""Networks for other programs give the maps that they gave here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from avrsp import models
from avrsp.cli.models import export
from avrsp.errors import AvrspError
from avrsp.models.registry import WindowSize
from avrsp.models.saved import ModelConfig, save_model
from avrsp.prediction import export_network
from avrsp.types import InputSpec
from tests.models import golden

NAMES = ("avrsp", "stavis", "tased", "unisal", "vinet", "vinet-s")
KINDS = [(name, False) for name in NAMES] + [(name, True) for name in ("avrsp", "stavis", "vinet")]


def description(name: str, settings: dict[str, Any], spec: InputSpec) -> ModelConfig:
    return ModelConfig(
        model=name, settings=settings, length=spec.length, height=spec.height, width=spec.width,
        audio=spec.audio, run="run", digest="", mlflow_run=None,
    )  # fmt: skip


def saved(name: str, folder: Path, *, audio: bool) -> None:
    entry = models.spec(name)
    settings = entry.chosen(entry.tiny, audio=audio)
    torch.manual_seed(0)
    network = models.build(name, **settings)
    save_model(
        folder, network, description(name, settings, entry.input(settings, WindowSize(8, 64, 64)))
    )


@pytest.mark.slow
@pytest.mark.parametrize("form", ["torch", "onnx"])
@pytest.mark.parametrize(("name", "audio"), KINDS)
def test_every_network_is_exported(
    name: str, audio: bool, form: export_network.Form, tmp_path: Path
) -> None:
    saved(name, tmp_path, audio=audio)
    target = tmp_path / f"network{export_network.ENDINGS[form]}"
    assert export_network.export_network(tmp_path, form, target) <= 1e-4
    assert target.stat().st_size > 1000


def saved_at_full_size(name: str, variant: str, reference: str | None, folder: Path) -> None:
    entry = models.spec(name)
    form = entry.variants[variant]
    torch.manual_seed(0)
    network = models.build(name, **form.settings)
    if reference is not None:  # else random numbers, by which AVRSP's maps are not flat
        golden.small(reference).fill(network, form)
    settings = entry.checked(form.settings).model_dump(mode="json")
    save_model(folder, network, description(name, settings, entry.input(form.settings)))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "variant", "reference"),
    [
        ("avrsp", "av", None),
        ("stavis", "v", "stavis_v"),
        ("stavis", "av", "stavis_av"),
        ("unisal", "v", "unisal_dhf1k"),
        ("vinet", "av-concat-transformer", "avinet_concat_transformer"),
        ("vinet-s", "v", "vinet_s"),
    ],
)
def test_networks_of_full_size_give_the_same_maps_elsewhere(
    name: str, variant: str, reference: str | None, tmp_path: Path
) -> None:
    saved_at_full_size(name, variant, reference, tmp_path)
    target = tmp_path / "network.onnx"
    assert export_network.export_network(tmp_path, "onnx", target) <= 1e-4
    assert target.is_file()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_tased_of_full_size_says_why_its_maps_are_others_elsewhere(tmp_path: Path) -> None:
    saved_at_full_size("tased", "v", "tased", tmp_path)
    with pytest.raises(AvrspError, match=r"pooling found the largest .* use --to torch"):
        export_network.export_network(tmp_path, "onnx", tmp_path / "network.onnx")
    assert not [*tmp_path.glob("network*")]


def test_the_command_writes_beside_the_weights(tmp_path: Path) -> None:
    saved("stavis", tmp_path, audio=True)
    done = CliRunner().invoke(export, [str(tmp_path), "--to", "torch"], catch_exceptions=False)
    assert done.output.splitlines()[-1] == str(tmp_path / "network.pt2")
    network = torch.export.load(tmp_path / "network.pt2").module()
    model, spec = models.load(tmp_path)
    window = export_network.example(spec, 5)
    with torch.no_grad():
        torch.testing.assert_close(network(*window), model(*window), rtol=0, atol=1e-4)


def test_a_network_whose_maps_change_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Drawn(nn.Module):
        """Exported, its noise is another one each time."""

        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            return frames.float().mean((1, 2)) + torch.rand(1)

    spec = InputSpec(2, 32, 32, audio=False)
    of_tased = Drawn(), spec, description("tased", {}, spec)
    monkeypatch.setattr(export_network, "load_model", lambda folder: of_tased)
    with pytest.raises(
        AvrspError, match=r"network are off by .* \(TASED-Net puts values back .*\)"
    ):
        export_network.export_network(tmp_path, "torch", tmp_path / "network.pt2")
    assert not list(tmp_path.iterdir())


def test_maps_are_compared_by_their_largest_value_and_without_sound_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A map whose values are small, and one that differs only where there is no sound."""

    class Faint(nn.Module):
        def forward(
            self, frames: torch.Tensor, waveform: torch.Tensor, has_sound: torch.Tensor
        ) -> torch.Tensor:
            noise = 5e-5 * torch.rand(frames.shape[-2:])
            silent = torch.where(has_sound[:, None, None], 0.0, noise)
            return 1e-3 * frames.float().mean((1, 2)) / 255 + silent

    spec = InputSpec(2, 32, 32, audio=True)
    faint = Faint(), spec, description("vinet", {}, spec)
    monkeypatch.setattr(export_network, "load_model", lambda folder: faint)
    with pytest.raises(AvrspError, match=r"expected at most 0\.0001; nothing"):
        export_network.export_network(tmp_path, "torch", tmp_path / "network.pt2")
