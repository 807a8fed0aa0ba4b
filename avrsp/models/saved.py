"""A trained model on disk: `weights.safetensors`, and `model.json`, which says what it fits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from avrsp import files
from avrsp.errors import ParamsError, WeightsError
from avrsp.models import registry
from avrsp.types import InputSpec

WEIGHTS = "weights.safetensors"
CONFIG = "model.json"
SHOWN = 3


class ModelConfig(BaseModel):
    """What it takes to build a network again and to feed it.

    Attributes:
        model: Its name in `zoo.MODELS`.
        settings: The arguments of `zoo.build`.
        length: Frames in a window.
        height: Rows of a frame.
        width: Columns of a frame.
        audio: Whether it listens.
        run: Name of the training run, as `av-split1`.
        digest: Digest of the parameters, data and code that it was trained by.
        mlflow_run: MLflow's id of that run; None where no server answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    settings: Mapping[str, bool | int | float | str]
    length: int
    height: int
    width: int
    audio: bool
    run: str
    digest: str
    mlflow_run: str | None

    @property
    def spec(self) -> InputSpec:
        """The input that the network was trained for."""
        return InputSpec(self.length, self.height, self.width, self.audio)


def save_model(folder: Path, model: nn.Module, config: ModelConfig) -> None:
    """Write the weights of `model` and what they fit into `folder`."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    files.write_bytes(folder / WEIGHTS, save(tensors))
    files.write_json(folder / CONFIG, config.model_dump())


def load_model(place: Path) -> tuple[nn.Module, InputSpec, ModelConfig]:
    """Build the network that lies in the folder, or has its weights in the file, `place`.

    Returns:
        The network on the CPU in evaluation mode, its input, and its description.

    Raises:
        WeightsError: A file is missing or damaged, or the tensors do not fit the network.
    """
    weights = place / WEIGHTS if place.is_dir() else place
    tensors = read_tensors(weights)
    config = _read_config(weights.with_name(CONFIG))
    try:
        model = registry.build(config.model, **config.settings)
    except (ParamsError, TypeError) as error:
        raise WeightsError(f"{weights.with_name(CONFIG)}: {error}; train the model anew") from None
    faults = misfits(tensors, model.state_dict())
    if faults:
        raise WeightsError(f"{weights}: {faults}; train the model anew, or name another file")
    model.load_state_dict(tensors)
    return model.eval(), config.spec, config


def start_from(model: nn.Module, place: Path, anew: Collection[str] = ()) -> list[str]:
    """Give `model` every tensor of an earlier phase's network, which must all have their place.

    Only of the parts in `anew`, such as "gate", nothing is taken.

    Returns:
        Names of the parts that keep their random start.

    Raises:
        WeightsError: The file is missing or damaged, or `model` has no such place for a tensor.
    """
    weights = place / WEIGHTS
    own = model.state_dict()
    tensors = {
        name: tensor
        for name, tensor in read_tensors(weights).items()
        if name.partition(".")[0] not in anew
    }
    faults = misfits(tensors, {name: own[name] for name in own if name in tensors})
    if faults:
        raise WeightsError(f"{weights}: {faults}; run that phase again with the same network")
    model.load_state_dict({**own, **tensors})
    return sorted({".".join(name.split(".")[:2]) for name in own if name not in tensors})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        WeightsError: It is missing or damaged.
    """
    try:
        return load(path.read_bytes())
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; train a model first: dvc repro") from None
    except IsADirectoryError:
        raise WeightsError(f"{path}: a folder without {WEIGHTS}") from None
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a whole safetensors file ({error})") from None


def misfits(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Say which tensors are missing, unknown or of another shape; empty where all fit."""
    shapes = [
        f"{name} is {tuple(found[name].shape)}, expected {tuple(expected[name].shape)}"
        for name in sorted(found.keys() & expected.keys())
        if found[name].shape != expected[name].shape
    ]
    groups = {
        "missing": sorted(expected.keys() - found.keys()),
        "unknown": sorted(found.keys() - expected.keys()),
        "misshapen": shapes,
    }
    return "; ".join(f"{kind}: {_shortened(names)}" for kind, names in groups.items() if names)


def _shortened(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _read_config(path: Path) -> ModelConfig:
    try:
        return ModelConfig.model_validate_json(path.read_text())
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; it must stand beside the weights") from None
    except (ValidationError, UnicodeDecodeError) as error:
        reason: Any = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise WeightsError(f"{path}: not a model's description ({reason})") from None
