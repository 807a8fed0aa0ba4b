"""The command `avrsp`: each subcommand reads its arguments and calls one function."""

from __future__ import annotations

import click

from avrsp.cli import app, compare, doctor, evaluate, material, models, predict, recordings
from avrsp.errors import exits_cleanly, interrupted


class Commands(click.Group):
    """A group whose interruption ends the program as `errors.interrupted` has it, not as click."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise interrupted(stop) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
    predict.predict,
    evaluate.evaluate,
    compare.compare,
    app.app,
    doctor.doctor,
    recordings.recordings,
):
    commands.add_command(command)


@exits_cleanly
def main() -> None:
    """Run the command line; errors that a user can act on end in one line and exit code 1."""
    commands()
