import sys
from pathlib import Path

from avrsp import params, paths
from avrsp.convert.parts import logged
from avrsp.datasets.dataset_registry import register_named
from avrsp.datasets.download.fetch import Means, bring

given, state = snakemake.params, Path(snakemake.output.state)
with logged(snakemake.log[0]):
    loaded = params.load(paths.params_file())
    register_named(loaded, paths.root())
    means, dataset = Means(loaded.data.mirrors), snakemake.wildcards.dataset
    _, lines = bring(dataset, Path(given.folder), given.videos, means, state)
sys.stderr.writelines(f"avrsp: {line}\n" for line in lines)
