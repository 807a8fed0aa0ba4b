from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from PIL import Image

from avrsp.convert import parts
from avrsp.convert.collect import VERDICTS, is_manifest_stale, write_index, write_manifest
from avrsp.convert.convert_video import Layout, convert
from avrsp.convert.quality import write_picture
from avrsp.datasets.dataset_registry import DatasetSpec, ListedVideo
from avrsp.errors import StoreError
from avrsp.store.manifest import Verdict, read_manifest, read_verdict
from tests.raw_videos import MirrorFiles


class Workplace:
    """DIEM's videos `a` (there) and `b` (not there) as one part."""

    def __init__(self, mirror: MirrorFiles, rows: list[ListedVideo], layout: Layout) -> None:
        self.folder = mirror.raw
        self.stores = mirror.raw.parent / "store"
        self.part = self.stores / "diem" / "parts" / "000.json"
        self.rows, self.layout = rows, layout

    def run(self) -> None:
        parts.write_part(self.part, "diem", self.rows, self.folder, self.stores, self.layout)

    def is_stale(self) -> bool:
        return parts.is_stale(self.part, "diem", self.rows, self.folder, self.stores, self.layout)

    def written(self) -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in (self.stores / "diem").glob("?.*")}


@pytest.fixture
def place(mirror: MirrorFiles, row: ListedVideo, layout: Layout) -> Workplace:
    made = Workplace(mirror, [row, row.model_copy(update={"video": "b"})], layout)
    made.run()
    return made


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([100, 100], [2]),
        ([1_200, 1], [1, 1]),
        ([5_000, 100, 5_000], [1, 1, 1]),
        ([500, 500, 200, 1], [3, 1]),
    ],
)
def test_short_videos_share_a_job(row: ListedVideo, frames: list[int], expected: list[int]) -> None:
    rows = [row.model_copy(update={"frames": count}) for count in frames]
    assert [len(part) for part in parts.divide(rows)] == expected


def test_a_bad_video_does_not_stop_its_neighbour(place: Workplace) -> None:
    kept, aside = VERDICTS.validate_json(place.part.read_bytes())
    assert (kept.video, kept.kept) == ("a", True)
    assert (aside.video, aside.kept) == ("b", False)
    assert read_verdict(place.stores / "diem" / "a.json") == kept
    assert set(place.written()) == {"a.json", "a.zarr.zip", "b.json"}


def test_nothing_is_written_again_without_a_change(place: Workplace) -> None:
    before = place.written()
    assert not place.is_stale()
    place.run()
    assert place.written() == before


def test_a_file_rewritten_in_place_redoes_its_video_only(
    place: Workplace, mirror: MirrorFiles
) -> None:
    before = place.written()
    with mirror.density(3).open("r+b") as stream:
        content = stream.read()
        stream.seek(0)
        stream.write(content)
    assert place.is_stale()
    place.run()
    changed = {name for name, time in place.written().items() if time != before[name]}
    assert changed == {"a.json", "a.zarr.zip"}
    assert not place.is_stale()


@pytest.mark.parametrize("lost", ["a.zarr.zip", "a.json", "b.json"])
def test_what_was_removed_is_made_again(place: Workplace, lost: str) -> None:
    before = place.written()
    (place.stores / "diem" / lost).unlink()
    assert place.is_stale()
    place.run()
    assert set(place.written()) == set(before)
    assert not place.is_stale()


def test_another_store_under_a_videos_name_is_made_again(place: Workplace) -> None:
    store = place.stores / "diem" / "a.zarr.zip"
    whole = store.read_bytes()
    with ZipFile(store, "w") as other:
        other.writestr("zarr.json", b"{}")
    assert place.is_stale()
    place.run()
    assert store.read_bytes() == whole
    assert not place.is_stale()


def test_a_damaged_part_is_named_with_the_command(place: Workplace, tmp_path: Path) -> None:
    place.part.write_bytes(place.part.read_bytes()[:-9])
    with pytest.raises(StoreError, match=r"000.json: damaged \(.*; remove it and run: snakemake"):
        write_index(tmp_path / "index.tsv", [place.part])
    assert place.is_stale()
    place.run()
    assert not place.is_stale()


def test_a_part_that_says_otherwise_than_the_verdicts_is_made_again(place: Workplace) -> None:
    whole = place.part.read_text()
    place.part.write_text(whole.replace('"frames": 6', '"frames": 5'))
    assert place.is_stale()
    place.run()
    assert place.part.read_text() == whole


@pytest.mark.parametrize(("old", "new"), [("}", "]"), ('"frames": 6', '"frames": 7')])
def test_a_manifest_that_is_damaged_or_about_something_else_is_stale(
    place: Workplace, tmp_path: Path, old: str, new: str
) -> None:
    path = tmp_path / "manifest.json"
    assert not is_manifest_stale(path, [place.part])
    write_manifest(path, "sample", [place.part], {"summe": "no folder"})
    assert not is_manifest_stale(path, [place.part])
    path.write_text(path.read_text().replace(old, new))
    assert is_manifest_stale(path, [place.part])
    place.part.unlink()
    assert not is_manifest_stale(path, [place.part])


@pytest.mark.parametrize("change", [{"code": "other"}, {"width": 32}, {"chunk": 2}])
def test_other_code_or_another_layout_redoes_every_video(
    place: Workplace, change: dict[str, int]
) -> None:
    fields = {name: getattr(place.layout, name) for name in ("height", "width", "chunk", "code")}
    before = place.written()
    place.layout = Layout(**(fields | change))
    assert place.is_stale()
    place.run()
    assert all(time != before[name] for name, time in place.written().items())


def test_a_part_that_was_killed_goes_on_where_it_stopped(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.layout = replace(place.layout, code="other")

    def killed(dataset: DatasetSpec, row: ListedVideo, *places: Any) -> Verdict:
        if row.video == "b":
            raise KeyboardInterrupt
        return convert(dataset, row, *places)

    with monkeypatch.context() as patched:
        patched.setattr(parts, "convert", killed)
        with pytest.raises(KeyboardInterrupt):
            place.run()
    assert place.is_stale()
    before = place.written()
    place.run()
    after = place.written()
    assert {name for name, time in after.items() if time != before.get(name)} == {"b.json"}


def test_another_role_rewrites_the_verdict_alone(place: Workplace) -> None:
    before = place.written()
    roles = {"1": "validation", "2": "test", "3": "none"}
    place.rows[0] = place.rows[0].model_copy(update={"roles": roles})
    assert place.is_stale()
    place.run()
    changed = {name for name, time in place.written().items() if time != before[name]}
    assert changed == {"a.json"}
    assert read_verdict(place.stores / "diem" / "a.json").roles == roles


def test_the_fingerprint_sees_every_kind_of_file(
    mirror: MirrorFiles, row: ListedVideo, layout: Layout
) -> None:
    seen = {parts.origin("diem", row, mirror.raw, layout)}
    touched = [mirror.frame(1), mirror.density(1), mirror.fixation(1), mirror.wav]
    for number, path in enumerate(touched):
        os.utime(path, ns=(10**18, 2 * 10**18 + number))
        seen.add(parts.origin("diem", row, mirror.raw, layout))
    mirror.frame(6).unlink()
    seen.add(parts.origin("diem", row, mirror.raw, layout))
    assert len(seen) == 6


def test_index_manifest_and_picture_say_what_the_verdicts_say(
    place: Workplace, tmp_path: Path
) -> None:
    write_index(tmp_path / "index.tsv", [place.part])
    lines = (tmp_path / "index.tsv").read_text().splitlines()
    kept, aside = csv.DictReader(lines, delimiter="\t")
    assert (kept["video"], kept["kept"], kept["frames"], kept["split2"]) == (
        "a",
        "True",
        "6",
        "test",
    )
    assert aside["reason"].startswith("0 frames")
    write_manifest(tmp_path / "m.json", "paper", [place.part], {"summe": "no folder"})
    manifest = read_manifest(tmp_path / "m.json")
    assert [each.video for each in manifest.datasets["diem"].videos] == ["a", "b"]
    assert not manifest.datasets["summe"].present
    assert manifest.datasets["summe"].reason == "no folder"
    write_picture(tmp_path / "q.png", [place.part], place.stores)
    with Image.open(tmp_path / "q.png") as picture:
        assert picture.size == (3 * 192, 16 + 16 + 128)
        assert picture.convert("L").entropy() > 1
