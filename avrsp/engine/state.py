"""A network while it is trained: everything that changes, as one thing to save and to restore.

The scheduler and the random generator are not saved. The plateau scheduler's state follows from
the validation losses so far, which are replayed; the generator is seeded anew before each update
by (seed, update), so that nothing drawn depends on how often training was interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import ReduceLROnPlateau

from avrsp.data.clips import Batch
from avrsp.data.sampling import seed_of
from avrsp.engine.checkpoint import Checkpoint
from avrsp.engine.compute import autocasting, check_trainable
from avrsp.errors import AvrspError
from avrsp.losses import saliency_loss
from avrsp.params import LossParams, OptimiserParams, Precision, TrainParams
from avrsp.types import Clip

Row = dict[str, float]
"""One epoch's losses and metrics, by the names that history.json has."""


class DivergenceError(AvrspError):
    """The loss or its gradient is not finite."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a phase is trained by: schedule, optimiser, loss, seed, precision."""

    train: TrainParams
    optimiser: OptimiserParams
    loss: LossParams
    seed: int
    precision: Precision


@dataclass(slots=True)
class Position:
    """How far training has come: epochs behind, and what the present epoch has seen so far."""

    epoch: int = 0
    batches: int = 0
    updates: int = 0
    clips: int = 0
    loss: float = 0.0
    history: list[Row] = field(default_factory=list)


class Training:
    """A network, its optimiser, its scheduler, how far it has come, and its best weights."""

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self.model = model
        self.recipe = recipe
        self.device = next(model.parameters()).device
        self.at = Position()
        self.best: dict[str, Tensor] = {}
        check_trainable(self.device, recipe.precision)
        chosen = recipe.optimiser
        self._optimiser = AdamW(
            model.parameters(), lr=recipe.train.lr, weight_decay=chosen.weight_decay
        )
        self._scheduler = ReduceLROnPlateau(
            self._optimiser, factor=chosen.factor, patience=chosen.patience
        )

    @property
    def lr(self) -> float:
        """The present learning rate."""
        return float(self._optimiser.param_groups[0]["lr"])

    def predict(self, clip: Clip) -> Tensor:
        """Return B x H x W float32 maps of a clip that lies on the device."""
        with autocasting(self.device, self.recipe.precision):
            return self.model(*clip).float()  # type: ignore[no-any-return]

    def update(self, batches: Sequence[Batch]) -> None:
        """Make one optimiser step by the mean gradient over all clips of `batches`.

        Raises:
            DivergenceError: The loss or its gradient is not finite; no step was made.
        """
        torch.manual_seed(seed_of(self.recipe.seed, "update", self.at.updates))
        self.model.train()
        self._optimiser.zero_grad(set_to_none=True)
        total = sum(len(batch.names) for batch in batches)
        for batch in batches:
            if batch.sample is not None:
                self._accumulate(batch, len(batch.names) / total)
        if total:
            self._step([name for batch in batches for name in batch.names])
        self.at.batches += len(batches)
        self.at.updates += 1

    def _accumulate(self, batch: Batch, share: float) -> None:
        assert batch.sample is not None
        clip, density = on(self.device, batch.sample.clip), batch.sample.density.to(self.device)
        loss = saliency_loss(self.predict(clip), density, self.recipe.loss)
        value = float(loss.detach())
        self._check("loss", value, batch.names)
        (loss * share).backward()  # type: ignore[no-untyped-call]
        self.at.loss += value * len(batch.names)
        self.at.clips += len(batch.names)

    def _step(self, names: Sequence[str]) -> None:
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        self._check("gradient's norm", float(nn.utils.get_total_norm(gradients)), names)
        self._optimiser.step()

    def _check(self, what: str, value: float, names: Sequence[str]) -> None:
        if not math.isfinite(value):
            raise DivergenceError(
                f"the {what} is {value} at epoch {self.at.epoch + 1}, "
                f"update {self.at.updates + 1}, on {', '.join(names)}; lower `lr` of this phase, "
                "or look at these clips"
            )

    def end_epoch(self, validation: Mapping[str, float]) -> Row:
        """Close the epoch with its validation results; keep the weights if they are the best."""
        row = {
            "epoch": self.at.epoch + 1,
            "lr": self.lr,
            "train_loss": self.at.loss / max(self.at.clips, 1),
            **{f"validation_{name}": value for name, value in validation.items()},
        }
        lowest = min((past["validation_loss"] for past in self.at.history), default=math.inf)
        if row["validation_loss"] < lowest:
            self.best = {name: t.clone() for name, t in self.model.state_dict().items()}
        self._scheduler.step(row["validation_loss"])
        self.at = Position(self.at.epoch + 1, 0, self.at.updates, 0, 0.0, [*self.at.history, row])
        return row

    def checkpoint(self) -> Checkpoint:
        """Return all that a later process needs to go on from here."""
        moments = self._optimiser.state_dict()["state"]
        tensors = {
            **{f"model.{name}": t for name, t in self.model.state_dict().items()},
            **{f"best.{name}": t for name, t in self.best.items()},
            **{f"adamw.{i}.{name}": t for i, each in moments.items() for name, t in each.items()},
        }
        return Checkpoint(self.at.updates, tensors, asdict(self.at))

    def restore(self, saved: Checkpoint) -> None:
        """Go back to a saved state of the same network and recipe."""
        grouped: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "adamw": {}}
        for name, tensor in saved.tensors.items():
            kind, rest = name.split(".", 1)
            grouped[kind][rest] = tensor
        self.model.load_state_dict(grouped["model"])
        self.best = {name: tensor.to(self.device) for name, tensor in grouped["best"].items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in grouped["adamw"].items():
            index, kind = name.split(".")
            moments.setdefault(int(index), {})[kind] = tensor
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.at = Position(**saved.facts)
        for row in self.at.history:
            self._scheduler.step(row["validation_loss"])


def on(device: torch.device, clip: Clip) -> Clip:
    """Return the clip on `device`."""
    return Clip(*(part.to(device, non_blocking=True) for part in clip))
