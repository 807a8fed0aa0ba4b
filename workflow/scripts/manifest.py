from pathlib import Path

from avrsp.data.collect import write_manifest
from avrsp.data.jobs import logged
from avrsp.data.summary import summarise

with logged(snakemake.log[0]):
    given, made = snakemake.params, snakemake.output
    parts = map(Path, snakemake.input.parts)
    manifest = write_manifest(Path(made.manifest), given.preset, parts, given.absent)
    summarise(Path(made.summary), manifest, Path(given.folder))
