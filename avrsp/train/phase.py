"""One phase of training, from stores to a saved model: the paper's schedule has two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from avrsp import files
from avrsp.compute import device_named
from avrsp.errors import StoreError
from avrsp.models import encoders
from avrsp.models.saved import (
    CONFIG,
    WEIGHTS,
    ModelConfig,
    WeightsFile,
    read_config,
    save_model,
    start_from,
)
from avrsp.models.weights import load_into
from avrsp.params import ComputeParams
from avrsp.store.manifest import Verdict, store_path
from avrsp.store.video_store import VideoStore
from avrsp.train import checkpoint
from avrsp.train.clips import ClipLoader, Clips
from avrsp.train.loop import Loaders, Log, train
from avrsp.train.plan_phase import Phase, Videos, phase_digest
from avrsp.train.ranks import ALONE, Ranks
from avrsp.train.sampling import EpochBatches, EvenClips, RandomClips, seed_of
from avrsp.train.state import Row

HISTORY = "history.json"


class Recorder(Protocol):
    """Where a training is recorded (`tracking.Record`)."""

    run_id: str | None

    def values(self, step: int, values: Mapping[str, float]) -> None:
        """Note the values of an epoch."""
        ...

    def update(self, step: int, values: Mapping[str, float]) -> None:
        """Note the values of an update."""
        ...

    def deliver(self, folder: Path, names: Sequence[str]) -> None:
        """Note that the files of `folder` are the result."""
        ...


def run_phase(  # noqa: PLR0913 - what, from where to where, and where it is recorded
    phase: Phase,
    videos: Videos,
    *,
    workers: int,
    out: Path,
    states: Path,
    record: Recorder | None,
    ranks: Ranks = ALONE,
    allow_missing: bool = False,
) -> Row:
    """Train, and leave weights.safetensors, model.json, history.json and the record in `out`.

    Goes on from a state in `states`, which is removed once the results are there. Of several
    processes the main one writes; the others have no `record`.

    Returns:
        The row of the best epoch.

    Raises:
        StoreError: There are no videos to learn from, or none to judge by, or one cannot be read
            and `allow_missing` is not set.
    """
    loaders = replace(_loaders(phase, videos, workers, ranks), allow_missing=allow_missing)
    model = placed(build_network(phase, ranks), phase.compute, ranks)
    callbacks = (record.values, record.update) if record else ()
    at = train(model, loaders, phase.recipe, Log(phase.name, states, *callbacks), ranks)
    history = at.history
    if record:
        files.write_json(out / HISTORY, history)
        config = _config(phase, videos, record).model_copy(update={"left_out": at.left_out})
        save_model(out, model, config, beside=[HISTORY])
        for row in history:  # those that a journal lost with its process; it takes none twice
            record.values(int(row["epoch"]), row)
        record.deliver(out, [WEIGHTS, CONFIG, HISTORY])
        checkpoint.discard(states)
    return min(history, key=lambda row: row["validation_loss"])


def _config(phase: Phase, videos: Videos, record: Recorder) -> ModelConfig:
    started, learnt = encoder_starts(phase), phase.learnt_from
    if phase.start is not None:
        earlier = read_config(phase.start / CONFIG).learnt_from
        learnt = (*earlier, *(name for name in learnt if name not in earlier))
    return ModelConfig(
        model=phase.entry.name,
        settings=phase.settings,
        length=phase.spec.length,
        height=phase.spec.height,
        width=phase.spec.width,
        audio=phase.spec.audio,
        run=phase.run,
        digest=phase_digest(phase, videos),
        mlflow_run=record.run_id,
        encoders=started,
        learnt_from=learnt,
    )


def encoder_starts(phase: Phase) -> dict[str, WeightsFile | None]:
    """Return for each encoder the published weights that it started from, in any phase."""
    parts = [each.part for each in encoders.wanted(phase.entry, audio=phase.spec.audio)]
    started: dict[str, WeightsFile | None] = dict.fromkeys(parts)
    if phase.start is not None:
        earlier = read_config(phase.start / CONFIG).encoders
        started |= {part: earlier[part] for part in parts if part in earlier}
    return started | {part: encoders.record(path) for part, path in phase.parts.items()}


def build_network(phase: Phase, ranks: Ranks = ALONE) -> nn.Module:
    """Return the phase's network with the weights that it starts from, on the CPU."""
    torch.manual_seed(seed_of(phase.recipe.seed, "weights", phase.run))
    parts = phase.parts  # what is missing is said before anything is built
    model = phase.entry.build(phase.entry.checked(phase.settings))
    if phase.start is not None:
        fresh = start_from(model, phase.start, phase.reset)
        new = f"; new: {', '.join(fresh)}" if fresh else ""
        ranks.say(f"{phase.name}: starts from {phase.start.name}{new}")
    for part, path in parts.items():
        load_into(model.get_submodule(part), path)
        ranks.say(f"{phase.name}: {part} starts from {path.name}")
    return model


def _loaders(phase: Phase, videos: Videos, workers: int, ranks: Ranks) -> Loaders:
    seed, chosen, method = phase.recipe.seed, phase.recipe.train, phase.recipe.method
    pin = device_named(phase.compute.device).type == "cuda"

    def loader(verdicts: list[Verdict], choose: RandomClips | EvenClips, role: str) -> ClipLoader:
        if not verdicts:
            raise StoreError(
                f"{phase.name}: no video has the role {role}; see the manifest, and raise "
                "validation_fraction if that is too small for so few videos"
            )
        stores = [VideoStore(store_path(videos.folder, each)) for each in verdicts]
        drawn = isinstance(choose, RandomClips)
        clips = chosen.clips_per_video if drawn else chosen.validation_clips
        order = seed if drawn else None
        batches = EpochBatches(len(stores), clips, chosen.batch, order, ranks.part)
        read = Clips(
            stores,
            phase.spec,
            choose,
            every_frame=method.every_frame,
            whole_windows=method.whole_windows,
        )
        return ClipLoader(read, batches, workers=workers, pin=pin)

    return Loaders(
        loader(videos.training, RandomClips(seed, chosen.flip), "train"),
        loader(videos.validation, EvenClips(chosen.validation_clips), "validation"),
    )


CONV3D_DIM = 5
"""Axes of a 3D convolution's weight."""


def placed(model: nn.Module, compute: ComputeParams, ranks: Ranks = ALONE) -> nn.Module:
    """Return `model` on its device, ready to be trained by `ranks`.

    On GPUs the weights of 3D convolutions lie channels-last, as their inputs do everywhere, cuDNN
    tries its algorithms, and several processes share the statistics of batch normalisation. On the
    CPU each process has statistics of its own, and those of the main one are kept.
    """
    device = device_named(compute.device)
    model = model.to(device)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        channels_last(model)
        if ranks.count > 1:
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    for part in model.modules():
        if hasattr(part, "checkpointing"):
            part.checkpointing = compute.checkpointing  # type: ignore[assignment]
    if compute.compile:
        model.compile(dynamic=False)  # batches have few sizes
    return model


def channels_last(model: nn.Module) -> None:
    """Lay the weights of 3D convolutions out in memory as clips are."""
    for parameter in model.parameters():
        if parameter.dim() == CONV3D_DIM:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
