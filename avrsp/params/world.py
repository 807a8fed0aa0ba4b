"""The section of params.yaml that describes the generated world of preset `sample`."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from avrsp.params.fields import Count, CountInterval, Even, Fraction, Interval, Positive, Section


class WorldVideos(Section):
    """How many videos each audio-visual set of the world has; a third of them is tested a split."""

    diem: Count
    coutrot1: Count
    coutrot2: Count
    avad: Count
    etmd: Count
    summe: Count


class WorldUnheard(Section):
    """The world's DHF1K, watched without its sound: frame height and videos of each role."""

    height: Even
    train: Count
    validation: Count
    test: Count


class WorldKinds(Section):
    """Shares of the three kinds of audio-visual clip; they sum to one."""

    sounding: Fraction
    music: Fraction
    silent: Fraction

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not math.isclose(self.sounding + self.music + self.silent, 1):
            raise PydanticCustomError("shares", "Input should be three shares that sum to 1")
        return self


class WorldScene(Section):
    """The moving objects: diameter in frame heights, speed in frame heights a second.

    In a clip without a sounding object one object is made conspicuous: its diameter and speed are
    multiplied, and its brightness pulses by so many grey levels.
    """

    diameter: Fraction
    speed: Positive
    conspicuous_diameter: Positive
    conspicuous_speed: Positive
    conspicuous_pulse: Positive


class WorldSound(Section):
    """Loudness (RMS, full scale 1) and how long, in seconds, an object sounds at the least."""

    rms: Interval
    stretch: Positive


class WorldViewers(Section):
    """The simulated viewers; times in seconds, jitter in frame widths, blur in pixels.

    `latency` is the time from a change of the object to follow to the saccade that answers it;
    a `lapse` is a fixation spent on another object. `blur` is the density's Gaussian deviation.
    """

    count: Annotated[int, Field(strict=True, ge=12)]
    fixation: Interval
    saccade: Interval
    latency: Interval
    jitter: Fraction
    lapse: Fraction
    blur: Positive


class WorldParams(Section):
    """The generated world of preset `sample`; height and width of the audio-visual sets' frames."""

    height: Even
    width: Even
    frames: CountInterval
    videos: WorldVideos
    unheard: WorldUnheard
    kinds: WorldKinds
    scene: WorldScene
    sound: WorldSound
    viewers: WorldViewers
