"""The command that says what is there and what to do next."""

from __future__ import annotations

import click

from avrsp.errors import EXIT_FAILURE


@click.command()
@click.option("--json", "machine", is_flag=True, help="The same for machines.")
@click.option("--deep", is_flag=True, help="Read every byte of stores and raw files, too.")
def doctor(machine: bool, deep: bool) -> None:
    """Say what is there, what is missing, and the next command, for the preset in params.yaml.

    Without --deep, a raw file altered under its old length and time is not noticed, nor a store
    whose damaged part was not read yet.

    The exit code is 0 if `dvc repro` could run.
    """
    from avrsp import paths
    from avrsp.doctor import examine

    here = paths.current()
    subject, findings = examine.examine(here, deep=deep)
    text = examine.as_text(here, subject, findings)
    click.echo(examine.as_json(here, findings) if machine else text)
    if not examine.runnable(findings):
        raise SystemExit(EXIT_FAILURE)
