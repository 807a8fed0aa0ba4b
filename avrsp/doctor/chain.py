"""What follows from the raw data: stores, weights, DVC's and MLflow's records."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from avrsp.doctor.finding import Finding
from avrsp.errors import ParamsError, StoreError, cleaned
from avrsp.params import EncoderParams
from avrsp.params.runs import KINDS, PRETRAINING, run_name
from avrsp.paths import Workspace
from avrsp.store.manifest import COMMAND, Manifest, check_stores, read_manifest
from avrsp.tracking import server

MAY_BE_LINKS: Final = ("data/raw", "data/store", "data/checkpoints")
RESULTS: Final = ("data", "data/models", "data/maps", "data/scores", "data/reliance", "reports")
"""Folders that may lie on another disk, and those in which DVC keeps results."""


def stores(here: Workspace, preset: str, needed: Iterable[str]) -> Finding:
    """Look at the manifest and at every store that it lists."""
    path = here.manifest(preset)
    if not path.exists():
        return Finding("stores", "to come", "no manifest", COMMAND)
    try:
        manifest = read_manifest(path)
        check_stores(manifest, here.stores(preset))
    except StoreError as error:
        return Finding("stores", "missing", str(error).partition("; run:")[0], COMMAND)
    found, absent = _counted(manifest)
    lacking = sorted(absent & set(needed))
    if lacking:
        return Finding("stores", "missing", f"{found}; absent: {', '.join(lacking)}", COMMAND)
    return Finding("stores", "ready", found)


def links(here: Workspace) -> Finding:
    """Look for links at which DVC gives up: it follows none that its own results lie behind."""
    linked = [name for name in RESULTS if (here.folder / name).is_symlink()]
    if linked:
        found = f"{', '.join(linked)}: a link, behind which DVC keeps no results"
        advice = f"make it a folder; only {', '.join(MAY_BE_LINKS)} may be links"
        return Finding("folders", "missing", found, advice)
    others = [name for name in MAY_BE_LINKS if (here.root / name).is_symlink()]
    found = f"{', '.join(others)} elsewhere" if others else "none is a link"
    return Finding("folders", "ready", found)


def weights(here: Workspace, model: str, encoder: EncoderParams) -> Finding:
    """Look for the published weights that the encoders of a model are to start from."""
    if encoder.from_scratch:
        return Finding("encoder weights", "ready", "random numbers: encoder.from_scratch is true")
    from avrsp import models  # noqa: PLC0415 - it imports torch, which takes seconds
    from avrsp.models import encoders  # noqa: PLC0415

    try:
        parts = models.spec(model).encoders
    except ParamsError as error:
        return Finding("encoder weights", "missing", str(error), "avrsp models")
    lost = [*encoders.missing(parts, encoder, here.root)]
    if lost:
        found = "; ".join(encoders.lacking(each, encoder) for each in lost)
        return Finding(
            "encoder weights", "missing", found, encoders.import_command(lost[0], encoder)
        )
    named = [f"{each.part} from {encoder.files[each.key]}" for each in parts]
    return Finding("encoder weights", "ready", ", ".join(named) or "none needed")


def trained(here: Workspace, preset: str, splits: Iterable[int | str]) -> Finding:
    """Look for the trained networks, and whether they learnt from the preset's videos."""
    names = [PRETRAINING, *(run_name(kind, split) for kind in KINDS for split in splits)]
    folder = here.folder / "data" / "models"
    lost = [name for name in names if not (folder / name).is_dir()]
    if not lost:
        others = [name for name in names if _generated(folder / name) != (preset == "sample")]
        if others:
            found = f"{', '.join(others)} of another preset's videos"
            return Finding("trained models", "to come", found, "dvc repro")
        return Finding("trained models", "ready", ", ".join(names))
    found = f"{len(names) - len(lost)} of {len(names)}"
    return Finding("trained models", "to come", found, "dvc repro")


def _generated(model: Path) -> bool:
    """Whether a model learnt from generated videos; False too where nobody can tell."""
    try:
        facts = json.loads((model / "model.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and facts.get("learnt_from") == ["generated world"]


def dvc(here: Workspace) -> Finding:
    """Look at what DVC needs and at what it has recorded."""
    folder = here.folder
    if not (folder / ".dvc").is_dir() or not _in_git(folder):
        lost = ".dvc" if _in_git(folder) else "git repository"
        found = f"{folder} has no {lost}, so DVC does not work in it"
        return Finding("DVC", "missing", found, "git clone the project into another folder")
    lock = folder / "dvc.lock"
    if not lock.exists():
        return Finding("DVC", "to come", "no stage has run", "dvc repro")
    stages = re.findall(r"^  [\w@-]+:$", lock.read_text(), re.MULTILINE)
    return Finding("DVC", "ready", f"{len(stages)} stages recorded in dvc.lock")


def mlflow(here: Workspace, experiment: str) -> Finding:
    """Look at where the runs of an experiment are kept, without asking a server."""
    named = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if named:
        return Finding("MLflow", "ready", f"runs go to {cleaned(named)} (not asked)")
    database = here.root / "mlflow.db"
    if not database.exists():
        return Finding("MLflow", "to come", "no mlflow.db", "dvc repro")
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("SELECT COUNT(*) FROM runs").fetchone()
            known = connection.execute(
                "SELECT name, experiment_id, lifecycle_stage, artifact_location FROM experiments "
                "WHERE name = ?",
                (experiment,),
            ).fetchone()
    except sqlite3.Error as error:
        found = f"{database} cannot be read ({error})"
        return Finding("MLflow", "missing", found, f"mv {database} {database}.broken")
    fault = known and server.unusable(here.root, *known)
    if fault:
        _, number, stage, _ = known
        restored = (
            f"MLFLOW_TRACKING_URI=sqlite:///{database} mlflow experiments restore "
            f"--experiment-id {number}"
        )
        command = restored if stage == "deleted" else f"mv {database} {database}.moved"
        return Finding("MLflow", "missing", fault.partition("; ")[0], command)
    return Finding("MLflow", "ready", f"{count} runs in {database.name}")


def _counted(manifest: Manifest) -> tuple[str, set[str]]:
    verdicts = [each for entry in manifest.datasets.values() for each in entry.videos]
    kept = sum(verdict.kept for verdict in verdicts)
    absent = {name for name, entry in manifest.datasets.items() if not entry.present}
    there = len(manifest.datasets) - len(absent)
    aside = len(verdicts) - kept
    return f"{kept} videos of {there} datasets, {aside} set aside", absent


def _in_git(folder: Path) -> bool:
    return any((above / ".git").exists() for above in (folder, *folder.parents))
