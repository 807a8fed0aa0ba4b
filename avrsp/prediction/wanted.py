"""What to write for a video: the choice of a person, and the files that follow from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

from avrsp import files
from avrsp.errors import ParamsError
from avrsp.media.probe import HIGHEST_RATE
from avrsp.prediction import records
from avrsp.prediction.overlay_style import MapsForm, OverlayStyle
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.records import Settings

Form = Literal[
    "npz", "zarr", "png", "video", "json", "csv", "areas", "areas-plot", "overlay", "sheet", "mean"
]

ENDINGS: Final[Mapping[Form, str]] = {
    "npz": ".maps.npz",
    "zarr": ".maps.zarr.zip",
    "png": ".maps",
    "video": ".maps.mp4",
    "json": ".json",
    "csv": ".csv",
    "areas": ".aoi.csv",
    "areas-plot": ".aoi.png",
    "overlay": ".overlay.mp4",
    "sheet": ".sheet.png",
    "mean": ".mean.png",
}

SHOWN: Final = frozenset({"overlay", "sheet", "mean"})
"""Forms for which the video's pictures are read once more; they show all variants."""


@dataclass(frozen=True, slots=True)
class OutputChoice:
    """What to write for each video.

    Attributes:
        overlay: `<name>.overlay.mp4`, the video with the maps over it and its sound.
        maps: The form of the maps; `none` leaves them out.
        side_by_side: Show the plain video to the left of the overlay.
        json: `<name>.json` with each frame's peak, centre of mass and entropy.
        csv: The same as `<name>.csv`.
        sheet: `<name>.sheet.png`, overlaid frames from the whole video.
        mean: `<name>.mean.png`, the mean map.
        aoi: File of boxes whose shares of the saliency are wanted.
        style: How maps are shown.
        without_sound: Predict a second time as if the video were silent.
        stride: Predict every so many frames, and interpolate between.
    """

    overlay: bool = True
    maps: MapsForm = "npz"
    side_by_side: bool = False
    json: bool = False
    csv: bool = False
    sheet: bool = False
    mean: bool = False
    aoi: Path | None = None
    style: OverlayStyle = field(default_factory=OverlayStyle)
    without_sound: bool = False
    stride: int = 1

    @property
    def forms(self) -> list[Form]:
        """The forms to write, of each variant or of all together."""
        flags: Mapping[Form, object] = {
            "json": self.json,
            "csv": self.csv,
            "areas": self.aoi,
            "areas-plot": self.aoi,
            "overlay": self.overlay,
            "sheet": self.sheet,
            "mean": self.mean,
        }
        maps: list[Form] = [] if self.maps == "none" else [self.maps]
        return maps + [form for form, wanted in flags.items() if wanted]


@dataclass(frozen=True, slots=True)
class PictureInput:
    """What a folder of pictures does not say itself.

    Attributes:
        fps: Frames a second; None where no folder is given.
        sound: Its sound file.
    """

    fps: Fraction | None = None
    sound: Path | None = None

    @classmethod
    def given(cls, fps: str | None, sound: Path | None) -> PictureInput:
        """Read the rate as a person gives it: 25, 29.97 or 30000/1001.

        Raises:
            ParamsError: It is none, or above 1,000.
        """
        try:
            rate = None if fps is None else Fraction(fps)
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if rate is not None and not 0 < rate <= HIGHEST_RATE:
            raise ParamsError(f"--fps: found {fps}; expected a rate such as 25 or 30000/1001")
        return cls(rate, sound)


@dataclass(frozen=True)
class Variant:
    """One way to predict a video; several are shown side by side.

    Attributes:
        predictor: By which network.
        label: What it is called in pictures; empty where there is one variant only.
        suffix: What its files have after the video's name; empty for the first variant.
        hears: Whether it gets the video's sound.
    """

    predictor: Predictor
    label: str
    suffix: str
    hears: bool = True

    def settings(self, wanted: OutputChoice) -> dict[str, object]:
        """Return all that its maps depend on besides the video."""
        silent = {} if self.hears else {"without_sound": True}
        model = dict(self.predictor.settings)
        return {**model, **silent, "stride": wanted.stride, "code": records.code()}


def variants(
    predictor: Predictor, others: Sequence[Predictor], wanted: OutputChoice
) -> list[Variant]:
    """Return the ways to predict a video: by each model, and once more without the sound.

    Raises:
        ParamsError: Without sound, by a network that takes none.
    """
    if wanted.without_sound and not predictor.spec.audio:
        raise ParamsError(
            f"--without-sound: {predictor.name} takes no sound; choose an audio-visual model by "
            "--weights"
        )
    models = [predictor, *others]
    names = [each.name for each in models]
    labels = [
        name if names.count(name) == 1 else f"{name}-{each.digest[:6]}"
        for name, each in zip(names, models, strict=True)
    ]
    first = "" if len(models) == 1 else labels[0]
    if not wanted.without_sound:
        found = [Variant(predictor, first, "")]
    else:
        found = [
            Variant(predictor, f"{first} with sound".strip(), ""),
            Variant(predictor, f"{first} without sound".strip(), ".without-sound", hears=False),
        ]
    return found + [
        Variant(each, label, f".{label}") for each, label in zip(others, labels[1:], strict=True)
    ]


@dataclass(frozen=True)
class Result:
    """A file to write.

    Attributes:
        form: Of what kind.
        path: Where.
        settings: All that it depends on besides the video, of types that JSON knows.
        sources: The variants whose maps it is made of.
    """

    form: Form
    path: Path
    settings: Mapping[str, object]
    sources: Sequence[Variant]


def results(
    stem: Path, wanted: OutputChoice, among: Sequence[Variant], source: Settings
) -> Iterator[Result]:
    """Yield what is to be written under the name `stem`.

    `source` is what results depend on besides the video, the choice and the variants.
    """
    for form in wanted.forms:
        if form in SHOWN:
            maps = [{"label": each.label, **each.settings(wanted)} for each in among]
            settings = {"form": form, **_settings_of(form, wanted), **source, "maps": maps}
            yield Result(form, _placed(stem, "", form), settings, among)
        else:
            yield from (own_result(form, stem, wanted, each, source) for each in among)


def own_result(
    form: Form, stem: Path, wanted: OutputChoice, variant: Variant, source: Settings
) -> Result:
    """Return what is to be written of one variant in one form."""
    settings = {"form": form, **_settings_of(form, wanted), **source, **variant.settings(wanted)}
    return Result(form, _placed(stem, variant.suffix, form), settings, [variant])


def _placed(stem: Path, suffix: str, form: Form) -> Path:
    return stem.with_name(f"{stem.name}{suffix}{ENDINGS[form]}")


def _settings_of(form: Form, wanted: OutputChoice) -> Settings:
    if form in {"areas", "areas-plot"} and wanted.aoi is not None:
        return {"boxes": files.sha256(wanted.aoi)}
    if form in SHOWN:
        beside = {"side_by_side": wanted.side_by_side} if form != "mean" else {}
        return {**wanted.style.settings, **beside}
    return {}
