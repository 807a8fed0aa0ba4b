"""What rules need to know: parameters and sheets, checked; names of files; input functions."""

from dataclasses import asdict
from pathlib import Path

from avrsp import params, paths
from avrsp.data import parts, provenance, sheets
from avrsp.data.convert import Layout
from avrsp.data.datasets import DATASETS


def shown(path):
    """Name a path from the working folder where it lies below it."""
    return str(
        path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    )


PARAMS = params.load()
RAW = shown(paths.raw(PARAMS.preset))
STORES = shown(paths.stores(PARAMS.preset))
MANIFEST = shown(paths.manifest(PARAMS.preset))
SIDE = f"{RAW}/world/{{dataset}}.json"
PART = f"{STORES}/{{dataset}}/parts/{{part}}.json"
INDEX = f"{STORES}/{{dataset}}/index.tsv"
PICTURE = f"{STORES}/{{dataset}}/quality.png"
LAYOUT = Layout(
    height=PARAMS.active.clip.height,
    width=PARAMS.active.clip.width,
    chunk=PARAMS.active.store.chunk,
    code=provenance.digest(provenance.CONVERTING),
)


def sheet(dataset):
    """Return the videos of a dataset that are converted, with their roles."""
    if PARAMS.preset == "sample":
        rows = sheets.generated_sheet(PARAMS.world, PARAMS.seed, dataset)
    else:
        rows = sheets.read_sheet(
            paths.workspace() / "data" / "sheets" / f"{dataset}.tsv"
        )
    return sheets.prepared(dataset, rows, PARAMS.validation_fraction)


def absence(dataset):
    """Say why a dataset is absent; the world's never are, since they are made."""
    return None if PARAMS.preset == "sample" else DATASETS[dataset].absence(Path(RAW))


ABSENT = {dataset: reason for dataset in DATASETS if (reason := absence(dataset))}
PARTS = {
    dataset: {
        f"{number:03d}": part
        for number, part in enumerate(parts.divide(sheet(dataset)))
    }
    for dataset in DATASETS
    if dataset not in ABSENT
}


def videos(dataset, part):
    """Pair each row of a part with what its store must follow from."""
    return [
        (row, parts.origin(dataset, row, Path(RAW), LAYOUT))
        for row in PARTS[dataset][part]
    ]


def rows(wildcards):
    """Return a part's rows of the sheet, as a job's parameter."""
    return [row.model_dump() for row in PARTS[wildcards.dataset][wildcards.part]]


def origins(wildcards):
    """Say of each video of a part what its store must follow from: also its raw files' state."""
    return [origin for _, origin in videos(wildcards.dataset, wildcards.part)]


def parts_of(wildcards):
    """Return the files of a dataset's parts."""
    return expand(PART, dataset=wildcards.dataset, part=PARTS[wildcards.dataset])


def all_parts(wildcards):
    """Return the files of all parts."""
    return [
        part
        for dataset in PARTS
        for part in expand(PART, dataset=dataset, part=PARTS[dataset])
    ]


def raw_data(wildcards):
    """Return what must exist before a dataset is converted."""
    return expand(SIDE, dataset=wildcards.dataset) if PARAMS.preset == "sample" else []


wildcard_constraints:
    dataset="|".join(DATASETS),
    part=r"\d+",


for dataset in PARTS:
    for part, listed in PARTS[dataset].items():
        parts.forget(
            Path(PART.format(dataset=dataset, part=part)),
            dataset,
            videos(dataset, part),
            Path(STORES),
        )
