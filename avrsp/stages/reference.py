"""Compare the finished run with the reference run in git, or note it as one more.

A program of its own and no stage: it says something about a run and is no part of it.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from avrsp import params, paths
from avrsp.errors import EXIT_FAILURE, exits_cleanly
from avrsp.params import Params
from avrsp.report import reference_run
from avrsp.stages.checkout import commit
from avrsp.tracking.journal import flat

WITHOUT_EFFECT: Final = {
    *("preset", "presets", "seed", "ablations", "fusions", "tracking", "data", "recordings"),
    "training",
}
"""Keys in which runs that agree may differ; of the preset and of training, parts are compared."""

COMPUTED: Final = {"loading", "compute", "ablation"}
"""Of the preset: how it is computed, which may differ too."""

SHORT: Final = 7


@exits_cleanly
def main() -> None:
    """Print a comparison and end with 1 where a number differs, or write the reference.

    Raises:
        StoreError: The run is not finished, or there is no reference.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.reference")
    parser.add_argument("what", choices=["compare", "write"])
    what = parser.parse_args().what
    loaded, reports = params.load(paths.params_file()), paths.workspace() / "reports"
    if what == "write":
        write(loaded, reports)
    elif not compare(loaded, reports):
        raise SystemExit(EXIT_FAILURE)


def write(loaded: Params, reports: Path) -> None:
    """Note the finished run among those of the reference, and take its tables."""
    run = reference_run.NotedRun(
        str(loaded.seed), commit()[:SHORT], datetime.now(UTC).date().isoformat(), machine()
    )
    folder = reports / "reference"
    noted = [each for each in reference_run.read_runs(folder) if each[0] != run]
    noted.append((run, reference_run.numbers(reports)))
    reference_run.write(folder, reports, noted, dict(flat(parameters(loaded))), loaded.seed)
    sys.stdout.write(f"{folder}: {len(noted)} runs\n")


def compare(loaded: Params, reports: Path) -> bool:
    """Say whether the finished run agrees with the reference; True too where it cannot be asked."""
    folder = reports / "reference"
    known = reference_run.read_summary_of(folder)
    differing = [*_differing(known["parameters"], dict(flat(parameters(loaded))))]
    if differing:
        more = f" and {len(differing) - 1} more keys" if len(differing) > 1 else ""
        sys.stdout.write(
            f"not compared with the reference run: params.yaml differs in {differing[0]}{more}\n"
        )
        return True
    found = reference_run.compare(reference_run.read_runs(folder), reference_run.numbers(reports))
    sys.stdout.write(f"{reference_run.shown(found)}\n")
    wrong = [each.name for each in found if each.agrees is False]
    counts = reference_run.counts(reports)
    if known["seed"] == loaded.seed:
        wrong += [name for name, count in known["counts"].items() if counts[name] != count]
    judged = sum(each.agrees is not None for each in found)
    if wrong:
        sys.stdout.write(f"differs from the reference run in: {'; '.join(wrong)}\n")
    else:
        said = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        sys.stdout.write(f"agrees with the reference run: {judged} numbers, {said}\n")
    return not wrong


def parameters(loaded: Params) -> dict[str, Any]:
    """Return what the numbers of a run follow from, besides its seed."""
    shared = loaded.model_dump(mode="json", exclude=WITHOUT_EFFECT)
    recipe = loaded.training.recipe.model_dump(mode="json", exclude_none=True)
    return {
        "preset": loaded.preset,
        **({"recipe": recipe} if recipe else {}),
        **shared,
        **loaded.active.model_dump(mode="json", exclude=COMPUTED),
    }


def _differing(known: Mapping[str, str], mine: Mapping[str, str]) -> Iterator[str]:
    for key in dict.fromkeys((*known, *mine)):
        if known.get(key) != mine.get(key):
            yield f"{key} ({mine.get(key)} instead of {known.get(key)})"


def machine() -> str:
    """Return the processor's name, as the system gives it."""
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
