"""How good a network is on the validation clips, in the terms of its loss."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from avrsp import metrics
from avrsp.data.clips import Batch
from avrsp.engine.training.position import DivergenceError
from avrsp.engine.training.state import Training, on
from avrsp.errors import StoreError
from avrsp.losses import saliency_loss
from avrsp.params import LossParams
from avrsp.types import Sample

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
        if not batch.names:
            continue
        for name, value in _means(training, batch.sample).items():
            sums[name] += float(value) * len(batch.names)
        own += len(batch.names)
    count, *totals = training.ranks.summed([own, *sums.values()])
    if not count:
        raise StoreError("no validation clip could be read; run: snakemake --cores all preprocess")
    means = {name: total / count for name, total in zip(NAMES, totals, strict=True)}
    if not math.isfinite(means["loss"]):
        raise DivergenceError(f"the validation loss is {means['loss']}; lower `lr` of this phase")
    return means


@torch.inference_mode()
def _means(training: Training, sample: Sample) -> dict[str, Tensor]:
    density = sample.density.to(training.device)
    pred = training.predict(on(training.device, sample.clip))
    weights: LossParams = training.recipe.loss
    found = (
        saliency_loss(pred, density, weights),
        metrics.kl(pred, density).mean(),
        metrics.cc(pred, density).mean(),
        metrics.sim(pred, density).mean(),
    )
    return dict(zip(NAMES, found, strict=True))
