"""The command that predicts maps of any video."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import click

from avrsp.errors import EXIT_FAILURE
from avrsp.params import Precision
from avrsp.prediction.overlay_style import ColormapName, MapsForm, ScaleName


@click.command()
@click.argument("videos", nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the results.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Folder of a model. By default the newest one in data/models with sound that was trained "
    "on real videos, else one without sound that was, else the sample's.",
)
@click.option(
    "--compare",
    "others",
    metavar="MODEL",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Folder of another model, whose maps are shown beside; may be repeated.",
)
@click.option(
    "--without-sound",
    is_flag=True,
    help="Predict a second time as if the video were silent, and show both side by side.",
)
@click.option("--overlay/--no-overlay", default=True, help="The video with its maps and sound.")
@click.option(
    "--scale",
    type=click.Choice(get_args(ScaleName)),
    default="clip",
    show_default=True,
    help="Where colours end: at the greatest density of the clip, of each frame, or at 20 times "
    "an even spread.",
)
@click.option(
    "--colormap",
    type=click.Choice(get_args(ColormapName)),
    default="inferno",
    show_default=True,
    help="Of matplotlib, with even perceived steps.",
)
@click.option(
    "--opacity",
    type=click.FloatRange(0, 1),
    default=0.75,
    show_default=True,
    help="At the end of the scale.",
)
@click.option("--side-by-side", is_flag=True, help="Show the plain video left of the overlay.")
@click.option(
    "--maps",
    type=click.Choice(get_args(MapsForm)),
    default="npz",
    show_default=True,
    help="Form of the maps at the network's size.",
)
@click.option("--json", is_flag=True, help="Peak, centre, spread and entropy of each frame.")
@click.option("--csv", is_flag=True, help="The same as a table.")
@click.option("--sheet", is_flag=True, help="Twelve overlaid frames on one picture.")
@click.option("--mean", is_flag=True, help="The mean map over the middle frame, as a picture.")
@click.option(
    "--aoi",
    metavar="BOXES.CSV",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Areas of interest: box, x, y, width and height in pixels, and perhaps video, start and "
    "end. Their shares of the saliency are written as CSV and drawn.",
)
@click.option(
    "--device", type=click.Choice(["cpu", "cuda", "auto"]), default="auto", show_default=True
)
@click.option(
    "--precision",
    type=click.Choice(["auto", *get_args(Precision)]),
    default="auto",
    show_default=True,
    help="Auto is bf16 where the device multiplies that faster.",
)
@click.option(
    "--stride",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Predict every Nth frame and interpolate between.",
)
@click.option("--fps", help="Frames a second of folders of pictures: 25, 29.97 or 30000/1001.")
@click.option(
    "--sound",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Sound file of the one folder of pictures.",
)
def predict(
    videos: tuple[str, ...],
    out: Path,
    weights: Path | None,
    others: tuple[Path, ...],
    device: str,
    precision: Literal["auto", "float32", "bf16"],
    **wanted: Any,  # noqa: ANN401 - the rest says what to write, and `OutputChoice` has its types
) -> None:
    """Predict where people look in VIDEOS: files, folders, or quoted patterns such as '*.mp4'.

    A folder of numbered pictures (img_00001.jpg and on) is a video too; --fps is its rate.
    Running it again does only what is missing, and after Ctrl-C goes on where it stopped. The exit
    code is 1 where a video failed.
    """
    from avrsp import paths
    from avrsp.prediction import predictor
    from avrsp.prediction.batch import predict_videos
    from avrsp.prediction.find_videos import find_videos
    from avrsp.prediction.overlay_style import OverlayStyle
    from avrsp.prediction.wanted import OutputChoice, PictureInput
    from avrsp.processes import keep_freed_memory

    keep_freed_memory()
    pictures = PictureInput.given(wanted.pop("fps"), wanted.pop("sound"))
    style = OverlayStyle(**{key: wanted.pop(key) for key in ("scale", "colormap", "opacity")})
    found = find_videos(videos)
    place = predictor.best(paths.home() / "data" / "models") if weights is None else weights
    models = [predictor.load(each, device=device, precision=precision) for each in (place, *others)]
    for model in models:
        click.echo(f"avrsp: {model.name}: {model}", err=True)
        warning = predictor.remark(model)
        if warning is not None:
            click.echo(f"avrsp: {model.name}: {warning}", err=True)
    choice = OutputChoice(style=style, **wanted)
    if predict_videos(found, out, models[0], choice, pictures, models[1:]):
        raise SystemExit(EXIT_FAILURE)
