"""`avrsp download`: the datasets of preset `paper`, one after the other, with progress to see."""

from __future__ import annotations

from collections.abc import Iterable

from avrsp import paths
from avrsp.data import sheets
from avrsp.data.datasets import DATASETS
from avrsp.data.download import incoming, pins, state
from avrsp.data.download.fetch import Means, bring
from avrsp.errors import RawDataError
from avrsp.params import DataParams


def bring_all(
    datasets: Iterable[str], renewed: Iterable[str], data: DataParams, fraction: float
) -> list[str]:
    """Bring datasets to the raw folder; return a line for each that is absent.

    Args:
        datasets: Their keys.
        renewed: Names of archives whose checksum is forgotten first.
        data: Where to look for archives and sheets.
        fraction: Of each training list that is validation, on which the videos' names do not hang.

    Raises:
        RawDataError: There is no archive of a name in `renewed`.
        ParamsError: A sheet is missing or wrong.
    """
    for name in renewed:
        _forget(name)
    raw, folder = paths.raw("paper"), sheets.folder(data.sheets)
    said = []
    for dataset in datasets:
        videos = [row.video for row in sheets.published(folder, dataset, fraction)]
        place = state.place(raw, dataset)
        said.append(bring(dataset, raw, videos, Means(data.mirrors), place))
    return [line for line in said if line]


def _forget(name: str) -> None:
    archives = [archive.name for spec in DATASETS.values() for archive in spec.archives]
    known = {f"{archive}{suffix}" for archive in archives for suffix in incoming.SUFFIXES}
    if name not in known:
        listed = ", ".join(sorted(pins.read())) or "none yet"
        raise RawDataError(f"{name}: no such archive; noted are: {listed}")
    pins.forget(name)
