"""Verdicts on videos, and the manifest that collects them: the one file by which DVC knows stores.

A verdict says whether a video was kept, why not, what was noted, and which role it has in each of
the dataset's splits. Sizes, rates and roles are read from here, never derived again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from avrsp.errors import StoreError
from avrsp.files import sealed, sha256, unsealed, write_json
from avrsp.store import remote
from avrsp.store.members import entries_digest

COMMAND = "snakemake --cores all preprocess"

Role = Literal["train", "validation", "test", "none"]

EVERY_SPLIT = "all"
"""Name of the split of a dataset that is divided once: its roles hold in whatever split is asked
for."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Kind = TypeVar("Kind", bound=_Record)


class Verdict(_Record):
    """What became of one video.

    Attributes:
        dataset: Its key in the registry of datasets.
        video: Name in the dataset's sheet.
        kept: Whether it has a store.
        reason: Why it was set aside; None where it was kept.
        notes: Smaller findings, one short line each.
        frames: Frames in the store.
        fps: Frames a second, exact.
        height: Rows of the ground truth in pixels.
        width: Columns of the ground truth in pixels.
        has_sound: Whether it has a sound track.
        digest: SHA-256 of the store; empty where the video was set aside.
        entries: Digest of the store's list of entries, see `members.entries_digest`; likewise.
        roles: Role in each split, by the split's name.
        origin: Digest of all that the store follows from (raw files, sheet, layout, code); empty
            in the manifest.
    """

    dataset: str
    video: str
    kept: bool
    reason: str | None
    notes: list[str]
    frames: Annotated[int, Field(ge=0)]
    fps: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    height: Annotated[int, Field(ge=0)]
    width: Annotated[int, Field(ge=0)]
    has_sound: bool
    digest: str
    entries: str = ""
    roles: dict[str, Role]
    origin: str = ""

    def role(self, split: int | str) -> Role:
        """Return the video's role in a split; "none" where the dataset has no such split."""
        return self.roles.get(str(split), self.roles.get(EVERY_SPLIT, "none"))


class DatasetEntry(_Record):
    """One dataset: absent with its reason, or present with a verdict on every listed video."""

    present: bool
    reason: str | None
    videos: list[Verdict]


class Manifest(_Record):
    """Every dataset of a preset."""

    preset: str
    datasets: dict[str, DatasetEntry]

    def videos(self, datasets: Iterable[str], split: int | str, role: Role) -> list[Verdict]:
        """Return the kept videos that have `role` in `split`, by dataset and name.

        Raises:
            StoreError: A dataset is absent or unknown.
        """
        return [
            verdict
            for dataset in sorted(datasets)
            for verdict in sorted(self._entry(dataset).videos, key=lambda each: each.video)
            if verdict.kept and verdict.role(split) == role
        ]

    def only(self, datasets: Iterable[str], split: int | str, roles: Collection[Role]) -> Manifest:
        """Return the manifest of the kept videos that have one of `roles` in `split`.

        Raises:
            StoreError: A dataset is absent or unknown.
        """
        chosen = {
            dataset: [
                verdict
                for verdict in self._entry(dataset).videos
                if verdict.kept and verdict.role(split) in roles
            ]
            for dataset in sorted(datasets)
        }
        entries = {
            dataset: DatasetEntry(present=True, reason=None, videos=videos)
            for dataset, videos in chosen.items()
        }
        return Manifest(preset=self.preset, datasets=entries)

    def _entry(self, dataset: str) -> DatasetEntry:
        entry = self.datasets.get(dataset)
        if entry is None:
            known = ", ".join(sorted(self.datasets))
            raise StoreError(f"dataset {dataset}: not in the manifest, which has {known}")
        if not entry.present:
            raise StoreError(f"dataset {dataset}: absent ({entry.reason})")
        return entry


def read_manifest(path: Path) -> Manifest:
    """Read the manifest at `path`.

    Raises:
        StoreError: It is missing or damaged.
    """
    return _read(path, Manifest)


def read_verdict(path: Path) -> Verdict:
    """Read the verdict at `path`.

    Raises:
        StoreError: It is missing or damaged.
    """
    return _read(path, Verdict)


def _read(path: Path, kind: type[Kind]) -> Kind:
    name = kind.__name__.lower()
    try:
        return kind.model_validate(unsealed(path.read_bytes()))
    except FileNotFoundError:
        raise StoreError(f"{path}: no such {name}; run: {COMMAND}") from None
    except ValueError as error:
        raise StoreError(
            f"{path}: not a {name} ({_said(error)}); remove it and run: {COMMAND}"
        ) from None


def _said(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}"


def write_record(path: Path, record: Verdict | Manifest) -> None:
    """Write a verdict or a manifest as JSON with a digest of itself, atomically."""
    write_json(path, sealed(record.model_dump(mode="json")))


def store_path(folder: Path, verdict: Verdict) -> Path:
    """Return where the store of a kept video lies below `folder`."""
    return folder / verdict.dataset / f"{verdict.video}.zarr.zip"


def store_digest(store: Path) -> str:
    """Return the SHA-256 of a store, all of which is read, here or in object storage."""
    far = remote.pointer(store)
    return remote.content_digest(far) if far else sha256(store)


def verdict_path(folder: Path, dataset: str, video: str) -> Path:
    """Return where the verdict on a video lies below `folder`, beside its store."""
    return folder / dataset / f"{video}.json"


def address_of(place: str, verdict: Verdict) -> str:
    """Return where a kept video's store lies below an address of object storage."""
    return f"{place.rstrip('/')}/{verdict.dataset}/{verdict.video}.zarr.zip"


def link_stores(manifest: Manifest, folder: Path, place: str) -> None:
    """Write a pointer for each store of `manifest` that lies below `place` and has none here.

    So a clone that has the manifest alone, from a DVC remote, reads the stores of another one.

    Raises:
        StoreError: One is not there, or has another size than its pointer says; the message names
            the first of them.
        RemoteError: The object storage does not answer.
    """
    there = remote.sizes(place)
    for verdict in (each for each in _kept(manifest) if each.digest):
        path, address = store_path(folder, verdict), address_of(place, verdict)
        if not path.exists() and address in there:
            size = there[address]
            remote.point(path, remote.RemoteFile(address, size, verdict.digest, verdict.entries))
            if not verdict_path(folder, verdict.dataset, verdict.video).exists():
                write_record(verdict_path(folder, verdict.dataset, verdict.video), verdict)
        far = remote.pointer(path) if path.exists() else None
        if far and there.get(far.address) != far.size:
            raise StoreError(f"{far.address}: not there, or not as long as it was; run: {COMMAND}")


def _kept(manifest: Manifest) -> list[Verdict]:
    return [each for entry in manifest.datasets.values() for each in entry.videos if each.kept]


def check_stores(manifest: Manifest, folder: Path) -> None:
    """Make sure that every listed store is there and is the one that the manifest describes.

    Another video's store under this one's name is noticed, and so is a damaged list of entries.
    The entries' contents are not read here: each is compared with its checksum when it is used.

    Raises:
        StoreError: A store is gone, damaged, or another one; the message names the first of them.
        OSError: The machine cannot read one.
    """
    faults = [fault for verdict in _kept(manifest) if (fault := _fault(folder, verdict))]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise StoreError(f"{faults[0]}{more}; run: {COMMAND}")


def is_intact(folder: Path, verdict: Verdict) -> bool:
    """Tell whether the store of a kept video is there and is the one that `verdict` describes."""
    try:
        return entries_digest(store_path(folder, verdict)) == verdict.entries != ""
    except FileNotFoundError:
        return False


def _fault(folder: Path, verdict: Verdict) -> str | None:
    store = store_path(folder, verdict)
    if not store.exists():
        return f"{store}: the store is gone"
    try:
        beside = read_verdict(verdict_path(folder, verdict.dataset, verdict.video))
    except StoreError as error:
        return str(error).partition("; run:")[0]
    if lasting(beside) != verdict:
        return f"{store}: the verdict beside the store is not the one in the manifest"
    if not is_intact(folder, verdict):
        return f"{store}: not the store of this video that was converted, or a damaged one"
    return None


def lasting(verdict: Verdict) -> Verdict:
    """Leave out the origin: it differs where raw files were only copied or touched."""
    return verdict.model_copy(update={"origin": ""})
