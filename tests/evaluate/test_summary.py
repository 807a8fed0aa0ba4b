"""One typed summary: what is written is read back, and what is none is named in one line."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from avrsp.errors import StoreError
from avrsp.evaluate.summary import (
    DatasetScores,
    Estimate,
    Summaries,
    Summary,
    read_summaries,
    read_summary,
    write_summary,
)

SCORES = DatasetScores(
    metrics={"cc": Estimate(value=0.5, low=0.4, high=0.6), "nss": Estimate(value=2.0)},
    videos=3,
    frames=60,
    dropped=2,
    missing=1,
    empty=1,
)
SUMMARY = Summary(
    protocol="avrsp",
    preset="sample",
    datasets={"diem": SCORES},
    mean=SCORES,
    faults=("diem/a: no maps",),
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_summary(tmp_path / "v.json", SUMMARY)
    assert read_summary(tmp_path / "v.json") == SUMMARY
    flat = json.loads((tmp_path / "v.json").read_text())["datasets"]["diem"]
    assert flat["cc"] == 0.5
    assert flat["cc_interval"] == [0.4, 0.6]
    assert flat["nss_interval"] == [None, None]
    assert flat["kl"] is None
    assert flat["empty"] == 1
    several = Summaries({"mine": {"avrsp": SUMMARY}})
    write_summary(tmp_path / "mine.json", several)
    assert read_summaries(tmp_path / "mine.json") == several.root


def test_no_changed_bit_changes_a_summary_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    write_summary(path, SUMMARY)
    whole = path.read_bytes()
    for place in range(0, 8 * len(whole), 31):
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        with contextlib.suppress(StoreError):  # else it is, say, another kind of space
            assert read_summary(path) == SUMMARY


def test_numbers_are_named_by_dataset_and_what_is_undefined_is_left_out() -> None:
    counts = {"videos": 3.0, "frames": 60.0, "dropped": 2.0, "missing": 1.0, "empty": 1.0}
    one = {**counts, "cc": 0.5, "cc_low": 0.4, "cc_high": 0.6, "nss": 2.0}
    numbers = SUMMARY.numbers()
    assert numbers == {
        f"{name}/{quantity}": value for name in ("diem", "mean") for quantity, value in one.items()
    }
    again = Summary.from_numbers(numbers)
    assert again.by_dataset == SUMMARY.by_dataset
    with pytest.raises(StoreError, match="recorded scores: not a summary"):
        Summary.from_numbers({"diem/cc": 0.5})


def whole(**changes: str) -> str:
    """A summary of nothing, with other values as JSON in its mean."""
    mean = {"videos": "1", "frames": "1", "dropped": "0", "missing": "0", **changes}
    inside = ", ".join(f'"{name}": {value}' for name, value in mean.items())
    return f'{{"datasets": {{}}, "mean": {{{inside}}}}}'


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"datasets": {}}',
        '{"datasets": {}, "mean": {"videos": 1}}',
        whole(x="1"),
        whole(cc='"a"'),
        whole(cc="NaN"),
        whole(cc="1", cc_interval="3"),
        whole(frames='"many"'),
        "\xff",
    ],
)
def test_what_is_no_summary_is_one_line(content: str, tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(StoreError, match=r"v\.json: not a summary") as caught:
        read_summary(path)
    assert "\n" not in str(caught.value)


def test_what_holds_no_summaries_is_one_line(tmp_path: Path) -> None:
    for content in ("{", "[]", '{"mine": 3}', f'{{"mine": {{"avrsp": {whole(x="1")}}}}}'):
        (tmp_path / "v.json").write_text(content)
        with pytest.raises(StoreError, match=r"v\.json: not a summary"):
            read_summaries(tmp_path / "v.json")
