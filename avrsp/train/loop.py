"""The training loop: epochs of updates, a validation after each, and a state to go on from."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from avrsp import files, metrics
from avrsp.compute import repeatable
from avrsp.errors import AvrspError, StoreError
from avrsp.train import checkpoint
from avrsp.train.clips import Batch, ClipLoader, Fault
from avrsp.train.optimisation import loss_of
from avrsp.train.ranks import ALONE, Ranks
from avrsp.train.signals import Stopped, noticing
from avrsp.train.state import DivergenceError, Position, Recipe, Training, on
from avrsp.types import Clip, Sample

SAVE_SECONDS = 600.0
"""A state is saved after each epoch, and within an epoch whenever this much time has passed."""

ProgressCallback = Callable[[int, Mapping[str, float]], None]
"""Gets the number of an epoch, or of an update, and its values."""


def ignored(step: int, values: Mapping[str, float]) -> None:
    """Do nothing with them."""


@dataclass(frozen=True, slots=True)
class Loaders:
    """Where the clips come from: those to learn from and those to judge by.

    Attributes:
        allow_missing: Whether training goes on without the clips of a store that cannot be read.
    """

    training: ClipLoader
    validation: ClipLoader
    allow_missing: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """What training leaves behind on its way: its name, its states' folder, and callbacks.

    `on_epoch` is called after each epoch, `on_update` after each update.
    """

    name: str
    folder: Path
    on_epoch: ProgressCallback = ignored
    on_update: ProgressCallback = ignored


def train(
    model: nn.Module, loaders: Loaders, recipe: Recipe, log: Log, ranks: Ranks = ALONE
) -> Position:
    """Train `model` on the device that it lies on; it ends with its best weights.

    Goes on from the newest valid state in `log.folder`, by however many processes that was made.
    The best weights are those of the lowest validation loss. On the CPU, with the same number of
    threads and processes, an interrupted and resumed training ends with the same bits as an
    undisturbed one.

    Returns:
        The position at the end. Its history has one row an epoch: epoch, lr, train_loss,
        validation_loss, validation_kl, _cc, _sim; `left_out` says which videos could not be read.

    Raises:
        DivergenceError: A loss is not finite.
        StoreError: A store cannot be read and `loaders` do not allow that, or no clip could be
            read. The state has been saved.
        AvrspError: The device's memory does not hold a batch, or this computer has a fault.
        Stopped: SIGINT or SIGTERM came; the state has been saved.
    """
    training = Training(model, recipe, ranks)
    saved = checkpoint.newest(log.folder)
    if saved is not None:
        training.restore(saved)
        at = training.at
        if at.left_out and not loaders.allow_missing:
            raise StoreError(
                f"{log.name}: the saved state was trained without {', '.join(at.left_out)}; "
                f"to train with them, remove {log.folder}"
            )
        ranks.say(f"{log.name}: going on from epoch {at.epoch + 1}, update {at.updates}")
    with noticing() as asked, repeatable(training.device):
        loop = _Loop(training, loaders, log, asked)
        try:
            loop.run()
        except torch.OutOfMemoryError:
            pass  # it holds on to all that fills the memory, until here
        else:
            model.load_state_dict(training.best)
            return training.at
        raise shortage(training, loop.sample, log.name)


class _Loop:
    """The state of a loop in this process; what outlives the process is in `Training`."""

    sample: Sample

    def __init__(
        self, training: Training, loaders: Loaders, log: Log, asked: Callable[[], bool]
    ) -> None:
        self.training = training
        self.ranks = training.ranks
        self.loaders = loaders
        self.log = log
        self.asked = asked
        self.saved = time.monotonic()
        self.without_target: set[str] = set()

    def run(self) -> None:
        epochs = self.training.recipe.train.epochs
        begin, first = time.monotonic(), self.training.at.epoch
        while self.training.at.epoch < epochs:
            rate = self._learn()
            judging = self._readable(self.loaders.validation.epoch(0))
            row = self.training.end_epoch(validate(self.training, judging))
            self.log.on_epoch(self.training.at.epoch, {**row, "clips_per_second": rate})
            done = self.training.at.epoch - first
            left = (time.monotonic() - begin) / done * (epochs - self.training.at.epoch)
            said = self.training.at.described(epochs)
            self._say(f"{said}, {rate:.1f} clips/s, {left:.0f} s left")
            self._save()

    def _learn(self) -> float:
        """Make the updates of the present epoch; return clips a second."""
        at, begin = self.training.at, time.monotonic()
        before, group = at.clips, self.training.recipe.train.accumulate
        batches = self._readable(self.loaders.training.epoch(at.epoch, at.batches))
        bar = tqdm(
            total=len(self.loaders.training), initial=at.batches, leave=False, unit="clip",
            unit_scale=self.training.recipe.train.batch, desc=f"{self.log.name}: {at.epoch + 1}",
            disable=not (self.ranks.main and sys.stderr.isatty()),
        )  # fmt: skip
        with bar:
            while taken := list(islice(batches, group)):
                self._update(taken)
                loss, rate = at.loss / max(at.clips, 1), _rate(at.clips - before, begin)
                values = {"loss": loss, "lr": self.training.lr, "clips_per_second": rate}
                self.log.on_update(at.updates, values)
                bar.set_postfix(loss=loss, refresh=False)
                bar.update(len(taken))
        if at.clips == 0:
            raise StoreError(
                f"{self.log.name}: no clip could be read; run: snakemake --cores all preprocess"
            )
        return _rate(at.clips - before, begin)

    def _update(self, batches: list[Batch]) -> None:
        try:
            self.training.update(batches)
        except DivergenceError as error:
            if self.ranks.main:
                files.write_json(self.log.folder / "diverged.json", error.names)
            raise
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self._save()

    def _readable(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Pass batches on, unless any process is asked to stop or cannot read what it should."""
        for batch in batches:
            known = self.training.at.left_out.keys() | self.without_target
            new = [fault for fault in batch.faults if fault.video not in known]
            asked, failed = self.ranks.summed([self.asked(), len(new)])
            if asked:
                self._stop()
            if failed:
                self._leave_out(new)
            self.sample = batch.sample
            yield batch

    def _stop(self) -> None:
        self._save()
        updates = self.training.at.updates
        self._say(f"asked to stop; saved at update {updates}, the same command goes on from there")
        raise Stopped

    def _leave_out(self, faults: list[Fault]) -> None:
        """Note the videos of all processes' faults as left out, or end where that is not allowed.

        The batch that has the fault has not been learnt from, so that the same command, after a
        repair, ends as if nothing had been damaged.
        """
        for own in self.ranks.gathered(json.dumps(faults)):
            for fault in (Fault(*each) for each in json.loads(own)):
                if fault.kind == "machine":
                    self._save()
                    raise AvrspError(f"{self.log.name}: {fault.video}: {fault.reason}")
                if fault.kind == "damaged" and not self.loaders.allow_missing:
                    self._save()
                    raise StoreError(
                        f"{self.log.name}: {fault.video}: {fault.reason}; or train without such "
                        "videos, which is noted in the model: set `training.allow_missing` to true"
                    )
                if fault.kind == "no target":
                    self._say(f"{fault.video}: a clip is left out: {fault.reason}")
                    self.without_target.add(fault.video)
                elif fault.video not in self.training.at.left_out:
                    self._say(f"{fault.video} is left out: {fault.reason}")
                    self.training.at.left_out[fault.video] = fault.reason

    def _save(self) -> None:
        if self.ranks.main:
            checkpoint.write(self.log.folder, self.training.checkpoint())
        self.saved = time.monotonic()

    def _say(self, message: str) -> None:
        self.ranks.say(f"{self.log.name}: {message}")


def _rate(clips: int, begin: float) -> float:
    """Return clips a second since `begin`."""
    return clips / (time.monotonic() - begin)


NAMES = ("loss", "kl", "cc", "sim")


def validate(training: Training, batches: Iterable[Batch]) -> dict[str, float]:
    """Return the means over all clips of the loss and of its terms kl, cc and sim.

    Of several processes each gives its parts of the batches, and gets the means over all of them.

    Raises:
        DivergenceError: The loss is not finite.
        StoreError: No clip could be read.
    """
    sums = dict.fromkeys(NAMES, 0.0)
    own = 0
    training.model.eval()
    training.ranks.agree(training.model.buffers())
    for batch in batches:
        clips = len(batch.names)
        (together,) = training.ranks.summed([clips]) if training.method.whole_batch else (clips,)
        if not together:
            continue
        for name, value in _means(training, batch).items():
            sums[name] += float(value) * (together if name == "loss" else clips)
        own += clips
    count, *totals = training.ranks.summed([own, *sums.values()])
    if not count:
        raise StoreError("no validation clip could be read; run: snakemake --cores all preprocess")
    means = {name: total / count for name, total in zip(NAMES, totals, strict=True)}
    if not math.isfinite(means["loss"]):
        raise DivergenceError(f"the validation loss is {means['loss']}; lower `lr` of this phase")
    return means


@torch.inference_mode()
def _means(training: Training, batch: Batch) -> dict[str, Tensor]:
    clip, method = on(training.device, batch.sample.clip), training.method
    pred = training.predict(clip)
    if not batch.names:
        return {"loss": training.uncounted(pred, batch.sample)}
    truth = training.truth(batch.sample)
    density = truth.density[:, -1] if method.every_frame else truth.density
    output = pred if method.output is None else training.output(clip)
    found = (
        loss_of(training.recipe, output, truth),
        metrics.kl(pred, density).mean(),
        metrics.cc(pred, density).mean(),
        metrics.sim(pred, density).mean(),
    )
    return dict(zip(NAMES, found, strict=True))


LIGHTER = "set `checkpointing` of this preset to true, which changes no result"


def shortage(training: Training, sample: Sample, name: str) -> AvrspError:
    """Return the error that says how many clips of `sample`, which was too much, are not."""
    clips, processes = len(sample.density), training.ranks.count
    fitting = largest(training, sample) if processes == 1 else clips // 2
    found = f"{name}: the GPU's memory does not hold a step of {clips} clips"
    if not fitting:
        return AvrspError(f"{found}, nor of one; {LIGHTER}, or take smaller clips")
    chosen = training.recipe.train
    batch = fitting * processes
    steps = math.ceil(chosen.batch * chosen.accumulate / batch)
    known = f"{fitting} fit" if processes == 1 else f"{fitting} may fit"
    return AvrspError(
        f"{found}, {known}; set `batch` to {batch} and `accumulate` to {steps}, or {LIGHTER}"
    )


def largest(training: Training, sample: Sample) -> int:
    """Return the most clips, halving those of `sample`, that one step has memory for."""
    clips = len(sample.density) // 2
    while clips:
        torch.cuda.empty_cache()
        first = Clip(*(part[:clips] for part in sample.clip))
        if training.holds(Sample(first, sample.density[:clips], sample.fixations[:clips])):
            break
        clips //= 2
    return clips
