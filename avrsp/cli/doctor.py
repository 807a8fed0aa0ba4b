"""The command that says what is there and what to do next."""

from __future__ import annotations

import click

from avrsp.errors import EXIT_FAILURE


@click.command()
@click.option("--json", "machine", is_flag=True, help="The same for machines.")
def doctor(machine: bool) -> None:
    """Say what is there, what is missing, and the next command, for the preset in params.yaml.

    The exit code is 0 if `dvc repro` could run.
    """
    from avrsp.doctor import examine

    subject, findings = examine.examine()
    click.echo(examine.as_json(findings) if machine else examine.as_text(subject, findings))
    if not examine.runnable(findings):
        raise SystemExit(EXIT_FAILURE)
