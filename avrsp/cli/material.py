"""Commands that bring the raw data that the chain starts from."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from avrsp.errors import EXIT_FAILURE
from avrsp.params import DatasetName


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the raw files; what it already holds of this world is kept.",
)
@click.option(
    "--datasets",
    type=click.Choice(get_args(DatasetName)),
    multiple=True,
    default=get_args(DatasetName),
    help="A dataset to generate; may be repeated. All seven by default.",
)
def world(out: Path, datasets: tuple[str, ...]) -> None:
    """Generate the world of preset `sample` in the datasets' raw layouts."""
    from avrsp import params
    from avrsp.sample.writers import write_dataset

    settings = params.load()
    for dataset in datasets:
        write_dataset(dataset, out, settings.world, settings.seed)


@click.command()
@click.argument("datasets", nargs=-1, type=click.Choice(get_args(DatasetName)))
@click.option(
    "--accept-new",
    "renewed",
    metavar="NAME",
    multiple=True,
    help="Forget what data/archives.lock notes of this archive, such as "
    "video_frames/DIEM.tar.gz, and take it as it comes now. May be repeated.",
)
def download(datasets: tuple[str, ...], renewed: tuple[str, ...]) -> None:
    """Bring the raw data of preset `paper`: all seven DATASETS, or those named.

    What is in data/raw/incoming is used instead of a mirror. Running it again goes on where it
    stopped; the exit code is 1 where a dataset is absent.
    """
    from avrsp import params
    from avrsp.datasets.download.fetch import bring_all

    settings = params.load()
    chosen = datasets or get_args(DatasetName)
    faults = bring_all(chosen, renewed, settings.data, settings.validation_fraction)
    for fault in faults:
        click.echo(f"avrsp: {fault}", err=True)
    if faults:
        raise SystemExit(EXIT_FAILURE)
