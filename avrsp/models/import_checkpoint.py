"""Import a published checkpoint of a whole network as a model folder."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from avrsp import files
from avrsp.errors import ParamsError, WeightsError
from avrsp.models.registry import ModelSpec, PublishedWeights, Variant
from avrsp.models.saved import CONFIG, ModelConfig, WeightsFile, read_config, save_model
from avrsp.models.weights import read_torch, under_our_names


class Imported(NamedTuple):
    """A new model folder.

    Attributes:
        folder: It.
        checkpoint: Which of the known checkpoints it is of; None where that is unknown.
        former: SHA-256 of the file that it was made of before; None where it is new.
    """

    folder: Path
    checkpoint: PublishedWeights | None
    former: str | None


def import_checkpoint(
    entry: ModelSpec,
    path: Path,
    models: Path,
    variant: str | None = None,
    own: Mapping[str, Any] | None = None,
) -> Imported:
    """Make a model folder below `models` from the published weights in `path`.

    The file holds a state dict, plain or under `state_dict`, its keys plain or after `module.`;
    every tensor must have its place and every place its tensor, those that no output depends on
    too. What it was trained on and its
    licence are those of the known checkpoint with its SHA-256 or, of the same variant, its name.
    `own` are settings of the network, where it is not the one that the authors recommend.

    Raises:
        ParamsError: The entry has no such variant or setting, or no published weights, or the file
            is known as one of another variant.
        WeightsError: A tensor is missing, extra, misshapen or not finite, or the file is damaged
            or not safe to read.
    """
    if not entry.checkpoints:
        raise ParamsError(f"{entry.name}: nobody has published weights of it; train it instead")
    chosen = next(iter(entry.variants)) if variant is None else variant
    if chosen not in entry.variants:
        raise ParamsError(
            f"--variant: found {chosen!r}, expected one of {', '.join(entry.variants)}"
        )
    if not path.is_file():
        places = "; ".join(f"{each.file}: {each.place}" for each in entry.checkpoints)
        raise WeightsError(f"{path}: no such file; download one of {places}")
    digest = files.sha256(path)
    known = _known(entry, path, digest, chosen)
    form = entry.variants[chosen]
    settings = entry.checked({**(own or {}), **form.settings})
    model = entry.build(settings)
    _fill(model, path, form)
    spec = entry.input(settings.model_dump())
    config = ModelConfig(
        model=entry.name,
        settings=settings.model_dump(mode="json"),
        length=spec.length,
        height=spec.height,
        width=spec.width,
        audio=spec.audio,
        run=path.stem,
        digest=digest,
        mlflow_run=None,
        learnt_from=known.learnt_from if known else (),
        source=WeightsFile(file=path.name, sha256=digest),
        licence=known.licence if known else entry.weights_licence,
    )
    others = "".join(f"-{key}-{value}" for key, value in sorted((own or {}).items()))
    folder = models / f"{entry.name}-{chosen}-{path.stem}{others}"
    former = _former(folder)
    save_model(folder, model, config)
    return Imported(folder, known, former)


def _former(folder: Path) -> str | None:
    try:
        source = read_config(folder / CONFIG).source
    except WeightsError:
        return None  # there is none, or it is damaged: it is written anew
    return source.sha256 if source else None


def _fill(model: nn.Module, path: Path, form: Variant) -> None:
    found, own = read_torch(path), model.state_dict()
    # What no output depends on must be right too, but layers of it may be left out as a whole.
    layers = {key.rpartition(".")[0] for key in found}
    unused = {
        key: torch.empty(shape, device="meta")
        for key, shape in form.unused().items()
        if key.rpartition(".")[0] in layers
    }
    keys = {key: form.published_key(key) for key in own} | {key: key for key in unused}
    state = under_our_names(path.name, own | unused, found, keys)
    model.load_state_dict({key: state[key] for key in own})


def _known(entry: ModelSpec, path: Path, digest: str, variant: str) -> PublishedWeights | None:
    by_digest = [each for each in entry.checkpoints if each.sha256 == digest]
    if by_digest:
        return by_digest[0]
    # Files of variants that differ in which tensors they use may hold the same tensors.
    variants = {each.variant for each in entry.checkpoints if each.file == path.name}
    if variants and variant not in variants:
        other = min(variants)
        raise ParamsError(
            f"{path.name}: found variant {variant}, expected {other}, as its authors named it; add "
            f"--variant {other}, or rename it if it is another file"
        )
    own = [each for each in entry.checkpoints if each.variant == variant]
    named = [each for each in own if each.file == path.name]
    if named and named[0].sha256 is not None:
        raise WeightsError(
            f"{path.name}: found SHA-256 {digest[:12]}, the published file has "
            f"{named[0].sha256[:12]}; download it again, or rename it if it is another file"
        )
    return (named or own)[0] if named or len(own) == 1 else None


def unchecked(path: Path, former: str | None = None) -> str | None:
    """Say that nobody would notice damage of a file whose format has no checksums; else None.

    `former` is the SHA-256 of the file that was imported before in its place.
    """
    if zipfile.is_zipfile(path):
        return None
    digest = files.sha256(path)
    other = former not in {None, digest}
    return (
        f"{path.name}: its format has no checksums, so that damage cannot be seen; compare its "
        f"SHA-256 with its source's: {digest}"
        + (f"; what was imported before had another one: {former}" if other else "")
    )


def source_digest(record: Path) -> str | None:
    """Return the SHA-256 of the file that encoder weights were made of; None without a record."""
    try:
        found = json.loads(record.read_bytes()).get("source_sha256")
    except (OSError, ValueError, AttributeError):
        return None  # there is none, or it is damaged: it is written anew
    return found if isinstance(found, str) else None
