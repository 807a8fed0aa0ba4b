"""The sections of params.yaml, from the bottom up; `Params` is all of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictStr

from avrsp.params.fields import (
    Cardinal,
    Count,
    DatasetName,
    Fraction,
    FusionName,
    Multiple32,
    Positive,
    Precision,
    PresetName,
    ProtocolName,
    Real,
    Section,
)
from avrsp.params.world import WorldParams


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
    """One training phase; `batch` clips a step and process, `accumulate` steps an update.

    An epoch draws `clips_per_video` windows of each training video; the same `validation_clips`
    windows of each validation video judge every epoch.
    """

    epochs: Count
    clips_per_video: Count
    validation_clips: Count
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
