"""The registry: each network is one entry, which says everything about itself.

An entry is a constant `ENTRY` of a module `avrsp.models.<name>` (dashes become underscores), or is
given to `register`. A module is imported when its entry is asked for, not before.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ValidationError
from torch import nn

from avrsp.errors import ParamsError
from avrsp.models.recipe import MethodRecipe
from avrsp.types import InputSpec

EncoderKey = Literal["s3d", "soundnet", "resnet3d", "mobilenet"]
EngineName = Literal["windows", "reuse", "recurrent"]
PACKAGE: Final = "avrsp.models"


class WindowSize(NamedTuple):
    """Frames of a window, and their rows and columns, that a phase would like."""

    length: int
    height: int
    width: int

    def checked(self, name: str, multiple: int) -> WindowSize:
        """Return this size, for a network whose frames are multiples of something.

        Raises:
            ParamsError: They are not.
        """
        if self.height % multiple or self.width % multiple:
            raise ParamsError(
                f"{name}: found frames of {self.height} x {self.width}, expected multiples of "
                f"{multiple}; choose another `clip` size"
            )
        return self


@dataclass(frozen=True, slots=True)
class Encoder:
    """A part that starts from weights which others have published.

    Attributes:
        part: Its name in the network, such as `listen.soundnet`.
        title: What it is and was trained on.
        key: The key of `encoder` in params.yaml that names the imported file.
        formats: What `avrsp import-weights` reads it from.
        place: Where a person finds such a file.
        audio: Whether only a network that takes sound has it.
    """

    part: str
    title: str
    key: EncoderKey
    formats: tuple[str, ...]
    place: str
    audio: bool = False


class Wheel(NamedTuple):
    """A package on the package index that holds a published file.

    Attributes:
        requirement: Name and version, as `name==1.0`.
        sha256: Of the wheel.
        member: Path of the file in it.
    """

    requirement: str
    sha256: str
    member: str


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """A published file of a whole network's weights.

    Attributes:
        file: Its name.
        learnt_from: Datasets that it was trained on.
        place: Where a person finds it.
        licence: Its terms.
        variant: Which network it is of.
        sha256: Of the file, where known.
        address: From where `avrsp fetch-weights` gets it; None: a person must.
        wheel: A second source of it.
    """

    file: str
    learnt_from: tuple[str, ...]
    place: str
    licence: str
    variant: str = "v"
    sha256: str | None = None
    address: str | None = None
    wheel: Wheel | None = None


class Cost(NamedTuple):
    """What a network costs at its published size; convolutions and matrix products count.

    Attributes:
        parameters: Their number.
        window: Multiply-accumulates of one window with its sound.
        frame: Those of one more frame of a video by the network's own engine.
    """

    parameters: int
    window: int
    frame: int


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the networks that published weights are of, and how their files name its tensors.

    Attributes:
        settings: That make it.
        published_key: From our name of a tensor to that in the files.
        unused: Returns names and shapes of tensors in the files that no output depends on.
        cost: What it costs; None: it is counted when somebody asks (`avrsp.prediction.costs`).
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    published_key: Callable[[str], str] = str
    unused: Callable[[], Mapping[str, tuple[int, ...]]] = dict
    cost: Cost | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """All that the package knows about a network.

    Attributes:
        name: As in `model: NAME` of params.yaml; lower case, words joined by dashes.
        title: The method's name in tables.
        citation: Authors, title, venue, year.
        licence: Of the code that it was written after, or that it is.
        weights_licence: Of published weights; None where there are none.
        settings: Its settings; the defaults are the published network.
        window: From settings and the size that a phase would like (None: the published one) to the
            input that the network takes.
        build: From settings to the network, a `types.SaliencyModel`.
        without_sound: Settings that make the network without sound.
        with_sound: Settings that make the one with sound; None where there is none.
        recipe: How it is trained.
        sound_recipe: How the network with sound is, where its authors do otherwise.
        visual_only: Parts of the network without sound that the one with sound has no place for.
        variants: The networks that published weights are of, by name; the first is what
            `avrsp import-weights` takes by default.
        checkpoints: Published weights of whole networks.
        encoders: Parts that start from published weights.
        engine: How it predicts a video: `windows`, one by one, which works for any network;
            `reuse` (`types.SharesWindows`); `recurrent` (`types.Recurrent`).
        rounding: Why rounding alone can change a map visibly; empty where it cannot.
        tiny: Settings of the smallest network, for tests.
        activations: Values alive at once for each pixel of a window, at width 1, rounded up.
    """

    name: str
    title: str
    citation: str
    licence: str
    settings: type[BaseModel]
    window: Callable[[Any, WindowSize | None], InputSpec]
    build: Callable[[Any], nn.Module]
    without_sound: Mapping[str, Any] = field(default_factory=dict)
    with_sound: Mapping[str, Any] | None = None
    weights_licence: str | None = None
    recipe: MethodRecipe = field(default_factory=MethodRecipe)
    sound_recipe: MethodRecipe | None = None
    visual_only: tuple[str, ...] = ()
    variants: Mapping[str, Variant] = field(default_factory=lambda: {"v": Variant()})
    checkpoints: tuple[PublishedWeights, ...] = ()
    encoders: tuple[Encoder, ...] = ()
    engine: EngineName = "windows"
    rounding: str = ""
    tiny: Mapping[str, Any] = field(default_factory=dict)
    activations: int = 350

    @property
    def audio_visual(self) -> bool:
        """Whether there is a network that takes sound."""
        return self.with_sound is not None

    def recipe_for(self, *, audio: bool) -> MethodRecipe:
        """Return how the network with sound or without is trained."""
        return self.sound_recipe or self.recipe if audio else self.recipe

    def checked(self, given: Mapping[str, Any]) -> BaseModel:
        """Return the settings that `given` and the defaults make.

        Raises:
            ParamsError: A setting is unknown or not allowed; says what is.
        """
        try:
            return self.settings.model_validate(dict(given))
        except ValidationError as error:
            faults = "; ".join(self._fault(dict(each)) for each in error.errors())
            raise ParamsError(f"{self.name}: {faults}") from None

    def chosen(
        self,
        wanted: Mapping[str, Any],
        *,
        audio: bool,
        variant: str | None = None,
        own: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return settings for the network with sound or without, all of them.

        Args:
            wanted: By names of any network; it takes those that it has a setting of.
            audio: Whether the network takes sound.
            variant: Which one with sound; None: `with_sound`.
            own: Settings of this entry, which go before `wanted`.

        Raises:
            ParamsError: There is no network with sound, or a setting is not allowed.
        """
        if audio and self.with_sound is None:
            raise ParamsError(
                f"model: {self.name} takes no sound; train it as the visual network only, or "
                "choose another model"
            )
        self.check_choice(variant, own or {})
        form = self.without_sound
        if audio:
            form = self.variants[variant].settings if variant else self.with_sound or {}
        known = {name: wanted[name] for name in self.settings.model_fields.keys() & wanted.keys()}
        return self.checked({**known, **(own or {}), **form}).model_dump(mode="json")

    def check_choice(self, variant: str | None, own: Mapping[str, Any]) -> None:
        """Check which network of the entry is chosen: a variant with sound, and settings.

        Raises:
            ParamsError: There is no such variant, or a setting is not allowed.
        """
        sounding = [name for name, each in self.variants.items() if self.input(each.settings).audio]
        if variant is not None and variant not in sounding:
            allowed = f"null or one of {', '.join(sounding)}" if sounding else "null: it has none"
            raise ParamsError(
                f"variant: found {variant!r}, expected a network of {self.name} with sound, "
                f"{allowed}"
            )
        fixed = sorted(own.keys() & {*self.without_sound, *(self.with_sound or {})})
        if fixed:
            raise ParamsError(
                f"settings.{fixed[0]}: tells V from AV, whose networks differ in it; "
                "choose a network with sound by `variant`"
            )
        try:
            self.checked(own)
        except ParamsError as error:
            raise ParamsError(f"settings of {error}") from None

    def input(self, given: Mapping[str, Any], size: WindowSize | None = None) -> InputSpec:
        """Return the input of the network with these settings, of the wanted size if it can be.

        Raises:
            ParamsError: A setting or the size is not allowed.
        """
        return self.window(self.checked(given), size)

    def values_a_pixel(self, given: Mapping[str, Any]) -> float:
        """Return about how many values one pixel of a window needs in memory."""
        width = getattr(self.checked(given), "width", 1.0)
        return self.activations * float(width)

    def _fault(self, fault: Mapping[str, Any]) -> str:
        key = ".".join(map(str, fault["loc"]))
        if fault["type"] == "extra_forbidden":
            return f"unknown setting {key}; allowed: {', '.join(self.settings.model_fields)}"
        said = fault["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        return f"{key} {fault['input']!r}: expected {said}" if key else said


_registered: dict[str, ModelSpec] = {}


def register(entry: ModelSpec) -> None:
    """Add a network that is defined outside of this package.

    Raises:
        ParamsError: Another network has that name.
    """
    if _registered.setdefault(entry.name, entry) is not entry or _module(entry.name):
        raise ParamsError(f"model {entry.name!r} is there already; choose another name")


def names() -> list[str]:
    """Return the names of all networks, in order."""
    package = importlib.import_module(PACKAGE)
    found = {each.name.replace("_", "-") for each in pkgutil.iter_modules(package.__path__)}
    return sorted({*_registered, *(name for name in found if _built_in(name))})


def spec(name: str) -> ModelSpec:
    """Return the entry of a network.

    Raises:
        ParamsError: No network has that name; lists those that there are.
    """
    found = _registered.get(name) or _built_in(name)
    if found is None:
        raise ParamsError(f"no model {name!r}; allowed: {', '.join(names())}")
    return found


def build(name: str, **settings: Any) -> nn.Module:  # noqa: ANN401 - each entry checks its own
    """Return the network `name` with these settings and random weights, a `SaliencyModel`.

    Raises:
        ParamsError: No such network, or settings that it does not allow.
    """
    entry = spec(name)
    return entry.build(entry.checked(settings))


def _module(name: str) -> str | None:
    place = f"{PACKAGE}.{name.replace('-', '_')}"
    known = name.replace("-", "_").isidentifier() and importlib.util.find_spec(place)
    return place if known else None


def _built_in(name: str) -> ModelSpec | None:
    place = _module(name)
    entry = getattr(importlib.import_module(place), "ENTRY", None) if place else None
    return entry if isinstance(entry, ModelSpec) and entry.name == name else None
