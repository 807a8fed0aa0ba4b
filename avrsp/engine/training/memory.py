"""What to do where a GPU's memory does not hold a step."""

from __future__ import annotations

import math

import torch

from avrsp.engine.training.state import Training
from avrsp.errors import AvrspError
from avrsp.types import Clip, Sample

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
        if training.holds(Sample(first, sample.density[:clips])):
            break
        clips //= 2
    return clips
