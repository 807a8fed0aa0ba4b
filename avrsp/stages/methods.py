"""Pool the scores of the compared methods, and write Tables I and II (stage `tables`)."""

from __future__ import annotations

from avrsp import params, paths, tracking
from avrsp.errors import exits_cleanly
from avrsp.progress import timed
from avrsp.report.build_report import write_compared
from avrsp.report.inputs import gather
from avrsp.stages.places import METHODS
from avrsp.stages.pool import pool
from avrsp.stages.report import about, places_of


@exits_cleanly
@timed
def main() -> None:
    """Write `index.html`, `tables/`, `pooled/` and `metrics.json` into `reports/methods`.

    Training runs that DVC took from its cache are logged again, as the stage `report` does.

    Raises:
        ParamsError: A parameter is missing, unknown or wrong.
        StoreError: A result is there but is not what it should be.
    """
    loaded, here = params.load(paths.params_file()), paths.workspace()
    scores = sorted((here / "data" / METHODS).glob("*/scores/*.parquet"))
    names = dict.fromkeys(path.stem.rpartition("-split")[0] for path in scores)
    reports = here / "reports" / METHODS
    pool(loaded, {name: (name,) for name in names}, reports, [*names])
    write_compared(reports, gather(places_of(loaded), about(loaded)))
    journals = (here / "data" / METHODS).glob(f"**/{tracking.JOURNAL}")
    tracking.relog_missing(sorted(journals), paths.root())


if __name__ == "__main__":
    main()
