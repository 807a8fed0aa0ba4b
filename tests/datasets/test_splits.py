from __future__ import annotations

from pathlib import Path

import pytest

from avrsp.convert.collect import lines, split_defects, summarise
from avrsp.datasets import sheets
from avrsp.datasets.dataset_registry import names
from avrsp.datasets.sheets import Roles, defects, list_defects
from avrsp.store.manifest import DatasetEntry, Manifest, Verdict

SHEETS = Path(__file__).parents[2] / "data" / "sheets"
AVAD_TWICE = ("V26_Piano2", "V39_Guitar4", "V3_Speech3")
AVAD_NEVER = ("V28_Dog1", "V33_Harp", "V42_Violin2")
SUMME_NEVER = ("Scuba", "St_Maarten_Landing")


def published(dataset: str) -> Roles:
    rows = sheets.published(SHEETS, dataset, 0.15, SHEETS)
    return {row.video: row.roles for row in rows}


def test_the_known_defects_are_found_in_the_sheets() -> None:
    found = {(each.dataset, each.what): each.videos for name in names()
             for each in defects(name, published(name))}  # fmt: skip
    assert found == {
        ("avad", "tested in more than one split"): AVAD_TWICE,
        ("avad", "never tested"): AVAD_NEVER,
        ("summe", "never tested"): SUMME_NEVER,
        ("summe", "absent from a split"): SUMME_NEVER,
    }


def roles(**given: str) -> Roles:
    """Roles in three splits, a letter each."""
    spelt = {"t": "train", "v": "validation", "e": "test", "n": "none"}
    return {
        name: {split: spelt[letter] for split, letter in zip("123", word, strict=True)}
        for name, word in given.items()
    }


def test_one_split_for_all_is_no_defect() -> None:
    assert defects("diem", roles(a="ttt", b="eee", c="vvv")) == []
    assert defects("etmd", roles(a="ett", b="tev", c="tte")) == []


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    for split, test in zip("123", ("a", "b", "c"), strict=True):
        train = [each for each in "abc" if each != test]
        text = "\n".join(f"{each}\t24   25.0 " for each in train)
        (tmp_path / f"ETMD_av_list_train_{split}_fps.txt").write_text(text)
        (tmp_path / f"ETMD_av_list_test_{split}_fps.txt").write_text(f"{test} 24 25.0\n\n")
    return tmp_path


def test_published_lists_that_agree_with_the_sheet_have_no_defect(lists: Path) -> None:
    given = roles(a="ett", b="tev", c="tte")
    assert list_defects("etmd", lists, "ETMD_av", given) == []
    assert list_defects("etmd", lists / "nowhere", "ETMD_av", given) == []


def test_overlaps_doubles_and_disagreements_are_found(lists: Path) -> None:
    (lists / "ETMD_av_list_train_2_fps.txt").write_text("a 24 25\nb 24 25\nc 24 25\nc 24 25\n")
    found = list_defects("etmd", lists, "ETMD_av", roles(a="ett", b="tet", c="tet", d="nnn"))
    assert list(map(str, found)) == [
        "etmd: 1 both trained on and tested in split 2: b",
        "etmd: 1 listed twice in split 2: c",
        "etmd: 1 otherwise in the published lists of split 2 than in the sheet: c",
        "etmd: 1 otherwise in the published lists of split 3 than in the sheet: c",
    ]


def verdict(dataset: str, video: str, given: Roles, reason: str | None = None) -> Verdict:
    facts = {"frames": 9, "fps": 25.0, "height": 4, "width": 6, "has_sound": False, "digest": ""}
    named = {"dataset": dataset, "video": video, "roles": given[video], "notes": ["one"]}
    return Verdict.model_validate(facts | named | {"kept": reason is None, "reason": reason})


def test_the_summary_names_defects_and_every_video_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    avad = published("avad")
    videos = [verdict("avad", name, avad) for name in avad]
    videos[0] = verdict("avad", videos[0].video, avad, "0 frames; the sheet lists 9")
    entries = {
        "avad": DatasetEntry(present=True, reason=None, videos=videos),
        "summe": DatasetEntry(present=False, reason="no folder", videos=[]),
    }
    manifest = Manifest(preset="paper", datasets=entries)
    said = lines(manifest, split_defects(manifest))
    assert said[:2] == ["avad: 44 of 45 videos kept, 44 with notes", "summe: absent (no folder)"]
    assert f"set aside: avad/{videos[0].video}: 0 frames; the sheet lists 9" in said
    assert f"splits of avad: 3 never tested: {', '.join(AVAD_NEVER)}" in said
    summarise(tmp_path / "summary.tsv", manifest, tmp_path)
    printed = capsys.readouterr()
    assert printed.out == printed.err == "".join(f"{line}\n" for line in said)
    head, first, second = (tmp_path / "summary.tsv").read_text().splitlines()
    assert head.split("\t")[:4] == ["dataset", "listed", "kept", "set_aside"]
    assert first.split("\t")[:6] == ["avad", "45", "44", "1", "44", "396"]
    assert first.endswith("3 tested in more than one split; 3 never tested")
    assert second.split("\t")[6] == "no folder"
