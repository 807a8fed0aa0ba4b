from pathlib import Path

from avrsp.data.collect import write_manifest
from avrsp.data.jobs import logged

with logged(snakemake.log[0]):
    given = snakemake.params
    parts = map(Path, snakemake.input.parts)
    write_manifest(Path(snakemake.output.manifest), given.preset, parts, given.absent)
