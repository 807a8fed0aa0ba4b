"""One video on its way to its results: maps are predicted, or read again, and then written."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from avrsp.media.probe import Media
from avrsp.media.reader import VideoReader
from avrsp.prediction import areas, exports, frame_facts, kept_maps
from avrsp.prediction.areas import Box
from avrsp.prediction.engine import Resumption
from avrsp.prediction.frame_folder import FrameFolder
from avrsp.prediction.kept_maps import KeptMaps
from avrsp.prediction.overlay import Panel
from avrsp.prediction.predictor import TimedMap
from avrsp.prediction.records import PredictionRecord, Settings, shown
from avrsp.prediction.showing import Showing
from avrsp.prediction.wanted import SHOWN, Form, OutputChoice, Result, Variant, own_result
from avrsp.progress import track

Writer = Callable[[Path, KeptMaps, Media], None]

EXACT: Final[tuple[Form, ...]] = ("npz", "zarr")
"""Forms from which maps are read again; the others are coarser."""


@dataclass
class VideoJob:
    """An opened video and what is wanted of it.

    Attributes:
        clip: The video.
        record: Of its results.
        wanted: Which results, and how they look.
        source: What the results depend on besides the video, the choice and the variants.
        boxes: Areas of interest of this video.
    """

    clip: VideoReader | FrameFolder
    record: PredictionRecord
    wanted: OutputChoice
    source: Settings
    boxes: Sequence[Box]
    _kept: dict[str, KeptMaps] = field(default_factory=dict)
    _at: dict[str, Resumption] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """How many frames have maps, of the variant that has fewest."""
        return min((len(each) for each in self._kept.values()), default=0)

    def written(self, missing: Sequence[Result]) -> Iterator[Result]:
        """Write the results, and yield each once it is whole.

        Raises:
            RawDataError: The video cannot be read, or a result not be written.
        """
        needed = {each.suffix: each for result in missing for each in result.sources}
        for variant in needed.values():
            self._predict(variant)
        writers = self._writers()
        for result in missing:
            if result.form not in SHOWN:
                (variant,) = result.sources
                writers[result.form](result.path, self._kept[variant.suffix], self.clip.media)
                yield result
        yield from self._show([each for each in missing if each.form in SHOWN])

    def leave(self) -> str:
        """Keep the maps for a later call, and say how many there are."""
        count, expected = self.frames, self.clip.media.expected
        for suffix, kept in self._kept.items():
            at = self._at[suffix]
            kept.leave(at.first, at.state) if len(kept) else kept.remove()
        of = f" of about {expected:,}" if expected else ""
        return (
            f"{count:,}{of} frames of {shown(self.clip.path)} are predicted and kept; the same "
            "command goes on from there"
        )

    def remove(self) -> None:
        """Give the space of the maps back."""
        for kept in self._kept.values():
            kept.remove()

    def _predict(self, variant: Variant) -> None:
        """Have the maps of a variant: those of an exact form, else predicted ones."""
        stem, suffix = self.record.stem, variant.suffix
        path = stem.with_name(f".{stem.name}{suffix}{kept_maps.ENDING}")
        kept = self._kept[suffix] = KeptMaps(path, self._key(variant))
        at = self._at[suffix] = Resumption()
        maps = self._there(variant)
        if maps is not None:
            kept.keep_first(0)
        else:
            self._resume(variant, kept, at)
            maps = self._predicted(variant, at)
        label = f"{self.clip.path.name} {variant.label}".strip()
        total, first = self.clip.media.expected, len(kept)
        for time, saliency in track(maps, total=total, label=shown(label), first=first):
            kept.add(time, saliency)

    def _key(self, variant: Variant) -> str:
        """Return a digest of all that the maps depend on."""
        facts = [self.record.source(), self.source, variant.settings(self.wanted)]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _resume(self, variant: Variant, kept: KeptMaps, at: Resumption) -> None:
        """Go on behind the maps that an interrupted call left."""
        if variant.predictor.method == "recurrent":
            count, state = kept.state()
            at.first, at.state = (count, state) if count <= len(kept) else (0, None)
        else:
            at.first = len(kept) // self.wanted.stride * self.wanted.stride
        kept.keep_first(at.first)
        if at.first:
            sys.stderr.write(f"{shown(self.clip.path)}: goes on after {at.first:,} frames\n")

    def _predicted(self, variant: Variant, at: Resumption) -> Iterator[TimedMap]:
        """Yield the time and map of each frame that has none yet."""
        predictor, clip = variant.predictor, self.clip
        spec = predictor.spec
        return predictor.timed_maps(
            clip.frames(spec.height, spec.width, spec.resize or "bilinear"),
            clip.sound if spec.audio and variant.hears else np.zeros(0, np.float32),
            clip.media.fps,
            expected=clip.media.expected,
            stride=self.wanted.stride,
            resumption=at,
        )

    def _there(self, variant: Variant) -> Iterator[TimedMap] | None:
        """Return the times and maps of an earlier call, where they are kept in an exact form."""
        for form in EXACT:
            result = own_result(form, self.record.stem, self.wanted, variant, self.source)
            if not self.record.holds({result.path.name: result.settings}):
                continue
            if form == "npz":
                return exports.read_npz(result.path)
            spec = variant.predictor.spec
            times = (frame.time for frame in self.clip.frames(spec.height, spec.width))
            return zip(times, exports.read_zarr(result.path), strict=False)
        return None

    def _writers(self) -> Mapping[Form, Writer]:
        """Return what writes each form that needs maps alone."""
        boxes = self.boxes
        return {
            **exports.WRITERS,
            "json": frame_facts.write_json,
            "csv": frame_facts.write_csv,
            "areas": lambda path, maps, media: areas.write_areas(path, maps, media, boxes),
            "areas-plot": lambda path, maps, media: areas.plot_areas(path, maps, media, boxes),
        }

    def _show(self, missing: Sequence[Result]) -> Iterator[Result]:
        """Write what needs the pictures, too."""
        if not missing:
            return
        among = missing[0].sources
        showing = Showing(
            self.clip,
            [self._kept[each.suffix] for each in among],
            [Panel(each.label, each.predictor.generated_only) for each in among],
            self.wanted.style,
            self.wanted.side_by_side,
        )
        by_form = {each.form: each for each in missing}
        label = shown(f"{self.clip.path.name}, pictures")
        for form in showing.write({form: each.path for form, each in by_form.items()}, label):
            yield by_form[form]
