"""What rules need to know: parameters and sheets, checked; names of files; input functions."""

from dataclasses import asdict
from pathlib import Path

from avrsp import params, paths
from avrsp.convert import parts, snakemake_lock
from avrsp.convert.convert_video import Layout
from avrsp.datasets import sheets
from avrsp.datasets.download import outcome
from avrsp.datasets.dataset_registry import DATASETS
from avrsp.errors import cleaned
from avrsp.files import code_digest
from avrsp.processes import follow_starter


def shown(path):
    """Name a path from the working folder where it lies below it."""
    return str(
        path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    )


PARAMS = params.load()
RAW = shown(paths.raw(PARAMS.preset))
STORES = shown(paths.stores(PARAMS.preset))
MANIFEST = shown(paths.manifest(PARAMS.preset))
SUMMARY = f"{STORES}/summary.tsv"
SIDE = f"{RAW}/world/{{dataset}}.json"
STATE = str(outcome.place(Path(RAW), "{dataset}"))
PART = f"{STORES}/{{dataset}}/parts/{{part}}.json"
INDEX = f"{STORES}/{{dataset}}/index.tsv"
PICTURE = f"{STORES}/{{dataset}}/quality.png"
LAYOUT = Layout(
    height=PARAMS.active.clip.height,
    width=PARAMS.active.clip.width,
    chunk=PARAMS.active.store.chunk,
    code=code_digest("convert", "datasets", "media", "store", "types.py")[:16],
)


def sheet(dataset):
    """Return the videos of a dataset that are converted, with their roles."""
    if PARAMS.preset == "paper":
        return sheets.published(
            sheets.folder(PARAMS.data.sheets), dataset, PARAMS.validation_fraction
        )
    rows = sheets.generated_sheet(PARAMS.world, PARAMS.seed, dataset)
    return sheets.prepared(dataset, rows, PARAMS.validation_fraction)


PARTS = {
    dataset: {
        f"{number:03d}": part
        for number, part in enumerate(parts.divide(sheet(dataset)))
    }
    for dataset in DATASETS
}


def absence(dataset):
    """Say why a dataset is absent, once that is known; a dry run supposes that none is."""
    if PARAMS.preset == "sample" or workflow.dryrun:
        return None
    path = checkpoints.fetch.get(dataset=dataset).output.state
    return outcome.read(Path(path)).reason


def present():
    """Return the datasets whose raw files are there."""
    return [dataset for dataset in DATASETS if not absence(dataset)]


def absent(wildcards):
    """Return the datasets that are absent, each with its reason."""
    reasons = {dataset: absence(dataset) for dataset in DATASETS}
    return {dataset: reason for dataset, reason in reasons.items() if reason}


def names(wildcards):
    """Return the names of a dataset's videos."""
    return [row.video for row in sheet(wildcards.dataset)]


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
    """Say of each video of a part what its store must follow from: also its raw files' outcome."""
    return [origin for _, origin in videos(wildcards.dataset, wildcards.part)]


def parts_of(wildcards):
    """Return the files of a dataset's parts; none where it is absent."""
    there = [] if absence(wildcards.dataset) else PARTS[wildcards.dataset]
    return expand(PART, dataset=wildcards.dataset, part=there)


def all_parts(wildcards):
    """Return the files of all parts."""
    return [
        part
        for dataset in present()
        for part in expand(PART, dataset=dataset, part=PARTS[dataset])
    ]


def pictures(wildcards):
    """Return the picture of each dataset that is there."""
    return expand(PICTURE, dataset=present())


def raw_data(wildcards):
    """Return what must exist before a dataset is converted."""
    if PARAMS.preset == "sample":
        return expand(SIDE, dataset=wildcards.dataset)
    return ancient(expand(STATE, dataset=wildcards.dataset))


wildcard_constraints:
    dataset="|".join(DATASETS),
    part=r"\d+",


# A job's own process need not look at the raw files of all the others.
if workflow.is_main_process:
    for dataset in PARTS:
        for part in PARTS[dataset]:
            path = Path(PART.format(dataset=dataset, part=part))
            if path.exists():
                parts.forget(path, dataset, videos(dataset, part), Path(STORES))

if PARAMS.preset == "paper" and workflow.is_main_process:
    for dataset, spec in DATASETS.items():
        path = Path(STATE.format(dataset=dataset))
        outcome.forget(path, spec, Path(RAW), PARAMS.data.mirrors)
