"""What a phase of training is: network, schedule, videos, and the digest over all of these."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avrsp import files, paths
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
        fusion: None for the visual-only network.
        clip: Length, height and width of the input.
        network: Which parts the network has.
        encoder: Its width, momentum, and weights to start from.
        recipe: Schedule, optimiser, loss, seed, precision.
        compute: The device, and by which means the network runs there.
        start: Folder of the phase whose weights this one starts from.
        anew: Parts that do not, because that phase's network has them in another form.
    """

    name: str
    run: str
    fusion: FusionName | None
    clip: ClipParams
    network: NetworkParams
    encoder: EncoderParams
    recipe: Recipe
    compute: ComputeParams
    start: Path | None
    anew: tuple[str, ...] = ()

    @property
    def spec(self) -> InputSpec:
        """The network's input."""
        clip = self.clip
        return InputSpec(clip.length, clip.height, clip.width, self.fusion not in (None, "visual"))

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of `zoo.build`."""
        heard = {"audio": True, "fusion": self.fusion} if self.fusion else {"audio": False}
        width = {"width": self.encoder.width, "momentum": self.encoder.momentum}
        return {**heard, **self.network.model_dump(), **width}

    @property
    def parts(self) -> dict[str, Path]:
        """Imported weights by the part of the network that starts from them.

        The earlier phase's weights go before those of S3D, which it started from itself.
        """
        chosen = {
            "encoder": None if self.start else self.encoder.s3d,
            "listen.soundnet": self.encoder.soundnet if self.spec.audio else None,
        }
        return {part: paths.root() / path for part, path in chosen.items() if path}


@dataclass(frozen=True, slots=True)
class Videos:
    """Which videos are learnt from, which ones judge, and where their stores lie."""

    folder: Path
    training: list[Verdict]
    validation: list[Verdict]


def digest(phase: Phase, videos: Videos) -> str:
    """Return a digest of all that the result depends on: parameters, data, start, code."""
    recipe = phase.recipe
    weights = [*([phase.start / WEIGHTS] if phase.start else []), *phase.parts.values()]
    parts = {
        "phase": [phase.name, phase.settings],
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
