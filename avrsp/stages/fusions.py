"""Compare experiments that differ in their fusion alone, as far as MLflow knows them.

A program of its own and no stage: what MLflow knows differs between machines and changes without
DVC's knowledge, and `dvc repro` writes the same report from the same files everywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from avrsp import datasets, params, paths
from avrsp.errors import AvrspError, exits_cleanly
from avrsp.evaluate.summary import Summary
from avrsp.files import sha256
from avrsp.params import Params
from avrsp.progress import timed
from avrsp.report.fusion_table import FUSIONS, Experiment, Found, write_fusions
from avrsp.report.names import KINDS
from avrsp.stages.report import about
from avrsp.store.manifest import COMMAND
from avrsp.tracking import evaluations, server
from avrsp.tracking.evaluations import Evaluation

SHOWN = 2
"""Differences that are named for an experiment that is left out."""


@exits_cleanly
@timed
def main() -> None:
    """Write `reports/fusions/index.html` and `reports/fusions/tables/`.

    Raises:
        ParamsError: A parameter is missing, unknown or wrong.
        AvrspError: There is no manifest, or MLflow does not answer.
    """
    loaded, here = params.load(paths.params_file()), paths.current()
    datasets.register_named(loaded, here.root)
    place = here.manifest(loaded.preset)
    if not place.exists():
        raise AvrspError(f"{place}: no such manifest; run: {COMMAND}")
    evaluations.send_waiting(here.root)
    found = collect(loaded, sha256(place), here.root)
    folder = here.folder / "reports" / "fusions"
    write_fusions(folder, found, about(loaded))
    known = ", ".join(each.fusion for each in found.experiments) or "none"
    sys.stdout.write(f"{folder / 'index.html'}: {known}; left out: {len(found.left_out)}\n")


def collect(loaded: Params, manifest: str, root: Path) -> Found:
    """Return the newest evaluation of each fusion whose setting is that of the parameters.

    Args:
        loaded: The parameters.
        manifest: Digest of the manifest.
        root: The main repository, where MLflow's database lies if no server is named.

    Raises:
        AvrspError: MLflow does not answer.
    """
    name = loaded.tracking.experiment
    known = [each for method in KINDS for each in evaluations.find(root, name, method)]
    wanted = evaluations.setting(loaded, manifest)
    newest: dict[str, Evaluation] = {}
    for each in known:
        if each.setting == wanted:
            newest.setdefault(each.fusion, each)
    return Found(
        experiments=tuple(
            experiment(newest[fusion]) for fusion in FUSIONS.values() if fusion in newest
        ),
        left_out=tuple(_left_out(known, newest, wanted)),
        source=server.place(),
        manifest=manifest,
    )


def experiment(known: Evaluation) -> Experiment:
    """Return an evaluation as the report shows it."""
    return Experiment(
        fusion=known.fusion,
        run=known.run,
        trained=tuple(known.trained.values()),
        date=datetime.fromtimestamp(known.time / 1000, UTC).date().isoformat(),
        commit=known.commit,
        summary=Summary.from_numbers(known.scores),
    )


def _left_out(
    known: Sequence[Evaluation], newest: Mapping[str, Evaluation], wanted: Mapping[str, str]
) -> Iterator[str]:
    """Say of each fusion that is not shown what the newest evaluation of it differs in."""
    named: set[str] = set()
    for each in known:
        if each.fusion in newest or each.fusion in named:
            continue
        named.add(each.fusion)
        differs = [key for key in wanted if each.setting.get(key) != wanted[key]]
        differs += [key for key in each.setting if key not in wanted]
        said = [
            f"{key} {_brief(each.setting.get(key))} instead of {_brief(wanted.get(key))}"
            for key in differs[:SHOWN]
        ]
        more = len(differs) - len(said)
        said += [f"and {more} more"] if more else []
        yield f"{each.fusion} (run {each.run}): {', '.join(said)}"


def _brief(value: str | None) -> str:
    return "nothing" if value is None else value[:12]


if __name__ == "__main__":
    main()
