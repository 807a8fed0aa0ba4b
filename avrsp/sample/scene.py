"""The pictures of a video: objects, at most one of each kind, on a drifting, muted background."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from avrsp.params import WorldParams, WorldScene
from avrsp.sample.plan import OBJECT_KINDS, ObjectKind, PlannedVideo

SceneFrame = npt.NDArray[np.uint8]

TILE: Final = 384
"""Side of the background tile in pixels, which repeats without a seam."""

CLOUDS, GRAIN = (200.0, 90.0), (40.0, 14.0)
"""Longest and shortest wavelengths of the background's two textures, pixels."""

BACKGROUND_LUMA: Final = (62.0, 92.0)
CLOUD_CONTRAST, GRAIN_CONTRAST, BACKGROUND_CHROMA = 12.0, 6.0, 16.0
"""Brightness (range of means) and deviations of the background's textures and hue, grey levels."""

DRIFT: Final = (8.0, 22.0)
"""Range of the background's speed, pixels a second."""

SPIN, HUE_SPREAD, RADIUS_SPREAD, PULSE_HERTZ = 0.5, 0.12, 0.05, 2.6
"""Turns of an object in radians a second; variation between videos in radians and as a share;
pulses of the conspicuous object a second."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where everything is in each of T frames; three objects in the order of `OBJECT_KINDS`.

    Attributes:
        centres: T x 3 x 2, rows and columns in pixels.
        radii: 3, pixels.
        angles: T x 3, radians.
        boosts: T x 3, grey levels added to an object's brightness.
        hue_shift: Radians, added to the hues of all objects alike.
        tile: The background, TILE x TILE x 3 with a repeated margin, grey levels.
        drift: T x 2, rows and columns by which the background has moved.
        hidden: Numbers of the objects that are not drawn.
    """

    centres: Floats
    radii: Floats
    angles: Floats
    boosts: Floats
    hue_shift: float
    tile: Canvas
    drift: Floats
    hidden: frozenset[int] = frozenset()

    def frames(self, height: int, width: int) -> Iterator[SceneFrame]:
        """Draw the frames in order, H x W x 3."""
        sprites = [
            Sprite(kind, radius, self.hue_shift)
            for kind, radius in zip(OBJECT_KINDS, self.radii, strict=True)
        ]
        for index, drift in enumerate(self.drift):
            canvas = _window(self.tile, drift % TILE, height, width)
            for number, sprite in enumerate(sprites):
                if number in self.hidden:
                    continue
                sprite.draw(
                    canvas,
                    self.centres[index, number],
                    self.angles[index, number],
                    self.boosts[index, number],
                )
            yield np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def compose(video: PlannedVideo, spec: WorldParams, seed: int) -> Scene:
    """Draw up the scene of `video`.

    Unless the object that viewers follow is the one that sounds, it is larger, faster and pulses;
    in a sounding clip all three are alike.
    """
    rng = video.stream(seed, "scene")
    height, width = frame_size(video, spec)
    radii, speeds, pulse = _prominence(video, spec.scene, height)
    radii *= 1 + rng.uniform(-RADIUS_SPREAD, RADIUS_SPREAD)
    dt = float(1 / video.rate)
    times = np.arange(video.frames) * dt
    heading = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.sin(heading), np.cos(heading)])
    spins = SPIN * rng.choice([-1, 1], len(radii))
    return Scene(
        centres=paths(video.frames, dt, radii, speeds, (height, width), rng),
        radii=radii,
        angles=rng.uniform(0, 2 * np.pi, len(radii)) + times[:, None] * spins,
        boosts=np.sin(2 * np.pi * PULSE_HERTZ * times)[:, None] * pulse,
        hue_shift=float(rng.uniform(-HUE_SPREAD, HUE_SPREAD)),
        tile=_tile(rng),
        drift=times[:, None] * direction * rng.uniform(*DRIFT),
        hidden=hidden(video),
    )


def hidden(video: PlannedVideo) -> frozenset[int]:
    """Return the numbers of the objects that are not in the picture, in order of `OBJECT_KINDS`."""
    if video.distractor is None or not video.hidden:
        return frozenset()
    return frozenset({OBJECT_KINDS.index(video.distractor)})


def frame_size(video: PlannedVideo, spec: WorldParams) -> tuple[int, int]:
    """Return the height and width of a video's frames and maps."""
    return (spec.unheard.height if video.kind == "unheard" else spec.height), spec.width


def _prominence(
    video: PlannedVideo, scene: WorldScene, height: int
) -> tuple[Floats, Floats, Floats]:
    """Return radii, speeds and pulses of the three objects."""
    radii = np.full(len(OBJECT_KINDS), scene.diameter * height / 2)
    speeds = np.full(len(OBJECT_KINDS), scene.speed * height)
    pulse = np.zeros(len(OBJECT_KINDS))
    if video.kind != "sounding":
        followed = OBJECT_KINDS.index(video.followed[0])
        radii[followed] *= scene.conspicuous_diameter
        speeds[followed] *= scene.conspicuous_speed
        pulse[followed] = scene.conspicuous_pulse
    return radii, speeds, pulse


def _tile(rng: np.random.Generator) -> Canvas:
    clouds, grain, hues = (_noise(band, rng) for band in (CLOUDS, GRAIN, CLOUDS))
    luma = rng.uniform(*BACKGROUND_LUMA) + CLOUD_CONTRAST * clouds + GRAIN_CONTRAST * grain
    hue = rng.uniform(0, 2 * np.pi) + 0.35 * hues
    colours = rgb(luma, BACKGROUND_CHROMA * np.cos(hue), BACKGROUND_CHROMA * np.sin(hue))
    return np.pad(colours.astype(np.float32), ((0, TILE), (0, TILE), (0, 0)), mode="wrap")


def _noise(band: tuple[float, float], rng: np.random.Generator) -> Floats:
    """Return TILE x TILE periodic noise of deviation 1 with wavelengths in `band`."""
    waves = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
    frequency = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None])
    longest, shortest = band
    keep = np.exp(-((frequency * shortest) ** 2)) - np.exp(-((frequency * longest) ** 2))
    noise = np.fft.irfft2(waves * keep, (TILE, TILE))
    return np.asarray(noise / noise.std())


def _window(tile: Canvas, corner: Floats, height: int, width: int) -> Canvas:
    """Cut H x W out of the tile at a corner between pixels, by linear interpolation."""
    top, left = corner.astype(int)
    row, col = (corner - (top, left)).astype(np.float32)
    block = tile[top : top + height + 1, left : left + width + 1]
    return _between(_between(block, row).swapaxes(0, 1), col).swapaxes(0, 1)


def _between(block: Canvas, share: np.float32) -> Canvas:
    """Return n - 1 x ... values that lie `share` of the way from each of n rows to the next."""
    found = block[1:] - block[:-1]
    found *= share
    found += block[:-1]
    return found


Floats = npt.NDArray[np.float64]
Canvas = npt.NDArray[np.float32]
Reals = npt.NDArray[np.floating]
"""Of the precision of what it follows from: sprites are drawn in single precision, much faster."""
Field = Callable[[Reals, Reals], Reals]
"""Function of angle (radians) and radius (1 at the rim of a disc of equal area)."""

LUMA: Final = 150.0
CONTRAST: Final = 26.0
CHROMA: Final = 54.0
"""Mean and deviation of an object's brightness, and its saturation, grey levels."""

RED_CR, GREEN_CB, GREEN_CR, BLUE_CB = 1.402, 0.344, 0.714, 1.772
"""From luma and two chroma differences to RGB (Rec. 601)."""


@dataclass(frozen=True, slots=True)
class Look:
    """A kind's outline, pattern and hue (angle in the chroma plane, radians)."""

    outline: Callable[[Reals], Reals]
    pattern: Field
    hue: float


def _square(angle: Reals) -> Reals:
    # cos^6 + sin^6 = 1 - 3/4 sin^2 of twice the angle; powers of negative numbers are slow
    return np.asarray((1 - 0.75 * np.square(np.sin(2 * angle))) ** (-1 / 6))


def _flower(angle: Reals) -> Reals:
    return np.asarray(1 + 0.2 * np.cos(5 * angle))


def _checks(angle: Reals, radius: Reals) -> Reals:
    rows, cols = radius * np.sin(angle), radius * np.cos(angle)
    return np.asarray(np.tanh(4 * np.sin(4.6 * rows) * np.sin(4.6 * cols)))


def _petals(angle: Reals, radius: Reals) -> Reals:
    heart = np.tanh(9 * (0.36 - radius))
    return np.asarray(np.where(heart > 0, -heart, np.tanh(3 * np.cos(5 * angle)) * -heart))


def _rings(angle: Reals, radius: Reals) -> Reals:
    return np.asarray(np.tanh(3 * np.cos(8.6 * radius)) + 0 * angle)


LOOKS: Final[Mapping[ObjectKind, Look]] = {
    "motor": Look(_square, _checks, 1.3),
    "bird": Look(_flower, _petals, 2.65),
    "shaker": Look(np.ones_like, _rings, 5.4),
}


def rgb(luma: Reals, blue: Reals | float, red: Reals | float) -> Reals:
    """Return colours (..., 3) of a brightness and two chroma differences."""
    green = luma - GREEN_CB * blue - GREEN_CR * red
    return np.stack([luma + RED_CR * red, green, luma + BLUE_CB * blue], -1)


class Sprite:
    """An object of one kind and size, drawn at any place and angle."""

    def __init__(self, kind: ObjectKind, radius: float, hue_shift: float = 0.0) -> None:
        self._look = LOOKS[kind]
        self._radius = float(radius)
        hue = self._look.hue + hue_shift
        self._chroma = float(CHROMA * np.cos(hue)), float(CHROMA * np.sin(hue))
        angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        self._unit = float(np.sqrt((self._look.outline(angles) ** 2).mean()))
        self._reach = int(np.ceil(radius * self._look.outline(angles).max() / self._unit)) + 2
        self._mean, self._deviation = 0.0, 1.0
        alpha, pattern = self._fields(np.zeros(2), 0.0)
        self._mean = float(np.average(pattern, weights=alpha))
        self._deviation = float(np.sqrt(np.average((pattern - self._mean) ** 2, weights=alpha)))

    def draw(self, frame: Canvas, centre: Floats, angle: float, boost: float = 0.0) -> None:
        """Draw onto `frame` (H x W x 3, grey levels), `boost` grey levels brighter than usual."""
        corner = np.rint(centre).astype(int)
        alpha, pattern = self._fields(centre - corner, angle)
        colours = rgb(LUMA + float(boost) + CONTRAST * pattern, *self._chroma)
        top, left = corner - self._reach
        rows = slice(max(-top, 0), max(min(frame.shape[0] - top, alpha.shape[0]), 0))
        cols = slice(max(-left, 0), max(min(frame.shape[1] - left, alpha.shape[1]), 0))
        patch = frame[top + rows.start : top + rows.stop, left + cols.start : left + cols.stop]
        patch += alpha[rows, cols, None] * (colours[rows, cols] - patch)

    def _fields(self, shift: Floats, angle: float) -> tuple[Reals, Reals]:
        """Return coverage in [0, 1] and the pattern with mean 0 and deviation 1, around `shift`."""
        steps = np.arange(-self._reach, self._reach + 1, dtype=np.float32)
        rows, cols = (steps - float(shift[0]))[:, None], (steps - float(shift[1]))[None]
        distance = np.hypot(rows, cols)
        bearing = np.arctan2(rows, cols) - float(angle)
        rim = self._look.outline(bearing) * (self._radius / self._unit)
        alpha = np.clip(rim - distance + 0.5, 0, 1)
        shade = np.square(np.square(np.square(np.clip(distance / rim, 0, 1))))
        pattern = self._look.pattern(bearing, distance / self._radius) - 1.2 * shade
        return alpha, (pattern - self._mean) / self._deviation


APART: Final = 1.35
"""Objects turn away from one another when closer than so many times the sum of their radii."""

MARGIN: Final = 0.8
"""Objects turn away from a border when their rim is closer to it than so many radii."""

STEER: Final = 9.0
"""Strength of turning away, in changes of direction a second at full overlap."""

WANDER: Final = 0.9
"""Deviation of the direction after one second of undisturbed travel, radians."""

ATTEMPTS: Final = 10_000


def paths(
    count: int,
    dt: float,
    radii: Floats,
    speeds: Floats,
    frame: tuple[int, int],
    rng: np.random.Generator,
) -> Floats:
    """Return the centres (row, col) of objects in `count` frames that are `dt` seconds apart.

    Shape: count x objects x 2, pixels. `radii` in pixels, `speeds` in pixels a second, one each;
    `frame` is height and width. Each object covers `speed * dt` between frames, save where the
    border itself stops it.
    """
    area = np.array(frame, dtype=np.float64)
    centres = _scattered(radii, area, rng)
    angles = rng.uniform(0, 2 * np.pi, len(radii))
    heading = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    turns = rng.normal(0, WANDER * np.sqrt(dt), (count, len(radii)))
    track = np.empty((count, len(radii), 2))
    for index in range(count):
        track[index] = centres
        heading = _turned(heading, turns[index]) + STEER * dt * _push(centres, radii, area)
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        centres = centres + heading * (speeds * dt)[:, None]
        centres = np.clip(centres, radii[:, None], area - radii[:, None])
    return track


def _scattered(radii: Floats, area: Floats, rng: np.random.Generator) -> Floats:
    """Return the first random placement without overlap, or else the roomiest."""
    best, widest = np.tile(area / 2, (len(radii), 1)), -np.inf
    for _ in range(ATTEMPTS):
        centres = rng.uniform(radii[:, None], area - radii[:, None])
        gap = _gaps(centres, radii)[1].min()
        if gap > widest:
            best, widest = centres, gap
        if gap > 0:
            break
    return best


def _gaps(centres: Floats, radii: Floats) -> tuple[Floats, Floats]:
    """Return offsets between all pairs of centres, and the room beyond `APART` radii."""
    offsets = centres[:, None] - centres[None]
    distances = np.linalg.norm(offsets, axis=2) + np.diag(np.full(len(radii), np.inf))
    return offsets, distances - APART * (radii[:, None] + radii[None])


def _push(centres: Floats, radii: Floats, area: Floats) -> Floats:
    """Return for each object the direction away from what it comes too close to."""
    offsets, gaps = _gaps(centres, radii)
    reach = APART * radii[:, None]
    strength = np.clip(-gaps / reach, 0, 1)
    lengths = np.linalg.norm(offsets, axis=2) + np.eye(len(radii))
    apart = (offsets * (strength / lengths)[..., None]).sum(axis=1)
    margin = (1 + MARGIN) * radii[:, None]
    low = np.clip((margin - centres) / (MARGIN * radii[:, None]), 0, 1)
    high = np.clip((margin - area + centres) / (MARGIN * radii[:, None]), 0, 1)
    return np.asarray(2 * apart + low - high)


def _turned(heading: Floats, angles: Floats) -> Floats:
    sine, cosine = np.sin(angles), np.cos(angles)
    rows, cols = heading.T
    return np.stack([cosine * rows - sine * cols, sine * rows + cosine * cols], axis=1)
