"""Commands about recordings of one's own: look at them before use, bring them from trackers."""

from __future__ import annotations

from pathlib import Path

import click

from avrsp.errors import EXIT_FAILURE


@click.group()
def recordings() -> None:
    """Check recordings of your own, and make them from exports of eye trackers."""


@recordings.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the contact sheets. [default: FOLDER/check]",
)
def check(folder: Path, out: Path | None) -> None:
    """Name every fault of the recordings in FOLDER, and draw gaze on frames of each video.

    FOLDER holds dataset.yaml, videos/ and gaze/<video>.csv. The exit code is 1 where something
    must be corrected.
    """
    from avrsp.datasets import gaze_sheet, recordings_check

    folder = folder.resolve()
    faults = recordings_check.folder_faults(folder)
    checks = []
    for found in recordings_check.check(folder):
        checks.append(found)
        name = found.video.video
        click.echo(f"{name}: {found.facts or 'its gaze cannot be read'}")
        for line in found.doubts:
            click.echo(f"{name}: doubt: {line}")
        if found.gaze is not None:
            path = (out or folder / "check") / f"{name}.png"
            gaze_sheet.draw_sheet(path, found.video, found.gaze)
            click.echo(f"{name}: {path}")
        faults += found.faults
    faults += recordings_check.pooled_faults(checks)
    for line in faults:
        click.echo(f"fault: {line}", err=True)
    if faults:
        raise SystemExit(EXIT_FAILURE)
    doubts = sum(len(each.doubts) for each in checks)
    click.echo(f"no fault was found{f'; doubts: {doubts}, named above' if doubts else ''}")


@recordings.command("import")
@click.argument(
    "kind",
    metavar="FORMAT",
    type=click.Choice(
        ["eyelink-asc", "tobii-tsv", "pupil-surface", "gazepoint", "smi", "bids", "diem"]
    ),
)
@click.argument("exports", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the recordings: dataset.yaml says the screen and how videos stood on it.",
)
@click.option("--video", required=True, help="Name of the video in its folder videos/.")
@click.option(
    "--fixations",
    type=click.Choice(["none", "tracker", "idt", "ivt"]),
    default="none",
    show_default=True,
    help="Write samples, the tracker's own fixations, or those that I-DT or I-VT detects.",
)
@click.option("--observer", "viewer", help="Who looked, where the file does not say it.")
@click.option(
    "--start",
    help="Text of the message, or seconds of the tracker's clock, at which the video began.",
)
def import_exports(
    kind: str, exports: tuple[Path, ...], folder: Path, video: str, **how: str
) -> None:
    """Make gaze/<video>.csv of the EXPORTS of an eye tracker, a viewer or several in each."""
    from avrsp.datasets import tracker_import
    from avrsp.datasets.recorded_video import RecordedVideo

    folder = folder.resolve()
    recorded = RecordedVideo(folder, str(folder), Path(video).stem)
    choice = tracker_import.Choice(how["fixations"], how["viewer"], how["start"])
    for line in tracker_import.bring(kind, exports, recorded, choice):
        click.echo(line)
    click.echo(recorded.gaze_file)
