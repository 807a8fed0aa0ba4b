"""Videos with other sounds: what is predicted, scored and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from avrsp.errors import StoreError, WriteError
from avrsp.models import registry
from avrsp.models.avrsp.network import AVRSP
from avrsp.models.avrsp.ravf import retained
from avrsp.models.saved import ModelConfig, save_model
from avrsp.models.windows import ending_at, excerpt
from avrsp.params import ComputeParams
from avrsp.reliance import analysis
from avrsp.reliance.analysis import Listening, Rules, listen_to, summarise_sounds
from avrsp.reliance.listening import SoundProbe, evenly, listen, sound_probe
from avrsp.reliance.sounds import SoundName, Waveform
from avrsp.reliance.truth import ClipTruth, Split
from avrsp.store.manifest import Verdict
from avrsp.store.video_store import MapStore, StoreAttributes, VideoStore, write_store
from avrsp.types import InputSpec

COUNT, FPS, SIDE = 20, 25.0, 64
SPEC = InputSpec(8, SIDE, SIDE, audio=True)
COMPUTE = ComputeParams(
    device="cpu", precision="float32", compile=False, checkpointing=False, windows=3
)
RULES = Rules("avrsp", resamples=50, seed=3, frames=7)
SILENCE = np.zeros(0, np.float32)
KINDS = {"one": "sounding", "two": "sounding", "quiet": "silent"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of random weights on disk."""
    torch.manual_seed(0)
    folder, settings = tmp_path_factory.mktemp("model"), {"width": 0.0625, "heads": 2}
    config = ModelConfig(
        model="avrsp", settings=settings, length=SPEC.length, height=SIDE, width=SIDE, audio=True,
        run="av-split1", digest="untrained", mlflow_run=None,
    )  # fmt: skip
    save_model(folder, registry.build("avrsp", **settings), config)
    return folder


@pytest.fixture(scope="module")
def probe(model: Path) -> SoundProbe:
    found = sound_probe(model, COMPUTE)
    assert isinstance(found.model, AVRSP)
    return found


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    for seed, (name, kind) in enumerate(KINDS.items()):
        rng = np.random.default_rng(seed)
        heard = int(COUNT / FPS * 22_050) * (kind != "silent")
        write_store(
            folder / "diem" / f"{name}.zarr.zip",
            frames=rng.integers(0, 256, (COUNT, SIDE, SIDE, 3), dtype=np.uint8),
            densities=rng.integers(0, 256, (COUNT, 30, 40), dtype=np.uint8),
            fixations=[rng.integers(0, 30, (4, 2)) for _ in range(COUNT)],
            waveform=rng.uniform(-1, 1, heard).astype(np.float32),
            attributes=StoreAttributes("diem", name, FPS, None, None, "", "", COUNT, COUNT),
            chunk=8,
        )
    return folder


def split(*names: str) -> Split:
    videos = [
        Verdict(
            dataset="diem", video=name, kept=True, reason=None, notes=[], frames=COUNT, fps=FPS,
            height=30, width=40, has_sound=name != "quiet", digest="", roles={"1": "test"},
        )
        for name in names
    ]  # fmt: skip
    nothing = np.zeros((0, COUNT, 2))
    truths = {("diem", name): ClipTruth(KINDS.get(name, "music"), FPS, (), (), nothing, ())
              for name in names}  # fmt: skip
    return Split(1, videos, truths)


def clip_of(store: VideoStore, frame: int) -> torch.Tensor:
    frames = torch.from_numpy(store.frames(ending_at(frame, SPEC.length, COUNT)))
    return frames.permute(3, 0, 1, 2)[None]


def direct(
    probe: SoundProbe, store: VideoStore, frame: int, sound: NDArray[np.float32] | None
) -> torch.Tensor:
    """Predict one frame by the network itself."""
    window = ending_at(frame, SPEC.length, COUNT)
    waveform = None
    if sound is not None:
        waveform = torch.from_numpy(excerpt(sound, window / FPS, FPS, SPEC.samples))[None, None]
    with torch.inference_mode():
        found: torch.Tensor = probe.model(clip_of(store, frame), waveform)[0]
    return found


def test_frames_are_evenly_spaced() -> None:
    assert evenly(10, 4).tolist() == [0, 3, 6, 9]
    assert evenly(3, 8).tolist() == [0, 1, 2]


def test_every_sound_gives_what_the_network_says_to_it(probe: SoundProbe, stores: Path) -> None:
    store, other = (VideoStore(stores / "diem" / f"{name}.zarr.zip") for name in ("one", "two"))
    tracks: dict[SoundName, Waveform] = {"true": store.waveform, "other": other.waveform}
    shown = listen(probe, store, {**tracks, "silence": SILENCE}, evenly(COUNT, 4))
    for place, frame in enumerate(shown.frames):
        for name, maps in shown.maps.items():
            expected = direct(probe, store, int(frame), tracks.get(name))
            np.testing.assert_allclose(maps[place], expected, atol=1e-5)


def test_retention_is_that_of_the_prediction_with_the_true_sound(
    probe: SoundProbe, stores: Path
) -> None:
    store = VideoStore(stores / "diem" / "one.zarr.zip")
    window = ending_at(11, SPEC.length, COUNT)
    sound = torch.from_numpy(excerpt(store.waveform, window / FPS, FPS, SPEC.samples))[None, None]
    with torch.inference_mode(), retained(probe.model) as kept:
        probe.model(clip_of(store, 11), sound)
    shown = listen(probe, store, {"true": store.waveform, "silence": SILENCE}, np.array([11]))
    for name, blocks in (
        ("audio", [b.retention.audio for b in kept]),
        ("visual", [b.retention.visual for b in kept]),
    ):
        found = getattr(shown, name)
        assert found.shape == (1, 2, 2)
        expected = torch.stack([block.abs().mean() for block in blocks]).mean()
        np.testing.assert_allclose(found.mean(), expected, rtol=1e-5)


def test_videos_become_rows_by_sound_and_maps_of_retention(
    model: Path, stores: Path, tmp_path: Path
) -> None:
    shown = Listening(model, COMPUTE, stores, RULES, out=tmp_path)
    rows, faults = listen_to(shown, split("one", "quiet", "two", "gone"))
    assert [fault.split(":")[0] for fault in faults] == ["diem/gone"]
    counts = rows.groupby(["video", "sound"]).size()
    sounds = ("other", "reversed", "shifted", "silence", "true")
    assert counts.to_dict() == {
        **{(video, sound): 7 for video in ("one", "two") for sound in sounds},
        **{("quiet", sound): 7 for sound in ("other", "true")},
    }
    assert rows[rows["sound"] == "true"]["maps_cc"].to_numpy() == pytest.approx(1)
    assert set(rows["other"]) == {"diem/two", "diem/one"}
    assert len(MapStore(tmp_path / "diem" / "one.audio.zarr.zip")) == 7
    added = rows.groupby(["video", "sound"])[["contribution", "selectivity"]]
    measured = added.count().all(axis=1)
    assert [*measured[measured].index] == [("one", "true"), ("two", "true")]
    groups = {entry["name"]: entry for entry in summarise_sounds(rows, RULES)}
    assert groups["all videos with sound"]["videos"] == 2
    assert [*groups["silent"]["sounds"]] == ["true", "other"]
    own = (
        rows[(rows["kind"] == "sounding")].groupby(["sound", "video"])["cc"].mean().groupby("sound")
    )
    gap = groups["sounding"]["sounds"]["other"]["cc_difference"]["difference"]
    assert gap == pytest.approx(own.mean()["true"] - own.mean()["other"])


def test_one_process_and_two_give_the_same_rows_and_files(
    model: Path, stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = split("one", "quiet", "two", "gone")
    found = {}
    for number in (1, 2):
        monkeypatch.setattr(analysis, "network_workers", lambda *_, number=number: number)
        out = tmp_path / str(number)
        rows, faults = listen_to(Listening(model, COMPUTE, stores, RULES, out=out), videos)
        written = {each.name: each.read_bytes() for each in out.rglob("*.zip")}
        found[number] = rows.to_csv(float_format="%a"), faults, written
    assert found[1] == found[2]
    assert len(found[2][2]) == 6


def test_nothing_to_show_is_an_error(model: Path, stores: Path) -> None:
    with pytest.raises(StoreError, match="no video could be shown"):
        listen_to(Listening(model, COMPUTE, stores, RULES), split("gone"))


@pytest.mark.parametrize("number", [0, 2])
def test_what_cannot_be_written_is_no_fault_of_a_video(
    model: Path, stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(analysis, "network_workers", lambda *_: number)
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(WriteError, match="not written"):
        listen_to(Listening(model, COMPUTE, stores, RULES, out=tmp_path / "out"), split("one"))
