from pathlib import Path

from avrsp.data.collect import write_index
from avrsp.data.jobs import logged

with logged(snakemake.log[0]):
    write_index(Path(snakemake.output.index), map(Path, snakemake.input.parts))
