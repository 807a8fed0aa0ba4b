from pathlib import Path

from avrsp.convert.parts import logged
from avrsp.params import WorldParams
from avrsp.sample.writers import write_dataset

given, folder = snakemake.params, Path(snakemake.output.side).parents[1]
with logged(snakemake.log[0]):
    spec = WorldParams.model_validate(given.spec)
    write_dataset(snakemake.wildcards.dataset, folder, spec, given.seed)
