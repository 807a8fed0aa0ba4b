from pathlib import Path

from avrsp.convert.parts import logged
from avrsp.convert.quality import write_picture

with logged(snakemake.log[0]):
    picture = Path(snakemake.output.picture)
    write_picture(picture, map(Path, snakemake.input.parts), picture.parents[1])
