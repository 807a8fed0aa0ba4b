"""Commands about networks: list them, and import published weights."""

from __future__ import annotations

from pathlib import Path

import click

COLUMNS = ("model", "method", "sound", "million parameters", "GMACs a window", "licence", "weights")


@click.command("models")
def list_models() -> None:
    """List the networks: what each costs, its licence, and where its weights are.

    GMACs are 10^9 multiply-accumulates of one window of the published network, sound included.
    """
    from avrsp import models, paths
    from avrsp.models.cost import cost

    rows = [COLUMNS]
    for name in models.names():
        entry = models.spec(name)
        found = cost(entry)
        rows.append(
            (
                name,
                entry.title,
                "yes" if entry.audio_visual else "no",
                f"{found.parameters / 1e6:.1f}",
                f"{found.macs / 1e9:.1f}",
                entry.licence,
                weights_of(name, paths.workspace() / "data" / "models"),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def weights_of(name: str, folder: Path) -> str:
    """Say which model folders there are of a network, or where a person finds published weights."""
    from avrsp import models
    from avrsp.errors import WeightsError
    from avrsp.models.saved import CONFIG, read_config

    here = []
    for path in sorted(folder.glob(f"*/{CONFIG}")):
        try:
            if read_config(path).model == name:
                here.append(path.parent.name)
        except WeightsError as error:
            click.echo(f"avrsp: {error}", err=True)
    if here:
        return f"here: {', '.join(here)}"
    published = models.spec(name).checkpoints
    return "; ".join(f"{each.file}: {each.place}" for each in published) or "train it: dvc repro"


@click.command("import-weights")
@click.argument("source", metavar="FORMAT|MODEL")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--variant", help="Which network of MODEL the file is of; by default its first.")
def import_weights(source: str, file: Path, variant: str | None) -> None:
    """Convert FILE, published weights, to a form that is checked and safe to load.

    FORMAT is one of encoder weights: s3d-kylemin, s3d-torchvision, soundnet8-pytorch,
    soundnet8-npy; they go to data/weights. Weights of a whole MODEL (`avrsp models` lists them)
    become a folder below data/models, for `avrsp predict --weights`.
    """
    from avrsp import models, paths
    from avrsp.errors import ParamsError
    from avrsp.models import weights
    from avrsp.models.import_checkpoint import import_checkpoint

    data = paths.root() / "data"
    if source in weights.ENCODER_FORMATS:
        if variant is not None:
            raise ParamsError(f"--variant: {source} is a format of encoder weights and has none")
        target, warning = weights.convert_encoder(source, file, data / "weights")
        if warning:
            click.echo(f"warning: {warning}", err=True)
    elif source in models.names():
        target, known = import_checkpoint(models.spec(source), file, data / "models", variant)
        about = f"{', '.join(known.learnt_from)}; licence: {known.licence}" if known else "unknown"
        click.echo(f"trained on: {about}", err=True)
    else:
        allowed = ", ".join([*weights.ENCODER_FORMATS, *models.names()])
        raise ParamsError(f"import-weights: found {source!r}, expected one of {allowed}")
    click.echo(target)
