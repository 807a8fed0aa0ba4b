"""The command `avrsp`: each subcommand reads its arguments and calls one function."""

from __future__ import annotations

import click

from avrsp.cli import compare, doctor, maps, material, models, recordings
from avrsp.errors import exits_cleanly


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="avrsp")
def commands() -> None:
    """Predict where people look in a video with sound."""


for command in (
    material.world,
    material.download,
    models.list_models,
    models.import_weights,
    models.fetch_weights,
    models.export,
    maps.predict,
    maps.evaluate,
    compare.compare,
    doctor.doctor,
    recordings.recordings,
):
    commands.add_command(command)


@exits_cleanly
def main() -> None:
    """Run the command line; errors that a user can act on end in one line and exit code 1."""
    commands()
