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
from typing import Any, Final

import torch
from torch import Tensor, nn

from avrsp.compute import autocasting, check_trainable
from avrsp.errors import AvrspError
from avrsp.models.recipe import GroundTruth, MethodRecipe
from avrsp.params import LossParams, OptimiserParams, Precision, TrainParams
from avrsp.train.checkpoint import Checkpoint
from avrsp.train.clips import Batch
from avrsp.train.optimisation import Schedule, TrainingOutput, loss_of, optimiser_for
from avrsp.train.ranks import ALONE, Ranks
from avrsp.train.sampling import seed_of
from avrsp.types import Clip, Sample

LONE: Final = "Expected more than 1 value per channel"
"""How PyTorch begins to say that a batch has one value of a channel, which has no deviation."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a phase is trained by: schedule, optimiser, loss, seed, precision.

    `method` is the recipe of the network's entry; where it says nothing, the others hold.
    """

    train: TrainParams
    optimiser: OptimiserParams
    loss: LossParams
    seed: int
    precision: Precision
    method: MethodRecipe = field(default_factory=MethodRecipe)


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
        self._shared = ranks.sharing(TrainingOutput(model, recipe.method))
        self._optimiser = optimiser_for(model, recipe)
        self._schedule = Schedule(self._optimiser, recipe)

    @property
    def method(self) -> MethodRecipe:
        """What the network's entry says of its training."""
        return self.recipe.method

    @property
    def lr(self) -> float:
        """The present learning rate."""
        return float(self._optimiser.param_groups[0]["lr"])

    def predict(self, clip: Clip) -> Tensor:
        """Return B x H x W float32 maps of a clip that lies on the device."""
        with autocasting(self.device, self.recipe.precision):
            return self.model(*clip).float()  # type: ignore[no-any-return]

    def output(self, clip: Clip) -> Any:  # noqa: ANN401 - what the recipe's loss takes
        """Return what the loss is of (`Recipe.output`), of a clip that lies on the device."""
        return self._called(TrainingOutput(self.model, self.method), clip)

    def truth(self, sample: Sample) -> GroundTruth:
        """Return what the loss compares with, on the device."""
        density, fixations = sample.density.to(self.device), sample.fixations.to(self.device)
        return GroundTruth(density, fixations, self._done, self.ranks.total)

    @property
    def _done(self) -> float:
        return self.at.epoch / self.recipe.train.epochs

    def _called(self, network: nn.Module, clip: Clip) -> Any:  # noqa: ANN401 - as above
        with autocasting(self.device, self.recipe.precision):
            output = network(*clip)
        return output.float() if isinstance(output, Tensor) else [each.float() for each in output]

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
        total, method = sum(counts), self.method
        read = [(batch, count) for batch, count in zip(batches, counts, strict=True) if count]
        for left, (batch, count) in zip(reversed(range(len(read))), read, strict=True):
            with self.ranks.keeping(self._shared) if left else contextlib.nullcontext():
                # Sharing takes the mean over processes, where the sum is wanted.
                weight = count if method.whole_batch else len(batch.names)
                share = self.ranks.count * weight / total
                self._accumulate(batch, weight, share * (len(read) if method.summed else 1))
        if total:
            self._step([name for batch in batches for name in batch.names])
        self.at.batches += len(batches)
        self.at.updates += 1

    def _accumulate(self, batch: Batch, weight: float, share: float) -> None:
        try:
            loss = self._loss(self._shared, batch.sample, counted=bool(batch.names))
        except ValueError as error:
            if not str(error).startswith(LONE):
                raise
            raise AvrspError(
                f"{', '.join(batch.names)}: alone in its batch, and batch normalisation needs two "
                "clips to train on; raise `clips_per_video`, or set `batch` so that no batch has a "
                "single clip"
            ) from None
        own = len(batch.names)
        value, clips = self.ranks.summed([float(loss.detach()) * weight, own])
        self._check("loss", value / clips, batch.names)
        (loss * share).backward()  # type: ignore[no-untyped-call]
        self.at.loss += value
        self.at.clips += int(clips)

    def _loss(self, network: nn.Module, sample: Sample, *, counted: bool) -> Tensor:
        output = self._called(network, on(self.device, sample.clip))
        if counted:
            return loss_of(self.recipe, output, self.truth(sample))
        if self.method.whole_batch:
            return self.uncounted(output, sample)
        return sum((0.0 * each.sum() for each in output), torch.zeros((), device=self.device))

    def uncounted(self, maps: Tensor, sample: Sample) -> Tensor:
        """Take part in a loss of the whole batch with nothing, as the other processes wait."""
        nothing = [torch.zeros_like(each) for each in (sample.density, sample.fixations)]
        return loss_of(self.recipe, 0.0 * maps, self.truth(Sample(sample.clip, *nothing)))

    def holds(self, sample: Sample) -> bool:
        """Say whether the device's memory holds a step on `sample`, which is tried in vain."""
        try:
            self._loss(self._shared, sample, counted=True).backward()  # type: ignore[no-untyped-call]
        except torch.OutOfMemoryError:
            return False
        finally:
            self._optimiser.zero_grad(set_to_none=True)
        return True

    def _step(self, names: Sequence[str]) -> None:
        for group in self._optimiser.param_groups:
            if self._done < group["begins"]:
                for parameter in group["params"]:
                    parameter.grad = None
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm, most = nn.utils.get_total_norm(gradients), self.method.clip_norm
        self._check("gradient's norm", float(norm), names)
        if most is not None:
            nn.utils.clip_grads_with_norm_(self.model.parameters(), most, norm)
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
        self._schedule.after(int(row["epoch"]), row["validation_loss"])
        self.at = replace(
            self.at, epoch=self.at.epoch + 1, batches=0, clips=0, loss=0.0,
            history=[*self.at.history, row],
        )  # fmt: skip
        return row

    def checkpoint(self) -> Checkpoint:
        """Return all that a later process needs to go on from here."""
        moments = self._optimiser.state_dict()["state"]
        tensors = {
            **{f"model.{name}": t for name, t in self.model.state_dict().items()},
            **{f"best.{name}": t for name, t in self.best.items()},
            **{
                f"optimiser.{i}.{name}": t
                for i, each in moments.items()
                for name, t in each.items()
                if isinstance(t, Tensor)
            },
        }
        return Checkpoint(self.at.updates, tensors, asdict(self.at))

    def restore(self, saved: Checkpoint) -> None:
        """Go back to a saved state of the same network and recipe."""
        grouped: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimiser": {}}
        for name, tensor in saved.tensors.items():
            kind, rest = name.split(".", 1)
            grouped[kind][rest] = tensor
        self.model.load_state_dict(grouped["model"])
        self.best = {name: tensor.to(self.device) for name, tensor in grouped["best"].items()}
        parameters = [each for group in self._optimiser.param_groups for each in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in grouped["optimiser"].items():
            index, kind = name.split(".")
            weight = parameters[int(index)]  # in whose memory layout a moment must lie
            laid = torch.empty_like(weight).copy_(tensor) if tensor.dim() else tensor
            moments.setdefault(int(index), {})[kind] = laid
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.at = Position(**saved.facts)
        for row in self.at.history:
            self._schedule.after(int(row["epoch"]), row["validation_loss"])


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
