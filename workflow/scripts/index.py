from pathlib import Path

from avrsp.convert.collect import write_index
from avrsp.convert.parts import logged
from avrsp.convert.quality import write_picture

with logged(snakemake.log[0]):
    made, parts = snakemake.output, [*map(Path, snakemake.input.parts)]
    write_index(Path(made.index), parts)
    write_picture(Path(made.picture), parts, Path(made.picture).parents[1])
