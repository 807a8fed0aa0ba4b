"""What only the real files of AViMoS, NTIRE 2026 and CrowdSAL can settle, a line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import scipy

from avrsp.datasets import msu_files, pins
from avrsp.datasets.gaze import blurred
from avrsp.datasets.msu_survey import VideoFacts, listed, meta, read_points
from avrsp.errors import RawDataError
from avrsp.media.luma import read_luma

SETS: Final = ("avimos", "ntire2026", "crowdsal")
REPLACED: Final = "ntire2026"
"""The set whose training fixations were replaced by a second version."""
LUMA_FRAMES: Final = 8
LONGEST: Final = 999
"""Frames beyond which the authors' first scoring code pairs frames wrongly."""


def findings(key: str, raw: Path, facts: Sequence[VideoFacts]) -> list[str]:
    """Return a line for each check, numbered; faults that set a video aside come first."""
    good = [each for each in facts if not each.fault]
    lines = [f"{each.video} cannot be used: {each.fault}" for each in facts if each.fault]
    root = raw / key
    checks = (
        _folders(facts),
        _split(key, root, facts),
        _order(good),
        _whole(good),
        _points(good),
        _equal_counts(good),
        _rates(good),
        _maps(root, good),
        _sigma(root, good),
        _sound(good),
        _long(good),
        _fields(root, facts),
        _archives(key, root),
        _overlap(key, raw),
    )
    return lines + [f"check {number}: {said}" for number, said in enumerate(checks, start=1)]


def _folders(facts: Iterable[VideoFacts]) -> str:
    found = Counter(str(Path(path).parents[0]) for each in facts for path in each.paths[:2])
    return "files in " + ", ".join(f"{folder} ({count})" for folder, count in sorted(found.items()))


def _split(key: str, root: Path, facts: Sequence[VideoFacts]) -> str:
    there = Counter(each.part for each in facts)
    found = ", ".join(f"{count} {part}" for part, count in sorted(there.items()))
    if key == msu_files.SINGLE:
        return f"{found} by folder"
    split = msu_files.read_split(root)
    if not split:
        return f"no {msu_files.SPLIT}; {found} by folder"
    text = (root / msu_files.SPLIT).read_text(encoding="utf-8")
    names = "with" if ".mp4" in text else "without"
    sizes = ", ".join(f"{len(each)} {part}" for part, each in split.items())
    return f"{msu_files.SPLIT} lists {sizes}, names {names} .mp4; there are {found}"


def _order(facts: Sequence[VideoFacts]) -> str:
    """Say in how many videos the longer side shows that points are `[y, x]`."""
    sure = [each for each in facts if max(each.largest) >= min(each.size)]
    right = [each for each in sure if np.argmax(each.largest) == np.argmax(each.size)]
    return (
        f"points are [y, x]: the longer side shows it in {len(right)} of {len(facts)} videos, "
        f"nothing shows it in {len(facts) - len(sure)}, [x, y] in {len(sure) - len(right)}"
    )


def _whole(facts: Sequence[VideoFacts]) -> str:
    broken, outside = (sum(getattr(each, name) for each in facts) for name in ("broken", "outside"))
    return f"{broken} points are no whole numbers, {outside} lie beyond the frame and are left out"


def _points(facts: Sequence[VideoFacts]) -> str:
    points, lists = sum(each.points for each in facts), sum(each.lists for each in facts)
    most, repeats = max((each.most for each in facts), default=0), sum(e.repeats for e in facts)
    indented = sum(each.indented for each in facts)
    return (
        f"{points / max(lists, 1):.1f} points a frame, {most} at most, {repeats} repeated; "
        f"{indented} of {len(facts)} files are indented"
    )


def _equal_counts(facts: Sequence[VideoFacts]) -> str:
    odd = [each.video for each in facts if not each.frames == each.maps[0] == each.lists]
    empty = sum(each.empty for each in facts)
    return f"frames, maps and lists differ in {_named(odd)}; {empty} lists are empty"


def _rates(facts: Sequence[VideoFacts]) -> str:
    rates = Counter(each.rate for each in facts)
    turned = [each.video for each in facts if each.rotation]
    found = ", ".join(f"{rate} ({count})" for rate, count in sorted(rates.items()))
    gaps = [each.video for each in facts if each.gap]
    return f"frames a second: {found}; gaps: {_named(gaps)}; turned when shown: {_named(turned)}"


def _maps(root: Path, facts: Sequence[VideoFacts]) -> str:
    formats = Counter(each.map_format for each in facts)
    found = ", ".join(f"{name} ({count})" for name, count in sorted(formats.items()))
    other = [each.video for each in facts if each.maps[1:] != each.size]
    low, high = [], []
    for each in facts[:1]:
        for plane in islice(read_luma(root / each.paths[1], clipped=False), LUMA_FRAMES):
            low.append(int(plane.min()))
            high.append(int(plane.max()))
    span = f"{min(low)} to {max(high)}" if low else "not read"
    return f"maps are {found}, luma {span}; of another size than the video: {_named(other)}"


def _sigma(root: Path, facts: Sequence[VideoFacts]) -> str:
    upright = [each for each in facts if each.size[0] > each.size[1]]
    lying = [each for each in facts if each.size[0] <= each.size[1]]
    said = []
    for name, group in (("landscape", lying), ("upright", upright)):
        if group:
            try:
                said.append(f"{_fitted(root, group[0]):.1f} pixels ({name}, {group[0].video})")
            except RawDataError as error:
                said.append(f"not fitted ({name}: {error})")
    return f"sigma of the maps, fitted: {', '.join(said) or 'no video'}"


def _fitted(root: Path, facts: VideoFacts) -> float:
    """Return the deviation in pixels of the Gaussians that best make a map of its points."""
    points = read_points(root / facts.paths[2], facts.size)
    first = [len(each.inside) or 10**9 for each in points[: LUMA_FRAMES * 4]]
    frame = int(np.argmin(first))
    plane = next(islice(read_luma(root / facts.paths[1]), frame, None)).astype(np.float64)
    target = (plane - plane.min()) / max(np.ptp(plane), 1)
    step = max(1, max(plane.shape) // 240)

    def error(sigma: float) -> float:
        made = blurred(points[frame].inside, facts.size, sigma)
        made = (made - made.min()) / max(np.ptp(made), 1e-12)
        return float(((made - target)[::step, ::step] ** 2).mean())

    bounds = (1.0, max(facts.size) / 8)
    return float(scipy.optimize.minimize_scalar(error, bounds=bounds, method="bounded").x)


def _sound(facts: Sequence[VideoFacts]) -> str:
    lack = [each.video for each in facts if each.sound is None]
    kinds = Counter(each.sound for each in facts if each.sound)
    found = ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items()))
    return f"without sound: {_named(lack)}; sound: {found or 'none'}"


def _long(facts: Sequence[VideoFacts]) -> str:
    return f"longer than {LONGEST} frames: {_named([e.video for e in facts if e.frames > LONGEST])}"


def _fields(root: Path, facts: Sequence[VideoFacts]) -> str:
    known = meta(root)
    fields = sorted({field for each in known.values() for field in each})
    lack = [each.video for each in facts if each.video not in known]
    return f"facts of videos: {', '.join(fields) or 'none'}; not credited: {_named(lack)}"


def _archives(key: str, root: Path) -> str:
    lack = [part for part in msu_files.parts(key) if not (root / part).is_dir()]
    said = f"parts that are not here: {', '.join(lack) or 'none'}"
    if key == REPLACED and (root / "FixationsTrain").is_dir():
        said += f"; {_version(key, root.parent)}"
    return said


def _version(key: str, raw: Path) -> str:
    """Say which version of NTIRE's training fixations was unpacked here; the first was replaced."""
    pin = pins.read(raw).get(f"{key}/FixationsTrain.zip")
    if pin is None:
        return "FixationsTrain was not unpacked here: whether it is the second version is not known"
    second = pin.sha256 == msu_files.SECOND_VERSION
    return f"FixationsTrain.zip is {'' if second else 'not '}the second version"


def _overlap(key: str, raw: Path) -> str:
    mine = _sources(key, raw)
    said = []
    for other in SETS:
        if other != key and listed(raw, other):
            shared = mine & _sources(other, raw)
            said.append(f"{len(shared)} sources are also in {other}")
    return "; ".join(said) or "no other of the three sets is here to compare sources with"


def _sources(key: str, raw: Path) -> set[str]:
    return {
        str(value)
        for facts in meta(raw / key).values()
        for field, value in facts.items()
        if "url" in field.lower() and str(value).startswith("http")
    }


def _named(videos: Sequence[str]) -> str:
    if not videos:
        return "none"
    shown = ", ".join(videos[:3])
    return f"{len(videos)} ({shown}{', ...' if len(videos) > 3 else ''})"  # noqa: PLR2004
