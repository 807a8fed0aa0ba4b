"""A trained model on disk: `weights.safetensors`, and `model.json`, which says what it fits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
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
        left_out: Videos whose stores could not be read, with the reason; training went on without
            them because `training.allow_missing` said so.
        sha256: SHA-256 of each file beside this one, by its name, and of this one itself without
            that entry.
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
    left_out: Mapping[str, str] = Field(default_factory=dict)
    sha256: Mapping[str, str] = Field(default_factory=dict)

    @property
    def spec(self) -> InputSpec:
        """The input that the network was trained for."""
        return InputSpec(self.length, self.height, self.width, self.audio)


def save_model(
    folder: Path, model: nn.Module, config: ModelConfig, beside: Collection[str] = ()
) -> None:
    """Write the weights of `model` and what they fit into `folder`.

    The description, written last, has the digests of the weights and of the files `beside`.
    """
    tensors = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    files.write_bytes(folder / WEIGHTS, save(tensors))
    digests = {name: files.sha256(folder / name) for name in (WEIGHTS, *beside)}
    files.write_json(folder / CONFIG, sealed({**config.model_dump(), "sha256": digests}))


def sealed(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's description with the digest of its own content among those it lists."""
    others = {name: each for name, each in description["sha256"].items() if name != CONFIG}
    content = json.dumps({**description, "sha256": others}, sort_keys=True)
    own = hashlib.sha256(content.encode()).hexdigest()
    return {**description, "sha256": {**others, CONFIG: own}}


def _check(path: Path, content: bytes, config: ModelConfig) -> None:
    """Make sure that the weights are those described; an older description has no digests."""
    expected = config.sha256.get(WEIGHTS)
    if expected is not None and hashlib.sha256(content).hexdigest() != expected:
        raise WeightsError(
            f"{path}: damaged, or not what {CONFIG} beside it describes (SHA-256 differs); "
            f"get both again, or remove {path.parent} and run: dvc repro"
        )


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
        for name, tensor in _read_trained(weights)[0].items()
        if name.partition(".")[0] not in anew
    }
    faults = misfits(tensors, {name: own[name] for name in own if name in tensors})
    if faults:
        raise WeightsError(f"{weights}: {faults}; run that phase again with the same network")
    model.load_state_dict({**own, **tensors})
    return sorted({".".join(name.split(".")[:2]) for name in own if name not in tensors})


def _read_trained(path: Path) -> tuple[dict[str, Tensor], ModelConfig]:
    """Read trained weights and their description, whose digest they must have.

    Raises:
        WeightsError: One of the two is missing or damaged, or they do not belong together.
    """
    content = _content(path)
    tensors = _loaded(path, content)
    config = _read_config(path.with_name(CONFIG))
    _check(path, content, config)
    return tensors, config


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; train a model first: dvc repro") from None
    except IsADirectoryError:
        raise WeightsError(f"{path}: a folder without {WEIGHTS}") from None


def _loaded(path: Path, content: bytes) -> dict[str, Tensor]:
    try:
        return load(content)
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
    if config.sha256 and sealed(found) != found:
        raise WeightsError(
            f"{path}: damaged or changed by hand (its own SHA-256 differs); get it again, or "
            f"remove {path.parent} and run: dvc repro"
        )
    return config
