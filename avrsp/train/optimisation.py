"""The optimiser, its schedule and its loss, as a recipe and params.yaml say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from avrsp.metrics import cc, kl, sim
from avrsp.metrics.fixations import Maps
from avrsp.models.recipe import GroundTruth, MethodRecipe
from avrsp.params import LossParams, OptimiserParams, TrainParams

OPTIMISERS: Final[Mapping[str, type[Optimizer]]] = {"adamw": AdamW, "adam": Adam, "sgd": SGD}


EPSILON: Final = torch.finfo(torch.float32).eps
"""KL's epsilon in training: float32's own (1.2e-7), where the metric has float64's (2.2e-16).

It bounds the gradient at a pixel that is predicted as zero and fixated by 8.4e6 times its density.
"""


def saliency_loss(pred: Maps, density: Maps, weights: LossParams) -> Tensor:
    """Equation 19, averaged over the batch; `weights.cc` and `weights.sim` are negative rewards."""
    terms = (
        weights.kl * kl(pred, density, epsilon=EPSILON)
        + weights.cc * cc(pred, density)
        + weights.sim * sim(pred, density)
    )
    return terms.mean().to(torch.promote_types(pred.dtype, torch.float32))


class PhaseNumbers(Protocol):
    """What a phase is trained by (`state.Recipe`)."""

    @property
    def train(self) -> TrainParams:
        """Epochs, learning rate and decay."""
        ...

    @property
    def optimiser(self) -> OptimiserParams:
        """Weight decay and the plateau's numbers."""
        ...

    @property
    def loss(self) -> LossParams:
        """Weights of equation 19."""
        ...

    @property
    def method(self) -> MethodRecipe:
        """What the network's entry says."""
        ...


def optimiser_for(model: nn.Module, numbers: PhaseNumbers) -> Optimizer:
    """Return the optimiser of the network's parameters, in groups as the recipe has them.

    Each group holds `base`, its first learning rate, whether the schedule is for it, and `begins`,
    the share of the epochs before which it does not learn.
    """
    method, lr = numbers.method, numbers.train.lr
    decay = numbers.optimiser.weight_decay if method.weight_decay is None else method.weight_decay
    groups: list[dict[str, Any]] = [
        {
            "params": list[nn.Parameter](),
            "lr": lr * group.rate,
            "base": lr * group.rate,
            "weight_decay": decay if group.weight_decay is None else group.weight_decay,
            "scheduled": group.scheduled,
            "begins": group.begins,
        }
        for group in method.groups
    ]
    rest: dict[str, Any] = {"params": list[nn.Parameter](), "lr": lr, "base": lr}
    rest |= {"weight_decay": decay, "scheduled": True, "begins": 0.0}
    for name, parameter in model.named_parameters():
        matching = (
            own
            for own, group in zip(groups, method.groups, strict=True)
            if re.search(group.pattern, name)
        )
        next(matching, rest)["params"].append(parameter)
    make: Any = OPTIMISERS[method.optimiser]
    chosen = [each for each in (*groups, rest) if each["params"]]
    found: Optimizer = make(chosen, lr=lr, fused=True, **method.options)
    return found


class Schedule:
    """The learning rates of an optimiser, epoch after epoch: a function of validation losses."""

    def __init__(self, optimiser: Optimizer, numbers: PhaseNumbers) -> None:
        self._optimiser = optimiser
        self._train, self._method = numbers.train, numbers.method
        chosen = numbers.optimiser
        self._plateau = ReduceLROnPlateau(optimiser, factor=chosen.factor, patience=chosen.patience)

    def after(self, epoch: int, validation_loss: float) -> None:
        """Set the learning rates of the epoch after number `epoch`, counted from 1."""
        if self._train.decay == "plateau":
            self._plateau.step(validation_loss)
            return
        factor = self._factor(epoch)
        for group in self._optimiser.param_groups:
            group["lr"] = group["base"] * (factor if group["scheduled"] else 1.0)

    def _factor(self, epoch: int) -> float:
        done, method = epoch / self._train.epochs, self._method
        match self._train.decay:
            case "cosine":
                return (1 + math.cos(math.pi * done)) / 2
            case "steps":
                passed = sum(done >= share for share in method.milestones)
                return float(method.factor**passed)
            case "exponential":
                return float(method.factor**epoch)
            case _:
                return 1.0


class TrainingOutput(nn.Module):
    """A network called for what its loss is of, which is not always its maps."""

    def __init__(self, network: nn.Module, method: MethodRecipe) -> None:
        super().__init__()
        self.network = network
        self._method = method.output

    def forward(self, *clip: Tensor) -> Any:  # noqa: ANN401 - what the recipe's loss takes
        """Return maps B x H x W, or what the method that the recipe names returns."""
        called = self.network if self._method is None else getattr(self.network, self._method)
        return called(*clip)


def loss_of(numbers: PhaseNumbers, output: Any, truth: GroundTruth) -> Tensor:  # noqa: ANN401 - as above
    """Return the recipe's loss of a network's output; by default equation 19 of its maps."""
    if numbers.method.loss is None:
        return saliency_loss(output, truth.density, numbers.loss)
    return numbers.method.loss(output, truth)
