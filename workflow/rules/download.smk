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
        mirrors=[cleaned(each) for each in PARAMS.data.mirrors or []],
    script:
        "../scripts/fetch.py"
