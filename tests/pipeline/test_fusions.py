"""The comparison of fusions on a tiny world: two of them, one seed, from the world to the claim."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml  # noqa: TID251 - tests write parameter files

from avrsp import files
from tests.pipeline.conftest import TINY_SAMPLE, TINY_WORLD, Run, shrink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PIPELINE = "workflow/fusions/dvc.yaml"
SEED, RATES = 2411, (0.001, 0.002)


@pytest.fixture(scope="module")
def ran(clone: Path, run: Run) -> Path:
    """Return the clone after the whole pipeline ran once with two fusions and one seed."""
    file = clone / "params.yaml"
    content = yaml.safe_load(file.read_text())
    content["fusions"] |= {"rates": [*RATES], "frames": 3, "resamples": 200}
    content["audio_visual_sets"] = ["diem", "avad"]
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    few = dict.fromkeys(("coutrot1", "coutrot2", "etmd", "summe"), 1)
    videos = {"diem": 8, "avad": 6, **few}
    shrink(clone, world={**TINY_WORLD, "videos": videos}, sample=TINY_SAMPLE)
    chosen = {"worlds": ["often"], "seeds": [SEED], "compared": ["visual", "ravf"]}
    (clone / "workflow/fusions/chosen.yaml").write_text(yaml.safe_dump(chosen))
    run("dvc", "repro", PIPELINE)
    return clone


def test_each_fusion_takes_the_rate_that_validation_prefers(ran: Path) -> None:
    home = ran / "data/fusions/often"
    for fusion in ("visual", "ravf"):
        told = json.loads((home / "trained" / f"{fusion}-{SEED}.json").read_text())
        losses = {each["rate"]: each["validation_loss"] for each in told["tried"]}
        assert losses.keys() == {*RATES}
        assert told["rate"] == min(losses, key=lambda rate: losses[rate])
        tried = home / f"{SEED}/data/rates/{fusion}/{told['rate']}/{fusion}/weights.safetensors"
        taken = home / f"{SEED}/data/models/{fusion}/{fusion}/weights.safetensors"
        assert files.sha256(taken) == files.sha256(tried)
        config = json.loads(taken.with_name("model.json").read_text())
        assert config["audio"] == (fusion == "ravf")


def test_the_world_of_the_seed_has_every_kind_and_the_main_one_is_not_touched(ran: Path) -> None:
    home = ran / f"data/fusions/often/{SEED}"
    facts = json.loads((home / "data/raw/sample/world/diem.json").read_text())
    assert {each["kind"] for each in facts.values()} >= {"sounding", "distracting", "music"}
    assert json.loads((home / "params.yaml").read_text())["seed"] == SEED
    assert not (ran / "data/raw").exists()
    assert not (ran / "data/models").exists()


def test_the_claim_follows_from_the_scores_of_videos(ran: Path) -> None:
    reports = ran / "reports/fusions/often"
    found = files.unsealed((reports / "results.json").read_bytes())
    assert found["sha256_videos"] == files.sha256(reports / "videos.csv")
    videos = pd.read_csv(reports / "videos.csv")
    true = videos[videos["sound"] == "true"]
    own = true.set_index(["fusion", "dataset", "video"])["cc"].dropna()
    gap = next(each for each in found["comparisons"] if each["outcome"] == "all")
    assert gap["value"] == pytest.approx((own["ravf"] - own["visual"]).mean(), abs=1e-5)
    assert (gap["seeds"], gap["videos"]) == (1, len(own["ravf"]))
    assert "One seed says nothing of others." in found["paragraph"]
    assert (reports / "fusions.png").stat().st_size > 5_000


def test_it_is_kept_on_demand(ran: Path, run: Run) -> None:
    run("python", "-m", "avrsp.stages.fusion_claim", "often", "--keep")
    kept, made = ran / "reports/reference/fusions/often", ran / "reports/fusions/often"
    for path in made.rglob("*.*"):
        assert (kept / path.relative_to(made)).read_bytes() == path.read_bytes()


def test_it_goes_on_where_it_stopped_and_is_not_seen_unasked(ran: Path, run: Run) -> None:
    assert "Running stage" not in run("dvc", "repro", PIPELINE, "--dry").stdout
    shutil.rmtree(ran / f"data/fusions/often/{SEED}/data/rates/ravf/{RATES[1]}")
    shutil.rmtree(ran / "reports/fusions/often")
    done = run("dvc", "repro", PIPELINE, "--dry").stdout
    assert f"rates@often-ravf-{RATES[1]}" in done
    assert "compare@often" in done
    for untouched in ("pretrain@", "rates@often-visual", "score@often-visual"):
        assert untouched not in "".join(
            line for line in done.splitlines() if line.startswith("Running")
        )
    (ran / "workflow/fusions/chosen.yaml").write_text("worlds: []\nseeds: []\ncompared: []\n")
    assert "workflow/fusions" not in run("dvc", "status").stdout
