"""What a phase of training is: network, schedule, videos, and the digest over all of these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from avrsp import files
from avrsp.models.encoders import wanted, weights_by_part
from avrsp.models.registry import ModelSpec, WindowSize
from avrsp.models.saved import WEIGHTS
from avrsp.params import ClipParams, ComputeParams, EncoderParams, FusionName, NetworkParams
from avrsp.store.manifest import Verdict
from avrsp.train.state import Recipe
from avrsp.types import InputSpec

CODE: Final = ("compute.py", "metrics", "models", "store", "train", "types.py")
"""Folders and files of the package that decide what a training ends with."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What one phase trains, and how.

    Attributes:
        name: For people, as `finetune-av split 1`.
        run: For files, as `av-split1`.
        entry: Of the network.
        settings: All of the network's settings (`settings_for`).
        clip: Length, height and width of the input.
        encoder: The weights that encoders start from.
        recipe: Schedule, optimiser, loss, seed, precision.
        compute: The device, and by which means the network runs there.
        start: Folder of the phase whose weights this one starts from.
        reset: Parts that do not, because that phase's network has them in another form.
        learnt_from: What it is trained on: names of datasets, or "generated world".
        root: Folder below which the encoders' weights lie, unless their names are absolute.
    """

    name: str
    run: str
    entry: ModelSpec
    settings: Mapping[str, Any]
    clip: ClipParams
    encoder: EncoderParams
    recipe: Recipe
    compute: ComputeParams
    start: Path | None
    reset: tuple[str, ...] = ()
    learnt_from: tuple[str, ...] = ()
    root: Path = Path()

    @property
    def spec(self) -> InputSpec:
        """The network's input."""
        size = WindowSize(self.clip.length, self.clip.height, self.clip.width)
        return self.entry.input(self.settings, size)

    @property
    def parts(self) -> dict[str, Path]:
        """Imported weights by the encoder that starts from them.

        Those of an earlier phase go before those of encoders that it had itself.

        Raises:
            ParamsError: A file is not there; says where a person finds it and how to import it.
        """
        started = self.start is not None
        parts = wanted(self.entry, audio=self.spec.audio, started=started)
        return weights_by_part(parts, self.encoder, self.root)


def settings_for(  # noqa: PLR0913 - each section that says something of networks
    entry: ModelSpec,
    fusion: FusionName | None,
    *,
    clip: ClipParams,
    network: NetworkParams,
    encoder: EncoderParams,
    variant: str | None = None,
    own: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return all settings of a network: what params.yaml says under the names that it has.

    Args:
        entry: The network's.
        fusion: None for the network without sound.
        clip: Gives `length` and `size` (rows, columns).
        network: Gives each of its keys.
        encoder: Gives `width` and `momentum`.
        variant: Which network with sound; None: the entry's own choice.
        own: Settings of the entry, which go before all of these.

    Raises:
        ParamsError: There is no network with sound, or a setting is not allowed.
    """
    known = {
        **network.model_dump(),
        "width": encoder.width,
        "momentum": encoder.momentum,
        "length": clip.length,
        "size": (clip.height, clip.width),
    }
    if fusion is not None:
        known["fusion"] = fusion
    return entry.chosen(known, audio=fusion is not None, variant=variant, own=own)


@dataclass(frozen=True, slots=True)
class Videos:
    """Which videos are learnt from, which ones judge, and where their stores lie."""

    folder: Path
    training: list[Verdict]
    validation: list[Verdict]


def phase_digest(phase: Phase, videos: Videos) -> str:
    """Return a digest of all that the result depends on: parameters, data, start, code."""
    recipe = phase.recipe
    weights = [*([phase.start / WEIGHTS] if phase.start else []), *phase.parts.values()]
    parts = {
        "phase": [phase.name, phase.entry.name, phase.settings],
        "input": repr(replace(phase.spec, rule=None)),
        "sections": [
            each.model_dump() for each in (phase.clip, recipe.train, recipe.optimiser, recipe.loss)
        ],
        "seed": recipe.seed,
        "compute": [phase.compute.device, recipe.precision, phase.compute.compile],
        "training": [video.digest for video in videos.training],
        "validation": [video.digest for video in videos.validation],
        "start": [files.sha256(path) for path in weights],
        "code": files.code_digest(*CODE),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
