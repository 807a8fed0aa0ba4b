"""What a stage left out is listed, and a damaged store that is listed is made again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml  # noqa: TID251 - a test reads what it checks

from avrsp.files import sha256
from avrsp.stages import left_out
from avrsp.store.manifest import DatasetEntry, Manifest, Verdict, write_record

STORES = Path("data/store/sample")


@pytest.fixture
def videos(workspace: Path) -> list[Verdict]:
    """Verdicts on videos whose stores hold a few bytes."""
    found = []
    for name in ("a", "b", "c"):
        store = workspace / STORES / "diem" / f"{name}.zarr.zip"
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_text(f"all of {name}")
        found.append(
            Verdict(
                dataset="diem", video=name, kept=True, reason=None, notes=[], frames=9, fps=25.0,
                height=4, width=4, has_sound=False, digest=sha256(store), roles={"1": "test"},
            )
        )  # fmt: skip
    entry = DatasetEntry(present=True, reason=None, videos=found)
    manifest = Manifest(preset="sample", datasets={"diem": entry})
    write_record(workspace / STORES / "manifest.json", manifest)
    return found


def listed(step: str) -> object:
    return json.loads(Path(f"data/left-out/sample/{step}.json").read_bytes())


def test_runs_of_a_stage_share_a_list_and_change_only_their_own_part(workspace: Path) -> None:
    left_out.empty_all("sample")
    left_out.note("sample", "finetune-v", "v-split2", ["diem/b", "avad/a"])
    left_out.note("sample", "finetune-v", "v-split1", [])
    assert listed("finetune-v") == {"v-split2": ["avad/a", "diem/b"]}
    left_out.note("sample", "finetune-v", "v-split2", [])
    assert listed("finetune-v") == {}


def test_faults_of_maps_are_not_listed_and_those_of_stores_are(videos: list[Verdict]) -> None:
    left_out.note_damaged("sample", "evaluate", "v-split1", videos, ["diem/a: no maps"])
    assert listed("evaluate") == {}
    (STORES / "diem" / "b.zarr.zip").write_text("another b")
    (STORES / "diem" / "c.zarr.zip").unlink()
    left_out.note_damaged("sample", "evaluate", "v-split1", videos, [])
    assert listed("evaluate") == {}
    left_out.note_damaged("sample", "evaluate", "v-split1", videos, ["diem/b: damaged"])
    assert listed("evaluate") == {"v-split1": ["diem/b", "diem/c"]}


def test_only_stores_that_are_listed_and_damaged_are_removed(videos: list[Verdict]) -> None:
    damaged = STORES / "diem" / "b.zarr.zip"
    damaged.write_text("another b")
    assert left_out.remove_damaged("sample") == []  # nobody has left it out
    left_out.note("sample", "pretrain", "pretrain", ["diem/a", "diem/b", "gone/x"])
    assert left_out.remove_damaged("sample") == [Path.cwd() / damaged]
    assert [path.name[0] for path in sorted((STORES / "diem").iterdir())] == ["a", "c"]


@pytest.mark.parametrize("content", ["", "{", "[1]", "\xff"])
def test_a_damaged_list_is_none(content: str, workspace: Path) -> None:
    left_out.empty_all("sample")
    place = Path("data/left-out/sample/pretrain.json")
    place.write_bytes(content.encode("latin-1"))
    assert left_out.remove_damaged("sample") == []
    left_out.note("sample", "pretrain", "pretrain", ["diem/a"])
    assert listed("pretrain") == {"pretrain": ["diem/a"]}


def test_each_list_is_an_out_of_preprocess_and_a_dependency_of_its_stages() -> None:
    root, stages = Path(__file__).parents[2], {}
    for name in ("dvc.yaml", "workflow/ablations/dvc.yaml", "workflow/methods/dvc.yaml"):
        for stage, facts in yaml.safe_load((root / name).read_text())["stages"].items():
            stages[f"{name}:{stage}"] = facts.get("do", facts)
    outs = [next(iter(out)) for out in stages["dvc.yaml:preprocess"]["outs"]]
    places = [f"data/left-out/${{preset}}/{step}.json" for step in left_out.STEPS]
    assert sorted(outs) == sorted([*places, "data/store/${preset}/manifest.json"])
    programs = ("train", "evaluate", "reliance", "report", "ablation_score")
    for name, stage in stages.items():
        listed_for = [dep for dep in stage["deps"] if dep in places]
        ran = any(f"avrsp.stages.{each}" in str(stage["cmd"]) for each in programs)
        assert len(listed_for) == ran, name
