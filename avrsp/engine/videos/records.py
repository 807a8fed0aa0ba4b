"""What was predicted from what, beside the results, so that running again skips what is done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avrsp.files import write_json


@dataclass(frozen=True, slots=True)
class Record:
    """The file `<name>.prediction.json`; it is written last, so what it lists is whole.

    Attributes:
        stem: Folder and name of the results.
        video: The video that they were predicted from.
        settings: All that the results depend on besides the video, of types that JSON knows.
    """

    stem: Path
    video: Path
    settings: Mapping[str, object]

    @property
    def path(self) -> Path:
        """Where the record lies."""
        return self.stem.with_name(f"{self.stem.name}.prediction.json")

    def holds(self) -> bool:
        """Say whether the results are there, from this very video and these settings."""
        try:
            said = json.loads(self.path.read_text())
            files = [self.stem.with_name(name) for name in said["files"]]
            same = said["settings"] == dict(self.settings) and said["video"] == self._source()
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False
        return same and all(path.exists() for path in files)

    def clear(self) -> None:
        """Forget the results before they are replaced."""
        self.path.unlink(missing_ok=True)

    def write(self, files: Sequence[Path], *, frames: int, notes: Sequence[str]) -> None:
        """Record that `files` hold the results of all `frames` frames."""
        content = {
            "video": self._source(),
            "settings": dict(self.settings),
            "files": [path.name for path in files],
            "frames": frames,
            "notes": list(notes),
        }
        write_json(self.path, content)

    def _source(self) -> dict[str, object]:
        facts = self.video.stat()
        return {
            "path": str(self.video.resolve()),
            "bytes": facts.st_size,
            "modified": facts.st_mtime_ns,
        }
