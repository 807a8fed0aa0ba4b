"""What rules need to know: parameters and sheets, checked; names of files; input functions."""

from dataclasses import asdict
from functools import cache
from pathlib import Path

from avrsp import params, paths
from avrsp.convert import parts, snakemake_lock
from avrsp.convert.collect import is_manifest_stale
from avrsp.convert.convert_video import Layout
from avrsp.datasets import sheets
from avrsp.datasets.download import outcome
from avrsp.datasets.dataset_registry import check_params, spec
from avrsp.errors import cleaned
from avrsp.files import code_digest
from avrsp.processes import follow_starter
from avrsp.sample import plan, writers


def shown(path):
    """Name a path from the working folder where it lies below it."""
    return str(
        path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    )


PARAMS = params.load(paths.params_file())
check_params(PARAMS, paths.root())
DATASETS = sheets.datasets_of(PARAMS, paths.workspace())
RAW = shown(paths.current().raw(PARAMS.preset))
STORES = shown(paths.current().stores(PARAMS.preset))
MANIFEST = shown(paths.current().manifest(PARAMS.preset))
SUMMARY = f"{STORES}/summary.tsv"
CROISSANT = f"{STORES}/croissant.json"
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
    place=PARAMS.data.stores,
)


def sheet(dataset):
    """Return the videos of a dataset that are converted, with their roles."""
    if PARAMS.preset == "paper":
        return sheets.published(
            sheets.folder(paths.workspace(), PARAMS.data.sheets),
            dataset,
            PARAMS.validation_fraction,
            Path(RAW),
        )
    rows = plan.sheet(PARAMS.world, PARAMS.seed, dataset)
    return sheets.prepared(dataset, rows, PARAMS.validation_fraction)


def divided(dataset):
    """Return a dataset's parts by number; what lists its own videos is divided once it is there."""
    state = Path(STATE.format(dataset=dataset))
    return _divided(dataset, state.stat().st_mtime_ns if state.exists() else 0)


@cache
def _divided(dataset, _):
    found = enumerate(parts.divide(sheet(dataset)))
    return {f"{number:03d}": part for number, part in found}


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
    """Return the names of a dataset's videos; none where bringing it is what finds them."""
    if spec(wildcards.dataset).prepare:
        return []
    return [row.video for row in sheet(wildcards.dataset)]


def rows(wildcards):
    """Return a part's rows of the sheet, as a job's parameter."""
    return [row.model_dump() for row in divided(wildcards.dataset)[wildcards.part]]


def parts_of(wildcards):
    """Return the files of a dataset's parts; none where it is absent."""
    there = [] if absence(wildcards.dataset) else divided(wildcards.dataset)
    return expand(PART, dataset=wildcards.dataset, part=there)


def all_parts(wildcards):
    """Return the files of all parts."""
    return [
        part
        for dataset in present()
        for part in expand(PART, dataset=dataset, part=divided(dataset))
    ]


def manifest_parts(wildcards):
    """Return the files of all parts, and see whether the manifest is about them."""
    found = all_parts(wildcards)
    if workflow.is_main_process and is_manifest_stale(
        Path(MANIFEST), [Path(part) for part in found]
    ):
        rerun(MANIFEST)
    return found


def pictures(wildcards):
    """Return the picture of each dataset that is there."""
    return expand(PICTURE, dataset=present())


@cache
def is_stale(dataset, part):
    """Tell whether the stores of a part have to be looked at again; raw files are seen once a run."""
    path = Path(PART.format(dataset=dataset, part=part))
    rows = divided(dataset)[part]
    return parts.is_stale(path, dataset, rows, Path(RAW), Path(STORES), LAYOUT)


def rerun(output):
    """Let the job that makes `output` run, as --forcerun does.

    Snakemake has no other means for what it cannot see by itself, but to remove the output; and a
    dry run, a summary or a report must not remove anything.
    """
    workflow.dag.forcefiles.add(output)


def raw_data(wildcards):
    """Return what must exist before a part is converted, and see whether it has to be."""
    dataset, part = wildcards.dataset, wildcards.part
    # A job's own process runs in any case.
    if workflow.is_main_process and is_stale(dataset, part):
        rerun(PART.format(dataset=dataset, part=part))
    if PARAMS.preset == "sample":
        return expand(SIDE, dataset=dataset)
    return ancient(expand(STATE, dataset=dataset))


def brought(wildcards):
    """Return nothing; see whether what became of a dataset's archives may have changed."""
    state = STATE.format(dataset=wildcards.dataset)
    found = Path(state), spec(wildcards.dataset), Path(RAW), PARAMS.data.mirrors
    if workflow.is_main_process and outcome.is_stale(*found):
        rerun(state)
    return []


wildcard_constraints:
    dataset="|".join(DATASETS),
    part=r"\d+",
