"""The typed mirror of `params.yaml`: no defaults, no unknown keys, presets resolved by `active`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml  # noqa: TID251 - the one place
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
)
from pydantic_core import ErrorDetails

from avrsp import paths
from avrsp.errors import ParamsError

PresetName = Literal["sample", "paper"]
FusionName = Literal["visual", "add", "mul", "concat", "bilinear", "mbt", "ravf"]
DatasetName = Literal["dhf1k", "diem", "coutrot1", "coutrot2", "avad", "etmd", "summe"]
ProtocolName = Literal["avrsp", "stavis", "vinet", "dhf1k"]
Precision = Literal["float32", "bf16"]

Count = Annotated[int, Field(strict=True, gt=0)]
Cardinal = Annotated[int, Field(strict=True, ge=0)]
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, gt=0, lt=1)]
Multiple32 = Annotated[int, Field(strict=True, gt=0, multiple_of=32)]

FUSIONS: tuple[FusionName, ...] = get_args(FusionName)
SPLITS = (1, 2, 3)


class Section(BaseModel):
    """A part of params.yaml: frozen, every key required, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LossParams(Section):
    """Weights of equation 19; those of `cc` and `sim` are negative because both are rewards."""

    kl: Real
    cc: Real
    sim: Real


class NetworkParams(Section):
    """Which parts the network has: MS, MRG, how many scales they cover, RAVF's blocks and heads."""

    synergy: StrictBool
    gate: StrictBool
    pairs: Annotated[int, Field(strict=True, ge=0, le=4)]
    blocks: Count
    heads: Count


class EncoderParams(Section):
    """Channel multiplier (D14), batch-norm momentum, and the weights each encoder starts from."""

    width: Positive
    momentum: Fraction
    s3d: StrictStr | None
    soundnet: StrictStr | None


class OptimiserParams(Section):
    """AdamW's weight decay; the plateau scheduler's factor and patience in epochs."""

    weight_decay: Real
    factor: Fraction
    patience: Cardinal


class ClipParams(Section):
    """The network's input: frames in a window, and their height and width in pixels."""

    length: Literal[8, 16, 32]
    height: Multiple32
    width: Multiple32


class StoreParams(Section):
    """Layout of a store: frames in one compressed chunk."""

    chunk: Annotated[int, Field(strict=True, ge=1, le=64)]


class TrainParams(Section):
    """One training phase; `batch` clips a step and process, `accumulate` steps an update."""

    epochs: Count
    clips_per_video: Count
    batch: Count
    accumulate: Count
    lr: Positive
    flip: StrictBool


class LoadingParams(Section):
    """Data loader processes; the order and content of clips do not depend on their number."""

    workers: Cardinal


class ComputeParams(Section):
    """Where and how the network runs; `windows` are predicted at a time."""

    device: Literal["cpu", "cuda", "auto"]
    precision: Precision
    windows: Count


class EvaluationParams(Section):
    """The protocol that tables follow, and how often a bootstrap interval resamples videos."""

    protocol: ProtocolName
    resamples: Count


class TrackingParams(Section):
    """The MLflow experiment's name; its server comes from MLFLOW_TRACKING_URI."""

    experiment: StrictStr


class WorldParams(Section):
    """The generated world of preset `sample`."""

    height: Count
    width: Count
    viewers: Annotated[int, Field(strict=True, ge=12)]


class Preset(Section):
    """All that differs between the sample and the paper."""

    clip: ClipParams
    store: StoreParams
    encoder: EncoderParams
    pretrain: TrainParams
    finetune: TrainParams
    loading: LoadingParams
    compute: ComputeParams


class Presets(Section):
    """The presets, side by side."""

    sample: Preset
    paper: Preset


class Params(Section):
    """All of params.yaml."""

    preset: PresetName
    fusion: FusionName
    splits: Annotated[list[Literal[1, 2, 3]], Field(min_length=1)]
    seed: Cardinal
    pretraining_set: DatasetName
    audio_visual_sets: Annotated[list[DatasetName], Field(min_length=1)]
    validation_fraction: Fraction
    loss: LossParams
    network: NetworkParams
    optimiser: OptimiserParams
    evaluation: EvaluationParams
    tracking: TrackingParams
    presets: Presets
    world: WorldParams

    @property
    def active(self) -> Preset:
        """Return the section of the chosen preset."""
        chosen: Preset = getattr(self.presets, self.preset)
        return chosen


def load(path: Path | None = None) -> Params:
    """Read and check the parameters in `path`, by default the workspace's params.yaml.

    Raises:
        ParamsError: The file is missing, is not YAML, or a key is missing, unknown or wrong.
    """
    path = path or paths.workspace() / paths.PARAMS_FILE
    return parse(_read(path), name=path.name)


def parse(content: object, name: str = paths.PARAMS_FILE) -> Params:
    """Check parameters that were already read from a file called `name`.

    Raises:
        ParamsError: A key is missing, unknown or wrong; the message names all such keys.
    """
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(_describe(fault) for fault in error.errors())
        raise ParamsError(
            f"{name}: {faults}. Correct it, or undo what `dvc exp run -S` wrote: git restore {name}"
        ) from None


def _read(path: Path) -> Any:  # noqa: ANN401 - YAML holds anything until it is checked
    try:
        return yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; run this inside a clone of the project") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise ParamsError(
            f"{path.name}: not YAML ({said}); correct it, or: git restore {path.name}"
        ) from None


def _describe(fault: ErrorDetails) -> str:
    key = ".".join(str(part) for part in fault["loc"]) or "the file"
    if fault["type"] == "missing":
        return f"{key} is missing"
    if fault["type"] == "extra_forbidden":
        return f"{key} is not a known key"
    allowed = fault["msg"].removeprefix("Input should be ")
    return f"{key}: found {fault['input']!r}, expected {allowed}"
