"""The command that compares methods on the same videos."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from avrsp.evaluate.summary import COLUMNS
from avrsp.params import ProtocolName


@click.command()
@click.argument("rows", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--protocol",
    type=click.Choice(get_args(ProtocolName)),
    help="By whose rules; needed where the files hold several.",
)
@click.option("--dataset", "datasets", multiple=True, help="Only this one; may be repeated.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    type=click.Choice(COLUMNS),
    help="Only this one; may be repeated. Fewer comparisons need less correction.",
)
@click.option(
    "--videos",
    "shown",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many of the videos that decide are named for each metric.",
)
@click.option(
    "--plot",
    "picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the difference of each video as a PNG of this name.",
)
@click.option(
    "--slices",
    "stores",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the stores that ROWS were scored against: compare also by cut, motion, "
    "distance of gaze from the centre, and sound.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON with every video's difference.")
def compare(  # noqa: PLR0913, PLR0917 - one argument for each option
    rows: tuple[Path, ...],
    protocol: ProtocolName | None,
    datasets: tuple[str, ...],
    metrics: tuple[str, ...],
    shown: int,
    picture: Path | None,
    stores: Path | None,
    as_json: bool,
) -> None:
    """Say whether the method in the first of ROWS is better than those in the others.

    ROWS are files of `avrsp evaluate`. Differences are paired by video, with 95 % bootstrap
    intervals over videos and permutation tests, corrected by Holm's method. Files of different
    protocols, datasets or videos are refused.
    """
    from avrsp import paths
    from avrsp.errors import ParamsError
    from avrsp.evaluate import compare as comparing
    from avrsp.evaluate import compare_slices, compare_views, folders

    if picture is not None and picture.suffix.lower() != ".png":
        raise ParamsError(f"--plot: found {picture}, expected a name that ends in .png")
    settings, seed = folders.settings(paths.find_workspace())
    rules = comparing.ComparisonRules(
        protocol=protocol,
        datasets=datasets,
        metrics=metrics,
        resamples=settings.resamples,
        seed=seed,
    )
    found = comparing.compare(rows, rules)
    if stores is not None:
        parts = compare_slices.compare_slices(rows, stores, rules)
        found = found.model_copy(update={"slices": parts})
    if picture is not None:
        compare_views.plot(picture, found)
    click.echo(found.model_dump_json(indent=2) if as_json else compare_views.as_text(found, shown))
