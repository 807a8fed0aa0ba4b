checkpoint fetch:
    output:
        state=STATE,
    log:
        "logs/fetch/{dataset}.log",
    conda:
        "../envs/convert.yaml"
    params:
        folder=RAW,
        videos=names,
        mirrors=PARAMS.data.mirrors,
    script:
        "../scripts/fetch.py"
