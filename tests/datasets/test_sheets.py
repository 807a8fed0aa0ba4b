from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from avrsp import params
from avrsp.datasets import sheets
from avrsp.datasets.dataset_registry import ListedVideo, spec
from avrsp.errors import ParamsError
from avrsp.sample.plan import sheet

SHEETS = Path(__file__).parents[2] / "data" / "sheets"
AUDIO_VISUAL = ["avad", "coutrot1", "coutrot2", "diem", "etmd", "summe"]


def listed(dataset: str) -> list[ListedVideo]:
    return sheets.read_sheet(SHEETS / f"{dataset}.tsv", spec(dataset).splits)


@pytest.mark.parametrize(
    ("dataset", "train", "test"),
    [
        ("avad", (6428, 6369, 6509), (3161, 3220, 3080)),
        ("coutrot1", (16913, 16643, 16828), (8279, 8549, 8364)),
        ("coutrot2", (11645, 11545, 10776), (5338, 5438, 6207)),
        ("etmd", (40727, 41265, 41344), (20941, 20403, 20324)),
        ("summe", (71188, 73871, 74517), (38600, 34167, 33051)),
        ("diem", (209045,) * 3, (27414,) * 3),
        ("dhf1k", (346140,), (176192,)),
    ],
)
def test_sheets_hold_the_published_frames(
    dataset: str, train: tuple[int, ...], test: tuple[int, ...]
) -> None:
    frames: Counter[tuple[str, str]] = Counter()
    for row in listed(dataset):
        for split, role in row.roles.items():
            frames[split, role] += row.frames
    splits = spec(dataset).splits
    assert tuple(frames[split, "train"] for split in splits) == train
    assert tuple(frames[split, "test"] for split in splits) == test


def test_938_videos_are_converted() -> None:
    prepared = {
        name: sheets.prepared(name, listed(name), 0.15) for name in ("dhf1k", *AUDIO_VISUAL)
    }
    assert sum(map(len, prepared.values())) == 938
    assert Counter(row.roles["all"] for row in prepared["dhf1k"]) == {
        "train": 600,
        "validation": 100,
    }


@pytest.mark.parametrize("dataset", AUDIO_VISUAL)
def test_validation_comes_from_the_training_list_alone(dataset: str) -> None:
    given = {row.video: row for row in listed(dataset)}
    for row in sheets.prepared(dataset, given.values(), 0.15):
        for split, role in row.roles.items():
            before = given[row.video].roles[split]
            assert role == before or (before, role) == ("train", "validation")


@pytest.mark.parametrize("dataset", AUDIO_VISUAL)
def test_validation_is_the_wanted_part_whatever_the_order(dataset: str) -> None:
    rows = listed(dataset)
    prepared = sheets.prepared(dataset, rows, 0.15)
    assert prepared == sheets.prepared(dataset, reversed(rows), 0.15)
    for split in "123":
        training = sum(row.roles[split] == "train" for row in rows)
        chosen = sum(row.roles[split] == "validation" for row in prepared)
        assert chosen == max(1, round(0.15 * training))


def test_a_dropped_test_video_changes_no_validation() -> None:
    rows = listed("diem")
    fewer = [row for row in rows if row.video != "one_show_1280x712"]
    kept = [row for row in sheets.prepared("diem", rows, 0.15) if row.video != "one_show_1280x712"]
    assert sheets.prepared("diem", fewer, 0.15) == kept


def test_the_world_has_sheets_before_it_exists() -> None:
    given = params.load(SHEETS.parents[1] / "params.yaml")
    assert sheets.datasets_of(given, SHEETS) == tuple(sorted(given.world.datasets))
    for dataset in given.world.datasets:
        rows = sheet(given.world, given.seed, dataset)
        assert all(tuple(row.roles) == spec(dataset).splits for row in rows)
        roles = {
            role for row in sheets.prepared(dataset, rows, 0.15) for role in row.roles.values()
        }
        assert {"train", "validation"} <= roles
        assert ("test" in roles) == (dataset != "dhf1k")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("video\tframes\tfps\tsplit\na\tmany\t25\ttrain\n", "line 2.*frames"),
        ("video\tframes\tfps\tsplit\na\t9\t25\ttrain\nb\t9\t25\tbench\n", "line 3.*roles"),
        ("video\tframes\tfps\tsplit\n../a\t9\t25\ttrain\n", "video"),
        ("video\tframes\tfps\na\t9\t25\n", "split1"),
        ("video\tframes\tfps\tsplit\na\t9\t25\ttrain\na\t9\t25\ttest\n", "listed twice.*a"),
        ("video\tframes\tfps\tsplit\n", "no video"),
    ],
)
def test_a_wrong_sheet_is_refused_in_one_line(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "diem.tsv"
    path.write_text(text)
    with pytest.raises(ParamsError, match=fault) as error:
        sheets.read_sheet(path, ("1", "2", "3"))
    assert "\n" not in str(error.value)


def test_a_missing_sheet_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"diem.tsv: no such sheet"):
        sheets.read_sheet(tmp_path / "diem.tsv", ("1",))
