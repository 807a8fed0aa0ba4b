"""How a method's authors train it, as data; `avrsp.train.optimisation` carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from torch import Tensor

from avrsp.errors import ParamsError
from avrsp.params import PresetName, RecipeParams, TrainParams


def unchanged(value: Tensor) -> Tensor:
    """Return the sum over one process."""
    return value


class GroundTruth(NamedTuple):
    """What a loss compares with.

    Attributes:
        density: B x H x W, maximum 1; B x T x H x W where every frame of a window counts, and zeros
            for a frame that nobody looked at.
        fixations: Likewise, bool: the pixels that somebody fixated.
        progress: Share of the training's epochs that are done.
        summed: Adds a tensor up over the processes that share a batch; gradients flow through it.
    """

    density: Tensor
    fixations: Tensor
    progress: float
    summed: Callable[[Tensor], Tensor] = unchanged


Loss = Callable[[Any, GroundTruth], Tensor]
"""From what the network returns, maps B x H x W or what `output` names, to one number."""
PhaseName = Literal["pretrain", "finetune"]
Follows = Literal["pretrain", "v"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroup:
    """Parameters that learn in their own way.

    Attributes:
        pattern: Regular expression that is searched for in a parameter's name; the first group that
            matches takes it.
        rate: Its learning rate, as a multiple of the phase's.
        weight_decay: None: the recipe's.
        scheduled: Whether the schedule changes its learning rate.
        begins: Share of a training's epochs for which it stays as it is.
    """

    pattern: str
    rate: float = 1.0
    weight_decay: float | None = None
    scheduled: bool = True
    begins: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRecipe:
    """Loss, optimiser and numbers of a training; what is None or empty is as params.yaml says.

    Attributes:
        output: The network's method that returns what the loss is of, called with frames, waveform
            and has_sound; None: the network itself, which returns maps.
        loss: None: equation 19 with the weights of params.yaml.
        optimiser: Which of PyTorch's.
        options: Its further arguments, such as momentum.
        weight_decay: None: that of params.yaml.
        groups: Parameters that learn differently; all others learn at the phase's rate.
        milestones: Shares of a training after which a `steps` decay multiplies the learning rate.
        factor: By which it does, or an `exponential` decay does after each epoch.
        clip_norm: The greatest norm of the gradient; None: not limited.
        summed: Whether the gradients of accumulated batches are added up, not averaged.
        every_frame: Whether the loss is of all frames of a window, not of the predicted one alone.
        whole_windows: Whether windows lie within their video, if it is long enough for one.
        whole_batch: Whether the loss is not a mean over clips but one number of the batch; each of
            several processes then returns its part, which add up to that number.
        paper: Keys of `TrainParams` by phase that the authors' numbers replace at full scale.
        sample: Likewise in preset `sample`, for both phases.
        follows: The run whose network fine-tuning starts from: the pretraining, or V of its split.
        start: What the authors start from, in words.
    """

    output: str | None = None
    loss: Loss | None = None
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    options: Mapping[str, float] = field(default_factory=dict)
    weight_decay: float | None = None
    groups: tuple[ParameterGroup, ...] = ()
    milestones: tuple[float, ...] = ()
    factor: float = 0.1
    clip_norm: float | None = None
    summed: bool = False
    every_frame: bool = False
    whole_windows: bool = False
    whole_batch: bool = False
    paper: Mapping[PhaseName, Mapping[str, Any]] = field(default_factory=dict)
    sample: Mapping[str, Any] = field(default_factory=dict)
    follows: Follows = "pretrain"
    start: str = ""

    def train(
        self, preset: PresetName, phase: PhaseName, given: TrainParams, own: RecipeParams
    ) -> TrainParams:
        """Return the numbers of a phase: the preset's, before them the authors', then one's own.

        Raises:
            ParamsError: One's own decay is by steps, and the recipe does not say when they come.
        """
        authors = self.sample if preset == "sample" else self.paper.get(phase, {})
        chosen = own.model_dump(exclude_none=True)
        numbers = TrainParams.model_validate({**given.model_dump(), **authors, **chosen})
        if numbers.decay == "steps" and not self.milestones:
            raise ParamsError(
                "decay: found 'steps', expected another: the network's recipe names no steps"
            )
        return numbers
