"""Commands about networks: list them, bring their published weights, hand them on."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from avrsp.errors import ParamsError, WeightsError

if TYPE_CHECKING:
    from avrsp.models.registry import ModelSpec
    from avrsp.models.saved import ModelConfig

COLUMNS = ("model", "variant", "M parameters", "GMACs a window", "a frame", "licence")
WIDE = 100
"""Letters in a line at most, but for an address that is longer."""


@click.command("models")
def list_models() -> None:
    """List the networks: what each costs, its licence, and weights with what they learnt from.

    GMACs are 10^9 multiply-accumulates of one window at the published size, sound included, and
    of one more frame of a video, for which networks that share windows or carry a state need less.
    Below each network are its weights that are here, else where a person finds published ones.
    """
    from avrsp import models, paths
    from avrsp.prediction.costs import count

    here = trained_here(paths.home() / "data" / "models")
    rows, weights = [COLUMNS], [[""]]
    for name in models.names():
        entry = models.spec(name)
        for variant, form in entry.variants.items():
            cost = form.cost or count(entry, form.settings)
            counts = f"{cost.parameters / 1e6:.1f}", f"{cost.window / 1e9:.1f}"
            rows.append((name, variant, *counts, f"{cost.frame / 1e9:.1f}", entry.licence))
            weights.append([*weights_of(entry, variant, here)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row, said in zip(rows, weights, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
        for line in filter(None, said):
            click.echo(_wrapped(line))


def _wrapped(line: str) -> str:
    """Return a line below a network, as several where it is long; addresses stay whole."""
    return textwrap.fill(
        line,
        WIDE,
        initial_indent="    ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def trained_here(folder: Path) -> dict[str, ModelConfig]:
    """Return the descriptions of the models below a folder by their folders' names."""
    from avrsp.models.saved import CONFIG, read_config

    found = {}
    for path in sorted(folder.glob(f"*/{CONFIG}")):
        try:
            found[path.parent.name] = read_config(path)
        except WeightsError as error:
            click.echo(f"avrsp: {error}", err=True)
    return found


def weights_of(entry: ModelSpec, variant: str, here: dict[str, ModelConfig]) -> Iterator[str]:
    """Say which weights of a variant are here, else where a person finds published ones."""
    own = entry.variants[variant].settings
    mine = [
        f"here: {folder}, learnt from {', '.join(config.learnt_from) or 'unknown videos'}"
        for folder, config in here.items()
        if config.model == entry.name and all(config.settings.get(key) == own[key] for key in own)
    ]
    yield from mine
    if mine:
        return
    published = [each for each in entry.checkpoints if each.variant == variant]
    for each in published:
        yield f"{each.file}, learnt from {', '.join(each.learnt_from)}: {each.place}"
    if not published:
        yield "none published; train it: dvc repro" if not entry.checkpoints else "none published"


@click.command("import-weights")
@click.argument("source", metavar="FORMAT|MODEL")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--variant", help="Which network of MODEL the file is of; by default its first.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of MODEL, such as length=16; may be given several times.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder in which the model's folder is made. [default: data/models]",
)
def import_weights(
    source: str, file: Path, variant: str | None, settings: tuple[str, ...], out: Path | None
) -> None:
    """Convert FILE, published weights, to a form that is checked and safe to load.

    FORMAT is one of encoder weights: s3d-kylemin, s3d-torchvision, soundnet8-pytorch,
    soundnet8-npy, soundnet8-stavis, resnet3d-kenshohara, mobilenet-tonylins,
    mobilenet-torchvision; they go to data/weights. Weights of a whole MODEL (`avrsp models` lists
    them) become a folder below data/models, for `avrsp predict --weights`.
    """
    from avrsp import models, paths
    from avrsp.models import weights
    from avrsp.models.import_checkpoint import source_digest, unchecked

    if source in weights.ENCODER_FORMATS:
        if variant is not None or settings:
            option = "--set" if variant is None else "--variant"
            raise ParamsError(f"{option}: {source} is a format of encoder weights and has none")
        folder = paths.root() / "data" / "weights" if out is None else out
        former = source_digest(folder / f"{source}.json")
        target, warning = weights.convert_encoder(source, file, folder)
        for line in filter(None, (warning, unchecked(file, former))):
            click.echo(f"warning: {line}", err=True)
        click.echo(target)
    elif source in models.names():
        bring_in(models.spec(source), file, variant, out, dict(map(setting, settings)))
    else:
        allowed = ", ".join([*weights.ENCODER_FORMATS, *models.names()])
        raise ParamsError(f"import-weights: found {source!r}, expected one of {allowed}")


def setting(text: str) -> tuple[str, Any]:
    """Return a setting's name and value from NAME=VALUE; what is no JSON is a word.

    Raises:
        ParamsError: There is no equals sign.
    """
    name, sign, value = text.partition("=")
    if not sign:
        raise ParamsError(f"--set: found {text!r}, expected NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def bring_in(
    entry: ModelSpec,
    file: Path,
    variant: str | None,
    out: Path | None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Import a checkpoint; print the folder, and on standard error what it is."""
    from avrsp import paths
    from avrsp.models.import_checkpoint import import_checkpoint, unchecked

    folder = paths.home() / "data" / "models" if out is None else out
    target, known, former = import_checkpoint(entry, file, folder, variant, settings)
    about = f"{', '.join(known.learnt_from)}; licence: {known.licence}" if known else "unknown"
    click.echo(f"trained on: {about}", err=True)
    if line := None if known and known.sha256 else unchecked(file, former):
        click.echo(f"warning: {line}", err=True)
    click.echo(target)


@click.command("fetch-weights")
@click.argument("model")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder in which the model's folder is made. [default: data/models]",
)
def fetch_weights(model: str, out: Path | None) -> None:
    """Download the published weights of MODEL, check and import them, and print the folder.

    Of a model whose authors give no direct address it says where a person finds them.
    """
    from avrsp import models, paths

    try:
        from avrsp.models.fetch_checkpoint import fetch, fetchable
    except ModuleNotFoundError as error:
        if error.name != "requests":
            raise
        raise WeightsError(
            "downloads need the package requests, which the extra `workflow` brings: "
            "pip install 'avrsp[workflow]'"
        ) from None

    entry = models.spec(model)
    checkpoint = fetchable(entry)
    folder = paths.home() / "data" / "weights" / entry.name
    file = fetch(checkpoint, folder, lambda line: click.echo(f"avrsp: {line}", err=True))
    click.echo(f"licence: {checkpoint.licence}", err=True)
    click.echo(f"please cite: {entry.citation}", err=True)
    bring_in(entry, file, checkpoint.variant, out)


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--to", "form", type=click.Choice(["torch", "onnx"]), required=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The new file. [default: network.pt2 or network.onnx in FOLDER]",
)
def export(folder: Path, form: Literal["torch", "onnx"], out: Path | None) -> None:
    """Write the network in FOLDER for other programs, and check that it gives the same maps.

    The new network maps one window, frames 1 x 3 x T x H x W uint8 RGB and, where it takes sound,
    waveform 1 x 1 x S and has_sound (1,), to the map 1 x H x W.
    """
    from avrsp.prediction.export_network import ENDINGS, export_network

    target = folder / f"network{ENDINGS[form]}" if out is None else out
    off = export_network(folder, form, target)
    click.echo(f"largest difference: {off:.1g} of the map's largest value", err=True)
    click.echo(target)
