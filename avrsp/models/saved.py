"""A trained model on disk: `weights.safetensors`, and `model.json`, which says what it fits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as parsed
from safetensors.torch import save as serialised
from torch import Tensor, nn

from avrsp import files
from avrsp.errors import ParamsError, WeightsError
from avrsp.models import registry
from avrsp.models.registry import WindowSize
from avrsp.types import InputSpec

WEIGHTS = "weights.safetensors"
CONFIG = "model.json"
SHOWN = 3


class WeightsFile(BaseModel):
    """A file that weights came from: its name and the SHA-256 of its content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str


class ModelConfig(BaseModel):
    """What it takes to build a network again and to feed it, and where its weights come from.

    Attributes:
        model: Its name in the registry.
        settings: The arguments of `models.build`.
        length: Frames in a window.
        height: Rows of a frame.
        width: Columns of a frame.
        audio: Whether it takes sound.
        run: Name of the training run, as `av-split1`, or of the published checkpoint.
        digest: Digest of the parameters, data and code that it was trained by; of imported weights,
            of their source.
        mlflow_run: MLflow's id of that run; None where no server answered, or of imported weights.
        encoders: By part, the published weights that it started from; None: random numbers.
        learnt_from: Names of the datasets that it was trained on, or "generated world".
        source: The published file of imported weights, with their licence; None: trained here.
        licence: Of imported weights.
        left_out: Videos whose stores could not be read, with the reason; training went on without
            them because `training.allow_missing` said so.
        sha256: SHA-256 of each file beside this one, by its name, and of this one itself without
            that entry; `save_model` fills it in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    settings: Mapping[str, JsonValue]
    length: int
    height: int
    width: int
    audio: bool
    run: str
    digest: str
    mlflow_run: str | None
    encoders: Mapping[str, WeightsFile | None] = {}
    learnt_from: tuple[str, ...] = ()
    source: WeightsFile | None = None
    licence: str | None = None
    left_out: Mapping[str, str] = {}
    sha256: Mapping[str, str] = {}

    @property
    def spec(self) -> InputSpec:
        """The input of the network.

        Raises:
            ParamsError: There is no such network, or it has no such settings.
        """
        size = WindowSize(self.length, self.height, self.width)
        return registry.spec(self.model).input(self.settings, size)


def save_model(
    folder: Path, model: nn.Module, config: ModelConfig, beside: Collection[str] = ()
) -> None:
    """Write the weights of `model` and what they fit into `folder`.

    The description, written last, has the digests of the weights and of the files `beside`.
    """
    tensors = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    files.write_bytes(folder / WEIGHTS, serialised(tensors))
    digests = {name: files.sha256(folder / name) for name in (WEIGHTS, *beside)}
    description = {**config.model_dump(mode="json"), "sha256": digests}
    files.write_json(folder / CONFIG, files.with_own_digest(description, CONFIG))


def load(folder: str | Path) -> tuple[nn.Module, InputSpec]:
    """Return the network in a model folder, in evaluation mode on the CPU, and its input.

    Raises:
        WeightsError: A file is missing or damaged, or the tensors do not fit the network.
    """
    model, spec, _ = load_model(Path(folder))
    return model, spec


def load_model(place: Path) -> tuple[nn.Module, InputSpec, ModelConfig]:
    """Build the network that lies in the folder, or has its weights in the file, `place`.

    Returns:
        The network on the CPU in evaluation mode, its input, and its description.

    Raises:
        WeightsError: A file is missing or damaged, or the tensors do not fit the network.
    """
    weights = place / WEIGHTS if place.is_dir() else place
    tensors, config = _read_trained(weights)
    try:
        model, spec = registry.build(config.model, **config.settings), config.spec
    except ParamsError as error:
        raise WeightsError(f"{weights.with_name(CONFIG)}: {error}; train the model again") from None
    faults = misfits(tensors, model.state_dict())
    if faults:
        raise WeightsError(f"{weights}: {faults}; train the model again, or name another file")
    model.load_state_dict(tensors)
    return model.eval(), spec, config


def start_from(model: nn.Module, folder: Path, reset: Collection[str] = ()) -> list[str]:
    """Give `model` every tensor of an earlier phase's network, which must all have their place.

    The parts in `reset`, such as "gate", keep their random start.

    Returns:
        Names of the parts that keep their random start.

    Raises:
        WeightsError: A file is missing or damaged, or `model` has no such place for a tensor.
    """
    weights = folder / WEIGHTS
    own = model.state_dict()
    tensors = {
        name: tensor
        for name, tensor in _read_trained(weights)[0].items()
        if name.partition(".")[0] not in reset
    }
    faults = misfits(tensors, {name: own[name] for name in own if name in tensors})
    if faults:
        raise WeightsError(f"{weights}: {faults}; run that phase again with the same network")
    model.load_state_dict({**own, **tensors})
    return sorted({".".join(name.split(".")[:2]) for name in own if name not in tensors})


def _read_trained(path: Path) -> tuple[dict[str, Tensor], ModelConfig]:
    """Read weights and their description, whose digest they must have."""
    content, config = _content(path), read_config(path.with_name(CONFIG))
    if hashlib.sha256(content).hexdigest() != config.sha256.get(WEIGHTS):
        raise WeightsError(
            f"{path}: damaged, or not what {CONFIG} beside it describes (SHA-256 differs); "
            f"get both again, or remove {path.parent} and run: dvc repro"
        )
    try:
        return parsed(content), config
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a whole safetensors file ({error})") from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; train a model first: dvc repro") from None
    except IsADirectoryError:
        raise WeightsError(f"{path}: a folder without {WEIGHTS}") from None


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


def read_config(path: Path) -> ModelConfig:
    """Read a model's description.

    Raises:
        WeightsError: It is missing, damaged, or not what was written.
    """
    try:
        content = path.read_bytes()
        config = ModelConfig.model_validate_json(content)
        found = json.loads(content)
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; it must stand beside the weights") from None
    except (ValidationError, UnicodeDecodeError) as error:
        reason: Any = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise WeightsError(f"{path}: not a model's description ({reason})") from None
    if config.sha256 and files.with_own_digest(found, CONFIG) != found:
        raise WeightsError(
            f"{path}: damaged or changed by hand (its own SHA-256 differs); get it again, or "
            f"remove {path.parent} and run: dvc repro"
        )
    return config
