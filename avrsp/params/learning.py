"""The sections of params.yaml that say how a network is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import StrictBool

from avrsp.params.field_types import Cardinal, Count, Fraction, Positive, Real, Section

Decay = Literal["plateau", "cosine", "steps", "exponential", "constant"]


class LossParams(Section):
    """Weights of equation 19; those of `cc` and `sim` are negative because both are rewards."""

    kl: Real
    cc: Real
    sim: Real


class OptimiserParams(Section):
    """AdamW's weight decay; the plateau scheduler's factor and patience in epochs."""

    weight_decay: Real
    factor: Fraction
    patience: Cardinal


class TrainParams(Section):
    """One training phase; `batch` clips a step of all processes, `accumulate` steps an update.

    An epoch draws `clips_per_video` windows of each training video; the same `validation_clips` of
    each validation video judge it. Where epochs are too few to show a plateau, `decay` is cosine;
    `steps` and `exponential` take their numbers from the recipe of the network's entry.
    """

    epochs: Count
    clips_per_video: Count
    validation_clips: Count
    batch: Count
    accumulate: Count
    lr: Positive
    decay: Decay
    flip: StrictBool


class RecipeParams(Section):
    """Keys of `TrainParams` that are set for both phases, whatever preset or authors say."""

    epochs: Count | None = None
    clips_per_video: Count | None = None
    validation_clips: Count | None = None
    batch: Count | None = None
    accumulate: Count | None = None
    lr: Positive | None = None
    decay: Decay | None = None
    flip: StrictBool | None = None


class TrainingParams(Section):
    """Whether training goes on without the clips of a store that cannot be read, and how.

    `recipe` is for trials with one network: it wins over the preset, and over what the authors of
    a compared method wrote.
    """

    allow_missing: StrictBool
    recipe: RecipeParams


class AblationParams(Section):
    """How long each network of Tables III to V is fine-tuned; all else is as in `finetune`."""

    epochs: Count
