from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avrsp.errors import RawDataError
from avrsp.params import WorldParams
from avrsp.sample import layouts
from avrsp.sample.plan import PlannedVideo, plan
from avrsp.sample.writers import write_dataset

SEED = 7


def digests(folder: Path, name: str = "") -> dict[str, str]:
    """Content of every file below `folder` whose path holds `name`, hidden ones included."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and name in str(path)
    }


def truth(raw: Path, dataset: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((raw / "world" / f"{dataset}.json").read_text())
    return content


def test_the_same_seed_gives_the_same_bytes_after_an_interruption_too(
    raw: Path, tmp_path: Path, tiny: WorldParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, calls = layouts._save_mat, []

    def stop_in_the_second_video(path: Path, variable: str, content: np.ndarray) -> None:
        calls.append(path)
        if "clip2" in str(path):
            raise KeyboardInterrupt
        save(path, variable, content)

    with monkeypatch.context() as patch:
        patch.setattr(layouts, "_save_mat", stop_in_the_second_video)
        with pytest.raises(KeyboardInterrupt):
            write_dataset("coutrot2", tmp_path, tiny, SEED)
    assert not (tmp_path / "mirror/annotations/Coutrot_db2/clip2").exists()
    assert not (tmp_path / "world/coutrot2.json").exists()
    write_dataset("coutrot2", tmp_path, tiny, SEED)
    once = {name: sha for name, sha in digests(raw).items() if "outrot" in name}
    assert digests(tmp_path) == once
    assert len(once) > 100
    assert not list(tmp_path.rglob(".tmp-*"))


def test_a_second_run_rewrites_no_video(
    raw: Path, tiny: WorldParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digests(raw)
    monkeypatch.setattr(layouts, "write_mirror", lambda *_: pytest.fail("wrote a finished video"))
    write_dataset("avad", raw, tiny, SEED)
    assert digests(raw) == before


def test_another_seed_replaces_what_stands_there(tmp_path: Path, tiny: WorldParams) -> None:
    single = tiny.model_copy(
        update={"videos": tiny.videos.model_copy(update={"etmd": 1}), "frames": (18, 18)}
    )
    contents = []
    for seed in (1, 2):
        write_dataset("etmd", tmp_path, single, seed)
        contents.append(digests(tmp_path, "img_"))
    assert contents[0].keys() == contents[1].keys()
    assert all(contents[0][name] != contents[1][name] for name in contents[0])


def test_without_ffmpeg_one_line_says_so(
    tmp_path: Path, tiny: WorldParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RawDataError, match="ffmpeg: not found on PATH"):
        write_dataset("etmd", tmp_path / "raw", tiny, SEED)


def test_what_ffmpeg_refuses_ends_in_one_line(
    tmp_path: Path, tiny: WorldParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "MP4", ("-c:v", "no-such-codec"))
    with pytest.raises(RawDataError, match=r"source\.mp4: ffmpeg failed .*no-such-codec"):
        write_dataset("etmd", tmp_path, tiny, SEED)
    assert not (tmp_path / "mirror").exists()
    assert not list(tmp_path.rglob(".tmp-*"))


@pytest.mark.parametrize("dataset", ["coutrot2", "avad", "dhf1k"])
def test_the_side_file_says_what_is_true_of_every_video(
    raw: Path, tiny: WorldParams, dataset: str
) -> None:
    side = truth(raw, dataset)
    planned = {video.video: video for video in plan(tiny, SEED) if video.dataset == dataset}
    assert side.keys() == planned.keys()
    for name, told in side.items():
        assert told["kind"] == planned[name].kind
        assert told["roles"] == planned[name].roles
        assert [each["kind"] for each in told["objects"]] == ["motor", "bird", "shaker"]
        counts = {len(told["sounding"]), len(told["looked_at"]), told["frames"]}
        assert counts | {len(each["positions"]) for each in told["objects"]} == {told["frames"]}
        assert (set(told["sounding"]) == {None}) == (told["kind"] != "sounding")


def follows(told: dict[str, Any], video: PlannedVideo) -> bool:
    """Tell whether, in the last frame, the object looked at is the one to be followed."""
    last = told["looked_at"][-1]
    return last is not None and told["objects"][last]["kind"] == video.followed[-1]


def test_viewers_end_on_the_object_that_sounds_last(raw: Path, tiny: WorldParams) -> None:
    told = {dataset: truth(raw, dataset) for dataset in ("coutrot2", "avad")}
    checked = [
        follows(told[video.dataset][video.video], video)
        for video in plan(tiny, SEED)
        if video.dataset in told
        and told[video.dataset][video.video]["frames"] / video.fps
        - max([0.0, *told[video.dataset][video.video]["changes"]])
        > 0.6
    ]
    assert len(checked) >= 3
    assert sum(checked) >= len(checked) - 1
