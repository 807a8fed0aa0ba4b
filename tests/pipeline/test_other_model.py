"""A network that the documentation adds in one file takes the chain's way, without sound."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.pipeline.conftest import (
    REPOSITORY,
    TINY_SAMPLE,
    TINY_WORLD,
    Run,
    cloned,
    git,
    running_in,
    shrink,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_a_network_without_sound_is_trained_scored_and_shown(clone: Path, run: Run) -> None:
    page = (REPOSITORY / "docs" / "own-model.md").read_text()
    match = re.search(r"```python\n(\"\"\"Motion: .*?)```", page, re.DOTALL)
    assert match is not None
    (clone / "avrsp" / "models" / "motion.py").write_text(match[1])
    shrink(clone, world=TINY_WORLD, sample=TINY_SAMPLE | {"encoder": {"width": 0.125}})
    params = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(params.replace("model: avrsp", "model: motion", 1))
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "Choose another network")
    done = run("dvc", "repro")
    assert "motion takes no sound: there is no av-split1" in done.stdout
    models = clone / "data" / "models"
    assert json.loads((models / "v-split1" / "model.json").read_text())["model"] == "motion"
    assert (models / "av-split1" / "absent.txt").is_file()
    means = json.loads((clone / "reports" / "metrics.json").read_text())
    assert {"v", "centre prior"} <= means.keys()
    assert "av" not in means
    assert (clone / "reports" / "index.html").stat().st_size > 0
    assert "Data and pipelines are up to date" in run("dvc", "repro").stdout


def test_a_published_network_and_its_variant_are_chosen_by_dvc(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    clone = cloned(tmp_path_factory.mktemp("other"))
    run = running_in(clone)
    shrink(clone, world=TINY_WORLD, sample=TINY_SAMPLE | {"encoder": {"width": 0.125}})

    def ran(*words: str) -> set[str]:
        said = run("dvc", "exp", "run", *words, "finetune-av@1").stdout
        return set(re.findall(r"Running stage '(.+)':", said))

    def chosen(name: str) -> dict[str, object]:
        config = json.loads((clone / "data" / "models" / name / "model.json").read_text())
        assert config["model"] == "vinet"
        settings: dict[str, object] = config["settings"]
        return settings

    stages = ran("-S", "model=vinet", "-S", "variant=av-concat-transformer")
    before = {"check", "preprocess", "videos-pretrain", "videos@1"}
    assert stages == before | {"pretrain", "finetune-v@1", "finetune-av@1"}
    assert chosen("v-split1")["variant"] == "v"
    assert chosen("av-split1")["variant"] == "av-concat-transformer"
    stages = ran("-S", "variant=av-bilinear")
    assert stages == {"check", "finetune-av@1"}
    assert chosen("av-split1")["variant"] == "av-bilinear"
    for wrong, expected in (
        ("+settings.depth=1", "settings of vinet: unknown setting depth; allowed: variant"),
        ("variant=v", "variant: found 'v', expected a network of"),
    ):
        done = run("dvc", "exp", "run", "-S", wrong, check=False)
        assert done.returncode != 0
        assert (done.stdout + done.stderr).count(expected) == 1
        assert "Traceback" not in done.stdout + done.stderr
        git(clone, "restore", "params.yaml")
