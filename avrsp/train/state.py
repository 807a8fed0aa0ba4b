"""A network while it is trained: everything that changes, as one thing to save and to restore.

The schedule and the random generator are not saved. The learning rate follows from the epochs so
far and their validation losses, which are replayed; the generator is seeded before each update
by (seed, update), so that nothing drawn depends on how often training was interrupted.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import ReduceLROnPlateau

from avrsp.compute import autocasting, check_trainable
from avrsp.errors import AvrspError
from avrsp.models.loss import saliency_loss
from avrsp.params import LossParams, OptimiserParams, Precision, TrainParams
from avrsp.train.checkpoint import Checkpoint
from avrsp.train.clips import Batch
from avrsp.train.ranks import ALONE, Ranks
from avrsp.train.sampling import seed_of
from avrsp.types import Clip, Sample


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a phase is trained by: schedule, optimiser, loss, seed, precision."""

    train: TrainParams
    optimiser: OptimiserParams
    loss: LossParams
    seed: int
    precision: Precision


class Training:
    """A network, its optimiser, its schedule, how far it has come, and its best weights.

    Of several processes each has one; after every update they are the same.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, ranks: Ranks = ALONE) -> None:
        self.model = model
        self.recipe = recipe
        self.ranks = ranks
        self.device = next(model.parameters()).device
        self.at = Position()
        self.best: dict[str, Tensor] = {}
        check_trainable(self.device, recipe.precision)
        chosen = recipe.optimiser
        self._shared = ranks.sharing(model)
        self._optimiser = AdamW(
            model.parameters(), lr=recipe.train.lr, weight_decay=chosen.weight_decay, fused=True
        )
        self._plateau = ReduceLROnPlateau(
            self._optimiser, factor=chosen.factor, patience=chosen.patience
        )

    @property
    def lr(self) -> float:
        """The present learning rate."""
        return float(self._optimiser.param_groups[0]["lr"])

    def predict(self, clip: Clip) -> Tensor:
        """Return B x H x W float32 maps of a clip that lies on the device."""
        return self._called(self.model, clip)

    def _called(self, network: nn.Module, clip: Clip) -> Tensor:
        with autocasting(self.device, self.recipe.precision):
            return network(*clip).float()  # type: ignore[no-any-return]

    def update(self, batches: Sequence[Batch]) -> None:
        """Make one optimiser step by the mean gradient over all clips of `batches`.

        Of several processes, each gives the parts of the same batches that it has read.

        Raises:
            DivergenceError: The loss or its gradient is not finite; no step was made.
        """
        torch.manual_seed(seed_of(self.recipe.seed, "update", self.at.updates))
        self.model.train()
        self._optimiser.zero_grad(set_to_none=True)
        counts = self.ranks.summed([len(batch.names) for batch in batches])
        total = sum(counts)
        read = [batch for batch, count in zip(batches, counts, strict=True) if count]
        for left, batch in zip(reversed(range(len(read))), read, strict=True):
            with self.ranks.keeping(self._shared) if left else contextlib.nullcontext():
                # Sharing takes the mean over processes, where the sum is wanted.
                self._accumulate(batch, self.ranks.count * len(batch.names) / total)
        if total:
            self._step([name for batch in batches for name in batch.names])
        self.at.batches += len(batches)
        self.at.updates += 1

    def _accumulate(self, batch: Batch, share: float) -> None:
        loss = self._loss(self._shared, batch.sample, counted=bool(batch.names))
        own = len(batch.names)
        value, clips = self.ranks.summed([float(loss.detach()) * own, own])
        self._check("loss", value / clips, batch.names)
        (loss * share).backward()  # type: ignore[no-untyped-call]
        self.at.loss += value
        self.at.clips += int(clips)

    def _loss(self, network: nn.Module, sample: Sample, *, counted: bool) -> Tensor:
        pred = self._called(network, on(self.device, sample.clip))
        if not counted:
            return 0.0 * pred.sum()
        return saliency_loss(pred, sample.density.to(self.device), self.recipe.loss)

    def holds(self, sample: Sample) -> bool:
        """Say whether the device's memory holds a step on `sample`, which is tried in vain."""
        try:
            self._loss(self.model, sample, counted=True).backward()  # type: ignore[no-untyped-call]
        except torch.OutOfMemoryError:
            return False
        finally:
            self._optimiser.zero_grad(set_to_none=True)
        return True

    def _step(self, names: Sequence[str]) -> None:
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        self._check("gradient's norm", float(nn.utils.get_total_norm(gradients)), names)
        self._optimiser.step()

    def _check(self, what: str, value: float, names: Sequence[str]) -> None:
        if not math.isfinite(value):
            found = [json.loads(own) for own in self.ranks.gathered(json.dumps(names))]
            raise DivergenceError.of(what, value, self.at, [name for own in found for name in own])

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
        self._decay(row)
        self.at = replace(
            self.at, epoch=self.at.epoch + 1, batches=0, clips=0, loss=0.0,
            history=[*self.at.history, row],
        )  # fmt: skip
        return row

    def _decay(self, row: Row) -> None:
        """Set the learning rate of the epoch after this one."""
        if self.recipe.train.decay == "plateau":
            self._plateau.step(row["validation_loss"])
        else:
            done = row["epoch"] / self.recipe.train.epochs
            for group in self._optimiser.param_groups:
                group["lr"] = self.recipe.train.lr * (1 + math.cos(math.pi * done)) / 2

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
        parameters = [*self.model.parameters()]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in grouped["adamw"].items():
            index, kind = name.split(".")
            weight = parameters[int(index)]  # in whose memory layout a moment must lie
            laid = torch.empty_like(weight).copy_(tensor) if tensor.dim() else tensor
            moments.setdefault(int(index), {})[kind] = laid
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.at = Position(**saved.facts)
        for row in self.at.history:
            self._decay(row)


def on(device: torch.device, clip: Clip) -> Clip:
    """Return the clip on `device`."""
    return Clip(*(part.to(device, non_blocking=True) for part in clip))


Row = dict[str, float]
"""One epoch's losses and metrics, by the names that history.json has."""


@dataclass(slots=True)
class Position:
    """How far training has come: epochs behind, and what the present epoch has seen so far.

    `left_out` says which videos could not be read, and why.
    """

    epoch: int = 0
    batches: int = 0
    updates: int = 0
    clips: int = 0
    loss: float = 0.0
    history: list[Row] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def described(self, epochs: int) -> str:
        """Say what the last of the epochs behind was like, of `epochs` in all."""
        row, lowest = self.history[-1], min(past["validation_loss"] for past in self.history)
        best = " (best)" if row["validation_loss"] == lowest else ""
        return (
            f"epoch {row['epoch']} of {epochs}, loss {row['train_loss']:.4f}, validation "
            f"{row['validation_loss']:.4f}{best}"
        )


class DivergenceError(AvrspError):
    """The loss or its gradient is not finite; `names` are the clips on which it was seen."""

    def __init__(self, message: str, names: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.names = [*names]

    @classmethod
    def of(cls, what: str, value: float, at: Position, names: Sequence[str]) -> DivergenceError:
        """Return the error that `what` is `value` on the clips called `names`."""
        return cls(
            f"the {what} is {value} at epoch {at.epoch + 1}, update {at.updates + 1}, on "
            f"{', '.join(names)}; lower `lr` of this phase, or look at these clips",
            names,
        )
