"""Reading what only the generated world knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from avrsp.errors import RawDataError
from avrsp.reliance.truth import Split, read_truths

FACTS = {
    "kind": "sounding",
    "fps": 25.0,
    "changes": [0.04],
    "sounding": [0, 1],
    "objects": [{"diameter": 5.0, "positions": [[1.0, 2.0], [3.0, 4.0]]}] * 2,
}


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    (tmp_path / "diem.json").write_text(
        json.dumps({"a": FACTS, "b": {**FACTS, "kind": "music"}, "c": FACTS})
    )
    found = read_truths(tmp_path, ["diem", "avad"], [("diem", "a"), ("diem", "b")])
    assert {key: truth.changes for key, truth in found.items()} == {
        ("diem", "a"): (0.04,),
        ("diem", "b"): (),  # music belongs to nothing, so nothing begins to sound
    }
    assert found["diem", "a"].centres.shape == (2, 2, 2)
    assert Split(1, [], found).kind("diem", "b") == "music"
    assert Split(1, [], found).kind("avad", "b") == "unknown"


def test_real_data_have_no_side_file(tmp_path: Path) -> None:
    assert read_truths(tmp_path / "none", ["diem"], [("diem", "a")]) == {}


def test_a_damaged_side_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "diem.json").write_text('{"a": {"kind": "music"}}')
    with pytest.raises(RawDataError, match=r"diem\.json: not the world's side file \(KeyError"):
        read_truths(tmp_path, ["diem"], [("diem", "a")])
