from pathlib import Path

from avrsp.convert.collect import write_index
from avrsp.convert.parts import logged

with logged(snakemake.log[0]):
    write_index(Path(snakemake.output.index), map(Path, snakemake.input.parts))
