from pathlib import Path

from avrsp import params, paths
from avrsp.convert import parts
from avrsp.convert.convert_video import Layout
from avrsp.datasets.dataset_registry import ListedVideo, register_named

given, part = snakemake.params, Path(snakemake.output.part)
with parts.logged(snakemake.log[0]):
    register_named(params.load(paths.params_file()), paths.root())
    rows = list(map(ListedVideo.model_validate, given.rows))
    places = Path(given.folder), part.parents[2]
    parts.write_part(part, snakemake.wildcards.dataset, rows, *places, Layout(**given.layout))
