"""Where the results of a video go, what was written there, and whether it is whole and its own."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avrsp import files
from avrsp.datasets import raw
from avrsp.errors import RawDataError

ENDING: Final = ".prediction.json"
Settings = Mapping[str, object]

BEGINNING: Final = b'{\n  "'
"""Of every record; a person's file of that name which is no JSON begins otherwise."""

LONGEST: Final = 160
"""Bytes of a result's name before its ending, so that temporary names beside it fit, too."""


def names(videos: Sequence[Path]) -> list[str]:
    """Return a name for each video's results: its stem, longer only where two would be the same.

    a/walk.mp4 b/run.mp4       walk              run
    a/walk.mp4 b/walk.mp4      a-walk            b-walk
    a/walk.mp4 a/walk.avi      a-walk-mp4        a-walk-avi
    x/a/walk.mp4 y/a/walk.mp4  a-walk-mp4-(8 hexadecimal digits of the path's hash) each

    A link has its own name, not that of what it leads to. Very long names are cut.
    """
    paths = [_absolute(video) for video in videos]
    level = [0] * len(paths)
    for _ in range(len(_NAMES) - 1):
        chosen = [_NAMES[step](path) for step, path in zip(level, paths, strict=True)]
        count = Counter(name.casefold() for name in chosen)  # as some disks take them
        level = [
            step + (count[name.casefold()] > 1 and step < len(_NAMES) - 1)
            for step, name in zip(level, chosen, strict=True)
        ]
    return [_NAMES[step](path) for step, path in zip(level, paths, strict=True)]


def record_for(folder: Path, video: Path, name: str) -> PredictionRecord:
    """Return the record of a video's results in `folder`, which may be there from an earlier time.

    Results of another video are left alone: a longer name is taken instead. That of an earlier
    time is kept.
    """
    candidates = [name, *(longer(_absolute(video)) for longer in _NAMES[1:])]
    records = [PredictionRecord(folder / each, video) for each in dict.fromkeys(candidates)]
    own = next((record for record in records if record.is_own()), None)
    return own or next((each for each in records if not each.is_others()), records[-1])


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """The file `<name>.prediction.json`: which files hold the results of a video.

    It is written before them, so that they are known after any end, again with the digest of each
    as soon as that is whole, and once more at the end. docs/predict.md lists its keys.

    Attributes:
        stem: Folder and name of the results.
        video: The video that they are predicted from.
    """

    stem: Path
    video: Path

    @property
    def path(self) -> Path:
        """Where the record lies."""
        return self.stem.with_name(self.stem.name + ENDING)

    def is_own(self) -> bool:
        """Say whether results of this video are, or were to be, written under this name."""
        return bool(self._said().get("video", {}).get("path") == str(_absolute(self.video)))

    def is_others(self) -> bool:
        """Say whether the name belongs to another video."""
        return "video" in self._said() and not self.is_own()

    def holds(self, results: Mapping[str, Settings]) -> set[str]:
        """Return those of the names that are there and whole, from this very video and settings.

        Settings are all that a result depends on besides the video, of types that JSON knows.
        """
        said = self._said()
        listed = said.get("files", []) if said.get("video") == self.source() else []
        return {
            each["name"]
            for each in listed
            if each.get("settings") == dict(results.get(each["name"], {})) and self._is_whole(each)
        }

    def begin(self, names: Sequence[str]) -> None:
        """Record that results of those names will be written.

        Raises:
            RawDataError: One of them is there and was not written by a prediction of this video.
        """
        said = self._said()
        listed = said.get("files", [])
        known = {each["name"] for each in listed} | set(said.get("earlier", []))
        if said.get("damaged"):
            known = set(names)
        elif self.path.exists() and not said:
            raise self._foreign(self.path)
        for name in names:
            path = self.stem.with_name(name)
            if name not in known and os.path.lexists(path):
                raise self._foreign(path)
            inside = path.iterdir() if path.is_dir() else ()
            if stranger := next(filter(_is_stranger, inside), None):
                raise self._foreign(stranger)
        same = said.get("video") == self.source()
        kept = [each for each in listed if same and each["name"] not in names]
        earlier = known - set(names) - {each["name"] for each in kept}
        self._write([*kept, *({"name": name} for name in names)], earlier, whole=False)

    def add(self, written: Path, settings: Settings) -> None:
        """Record that a result is whole."""
        said = self._said()
        listed = [each for each in said.get("files", []) if each["name"] != written.name]
        entry = {"name": written.name, "sha256": _digest(written), "settings": dict(settings)}
        self._write([*listed, entry], said.get("earlier", []), whole=False)

    def finish(self, **facts: object) -> None:
        """Record that all results are whole, with `facts` about them."""
        said = self._said()
        self._write(said.get("files", []), said.get("earlier", []), whole=True, **facts)

    def abandon(self, names: Iterable[str], before: Sequence[str]) -> None:
        """Remove what was written under the names since `begin`, but for those of `before`."""
        dropped = set(names)
        for name in dropped - set(before):
            remove(self.stem.with_name(name))
        said = self._said()
        kept = [each for each in said.get("files", []) if each["name"] not in dropped]
        earlier = {*said.get("earlier", []), *(dropped & set(before))}
        if kept or earlier:
            self._write(kept, earlier, whole=False)
        else:
            self.path.unlink(missing_ok=True)

    def there(self, names: Sequence[str]) -> list[str]:
        """Return those of the names that exist."""
        return [name for name in names if os.path.lexists(self.stem.with_name(name))]

    def _write(
        self, listed: Sequence[Mapping[str, object]], earlier: Iterable[str], **facts: object
    ) -> None:
        content = {"video": self.source(), "files": listed, "earlier": sorted(earlier)}
        files.write_json(self.path, content | facts)

    def _said(self) -> dict[str, Any]:
        """Return what the record says: nothing if it is not one, `damaged` if it is no JSON."""
        try:
            said = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):
            own = self.path.read_bytes().startswith(BEGINNING)
            return {"damaged": True} if own else {}
        if not isinstance(said, dict) or not isinstance(said.get("video"), dict):
            return {}
        listed, earlier = said.get("files"), said.get("earlier", [])
        if not isinstance(listed, list) or not isinstance(earlier, list):
            return {}
        listed = [{"name": each} if isinstance(each, str) else each for each in listed]
        if not all(
            isinstance(each, dict) and self._may_be_own(each.get("name")) for each in listed
        ):
            return {}
        return {**said, "files": listed, "earlier": list(filter(self._may_be_own, earlier))}

    def _foreign(self, path: Path) -> RawDataError:
        return RawDataError(
            f"{path}: is there already and no result of this video; move it, or choose another "
            "--out"
        )

    def _may_be_own(self, name: object) -> bool:
        return isinstance(name, str) and name.startswith(self.stem.name) and "/" not in name

    def _is_whole(self, each: Mapping[str, Any]) -> bool:
        path = self.stem.with_name(each["name"])
        return path.exists() and _digest(path) == each.get("sha256")

    def source(self) -> dict[str, object]:
        """Say which video it is, in which state, and what it holds."""
        path, state = _absolute(self.video), raw.fingerprint([self.video])
        return {"path": str(path), "state": state, "sha256": _content(path, state)}

    def is_changed(self) -> bool:
        """Say whether the video holds something else than before, with the same size and times."""
        before, now = self._said().get("video", {}), self.source()
        other = before.get("sha256") not in {None, now["sha256"]}
        return other and all(before.get(key) == now[key] for key in ("path", "state"))


@functools.lru_cache(maxsize=16)
def _content(path: Path, _: str) -> str:
    return _digest(path) if path.exists() else ""


@functools.cache
def code() -> str:
    """Return the digest of the code that results depend on."""
    return files.code_digest("media", "models", "prediction")


def _is_stranger(path: Path) -> bool:
    """Say whether a file in a folder of maps is none of them: a person put it there."""
    return not re.fullmatch(r"\d{6,}\.png", path.name)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, where it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    if path.is_dir():
        return files.digest(each for each in path.iterdir() if each.is_file())
    return files.sha256(path)


def _absolute(path: Path) -> Path:
    """Return the path as it was given, from the root, without following links."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` follows links


def _stem(path: Path) -> str:
    return _cut(path.name if path.is_dir() else path.stem)


def _with_folder(path: Path) -> str:
    return _cut(f"{path.parent.name}-{path.stem}")


def _with_suffix(path: Path) -> str:
    return _cut(f"{path.parent.name}-{path.stem}-{path.suffix.lstrip('.')}")


def _with_hash(path: Path) -> str:
    return _cut(f"{_with_suffix(path)}-{_hash(os.fsencode(path))}")


def _cut(name: str) -> str:
    """Return the name, cut and with a hash of the whole where it is too long for a disk."""
    if len(os.fsencode(name)) <= LONGEST:
        return name
    head = name[:LONGEST]
    while len(os.fsencode(head)) > LONGEST - 9:
        head = head[:-1]
    return f"{head.rstrip()}-{_hash(os.fsencode(name))}"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


_NAMES: Final = (_stem, _with_folder, _with_suffix, _with_hash)
"""Names for a video's results, each longer and rarer than the one before."""


def shown(name: object) -> str:
    """Return a name or a line as it can be written anywhere: bytes that are no text are escaped."""
    return str(name).encode(errors="backslashreplace").decode()
