"""A dataset to its raw folders: from where it lies already, from what the user brought, or mirrors.

What became of it is its state, a small file that Snakemake waits for. A dataset that cannot be had
is absent, with the reason; that is no failure, and the others go on.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from avrsp.datasets import pins, sheets
from avrsp.datasets.dataset_registry import Archive, DatasetSpec, names, spec
from avrsp.datasets.download import hub, incoming, outcome, placing, transfer
from avrsp.datasets.download.archives import Limits, unpack
from avrsp.datasets.download.outcome import ArchiveSource, DownloadState, write
from avrsp.datasets.download.transfer import Patience, RoomError, UnknownHostError
from avrsp.errors import RawDataError, cleaned
from avrsp.params import DataParams
from avrsp.paths import Workspace
from avrsp.store.manifest import COMMAND

SUFFIX: Final = ".tar.gz"
"""Of every archive on the mirrors."""


@dataclass(frozen=True, slots=True)
class Means:
    """How archives are had.

    Attributes:
        mirrors: Addresses to use instead of the archives' own mirrors, if not None.
        patience: How long servers are waited for.
        limits: Beyond these an archive is not unpacked.
        unknown: Hosts whose names have led nowhere, which are not asked again.
    """

    mirrors: Sequence[str] | None = None
    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=Limits)
    unknown: set[str] = field(default_factory=set)


def bring(
    dataset: str, raw: Path, videos: Sequence[str], means: Means, state: Path
) -> tuple[DownloadState, list[str]]:
    """Bring a dataset below `raw` and write its `state`.

    Returns:
        The state, and a line for each thing that is absent or incomplete.

    Args:
        dataset: Its key.
        raw: The preset's raw folder; what is there is left as it is.
        videos: Names in its sheet, by which its folders are recognised.
        means: How archives are had.
        state: The file to write.
    """
    entry = spec(dataset)
    sys.stderr.write(f"{dataset}: {entry.citation}. Licence: {entry.licence}.\n")
    sys.stderr.writelines(f"{dataset}: {quirk}\n" for quirk in entry.quirks)
    found = _prepared(entry, raw) if entry.prepare else fetch(entry, raw, videos, means)
    write(state, found)
    if not found.present:
        return found, [f"{dataset} is absent: {found.reason}"]
    lines = [
        f"{dataset}: {source.archive} has something for {source.found} of {source.listed} videos; "
        "the others are set aside"
        for source in found.sources
        if source.found < source.listed
    ]
    return found, lines


def fetch(dataset: DatasetSpec, raw: Path, videos: Sequence[str], means: Means) -> DownloadState:
    """Bring all archives of a dataset below `raw`, as far as they can be had."""
    sources, faults = [], []
    with _alone(raw, dataset.key):
        for archive in dataset.archives:
            try:
                sources.append(_Fetching(archive, raw, videos, means).source())
            except RawDataError as error:
                faults.append((archive.name, cleaned(str(error))))
    reason = f"{'; '.join(fault for _, fault in faults)}; then run: {COMMAND}" if faults else None
    return DownloadState(
        dataset=dataset.key,
        present=not faults,
        reason=reason,
        missing=[name for name, _ in faults],
        sources=sources,
    )


def _prepared(dataset: DatasetSpec, raw: Path) -> DownloadState:
    """Place the files of a dataset that counts its own videos, and let it count them."""
    assert dataset.prepare is not None
    assert dataset.list_videos is not None
    sources, reason = [], None
    with _alone(raw, dataset.key):
        try:
            origin = placing.place(dataset, raw)
            dataset.prepare(raw)
            there = len(dataset.list_videos(raw))
            name = dataset.key
            sources = [
                ArchiveSource(archive=name, origin=origin, pin=None, found=there, listed=there)
            ]
        except RawDataError as error:
            reason = f"{cleaned(str(error))}; then run: {COMMAND}"
        stamp = outcome.stamp(dataset, raw)
    missing = [] if reason is None else [dataset.key]
    return DownloadState(
        dataset=dataset.key,
        present=reason is None,
        reason=reason,
        missing=missing,
        sources=sources,
        stamp=stamp,
    )


@contextmanager
def _alone(raw: Path, dataset: str) -> Iterator[None]:
    """Wait while another process brings the same dataset."""
    raw.mkdir(parents=True, exist_ok=True)
    with FileLock(raw / f".{dataset}.busy"):
        yield


@dataclass(frozen=True, slots=True)
class _Fetching:
    """One archive on its way."""

    archive: Archive
    raw: Path
    videos: Sequence[str]
    means: Means

    @property
    def place(self) -> Path:
        return self.raw / self.archive.folder

    def source(self) -> ArchiveSource:
        """Bring the archive's folder to its place and say where it came from."""
        if self.place.is_dir():
            return self._source_from(str(self.place), None)
        pins.read(self.raw)  # a damaged one must not cost a download
        brought = incoming.find(self.archive, self.raw)
        if brought is None:
            return self._from_mirrors()
        if brought.is_file():
            return self._unpacked(brought, str(brought))
        held = incoming.rooted(brought, self.archive, self.videos)
        self._clear()
        self.place.symlink_to(held.resolve())
        return self._source_from(str(brought), None)

    def _from_mirrors(self) -> ArchiveSource:
        faults = []
        for address in secured(self.archive.addresses(self.means.mirrors)):
            host = _host(address)
            if host in self.means.unknown:
                continue
            try:
                return self._from(address)
            except RoomError:
                raise
            except RawDataError as error:
                if isinstance(error, UnknownHostError):
                    self.means.unknown.add(host)
                faults.append(cleaned(str(error)))
                sys.stderr.write(f"{faults[-1]}\n")
        tried = f"{'; '.join(faults)}: " if faults else ""
        why = "no mirror gave it" if self.archive.mirrors else "takes a browser"
        raise RawDataError(
            f"{tried}{self.archive.name} is not there and {why}: get it from "
            f"{' or '.join(self.archive.pages)} and put it at "
            f"{incoming.where(self.archive, self.raw)}"
            + "".join(
                f"; {each.name} is none of these"
                for each in incoming.others(self.archive, self.raw)
            )
        )

    def _from(self, address: str) -> ArchiveSource:
        parts = urlsplit(address)
        if parts.scheme in {"", "file"}:
            path = Path(unquote(parts.path))
            if not path.is_file():
                raise RawDataError(f"{address}: no such file")
            return self._unpacked(path, transfer.bare(address))
        target = self.raw / ".archives" / f"{self.archive.name}{SUFFIX}"
        if not target.exists():
            patience = self.means.patience
            if parts.scheme == "https" and address not in self._given:
                patience = replace(patience, tries=1)
            transfer.transfer(address, target, patience)
        try:
            source = self._unpacked(target, transfer.bare(address))
        except RawDataError:
            target.unlink()  # it must come anew
            raise
        target.unlink()  # unpacked it takes as much room again
        return source

    @property
    def _given(self) -> tuple[str, ...]:
        return self.archive.addresses(self.means.mirrors)

    def _unpacked(self, archive: Path, origin: str) -> ArchiveSource:
        name = self.archive.name + archive.name.removeprefix(self.place.name)
        pin = pins.checked(name, archive, self.raw)
        if name not in pins.read(self.raw):
            sys.stderr.write(
                f"{name}: brought for the first time; nobody publishes a checksum, so nothing "
                f"vouches for it; {pins.place(self.raw).name} notes its SHA-256, which holds from "
                "now on\n"
            )
        self._clear()
        staging = self.place.with_name(f".tmp-{self.place.name}")
        shutil.rmtree(staging, ignore_errors=True)  # what a killed run left
        staging.mkdir()
        try:
            unpack(archive, staging, self.means.limits)
            incoming.rooted(staging, self.archive, self.videos).rename(self.place)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        pins.note(name, pin, self.raw)
        return self._source_from(origin, pin)

    def _clear(self) -> None:
        """Make the place's parent, and remove a link there that leads nowhere."""
        self.place.parent.mkdir(parents=True, exist_ok=True)
        if self.place.is_symlink():
            self.place.unlink()

    def _source_from(self, origin: str, pin: pins.Pin | None) -> ArchiveSource:
        return ArchiveSource(
            archive=self.archive.name,
            origin=origin,
            pin=pin,
            found=incoming.count(self.place, self.archive, self.videos),
            listed=len(self.videos),
        )


def secured(addresses: Iterable[str]) -> list[str]:
    """Return addresses with https asked before http, each once.

    Without a checksum, nothing but https says that an archive is the host's own.
    """
    found: dict[str, None] = {}
    for address in addresses:
        if address.startswith("http://"):
            found.setdefault(address.replace("http://", "https://", 1))
        found.setdefault(address)
    return list(found)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        raise RawDataError(
            f"{transfer.bare(address)}: not an address; correct data.mirrors"
        ) from None


def bring_all(
    datasets: Iterable[str],
    workspace: Workspace,
    renewed: Iterable[str],
    data: DataParams,
    fraction: float,
    videos: int | None = None,
) -> tuple[list[str], bool]:
    """Bring datasets to the raw folder.

    Returns:
        A line for each thing that is absent or incomplete, and whether all datasets are there.

    Args:
        datasets: Their keys.
        workspace: Whose raw folder and sheets.
        renewed: Names of archives whose checksum is forgotten first.
        data: Where to look for archives and sheets.
        fraction: Of each training list that is validation, on which the videos' names do not hang.
        videos: So many of a dataset on the Hugging Face hub; all by default.

    Raises:
        RawDataError: There is no archive of a name in `renewed`.
        ParamsError: A sheet is missing or wrong.
    """
    raw, folder = workspace.raw("paper"), sheets.folder(workspace.folder, data.sheets)
    for name in renewed:
        _forget(name, raw)
    lines, present, means = [], True, Means(data.mirrors)
    for dataset in datasets:
        entry, place = spec(dataset), outcome.place(raw, dataset)
        if entry.repository and not placing.is_placed(entry, raw):
            hub.bring(entry, raw, videos)
        listed = [row.video for row in sheets.published(folder, dataset, fraction, raw)]
        state, own = bring(dataset, raw, listed, means, place)
        lines += own
        present = present and state.present
    return lines, present


def _forget(name: str, raw: Path) -> None:
    archives = [archive.name for key in names() for archive in spec(key).archives]
    known = {f"{archive}{suffix}" for archive in archives for suffix in incoming.SUFFIXES}
    if name not in known:
        listed = ", ".join(sorted(pins.read(raw))) or "none yet"
        raise RawDataError(f"{name}: no such archive; noted are: {listed}")
    pins.remove(name, raw)
