"""The command that scores the maps of any method."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import click

from avrsp.errors import EXIT_FAILURE
from avrsp.evaluate.map_values import Values as MapValues
from avrsp.params import ProtocolName, split_name


@click.command()
@click.option(
    "--maps",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Folder with <dataset>/<video> or <video>: a map store (.zarr.zip), a folder of images "
    "numbered by frame, a video, or .npz. Or one such thing, named as its video.",
)
@click.option(
    "--store",
    "stores",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Folder with <dataset>/<video>.zarr.zip, or one store. With a manifest.json in it, the "
    "videos of --role in --split are scored, else all.",
)
@click.option(
    "--protocol",
    type=click.Choice([*get_args(ProtocolName), "all"]),
    help="By whose rules; by default as params.yaml says, and where there is none, avrsp.",
)
@click.option("--dataset", "datasets", multiple=True, help="Only this one; may be repeated.")
@click.option("--split", type=split_name, default="1", show_default=True)
@click.option(
    "--role",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
)
@click.option("--method", help="Name in the rows; by default that of --maps.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Rows of frames, with the summary beside it as .json. [default: <method>.parquet]",
)
@click.option(
    "--references/--no-references",
    default=True,
    help="Also score a uniform map, another frame's truth and, where the manifest of --store says "
    "which videos train, a centre prior.",
)
@click.option(
    "--values",
    type=click.Choice(get_args(MapValues)),
    help="What the numbers of the maps are, where they are not saliency: log densities, logits, or "
    "colours of a colour map.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes that score, of one thread each.  [default: all processors; 1 for little work]",
)
@click.option("--allow-missing", is_flag=True, help="Exit with 0 although maps were unusable.")
def evaluate(
    maps: Path,
    stores: Path,
    protocol: ProtocolName | Literal["all"] | None,
    allow_missing: bool,
    **options: Any,  # noqa: ANN401 - click has checked them
) -> None:
    """Score the maps of any method against stored ground truth, with 95 % intervals over videos.

    What is missing is named in one line a dataset, what is unusable in one line each; the rest is
    scored, the references on the same videos, and the exit code is 1. Running it again after an
    interruption goes on where it stopped.
    """
    from avrsp import paths
    from avrsp.evaluate import folders

    settings, seed = folders.settings(paths.find_workspace())
    chosen = protocol or settings.protocol
    method = options["method"] or maps.resolve().name.split(".")[0] or "maps"
    target = folders.Target(
        method=method,
        protocols=get_args(ProtocolName) if chosen == "all" else (chosen,),
        out=options["out"] or Path(f"{method}.parquet"),
        references=options["references"],
        values=options["values"],
        workers=options["workers"],
        cache=paths.cache() / "references",
    )
    choice = folders.VideoChoice(options["datasets"], options["split"], options["role"])
    text, faults = folders.evaluate_folder(maps, stores, choice, target, settings, seed)
    click.echo(text)
    if faults:
        click.echo(f"faults: {len(faults)}, named above", err=True)
    if faults and not allow_missing:
        raise SystemExit(EXIT_FAILURE)
