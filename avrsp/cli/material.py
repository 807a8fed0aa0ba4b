"""Commands that bring the raw data that the chain starts from."""

from __future__ import annotations

from pathlib import Path

import click

from avrsp.errors import EXIT_FAILURE, ParamsError


class DatasetKey(click.ParamType[str]):
    """A key in the registry of datasets, which is imported when one is given."""

    name = "dataset"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the key, or say which keys there are."""
        from avrsp import datasets, params, paths

        try:
            if paths.find_workspace():
                datasets.register_named(params.load(paths.params_file()), paths.root())
            return datasets.spec(value).key
        except ParamsError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the raw files; what it already holds of this world is kept.",
)
@click.option(
    "--datasets",
    type=DatasetKey(),
    multiple=True,
    help="A dataset to generate; may be repeated. All of the world by default.",
)
def world(out: Path, datasets: tuple[str, ...]) -> None:
    """Generate the world of preset `sample` in the datasets' raw layouts."""
    from avrsp import params, paths
    from avrsp.sample.writers import write_dataset

    settings = params.load(paths.params_file())
    known = settings.world.datasets
    unknown = [dataset for dataset in datasets if dataset not in known]
    if unknown:
        raise ParamsError(f"{unknown[0]}: is not generated; expected one of {', '.join(known)}")
    for dataset in datasets or known:
        write_dataset(dataset, out, settings.world, settings.seed)


@click.command()
@click.argument("datasets", nargs=-1, type=DatasetKey())
@click.option(
    "--accept-new",
    "renewed",
    metavar="NAME",
    multiple=True,
    help="Forget what data/archives.lock notes of this archive, such as "
    "video_frames/DIEM.tar.gz, and take it as it comes now. May be repeated.",
)
@click.option(
    "--videos",
    type=click.IntRange(1),
    help="Of a set on the Hugging Face hub (avimos, ntire2026, crowdsal): so many for a first try.",
)
def download(datasets: tuple[str, ...], renewed: tuple[str, ...], videos: int | None) -> None:
    """Bring the raw data of preset `paper`: of all DATASETS that it converts, or of those named.

    What is in data/raw/incoming is used instead of a mirror. Running it again goes on where it
    stopped; the exit code is 1 where a dataset is absent.
    """
    from avrsp import params, paths
    from avrsp.datasets import sheets
    from avrsp.datasets.download.fetch import bring_all

    settings, here = params.load(paths.params_file()), paths.current()
    chosen = datasets or sheets.datasets_of(
        settings.model_copy(update={"preset": "paper"}), here.folder
    )
    fraction = settings.validation_fraction
    lines, present = bring_all(chosen, here, renewed, settings.data, fraction, videos)
    for line in lines:
        click.echo(f"avrsp: {line}", err=True)
    if not present:
        raise SystemExit(EXIT_FAILURE)
