"""Clips depend on seed and epoch alone, carry the right pixels, and survive a broken store."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from avrsp.errors import StoreError
from avrsp.models.windows import ending_at, excerpt, window_of
from avrsp.store import blocks
from avrsp.store.video_store import StoreAttributes, VideoStore, write_store
from avrsp.train.clips import (
    Batch,
    ClipLoader,
    Clips,
    TrainingClip,
    fixation_map,
    read_window,
    target,
)
from avrsp.train.sampling import WHOLE, Draw, EpochBatches, EvenClips, Part, RandomClips
from avrsp.types import InputSpec

SPEC = InputSpec(length=8, height=32, width=64, audio=True)
EMPTY_UNTIL = 5


def write_video(folder: Path, name: str, count: int) -> VideoStore:
    """Write a video whose pixels say which frame they are; its first maps are empty."""
    rng = np.random.default_rng(count)
    attributes = StoreAttributes("diem", name, 25.0, 22_050, 1, "", "", count, count)
    densities = [np.full((48, 96), 3, np.uint8) for _ in range(count)]
    for frame in range(EMPTY_UNTIL, count):
        densities[frame][10, frame] = 255
    write_store(
        folder / f"{name}.zarr.zip",
        frames=(np.full((32, 64, 3), frame, np.uint8) for frame in range(count)),
        densities=densities,
        fixations=[np.zeros((0, 2), np.int16)] * count,
        waveform=rng.uniform(-1, 1, 882 * count).astype(np.float32),
        attributes=attributes,
        chunk=4,
    )
    return VideoStore(folder / f"{name}.zarr.zip")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[VideoStore]:
    folder = tmp_path_factory.mktemp("stores")
    return [write_video(folder, f"video{count}", count) for count in (11, 20, 33)]


def batches_of(  # a keyword for each thing that must not matter
    stores: Sequence[VideoStore],
    *,
    epoch: int,
    start: int = 0,
    workers: int = 0,
    seed: int = 1,
    part: Part = WHOLE,
) -> list[Batch]:
    clips = Clips(stores, SPEC, RandomClips(seed, flip=True))
    order = EpochBatches(len(stores), 3, 2, seed, part)
    return list(ClipLoader(clips, order, workers=workers, pin=False).epoch(epoch, start))


class ToldThreads(VideoStore):
    """A store that says by an error how many threads have decompressed its blocks."""

    def frames(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        super().frames(indices)
        beside = sum(each.name.startswith("blocks-") for each in threading.enumerate())
        raise StoreError(f"{beside} threads beside the one that reads")


def names(batches: list[Batch]) -> list[str]:
    return [name for batch in batches for name in batch.names]


def test_a_window_shows_its_frames_as_stored_and_its_sound(stores: list[VideoStore]) -> None:
    frames, sound, has_sound = read_window(stores[1], 12, SPEC)
    assert (frames.shape, frames.dtype) == ((3, 8, 32, 64), torch.uint8)
    np.testing.assert_array_equal(frames[:, :, 0, 0], np.tile(np.arange(5, 13), (3, 1)))
    expected = excerpt(stores[1].waveform, ending_at(12, 8, 20) / 25.0, 25.0, SPEC.samples)
    np.testing.assert_array_equal(sound[0], expected)
    assert has_sound


def test_a_network_without_sound_gets_silence(stores: list[VideoStore]) -> None:
    _, sound, has_sound = read_window(stores[0], 3, InputSpec(8, 32, 64, audio=False))
    assert sound.shape == (1, SPEC.samples)
    assert not has_sound
    assert not sound.any()


def test_stores_of_another_size_are_refused(stores: list[VideoStore]) -> None:
    with pytest.raises(StoreError, match=r"32 x 64.*64 x 64.*snakemake"):
        read_window(stores[0], 3, InputSpec(8, 64, 64, audio=False))


def test_a_target_is_the_mean_of_its_area_with_maximum_one() -> None:
    rng = np.random.default_rng(0)
    density = rng.integers(0, 256, (64, 192), dtype=np.uint8)
    mean = density.reshape(32, 2, 64, 3).mean((1, 3))
    found = target(density, SPEC)
    assert found is not None
    np.testing.assert_allclose(found, mean / mean.max(), rtol=1e-5)
    assert target(np.full((48, 96), 8, np.uint8), SPEC) is None


def test_an_epoch_depends_on_seed_and_number_only(stores: list[VideoStore]) -> None:
    first, again = batches_of(stores, epoch=2), batches_of(stores, epoch=2)
    assert names(first) == names(again)
    for one, two in zip(first, again, strict=True):
        assert torch.equal(one.sample.clip.frames, two.sample.clip.frames)
        assert torch.equal(one.sample.density, two.sample.density)
    assert names(batches_of(stores, epoch=3)) != names(first)
    assert names(batches_of(stores, epoch=2, seed=2)) != names(first)
    videos = [name.split(":")[0] for name in names(first)]
    assert {videos.count(video) for video in videos} == {3}


def test_a_resume_in_the_middle_gets_the_rest(stores: list[VideoStore]) -> None:
    whole = names(batches_of(stores, epoch=1))
    assert names(batches_of(stores, epoch=1, start=3)) == whole[6:]


def test_worker_processes_change_nothing(stores: list[VideoStore]) -> None:
    alone, helped = batches_of(stores, epoch=0), batches_of(stores, epoch=0, workers=2)
    assert names(alone) == names(helped)
    for one, two in zip(alone, helped, strict=True):
        assert torch.equal(one.sample.clip.frames, two.sample.clip.frames)
        assert torch.equal(one.sample.clip.waveform, two.sample.clip.waveform)


@pytest.mark.parametrize("workers", [0, 2])
def test_processes_divide_the_batches_of_one_among_them(
    stores: list[VideoStore], workers: int
) -> None:
    alone = batches_of(stores, epoch=1, start=2)
    parts = [
        batches_of(stores, epoch=1, start=2, workers=workers, part=Part(rank, 2))
        for rank in range(2)
    ]
    assert [len(each) for each in parts] == [len(alone), len(alone)]
    for whole, first, second in zip(alone, *parts, strict=True):
        assert [*first.names, *second.names] == whole.names
        counted = [each.sample for each in (first, second) if each.names]
        frames = torch.cat([sample.clip.frames for sample in counted])
        assert torch.equal(frames, whole.sample.clip.frames)
        density = torch.cat([sample.density for sample in counted])
        assert torch.equal(density, whole.sample.density)
    last = parts[1][-1]  # of a batch of one clip
    assert last.names == []
    assert torch.equal(last.sample.clip.frames, alone[-1].sample.clip.frames)


def test_empty_targets_are_never_drawn_and_any_other_frame_may_be(
    stores: Sequence[VideoStore],
) -> None:
    drawn = {name for epoch in range(30) for name in names(batches_of(stores[:1], epoch=epoch))}
    assert drawn == {f"diem/video11:{frame}" for frame in range(EMPTY_UNTIL, 11)}


def test_half_of_the_clips_are_mirrored_with_their_targets(stores: list[VideoStore]) -> None:
    at = []
    for epoch in range(12):
        for batch in batches_of(stores[2:], epoch=epoch):
            for name, density in zip(batch.names, batch.sample.density, strict=True):
                frame = int(name.split(":")[1])
                column = int(density.amax(0).argmax())
                assert column in {frame * 64 // 96, 63 - frame * 64 // 96}
                at.append(column != frame * 64 // 96)
    assert 10 <= sum(at) <= 26


def test_validation_clips_are_spread_evenly_and_stay(stores: list[VideoStore]) -> None:
    clips = Clips(stores, SPEC, EvenClips(2))
    loader = ClipLoader(clips, EpochBatches(3, 2, 4, None), workers=0, pin=False)
    expected = ["video11:5", "video11:8", "video20:5", "video20:15", "video33:8", "video33:24"]
    for epoch in range(2):
        assert names(list(loader.epoch(epoch))) == [f"diem/{name}" for name in expected]


@pytest.mark.parametrize(("workers", "threads"), [(0, "[1-9]"), (2, "0")])
def test_a_loader_process_decompresses_in_one_thread(
    stores: list[VideoStore], workers: int, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks._pool.cache_clear()  # so that two threads read here whatever OMP_NUM_THREADS is
    monkeypatch.setattr(blocks, "THREADS", 2)
    monkeypatch.setattr(blocks, "_one_of_several", False)
    told = [ToldThreads(store.path) for store in stores]
    faults = [
        fault for batch in batches_of(told, epoch=0, workers=workers) for fault in batch.faults
    ]
    assert faults
    for fault in faults:
        assert re.search(f" {threads} threads beside the one that reads", fault.reason)


def test_a_broken_store_is_a_fault_and_the_others_stay(
    stores: list[VideoStore], tmp_path: Path
) -> None:
    whole = write_video(tmp_path, "broken", 20).path
    content = bytearray(whole.read_bytes())
    content[200:400] = bytes(200)
    whole.write_bytes(content)
    (tmp_path / "cut.zarr.zip").write_bytes(content[:1000])
    broken = [VideoStore(whole), VideoStore(tmp_path / "cut.zarr.zip")]
    batches = batches_of([stores[1], *broken, VideoStore(tmp_path / "gone.zarr.zip")], epoch=0)
    assert sorted(name.split(":")[0] for name in names(batches)) == ["diem/video20"] * 3
    faults = {fault.video for batch in batches for fault in batch.faults}
    assert {"video 3 of 4", "video 4 of 4"} <= faults
    assert all(len(batch.sample.density) == max(len(batch.names), 1) for batch in batches)


def test_a_network_of_another_size_gets_resized_frames(stores: list[VideoStore]) -> None:
    spec = InputSpec(4, 16, 16, audio=False, predicted="middle", step=2, resize="bilinear")
    frames, _, _ = read_window(stores[1], 12, spec)
    window = window_of(12, len(stores[1]), spec)
    assert [*window] == [8, 10, 12, 14]
    np.testing.assert_array_equal(frames[0, :, 3, 3], window)
    assert frames.shape == (3, 4, 16, 16)


def test_fixations_keep_their_place_at_network_size() -> None:
    points = np.array([[0, 0], [47, 95], [24, 10], [24, 11]], np.int16)
    found = fixation_map(points, (48, 96), SPEC)
    assert [tuple(each) for each in found.nonzero().tolist()] == [
        (0, 0),
        (16, 6),
        (16, 7),
        (31, 63),
    ]
    assert not fixation_map(points[:0], (48, 96), SPEC).any()


def read(clips: Clips, draw: Draw) -> TrainingClip:
    found = clips[draw]
    assert isinstance(found, TrainingClip)
    return found


def test_whole_windows_lie_within_a_video_that_is_long_enough(
    stores: list[VideoStore], tmp_path: Path
) -> None:
    videos = [*stores, write_video(tmp_path, "short", 7)]
    clips = Clips(videos, SPEC, RandomClips(1, flip=False), whole_windows=True)
    for video, number in product(range(len(videos)), range(6)):
        shown = read(clips, Draw(0, video, number)).sample.clip.frames[0, :, 0, 0].tolist()
        whole = shown == [*range(shown[0], shown[0] + 8)]
        assert whole == (video < len(stores))


@pytest.mark.parametrize("flip", [False, True])
def test_every_frame_of_a_window_has_its_own_target(stores: list[VideoStore], flip: bool) -> None:
    spec = InputSpec(4, 32, 64, audio=False, start="repeated", step=2)
    clips = Clips(stores, spec, RandomClips(1, flip), every_frame=True)
    for number in range(6):
        clip, density, fixations = read(clips, Draw(0, 1, number)).sample
        assert density.shape == fixations.shape == (4, 32, 64)
        for shown, found in zip(clip.frames[0, :, 0, 0].tolist(), density, strict=True):
            expected = target(stores[1].density(shown), spec)
            if expected is None:
                expected = torch.zeros(32, 64)
            assert torch.equal(found, expected) or torch.equal(found, expected.flip(-1))
            assert (expected.max() == 0) == (shown < EMPTY_UNTIL)
