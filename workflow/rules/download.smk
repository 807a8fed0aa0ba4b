checkpoint fetch:
    input:
        brought,
    output:
        state=STATE,
    log:
        "logs/fetch/{dataset}.log",
    conda:
        "../envs/convert.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=1440,
    params:
        folder=RAW,
        videos=names,
        mirrors=[cleaned(each) for each in PARAMS.data.mirrors or []],
    script:
        "../scripts/fetch.py"
