"""`dvc repro` that is ended alone leaves no stage behind, and the next run ends as undisturbed."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path

import pytest
import yaml  # noqa: TID251 - a test writes parameters

from tests.pipeline.conftest import TINY_SAMPLE, TINY_WORLD, Run, git, shrink
from tests.pipeline.test_killed_preprocess import at_work, started, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MODEL = "data/models/pretrain"


@pytest.fixture(scope="module")
def ready(clone: Path, run: Run) -> Path:
    """A clone with stores, whose pretraining takes some seconds."""
    shrink(clone, world=TINY_WORLD, sample=TINY_SAMPLE)
    file = clone / "params.yaml"
    content = yaml.safe_load(file.read_text())
    content["presets"]["sample"]["pretrain"].update(epochs=30)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    git(clone, "commit", "--quiet", "--all", "--message", "Train longer")
    run("dvc", "repro", "preprocess")
    return clone


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / MODEL / "weights.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def undisturbed(ready: Path, run: Run) -> str:
    run("dvc", "repro", "pretrain")
    return digest(ready)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("waiting", [True, False])
def test_no_stage_outlives_it(
    ready: Path, run: Run, undisturbed: str, number: signal.Signals, waiting: bool, tmp_path: Path
) -> None:
    run("rm", "-rf", MODEL, "data/checkpoints")
    command = ("dvc", "repro", "--force", "--single-item", "pretrain")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with started(ready, *command, TMPDIR=str(temporary)) as first:
        wait_until(lambda: [*(ready / "data/checkpoints").glob("*/*.safetensors")])
        first.send_signal(number)
        first.wait()
        if waiting:
            wait_until(lambda: not at_work(ready))
            assert not [*temporary.glob("avrsp-*")]
        second = run(*command, check=False)
        if second.returncode:  # DVC's own lock, while the stage of the first still saves
            assert "Traceback" not in second.stdout + second.stderr
            wait_until(lambda: not at_work(ready))
            run(*command)
        wait_until(lambda: not at_work(ready))
    assert digest(ready) == undisturbed
    record = (ready / MODEL / "record.jsonl").read_text().splitlines()
    epochs = [json.loads(line) for line in record if '"epoch"' in line]
    steps = [each["step"] for each in epochs if each.get("series") == "epoch"]
    assert steps == [*range(1, 31)]


def test_two_at_once_train_one_after_the_other(ready: Path, run: Run, undisturbed: str) -> None:
    run("rm", "-rf", MODEL, "data/checkpoints")
    command = ["python", "-m", "avrsp.stages.train", "pretrain"]
    with started(ready, *command) as first:
        wait_until(lambda: [*(ready / "data/checkpoints").glob("*/*.safetensors")])
        second = run(*command)
        assert first.wait() == 0
    assert "waiting for process" in second.stderr
    assert digest(ready) == undisturbed
