"""The sections of params.yaml, from the bottom up; `Params` is all of it."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from avrsp.params.field_types import (
    Cardinal,
    Count,
    Even,
    Fraction,
    Multiple32,
    Positive,
    Section,
    Share,
)
from avrsp.params.learning import (
    AblationParams,
    LossParams,
    OptimiserParams,
    TrainingParams,
    TrainParams,
)
from avrsp.params.runs import AblationName

PresetName = Literal["sample", "paper"]
FusionName = Literal["visual", "add", "mul", "concat", "bilinear", "mbt", "ravf"]
ProtocolName = Literal["avrsp", "stavis", "vinet", "dhf1k", "msu2024", "crowdsal"]
Precision = Literal["float32", "bf16"]


def _ascending(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise PydanticCustomError("order", "Input should be the lower bound, then the upper")
    return pair


Interval = Annotated[tuple[Positive, Positive], AfterValidator(_ascending)]
CountInterval = Annotated[tuple[Count, Count], AfterValidator(_ascending)]

SettingValue = StrictBool | StrictInt | StrictFloat | StrictStr | list[StrictInt]
"""A setting of a network, which the network's entry checks."""

FUSIONS: tuple[FusionName, ...] = get_args(FusionName)


def _one_kind(splits: list[int | str]) -> list[int | str]:
    if len({type(split) for split in splits}) > 1:
        raise PydanticCustomError("splits", "Input should be all numbers or all names")
    if len(set(splits)) < len(splits):
        raise PydanticCustomError("splits", "Input should be splits that differ")
    return splits


def _no_repeats(names: list[AblationName]) -> list[AblationName]:
    if len(set(names)) < len(names):
        raise PydanticCustomError("ablations", "Input should be networks that differ")
    return names


DatasetName = Annotated[str, Field(strict=True, min_length=1)]
"""A key in the registry of datasets, which checks it."""

SplitName = (
    Annotated[int, Field(strict=True, ge=0)]
    | Annotated[str, Field(strict=True, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
)
"""A split: a number, as the published divisions have, or a name."""

SplitNames = Annotated[list[SplitName], Field(min_length=1), AfterValidator(_one_kind)]


class WorldVideos(Section):
    """How many videos each audio-visual set of the world has; a third of them is tested a split."""

    diem: Count
    coutrot1: Count
    coutrot2: Count
    avad: Count
    etmd: Count
    summe: Count


class WorldUnheard(Section):
    """The world's DHF1K, watched without its sound: frame height and videos of each role."""

    height: Even
    train: Count
    validation: Count
    test: Count


class WorldKinds(Section):
    """Shares of the kinds of audio-visual clip; they sum to one.

    Sound is irrelevant in two of them: `music` belongs to no object, and a `distracting` sound is
    that of an object which is not in the picture, or of one that viewers do not follow.
    """

    sounding: Fraction
    music: Fraction
    silent: Fraction
    distracting: Share

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not math.isclose(sum(share for _, share in self), 1):
            raise PydanticCustomError("shares", "Input should be four shares that sum to 1")
        return self


class WorldScene(Section):
    """The moving objects: diameter in frame heights, speed in frame heights a second.

    In a clip without a sounding object one object is made conspicuous: its diameter and speed are
    multiplied, and its brightness pulses by so many grey levels.
    """

    diameter: Fraction
    speed: Positive
    conspicuous_diameter: Positive
    conspicuous_speed: Positive
    conspicuous_pulse: Positive


class WorldSound(Section):
    """Loudness (RMS, full scale 1) and how long, in seconds, an object sounds at the least."""

    rms: Interval
    stretch: Positive


class WorldViewers(Section):
    """The simulated viewers; times in seconds, jitter in frame widths, blur in pixels.

    `latency` is the delay between sound and gaze: the time from a change of the object to follow
    to the saccade that answers it. A `lapse` is a fixation spent on another object. `blur` is the
    density's Gaussian deviation.
    """

    count: Annotated[int, Field(strict=True, ge=12)]
    fixation: Interval
    saccade: Interval
    latency: Interval
    jitter: Fraction
    lapse: Fraction
    blur: Positive


class WorldParams(Section):
    """The generated world of preset `sample`; height and width of the audio-visual sets' frames."""

    height: Even
    width: Even
    frames: CountInterval
    videos: WorldVideos
    unheard: WorldUnheard
    kinds: WorldKinds
    scene: WorldScene
    sound: WorldSound
    viewers: WorldViewers

    @property
    def datasets(self) -> tuple[str, ...]:
        """Return the keys of the datasets that are generated."""
        return "dhf1k", *WorldVideos.model_fields


class FusionWorld(Section):
    """What a world in which fusions are compared has in place of `world`'s: kinds and delay."""

    kinds: WorldKinds
    latency: Interval


class FusionWorlds(Section):
    """Worlds whose sound is seldom irrelevant, often, and often with a gaze that follows late."""

    seldom: FusionWorld
    often: FusionWorld
    late: FusionWorld


class FusionsParams(Section):
    """How fusions are compared, each with the learning rate that suits it best.

    `rates` are tried with each fusion in the world of `rate_seed`, whose validation videos choose;
    at most so many `frames` of a test video are shown, evenly spaced. Seeds and videos are drawn
    `resamples` times: many comparisons are corrected, for which p values have to be small.
    """

    rates: Annotated[list[Positive], Field(min_length=1)]
    rate_seed: Cardinal
    frames: Count
    resamples: Count
    worlds: FusionWorlds


class NetworkParams(Section):
    """Settings by the names that a network has for them; another network does not read them.

    AVRSP's: whether it has MS and MRG, how many scales they cover, the fusion's blocks and heads.
    """

    synergy: StrictBool
    gate: StrictBool
    pairs: Annotated[int, Field(strict=True, ge=0, le=4)]
    blocks: Count
    heads: Count


class EncoderParams(Section):
    """Channel multiplier (D14), batch-norm momentum, and the weights each encoder starts from.

    With `from_scratch` they start from random numbers, whatever files are named.
    """

    width: Positive
    momentum: Fraction
    from_scratch: StrictBool
    s3d: StrictStr | None
    soundnet: StrictStr | None
    resnet3d: StrictStr | None
    mobilenet: StrictStr | None

    @property
    def files(self) -> dict[str, str | None]:
        """Return which file each kind of encoder starts from."""
        return {
            "s3d": self.s3d,
            "soundnet": self.soundnet,
            "resnet3d": self.resnet3d,
            "mobilenet": self.mobilenet,
        }


class ClipParams(Section):
    """The network's input: frames in a window, and their height and width in pixels."""

    length: Literal[8, 16, 32]
    height: Multiple32
    width: Multiple32


class StoreParams(Section):
    """Layout of a store: frames in one compressed chunk."""

    chunk: Annotated[int, Field(strict=True, ge=1, le=64)]


class LoadingParams(Section):
    """Data loader processes; the order and content of clips do not depend on their number."""

    workers: Cardinal


class ComputeParams(Section):
    """Where and how the network runs; `windows` are predicted at a time.

    In training, `compile` has PyTorch compile the network, and `checkpointing` computes S3D's
    activations again in the backward pass instead of keeping them: a third less speed for memory.
    """

    device: Literal["cpu", "cuda", "auto"]
    precision: Precision
    compile: StrictBool
    checkpointing: StrictBool
    windows: Count

    @model_validator(mode="after")
    def _one_at_most(self) -> Self:
        if self.compile and self.checkpointing:
            said = "Input should have compile or checkpointing, not both: PyTorch cannot yet"
            raise PydanticCustomError("compute", said)
        return self


class EvaluationParams(Section):
    """The protocol that tables follow, and how often a bootstrap interval resamples videos.

    A stage whose maps are partly missing or unusable fails, unless `allow_missing`.
    """

    protocol: ProtocolName
    resamples: Count
    allow_missing: bool


class RelianceParams(Section):
    """How many frames of each test video, evenly spaced, are shown with other sounds."""

    frames: Count


class TrackingParams(Section):
    """The MLflow experiment's name; its server comes from MLFLOW_TRACKING_URI."""

    experiment: StrictStr


class DataParams(Section):
    """Where preset `paper` gets its data, where not from the registry and `data/sheets`.

    `mirrors` are addresses below which the audio-visual sets' archives lie, http(s) or paths; an
    empty list means that nothing is downloaded. `sheets` is a folder of other sheets. `stores` is
    where the stores of any preset lie if not below `data/store`: s3://bucket/prefix.
    """

    mirrors: list[StrictStr] | None
    sheets: StrictStr | None
    stores: Annotated[str, Field(strict=True, pattern=r"^s3://[^/\s]+(/[^\s]*)?$")] | None


class Preset(Section):
    """All that differs between the sample and the paper."""

    clip: ClipParams
    store: StoreParams
    encoder: EncoderParams
    pretrain: TrainParams
    finetune: TrainParams
    ablation: AblationParams
    loading: LoadingParams
    compute: ComputeParams


class Presets(Section):
    """The presets, side by side."""

    sample: Preset
    paper: Preset


def split_name(text: str) -> int | str:
    """Return a split as params.yaml names it from a word of a command line."""
    return int(text) if text.isdecimal() else text


class Params(Section):
    """All of params.yaml.

    Which datasets and splits there are is the registry's to say: `datasets.check_params`. Likewise
    `model`, `variant` (which of its networks with sound; null: the entry's own choice) and
    `settings` (of that network, before what other sections say of it): `avrsp.models` checks them.
    `ablations` are the networks of Tables III to V that `workflow/ablations/dvc.yaml` runs;
    `fusions` is what `workflow/fusions/dvc.yaml` compares them by.
    `recordings` are folders of one's own gaze, by the key that each gets as a dataset.
    """

    preset: PresetName
    model: StrictStr
    variant: StrictStr | None
    settings: dict[str, SettingValue]
    fusion: FusionName
    splits: SplitNames
    ablations: Annotated[list[AblationName], AfterValidator(_no_repeats)]
    seed: Cardinal
    pretraining_set: DatasetName
    audio_visual_sets: Annotated[list[DatasetName], Field(min_length=1)]
    validation_fraction: Fraction
    loss: LossParams
    network: NetworkParams
    optimiser: OptimiserParams
    training: TrainingParams
    evaluation: EvaluationParams
    reliance: RelianceParams
    tracking: TrackingParams
    data: DataParams
    recordings: dict[DatasetName, StrictStr]
    presets: Presets
    world: WorldParams
    fusions: FusionsParams

    @property
    def active(self) -> Preset:
        """Return the section of the chosen preset."""
        chosen: Preset = getattr(self.presets, self.preset)
        return chosen
