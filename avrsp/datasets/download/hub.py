"""Open sets from the Hugging Face hub: all of them, or so many videos for a first try.

The revision is noted at the first download and kept from then on, so that what comes later fits
what is there. Single files are gone on with where they stopped; of a zip archive only the entries
of the wanted videos are transferred, each compared with its checksum.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import shutil
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from avrsp import files, progress
from avrsp.datasets.dataset_registry import DatasetSpec
from avrsp.errors import RawDataError, cleaned

REVISION = "revision.json"

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError)
"""What zipfile raises on an archive that is damaged."""


class Hub(Protocol):
    """Where a repository of data lies."""

    def newest(self) -> str:
        """Return the id of its newest revision."""
        ...

    def names(self, revision: str) -> list[str]:
        """Return the names of all its files."""
        ...

    def bring(self, name: str, revision: str, folder: Path) -> Path:
        """Download a file to its name below `folder`, resuming a former try."""
        ...

    def open(self, name: str, revision: str) -> IO[bytes]:
        """Open a file of which parts are read."""
        ...


class HuggingFace:
    """A dataset's repository on the Hugging Face hub.

    Raises:
        RawDataError: The package `huggingface_hub` is not installed, or the hub does not answer.
    """

    def __init__(self, repository: str) -> None:
        try:
            self._hub: Any = importlib.import_module("huggingface_hub")
        except ImportError:
            raise RawDataError(
                f"{repository} is on the Hugging Face hub, which needs the package "
                "huggingface_hub; install it: pip install 'avrsp[hub]'"
            ) from None
        self._repository = repository
        faults = self._hub.errors
        self.faults: tuple[type[Exception], ...] = (
            faults.HfHubHTTPError,
            faults.LocalEntryNotFoundError,
            *(each for each in faults.HfHubHTTPError.__mro__ if each.__name__ == "HTTPError"),
        )

    def newest(self) -> str:
        """Return the id of the newest revision."""
        return str(self._hub.HfApi().dataset_info(self._repository).sha)

    def names(self, revision: str) -> list[str]:
        """Return the names of all files."""
        api = self._hub.HfApi()
        found = api.list_repo_files(self._repository, repo_type="dataset", revision=revision)
        return list(found)

    def bring(self, name: str, revision: str, folder: Path) -> Path:
        """Download a file to its name below `folder`."""
        place = {"repo_type": "dataset", "revision": revision, "local_dir": folder}
        return Path(self._hub.hf_hub_download(self._repository, name, **place))

    def open(self, name: str, revision: str) -> IO[bytes]:
        """Open a file that is read by ranges."""
        path = f"datasets/{self._repository}@{revision}/{name}"
        opened: IO[bytes] = self._hub.HfFileSystem().open(path, "rb")
        return opened


def bring(dataset: DatasetSpec, raw: Path, videos: int | None) -> None:
    """Download a dataset below `raw`, or `videos` of its videos, spread over its parts.

    Raises:
        RawDataError: The hub cannot be asked, or refuses.
    """
    hub = HuggingFace(dataset.repository)
    faults: tuple[type[Exception], ...] = (*hub.faults, *BROKEN)
    try:
        bring_from(hub, dataset, raw / dataset.folder, videos)
    except faults as error:
        raise RawDataError(
            f"{dataset.repository}: not downloaded ({cleaned(str(error))})"
        ) from None


def bring_from(hub: Hub, dataset: DatasetSpec, root: Path, videos: int | None) -> None:
    """Download to `root` what `bring` says, from any `hub`.

    Raises:
        RawDataError: The note of the revision is damaged, or an entry would lie elsewhere.
    """
    note = _noted(root)
    revision = str(note["revision"]) if note else hub.newest()
    there = hub.names(revision)
    sys.stderr.write(f"{dataset.key}: {dataset.repository} at revision {revision[:12]}\n")
    for name in dataset.side_files:
        if name in there:
            hub.bring(name, revision, root)
    parts = [archive.name.removeprefix(f"{dataset.folder}/") for archive in dataset.archives]
    packed = [f"{part}.zip" for part in parts if f"{part}.zip" in there]
    single = [name for name in there if name.rpartition("/")[0] in parts]
    _note(dataset, root, note, {"revision": revision, "videos": videos}, [*packed, *single])
    if videos is not None:
        single = _chosen_files(single, videos)
    if packed and videos is not None:
        _bring_entries(hub, revision, packed, root, videos)
    wanted = single if packed and videos is not None else [*packed, *single]
    for name in progress.track(wanted, total=len(wanted), label=dataset.key, unit="file"):
        if not _is_there(root, name):
            hub.bring(name, revision, root)


def _noted(root: Path) -> dict[str, Any]:
    """Return what was noted at the download before; nothing where there was none."""
    file = root / REVISION
    if not file.exists():
        return {}
    try:
        found = json.loads(file.read_bytes())
        return {"revision": str(found["revision"]), "videos": found["videos"]}
    except (ValueError, LookupError, TypeError):
        raise RawDataError(
            f"{file}: damaged; remove {root} and run the same command again"
        ) from None


def _note(
    dataset: DatasetSpec,
    root: Path,
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    whole: Sequence[str],
) -> None:
    """Note the revision and how many videos were asked for; make way where all are, after some.

    Where the whole set, whose files are `whole`, is there, it remains noted as such.
    """
    wanted = now["videos"]
    if before and before["videos"] is None and all(_is_there(root, name) for name in whole):
        wanted = None
    elif before and before["videos"] is not None and wanted is None:
        for archive in dataset.archives:  # a part would stand in the way of the whole
            shutil.rmtree(root.parent / archive.folder, ignore_errors=True)
    files.write_json(root / REVISION, {"repository": dataset.repository, **now, "videos": wanted})


def _is_there(root: Path, name: str) -> bool:
    return (root / name.removesuffix(".zip")).exists()


def spread(names: Sequence[str], count: int) -> list[str]:
    """Return `count` of the names, evenly spread over their order; all where there are fewer."""
    if count >= len(names):
        return list(names)
    return [names[number * len(names) // count] for number in range(count)]


def _chosen_files(names: Sequence[str], count: int) -> list[str]:
    """Return the files of `count` videos, of which each has one in every folder of its part."""
    videos = sorted({_video(name) for name in names})
    chosen = set(spread(videos, count))
    return [name for name in names if _video(name) in chosen]


def _video(name: str) -> str:
    """Return a file's part and stem: `Train/0001` for `Train/Saliency/0001.mp4`."""
    path = PurePosixPath(name)
    return f"{path.parts[0]}/{path.stem}"


def _bring_entries(hub: Hub, revision: str, packed: Sequence[str], root: Path, count: int) -> None:
    """Extract from archives on the hub the entries of `count` videos."""
    with contextlib.ExitStack() as opened:
        archives = {}
        for name in packed:
            stream = opened.enter_context(hub.open(name, revision))
            archives[name] = opened.enter_context(zipfile.ZipFile(stream))
        videos = {
            _owner(entry)
            for archive in archives.values()
            for entry in archive.namelist()
            if entry.endswith("fixations.json")
        }
        chosen = set(spread(sorted(videos), count))
        jobs = [
            (archive, entry, root / name.removesuffix(".zip"))
            for name, archive in archives.items()
            for entry in archive.infolist()
            if _owner(entry.filename) in chosen
        ]
        for job in progress.track(jobs, total=len(jobs), label="entries", unit="file"):
            _extract(*job)


def _owner(entry: str) -> str:
    """Return the video that an entry belongs to; empty for images and others that are not read."""
    path = PurePosixPath(entry)
    if path.name == "fixations.json":
        return path.parent.name
    return path.stem if path.suffix == ".mp4" else ""


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts:
        raise RawDataError(f"the entry {entry.filename!r} would lie outside the folder")
    target = folder / path
    if target.exists() and target.stat().st_size == entry.file_size:
        return
    with (
        files.replacing(target) as temporary,
        archive.open(entry) as content,
        temporary.open("wb") as stream,
    ):
        shutil.copyfileobj(content, stream)
