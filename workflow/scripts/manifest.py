from pathlib import Path

from avrsp import params, paths
from avrsp.convert import croissant
from avrsp.convert.collect import summarise, write_manifest
from avrsp.convert.parts import logged
from avrsp.datasets.dataset_registry import register_named

with logged(snakemake.log[0]):
    register_named(params.load(paths.params_file()), paths.root())
    given, made = snakemake.params, snakemake.output
    parts = map(Path, snakemake.input.parts)
    manifest = write_manifest(Path(made.manifest), given.preset, parts, given.absent)
    croissant.write(Path(made.manifest), manifest)
    summarise(Path(made.summary), manifest, Path(given.folder))
