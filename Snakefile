# Raw videos and gaze to one store a video: snakemake --cores all preprocess
from snakemake.utils import min_version

min_version("9.20")


# Read by avrsp.params; named here so that the report shows it.
configfile: "params.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


if PARAMS.preset == "sample":

    include: "workflow/rules/world.smk"

else:

    include: "workflow/rules/download.smk"


include: "workflow/rules/store.smk"


onstart:
    if workflow.is_main_process:
        snakemake_lock.note_owner(Path.cwd())
        follow_starter()


rule preprocess:
    default_target: True
    input:
        stores=all_parts,
        manifest=MANIFEST,
        indexes=expand(INDEX, dataset=DATASETS),
        pictures=pictures,
