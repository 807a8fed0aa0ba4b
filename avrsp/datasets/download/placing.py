"""Files of a dataset that counts its own videos, from where a person put them to the raw folder.

Nothing is looked for by a video's name: which videos there are is not known before. Folders are
linked, archives unpacked, and what is in place already is left as it is.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from avrsp import files
from avrsp.datasets import pins
from avrsp.datasets.dataset_registry import Archive, DatasetSpec
from avrsp.datasets.download import hub, incoming
from avrsp.datasets.download.archives import Limits, unpack
from avrsp.errors import RawDataError


def place(dataset: DatasetSpec, raw: Path) -> str:
    """Bring archives, unpacked or not, and single files below `raw`; return where they were.

    They are looked for at their place below `raw` and below `data/raw/incoming`. A dataset without
    archives lies where it is. Any part may be missing: what is there is used.

    Raises:
        RawDataError: An archive is damaged, or no part of the dataset is there.
    """
    if not dataset.archives:
        return dataset.folder
    brought = incoming.folder(raw)
    origins = {_placed(archive, raw, brought) for archive in dataset.archives} - {None}
    if not origins:
        parts = ", ".join(
            str(Path(each.name).relative_to(dataset.folder)) for each in dataset.archives
        )
        raise RawDataError(
            f"{dataset.key}: no part of it is there; run: avrsp download {dataset.key}, or put "
            f"{parts} below {brought / dataset.folder}, as archives or unpacked"
        )
    for name in dataset.side_files:
        source, target = brought / dataset.folder / name, raw / dataset.folder / name
        if source.is_file():
            content = source.read_bytes()
            if not target.exists() or target.read_bytes() != content:
                files.write_bytes(target, content)
    return " and ".join(sorted(str(each / dataset.folder) for each in origins if each))


def is_placed(dataset: DatasetSpec, raw: Path) -> bool:
    """Tell whether a person brought any part of a dataset, so that none is downloaded."""
    if (raw / dataset.folder / hub.REVISION).exists():
        return False  # it was downloaded, and may have to be gone on with
    return any(
        (folder / f"{archive.name}{suffix}").exists()
        for folder in (raw, incoming.folder(raw))
        for archive in dataset.archives
        for suffix in ("", *incoming.SUFFIXES)
    )


def _placed(archive: Archive, raw: Path, brought: Path) -> Path | None:
    """Bring one archive to its place; return the folder below which it was found."""
    target = raw / archive.folder
    if target.is_dir():
        return raw
    if target.is_symlink():  # it leads nowhere
        target.unlink()
    if (brought / archive.name).is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to((brought / archive.name).resolve())
        return brought
    for folder in (raw, brought):
        for suffix in incoming.SUFFIXES:
            path = folder / f"{archive.name}{suffix}"
            if path.is_file():
                _unpacked(archive, path, target, raw)
                if folder == raw and (raw / Path(archive.folder).parts[0] / hub.REVISION).exists():
                    path.unlink()  # it was downloaded, and takes as much room again
                return folder
    return None


def _unpacked(archive: Archive, path: Path, target: Path, raw: Path) -> None:
    name = archive.name + path.name.removeprefix(Path(archive.name).name)
    pin = pins.checked(name, path, raw)
    if archive.sha256 and pin.sha256 != archive.sha256:
        sys.stderr.write(
            f"{path}: SHA-256 {pin.sha256[:12]}, the page of its authors shows "
            f"{archive.sha256[:12]}: it is another version, or not their file\n"
        )
    staging = target.with_name(f".tmp-{target.name}")
    shutil.rmtree(staging, ignore_errors=True)  # what a killed run left
    staging.mkdir(parents=True)
    try:
        unpack(path, staging, Limits())
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    pins.note(name, pin, raw)
