"""How good a network is on the validation clips, in the terms of its loss."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from avrsp import metrics
from avrsp.data.clips import Batch
from avrsp.engine.state import DivergenceError, Training, on
from avrsp.errors import StoreError
from avrsp.losses import saliency_loss
from avrsp.params import LossParams
from avrsp.types import Sample


def validate(training: Training, batches: Iterable[Batch]) -> dict[str, float]:
    """Return the means over all clips of the loss and of its terms kl, cc and sim.

    Raises:
        DivergenceError: The loss is not finite.
        StoreError: No clip could be read.
    """
    sums: dict[str, float] = {}
    count = 0
    training.model.eval()
    for batch in batches:
        if batch.sample is None:
            continue
        for name, value in _means(training, batch.sample).items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(batch.names)
        count += len(batch.names)
    if count == 0:
        raise StoreError("no validation clip could be read; run: snakemake --cores all preprocess")
    if not math.isfinite(sums["loss"]):
        raise DivergenceError(f"the validation loss is {sums['loss']}; lower `lr` of this phase")
    return {name: value / count for name, value in sums.items()}


@torch.inference_mode()
def _means(training: Training, sample: Sample) -> dict[str, Tensor]:
    density = sample.density.to(training.device)
    pred = training.predict(on(training.device, sample.clip))
    weights: LossParams = training.recipe.loss
    return {
        "loss": saliency_loss(pred, density, weights),
        "kl": metrics.kl(pred, density).mean(),
        "cc": metrics.cc(pred, density).mean(),
        "sim": metrics.sim(pred, density).mean(),
    }
