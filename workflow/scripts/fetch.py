import sys
from pathlib import Path

from avrsp import params
from avrsp.convert.parts import logged
from avrsp.datasets.dataset_registry import register_named
from avrsp.datasets.download.fetch import Means, bring

given, state = snakemake.params, Path(snakemake.output.state)
with logged(snakemake.log[0]):
    register_named(params.load())
    means = Means(given.mirrors)
    said = bring(snakemake.wildcards.dataset, Path(given.folder), given.videos, means, state)
sys.stderr.write(f"avrsp: {said}\n" if said else "")
