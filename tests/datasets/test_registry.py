"""The registry: each entry is whole, and a dataset of one's own needs nothing but its entry."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from avrsp import datasets, params
from avrsp.datasets import dataset_registry, sheets
from avrsp.datasets.dataset_registry import ListedVideo
from avrsp.errors import ParamsError
from avrsp.evaluate.protocols import PROTOCOLS
from avrsp.params import Params

SHIPPED = params.load(Path(__file__).parents[2] / "params.yaml")


def chosen(**changes: object) -> Params:
    return SHIPPED.model_copy(update=changes)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> str:
    """A dataset of somebody else's, divided once, that lists its own videos."""
    datasets.names()
    monkeypatch.setattr(dataset_registry, "_registered", dict(dataset_registry._registered))
    listed = [
        ListedVideo(video=f"v{n}", frames=9, fps=25.0, roles={"all": "test" if n > 2 else "train"})
        for n in range(4)
    ]
    entry = replace(
        datasets.spec("diem"),
        key="lab",
        title="Our lab",
        gaze="mouse",
        splits=("all",),
        list_videos=lambda raw: listed,
    )
    return datasets.register(entry).key


@pytest.mark.parametrize("key", datasets.names())
def test_every_entry_is_whole(key: str) -> None:
    entry = datasets.spec(key)
    assert entry.key == key
    assert entry.protocol in PROTOCOLS
    assert all((entry.title, entry.citation, entry.licence, entry.splits, entry.archives))
    assert re.match(r"https?://", entry.source)
    assert len({archive.name for archive in entry.archives}) == len(entry.archives)


def test_importing_the_package_reads_no_layout_yet() -> None:
    code = (
        "import sys, avrsp.datasets, avrsp.datasets.sheets\n"
        "assert not {'PIL', 'scipy', 'zarr', 'torch'} & set(sys.modules)\n"
        "assert 'diem' in avrsp.datasets.names()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_dataset_is_named_with_those_there_are() -> None:
    with pytest.raises(
        ParamsError, match=r"^avadd: no such dataset; expected one of avad, avimos, cou"
    ):
        datasets.spec("avadd")


@pytest.mark.parametrize("key", ["diem", "Our lab", "../x", ""])
def test_a_key_that_is_taken_or_no_key_is_refused(key: str) -> None:
    with pytest.raises(ParamsError, match=r"already|not a dataset's key"):
        datasets.register(replace(datasets.spec("diem"), key=key))


def test_what_is_generated_never_bears_a_real_datasets_bare_name(lab: str) -> None:
    assert datasets.title("diem", "sample") == "DIEM (generated)"
    assert datasets.title("diem", "paper") == "DIEM"
    assert datasets.title(lab, "paper") == "Our lab"
    assert datasets.title("gone", "paper") == "gone"


def test_a_dataset_of_ones_own_is_listed_checked_and_converted(lab: str, workspace: Path) -> None:
    wanted = chosen(preset="paper", audio_visual_sets=[lab], splits=[1, 2])
    datasets.check_params(wanted, Path())
    assert sheets.datasets_of(wanted, workspace) == ("dhf1k", "lab")
    rows = sheets.published(workspace, lab, 0.3, workspace)
    assert [row.roles["all"] for row in rows].count("validation") == 1
    assert rows[3].roles == {"all": "test"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio_visual_sets": ["avadd"]}, "audio_visual_sets: found 'avadd', expected one that"),
        ({"pretraining_set": "x", "preset": "paper"}, "pretraining_set: found 'x', expected one k"),
        ({"splits": [4]}, "splits: found 4, expected one that diem has: 1, 2, 3"),
        ({"splits": ["one"]}, "splits: found 'one', expected one that diem has: 1, 2, 3"),
    ],
)
def test_a_dataset_or_split_that_does_not_exist_is_one_line(
    changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ParamsError, match=f"^params.yaml: {re.escape(said)}") as error:
        datasets.check_params(chosen(**changes), Path())
    assert "\n" not in str(error.value)


def test_what_is_not_generated_cannot_be_used_in_preset_sample(lab: str) -> None:
    with pytest.raises(ParamsError, match="found 'lab', expected one that preset sample generates"):
        datasets.check_params(chosen(audio_visual_sets=["diem", lab]), Path())
