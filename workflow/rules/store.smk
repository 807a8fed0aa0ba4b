rule store:
    input:
        raw=raw_data,
    output:
        part=PART,
    log:
        "logs/store/{dataset}/{part}.log",
    conda:
        "../envs/convert.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        rows=rows,
        folder=RAW,
        layout=asdict(LAYOUT),
    script:
        "../scripts/store.py"


rule index:
    input:
        parts=parts_of,
    output:
        index=INDEX,
        picture=report(
            PICTURE,
            caption="../report/quality.rst",
            category="Quality control",
            labels={"dataset": "{dataset}"},
        ),
    log:
        "logs/index/{dataset}.log",
    conda:
        "../envs/convert.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_digest("convert", "store")[:16],
    script:
        "../scripts/index.py"


rule manifest:
    input:
        parts=manifest_parts,
    output:
        manifest=MANIFEST,
        summary=SUMMARY,
        croissant=CROISSANT,
    log:
        "logs/manifest.log",
    conda:
        "../envs/convert.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        preset=PARAMS.preset,
        folder=RAW,
        absent=absent,
        code=code_digest("convert", "store")[:16],
    script:
        "../scripts/manifest.py"
