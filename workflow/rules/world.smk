rule world:
    output:
        side=SIDE,
    log:
        "logs/world/{dataset}.log",
    # The longest jobs begin first, so that no core waits for the last of them.
    priority: 1
    conda:
        "../envs/convert.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        spec=PARAMS.world.model_dump(mode="json"),
        seed=PARAMS.seed,
        code=code_digest(*writers.CODE)[:16],
    script:
        "../scripts/world.py"
