"""All findings on the chosen preset, and how they are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from avrsp import params
from avrsp.datasets import sheets
from avrsp.datasets.dataset_registry import ListedVideo, check_params, spec
from avrsp.doctor import chain, computer, full_check, raw_data
from avrsp.doctor.finding import MARKS, Finding
from avrsp.errors import ParamsError
from avrsp.params import Params
from avrsp.paths import PARAMS_FILE, Workspace

INDENT = 2


def examine(here: Workspace, *, deep: bool = False) -> tuple[str, list[Finding]]:
    """Look at everything; return what was looked at, in a few words, and what was found.

    Args:
        here: The workspace.
        deep: Read every byte of stores and raw files, too.
    """
    findings = [computer.python(), computer.programs(), computer.ffmpeg()]
    try:
        loaded = params.load(here.folder / PARAMS_FILE)
        check_params(loaded, here.root)
        rows = _rows(here, loaded) if loaded.preset == "paper" else {}
    except ParamsError as error:
        fault = Finding("parameters", "missing", str(error), "correct params.yaml or the sheet")
        return str(here.folder), [*findings, fault]
    preset = loaded.active
    needed = {loaded.pretraining_set, *loaded.audio_visual_sets}
    if loaded.preset == "paper":
        size = raw_data.still_needed(here, rows, preset.clip)
        mirrors = loaded.data.mirrors
        data = [
            raw_data.dataset(here, spec(key), _names(listed), mirrors, key in needed)
            for key, listed in rows.items()
        ]
        data.append(raw_data.checksums(here))
    else:
        size, data = raw_data.SAMPLE_BYTES, [raw_data.generated(here, loaded.world.datasets)]
    findings += [
        computer.disk(here.root, size),
        *data,
        chain.links(here),
        chain.stores(here, loaded.preset, needed),
        *(full_check.findings(here, loaded.preset) if deep else []),
        chain.weights(here, loaded.model, preset.encoder),
        chain.trained(here, loaded.preset, loaded.splits),
        computer.gpu(preset.compute, loaded.preset),
        chain.dvc(here),
        chain.mlflow(here, loaded.tracking.experiment),
    ]
    return f"preset {loaded.preset}, fusion {loaded.fusion}, {here.folder}", findings


def next_command(here: Workspace, findings: Sequence[Finding]) -> str:
    """Return what to do first."""
    missing = [each.command for each in findings if each.state == "missing" and each.command]
    if missing:
        return missing[0]
    page = here.folder / "reports" / "index.html"
    done = page.exists() and all(finding.state == "ready" for finding in findings)
    return "xdg-open reports/index.html" if done else "dvc repro"


def runnable(findings: Sequence[Finding]) -> bool:
    """Tell whether `dvc repro` could run."""
    return all(finding.state != "missing" for finding in findings)


def as_text(here: Workspace, subject: str, findings: Sequence[Finding]) -> str:
    """Return the findings as lines for people, with colours."""
    width = max(len(finding.name) for finding in findings)
    lines = [f"avrsp doctor: {subject}", ""]
    for finding in findings:
        sign, colour = MARKS[finding.state]
        lines.append(f"{click.style(sign, fg=colour)} {finding.name:{width}}  {finding.found}")
        if finding.state == "missing" and finding.command:
            lines.append(f"{'':{width + INDENT}}  {click.style(finding.command, fg='yellow')}")
    count = sum(finding.state == "missing" for finding in findings)
    verdict = "dvc repro can run" if not count else f"dvc repro cannot run: {count} missing"
    return "\n".join([*lines, "", f"{verdict}; next: {next_command(here, findings)}"])


def as_json(here: Workspace, findings: Sequence[Finding]) -> str:
    """Return the findings for machines."""
    content: dict[str, Any] = {
        "runnable": runnable(findings),
        "next": next_command(here, findings),
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(content, indent=2)


def _names(listed: Sequence[ListedVideo]) -> list[str]:
    return [row.video for row in listed]


def _rows(here: Workspace, loaded: Params) -> dict[str, list[ListedVideo]]:
    raw = here.raw(loaded.preset)
    folder = sheets.folder(here.folder, loaded.data.sheets)
    fraction = loaded.validation_fraction
    keys = sheets.datasets_of(loaded, here.folder)
    return {key: sheets.published(folder, key, fraction, raw) for key in keys}
