from pathlib import Path

from avrsp.data.jobs import logged
from avrsp.data.world.writers import write_dataset
from avrsp.params import WorldParams

given, folder = snakemake.params, Path(snakemake.output.side).parents[1]
with logged(snakemake.log[0]):
    spec = WorldParams.model_validate(given.spec)
    write_dataset(snakemake.wildcards.dataset, folder, spec, given.seed)
