"""The stage `report`: tables, figures and the page, from whatever the stages before it left."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

from avrsp import params, paths, tracking
from avrsp.errors import exits_cleanly
from avrsp.params import Params
from avrsp.progress import timed
from avrsp.report.build import write_report
from avrsp.report.inputs import About, Places, gather


@exits_cleanly
@timed
def main() -> None:
    """Write `reports/index.html`, `reports/tables/` and `reports/figures/`.

    Training runs that DVC took from its cache, so that MLflow never saw them, are logged anew.

    Raises:
        ParamsError: A parameter is missing, unknown or wrong.
        StoreError: A result is there but is not what it should be.
    """
    loaded, here = params.load(), paths.workspace()
    places = Places(
        manifest=paths.manifest(loaded.preset),
        stores=paths.stores(loaded.preset),
        models=here / "data" / "models",
        maps=here / "data" / "maps",
        scores=here / "data" / "scores",
        metrics=here / "reports" / "metrics",
        reliance=here / "data" / "reliance",
        sounds=here / "reports" / "reliance.json",
        pooled=here / "reports" / "pooled",
        ablations=here / "reports" / "ablations" / "metrics",
    )
    write_report(here / "reports", gather(places, about(loaded)))
    tracking.relog_missing(sorted(places.models.glob(f"*/{tracking.JOURNAL}")))


def about(loaded: Params) -> About:
    """Return what the parameters say, with today's date and the commit."""
    return About(
        preset=loaded.preset,
        fusion=loaded.fusion,
        splits=tuple(loaded.splits),
        seed=loaded.seed,
        protocol=loaded.evaluation.protocol,
        date=datetime.now(UTC).date().isoformat(),
        commit=_commit(),
    )


def _commit() -> str:
    """Return the commit that is checked out; empty outside git."""
    said = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return said.stdout.strip()


if __name__ == "__main__":
    main()
