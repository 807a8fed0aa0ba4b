"""Two fresh clones with the same parameters end with the same bytes."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.pipeline.conftest import TINY_SAMPLE, TINY_WORLD, cloned, running_in, shrink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

RESULTS = (
    "data/store/sample/manifest.json",
    "data/models/*/weights.safetensors",
    "data/models/*/history.json",
    "data/maps/*/**/*",
    "data/scores/*",
    "reports/**/*.json",
)


def test_two_fresh_clones_end_with_the_same_results(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(results, folders)
    named = {Path(name).name for name in first}
    assert named >= {"manifest.json", "weights.safetensors", "av-split1.json", "pretrain.json"}
    assert first == second


def results(folder: Path) -> dict[str, str]:
    """Run the chain up to the scores of AV in a new clone; return a digest of each result."""
    folder.mkdir()
    shrink(cloned(folder), world=TINY_WORLD, sample=TINY_SAMPLE)
    running_in(folder)("dvc", "repro", "evaluate@av-1")
    files = [path for pattern in RESULTS for path in folder.glob(pattern) if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
