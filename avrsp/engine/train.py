"""The training loop: epochs of updates, a validation after each, and a state to go on from."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from avrsp import files
from avrsp.data.clips import Batch, ClipLoader
from avrsp.engine import checkpoint
from avrsp.engine.compute import repeatable
from avrsp.engine.signals import noticing
from avrsp.engine.state import DivergenceError, Recipe, Row, Training
from avrsp.engine.validate import validate
from avrsp.errors import AvrspError, StoreError

SAVE_SECONDS = 600.0
"""A state is saved after each epoch, and within an epoch whenever this much time has passed."""

Listener = Callable[[int, Mapping[str, float]], None]
"""Is told each epoch's number and values."""


@dataclass(frozen=True, slots=True)
class Loaders:
    """Where the clips come from: those to learn from and those to judge by."""

    training: ClipLoader
    validation: ClipLoader


@dataclass(frozen=True, slots=True)
class Log:
    """What training leaves behind on its way: its name, its states' folder, and who listens."""

    name: str
    folder: Path
    listen: Listener


def train(model: nn.Module, loaders: Loaders, recipe: Recipe, log: Log) -> list[Row]:
    """Train `model` on the device that it lies on; it ends with its best weights.

    Goes on from the newest valid state in `log.folder`. The best weights are those of the lowest
    validation loss. On the CPU, with the same number of threads, an interrupted and resumed
    training ends with the same bits as an undisturbed one.

    Returns:
        One row an epoch: epoch, lr, train_loss, validation_loss, validation_kl, _cc, _sim.

    Raises:
        DivergenceError: A loss is not finite.
        StoreError: No clip of an epoch could be read.
        AvrspError: The device's memory does not hold a batch.
        KeyboardInterrupt: SIGINT or SIGTERM came; the state has been saved.
    """
    training = Training(model, recipe)
    saved = checkpoint.newest(log.folder)
    if saved is not None:
        training.restore(saved)
        _say(log, f"going on from epoch {training.at.epoch + 1}, update {training.at.updates}")
    with noticing() as asked, repeatable(training.device):
        try:
            _Loop(training, loaders, log, asked).run()
        except torch.OutOfMemoryError:
            batch = recipe.train.batch
            raise AvrspError(
                f"{log.name}: the GPU's memory does not hold a batch of {batch}; set `batch` to "
                f"{max(batch // 2, 1)} and `accumulate` to {2 * recipe.train.accumulate}"
            ) from None
    model.load_state_dict(training.best)
    return training.at.history


class _Loop:
    """The state of a loop in this process; what outlives the process is in `Training`."""

    def __init__(
        self, training: Training, loaders: Loaders, log: Log, asked: Callable[[], bool]
    ) -> None:
        self.training = training
        self.loaders = loaders
        self.log = log
        self.asked = asked
        self.saved = time.monotonic()
        self.faulty: set[str] = set()

    def run(self) -> None:
        epochs = self.training.recipe.train.epochs
        begin, first = time.monotonic(), self.training.at.epoch
        while self.training.at.epoch < epochs:
            rate = self._learn()
            row = self.training.end_epoch(self._judge())
            self.log.listen(self.training.at.epoch, {**row, "clips_per_second": rate})
            done = self.training.at.epoch - first
            left = (time.monotonic() - begin) / done * (epochs - self.training.at.epoch)
            self._report(row, rate, left)
            self._save()

    def _judge(self) -> dict[str, float]:
        return validate(self.training, self._watched(self.loaders.validation.epoch(0)))

    def _learn(self) -> float:
        """Make the updates of the present epoch; return clips a second."""
        at, begin = self.training.at, time.monotonic()
        before, group = at.clips, self.training.recipe.train.accumulate
        label = f"{self.log.name}: epoch {at.epoch + 1}"
        batches = self._watched(self.loaders.training.epoch(at.epoch, at.batches))
        bar = tqdm(
            total=len(self.loaders.training), initial=at.batches, desc=label, leave=False,
            unit="clip", unit_scale=self.training.recipe.train.batch,
            disable=not sys.stderr.isatty(),
        )  # fmt: skip
        with bar:
            while taken := list(islice(batches, group)):
                self._update(taken)
                bar.set_postfix(loss=at.loss / max(at.clips, 1), refresh=False)
                bar.update(len(taken))
        if at.clips == 0:
            raise StoreError(
                f"{self.log.name}: no clip could be read; run: snakemake --cores all preprocess"
            )
        return (at.clips - before) / (time.monotonic() - begin)

    def _update(self, batches: list[Batch]) -> None:
        try:
            self.training.update(batches)
        except DivergenceError:
            names = [name for batch in batches for name in batch.names]
            files.write_json(self.log.folder / "diverged.json", names)
            raise
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self._save()

    def _watched(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Pass batches on, unless asked to stop; report a store that fails, once."""
        for batch in batches:
            self._stop_if_asked()
            for fault in batch.faults:
                if fault.video not in self.faulty:
                    self.faulty.add(fault.video)
                    _say(self.log, f"{fault.video} is left out: {fault.reason}")
            yield batch

    def _stop_if_asked(self) -> None:
        if self.asked():
            self._save()
            where = f"update {self.training.at.updates}"
            _say(self.log, f"asked to stop; saved at {where}, the same command goes on from there")
            raise KeyboardInterrupt

    def _save(self) -> None:
        checkpoint.write(self.log.folder, self.training.checkpoint())
        self.saved = time.monotonic()

    def _report(self, row: Row, rate: float, left: float) -> None:
        epochs = self.training.recipe.train.epochs
        lowest = min(past["validation_loss"] for past in self.training.at.history)
        best = " (best)" if row["validation_loss"] == lowest else ""
        _say(
            self.log,
            f"epoch {row['epoch']} of {epochs}, loss {row['train_loss']:.4f}, validation "
            f"{row['validation_loss']:.4f}{best}, {rate:.1f} clips/s, {left:.0f} s left",
        )


def _say(log: Log, message: str) -> None:
    sys.stderr.write(f"{log.name}: {message}\n")
