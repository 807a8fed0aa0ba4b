import sys
from pathlib import Path

from avrsp.data.download.fetch import Means, bring
from avrsp.data.jobs import logged

given, state = snakemake.params, Path(snakemake.output.state)
with logged(snakemake.log[0]):
    means = Means(given.mirrors)
    said = bring(snakemake.wildcards.dataset, Path(given.folder), given.videos, means, state)
sys.stderr.write(f"avrsp: {said}\n" if said else "")
