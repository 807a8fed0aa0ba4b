"""A misbehaving server, little patience with it, and the archives of a small dataset."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import pytest

from avrsp.datasets.download.archives import Limits
from avrsp.datasets.download.fetch import Means
from avrsp.datasets.download.transfer import Patience
from tests.datasets.download.server import Server, serving

VIDEOS = ("clip1", "clip2")
TREES = ("video_frames", "video_audio", "annotations")
PATIENCE = Patience(connect=1.0, stall=1.0, tries=3, pause=0.01)


def packed(files: Mapping[str, bytes], mode: Literal["w", "w:gz"] = "w:gz") -> bytes:
    """A tar file with these files, all of one second."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1_000_000_000
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def archive(tree: str) -> bytes:
    """One of the three archives of Coutrot 2."""
    return packed({f"Coutrot_db2/{video}/{tree}": video.encode() * 5_000 for video in VIDEOS})


def means(*mirrors: str) -> Means:
    """Fetch from these mirrors, without patience."""
    return Means(mirrors, PATIENCE, Limits())


def tree_of(folder: Path) -> dict[str, tuple[bytes, float]]:
    """Content and time of every file below a folder."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that has all three archives."""
    with serving() as running:
        for tree in TREES:
            running.files[f"/{tree}/Coutrot_db2.tar.gz"] = archive(tree)
        yield running
