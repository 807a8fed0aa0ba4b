"""The pictures of a video: three objects, one of each kind, on a drifting, muted background."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from avrsp.data.world.looks import Canvas, Sprite, rgb
from avrsp.data.world.motion import Floats, paths
from avrsp.data.world.plan import OBJECT_KINDS, PlannedVideo
from avrsp.params import WorldParams, WorldScene

Frame = npt.NDArray[np.uint8]

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
    """

    centres: Floats
    radii: Floats
    angles: Floats
    boosts: Floats
    hue_shift: float
    tile: Canvas
    drift: Floats

    def frames(self, height: int, width: int) -> Iterator[Frame]:
        """Draw the frames in order, H x W x 3."""
        sprites = [
            Sprite(kind, radius, self.hue_shift)
            for kind, radius in zip(OBJECT_KINDS, self.radii, strict=True)
        ]
        for index, drift in enumerate(self.drift):
            canvas = _window(self.tile, drift % TILE, height, width)
            for number, sprite in enumerate(sprites):
                sprite.draw(
                    canvas,
                    self.centres[index, number],
                    self.angles[index, number],
                    self.boosts[index, number],
                )
            yield np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def compose(video: PlannedVideo, spec: WorldParams, seed: int) -> Scene:
    """Draw up the scene of `video`.

    Without a sounding object the one that viewers follow is larger, faster and pulses; in a
    sounding clip all three are alike.
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
    )


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
    rows = block[:-1] + row * (block[1:] - block[:-1])
    return np.asarray(rows[:, :-1] + col * (rows[:, 1:] - rows[:, :-1]))
