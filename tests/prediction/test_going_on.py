"""A prediction that was interrupted goes on, and what is there is not predicted again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from avrsp.errors import RawDataError
from avrsp.models.registry import EngineName
from avrsp.prediction import exports
from avrsp.prediction.batch import predict_videos
from avrsp.prediction.engine import Request, Resumption, engine
from avrsp.prediction.kept_maps import KeptMaps
from avrsp.prediction.overlay_style import MapsForm, OverlayStyle
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.speed import Speed
from avrsp.prediction.wanted import OutputChoice
from avrsp.types import InputSpec
from tests.prediction.reuse import FPS, HEIGHT, WIDTH, network, video

Make = Callable[[str, str], Path]

CLIP = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1.2 -f lavfi -i sine=duration=1.2"
CPU = torch.device("cpu")


class Tally:
    """Counts the calls of a network and of its copies, and ends after so many."""

    def __init__(self, most: int) -> None:
        self.count, self.most = 0, most

    def __deepcopy__(self, _: object) -> Tally:
        return self

    def add(self) -> None:
        self.count += 1
        if self.count > self.most:
            raise KeyboardInterrupt


class Counting(nn.Module):
    """Looks at what is bright in the last frame."""

    def __init__(self, most: int = 1_000_000) -> None:
        super().__init__()
        self.tally = Tally(most)

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        self.tally.add()
        level = 0 if waveform is None else waveform.abs().mean((1, 2))[:, None, None]
        return torch.sigmoid(frames[:, :, -1].float().mean(1) / 64 - 2 + level)


class Fading(nn.Module):
    """Remembers what was bright."""

    def __init__(self, most: int = 1_000_000) -> None:
        super().__init__()
        self.tally = Tally(most)

    def advance(self, frames: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        self.tally.add()
        bright = frames.float().mean(1) / 255
        after = bright if state is None else 0.9 * state + 0.1 * bright
        return after, after


def predictor_of(model: nn.Module) -> Predictor:
    method: EngineName = "recurrent" if isinstance(model, Fading) else "windows"
    spec = InputSpec(8, 24, 32, audio=not isinstance(model, Fading))
    return Predictor(model, spec, CPU, "float32", "stand-in", method=method)


def calls(predictor: Predictor) -> int:
    assert isinstance(predictor.model, Counting | Fading)
    return predictor.model.tally.count


def maps_in(folder: Path) -> np.ndarray:
    found: np.ndarray = np.load(folder / "clip.maps.npz")["maps"]
    return found


@pytest.mark.parametrize("first", [3, 7, 8, 20, 40])
@pytest.mark.parametrize("name", ["windows", "reuse"])
def test_an_engine_begins_anywhere(first: int, name: EngineName) -> None:
    frames, sound = video(40)
    spec = InputSpec(8, HEIGHT, WIDTH, audio=True)
    run = engine(network(), spec, Speed(CPU, "float32", 5), name)
    whole = list(run.maps(iter(frames), Request(sound, FPS)))
    rest = list(run.maps(iter(frames), Request(sound, FPS, resumption=Resumption(first))))
    assert len(rest) == 40 - first
    if rest:
        np.testing.assert_allclose(rest, whole[first:], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["windows", "reuse"])
@pytest.mark.parametrize(("first", "stride"), [(6, 3), (9, 3), (20, 10), (33, 3), (20, 20)])
def test_an_engine_begins_anywhere_with_a_stride(first: int, stride: int, name: EngineName) -> None:
    frames, sound = video(40)
    spec = InputSpec(8, HEIGHT, WIDTH, audio=True)
    run = engine(network(), spec, Speed(CPU, "float32", 5), name)
    whole = list(run.maps(iter(frames), Request(sound, FPS, stride=stride)))
    request = Request(sound, FPS, stride=stride, resumption=Resumption(first))
    np.testing.assert_allclose(
        list(run.maps(iter(frames), request)), whole[first:], atol=1e-6, rtol=0
    )


@pytest.mark.parametrize(
    ("kind", "stride", "most"),
    [(Counting, 1, 1), (Counting, 1, 3), (Counting, 2, 1), (Fading, 1, 20), (Fading, 4, 3)],
)
def test_after_an_interruption_it_goes_on(
    make_video: Make, tmp_path: Path, kind: type[Counting | Fading], stride: int, most: int
) -> None:
    clip, wanted = make_video("clip.mkv", CLIP), OutputChoice(overlay=False, stride=stride)
    whole = predictor_of(kind())
    assert predict_videos([clip], tmp_path / "whole", whole, wanted) == []
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt) as stop:
        predict_videos([clip], out, predictor_of(kind(most)), wanted)
    (said,) = stop.value.__notes__
    assert "frames of" in said
    assert said.endswith("the same command goes on from there")
    assert [path.name for path in out.glob("*")] != []
    assert not (out / "clip.prediction.json").exists()
    rest = predictor_of(kind())
    assert predict_videos([clip], out, rest, wanted) == []
    np.testing.assert_array_equal(maps_in(out), maps_in(tmp_path / "whole"))
    assert {path.name for path in out.iterdir()} == {"clip.maps.npz", "clip.prediction.json"}
    assert calls(rest) < calls(whole)


def test_maps_of_other_settings_are_not_gone_on_with(make_video: Make, tmp_path: Path) -> None:
    clip, wanted, out = make_video("clip.mkv", CLIP), OutputChoice(overlay=False), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        predict_videos([clip], out, predictor_of(Counting(2)), wanted)
    other = replace(predictor_of(Counting()), digest="other weights")
    assert predict_videos([clip], out, other, wanted) == []
    whole = replace(predictor_of(Counting()), digest="other weights")
    assert predict_videos([clip], tmp_path / "whole", whole, wanted) == []
    assert calls(other) == calls(whole)
    np.testing.assert_array_equal(maps_in(out), maps_in(tmp_path / "whole"))


@pytest.mark.parametrize("kept", ["npz", "zarr"])
def test_another_form_is_made_of_the_maps_that_are_there(
    make_video: Make, tmp_path: Path, kept: MapsForm
) -> None:
    clip, out = make_video("clip.mkv", CLIP), tmp_path / "out"
    first = OutputChoice(overlay=False, maps=kept)
    assert predict_videos([clip], out, predictor_of(Counting()), first) == []
    refusing = predictor_of(Counting(0))
    more = OutputChoice(maps="png", json=True, csv=True, sheet=True, mean=True)
    assert predict_videos([clip], out, refusing, more) == []
    assert predict_videos([clip], out, refusing, OutputChoice(maps="npz")) == []
    whole = tmp_path / "whole"
    both = replace(more, maps="npz")
    assert predict_videos([clip], whole, predictor_of(Counting()), both) == []
    np.testing.assert_array_equal(maps_in(out), maps_in(whole))
    for name in ("clip.json", "clip.csv"):
        assert (out / name).read_text() == (whole / name).read_text()
    for name in ("clip.sheet.png", "clip.mean.png"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert len(list((out / "clip.maps").iterdir())) == 30


def test_a_form_that_is_there_is_left(make_video: Make, tmp_path: Path) -> None:
    clip, out = make_video("clip.mkv", CLIP), tmp_path / "out"
    assert predict_videos([clip], out, predictor_of(Counting()), OutputChoice(maps="npz")) == []
    before = {path.name: path.stat().st_ino for path in out.iterdir()}
    more = OutputChoice(maps="npz", csv=True)
    assert predict_videos([clip], out, predictor_of(Counting(0)), more) == []
    after = {path.name: path.stat().st_ino for path in out.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {
        "clip.csv",
        "clip.prediction.json",
    }
    brighter = OutputChoice(maps="npz", style=OverlayStyle(opacity=0.3))
    assert predict_videos([clip], out, predictor_of(Counting(0)), brighter) == []
    assert (out / "clip.overlay.mp4").stat().st_ino != before["clip.overlay.mp4"]
    listed = json.loads((out / "clip.prediction.json").read_text())["files"]
    assert {each["name"] for each in listed} == set(after) - {"clip.prediction.json"}


def test_results_that_were_whole_before_an_interruption_stay(
    make_video: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, out = make_video("clip.mkv", CLIP), tmp_path / "out"

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    wanted = OutputChoice(maps="npz", csv=True)
    with monkeypatch.context() as patch:
        patch.setattr("avrsp.prediction.frame_facts.write_csv", interrupted)
        with pytest.raises(KeyboardInterrupt):
            predict_videos([clip], out, predictor_of(Counting()), wanted)
    before = (out / "clip.maps.npz").stat().st_ino
    assert predict_videos([clip], out, predictor_of(Counting(0)), wanted) == []
    assert (out / "clip.maps.npz").stat().st_ino == before
    assert (out / "clip.csv").exists()


def test_two_processes_do_not_write_the_same_maps(tmp_path: Path) -> None:
    path = tmp_path / "clip.maps.part"
    one = KeptMaps(path, "key")
    with pytest.raises(RawDataError, match="another process predicts this video"):
        KeptMaps(path, "key")
    one.remove()
    KeptMaps(path, "key").remove()


@pytest.mark.parametrize("lost", [1, 100, 300])
def test_a_map_that_was_cut_off_is_forgotten(tmp_path: Path, lost: int) -> None:
    path, rng = tmp_path / "clip.maps.part", np.random.default_rng(4)
    maps = rng.random((5, 6, 8)).astype(np.float16)
    kept = KeptMaps(path, "key")
    for number, saliency in enumerate(maps):
        kept.add(number / 10, saliency)
    kept.leave(5, None)
    path.write_bytes(path.read_bytes()[:-lost])
    again = KeptMaps(path, "key")
    count = len(again)
    assert count == 5 - -(-lost // (16 + 2 * 48))
    np.testing.assert_array_equal(list(again), maps[:count])
    assert again.times == [number / 10 for number in range(count)]
    again.add(0.9, maps[4])
    np.testing.assert_array_equal(list(again)[count], maps[4])
    again.leave(0, None)
    other = KeptMaps(path, "another key")
    assert len(other) == 0
    other.remove()
    assert list(tmp_path.iterdir()) == []


def test_packed_maps_are_read_one_after_another(tmp_path: Path) -> None:
    kept = KeptMaps(tmp_path / "clip.maps.part", "key")
    maps = np.random.default_rng(2).random((9, 6, 8)).astype(np.float16)
    for number, saliency in enumerate(maps):
        kept.add(number / 25, saliency)
    exports.write_npz(tmp_path / "clip.maps.npz", kept, None)  # type: ignore[arg-type]
    times, found = zip(*exports.read_npz(tmp_path / "clip.maps.npz"), strict=True)
    np.testing.assert_array_equal(found, maps)
    np.testing.assert_allclose(times, np.arange(9) / 25)
    kept.remove()
