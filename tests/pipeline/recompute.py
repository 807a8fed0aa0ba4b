"""The printed numbers once more, from the rows of frames, by pandas and nothing of the package.

    python tests/pipeline/recompute.py FOLDER

FOLDER holds a finished run of protocol `avrsp` on one split: `params.yaml`, `data/scores`,
`reports/tables`. What disagrees is printed, a line each.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml  # noqa: TID251 - what makes numbers again reads their parameters itself
from numpy.typing import NDArray

METRICS = ["kl", "cc", "sim", "nss", "auc_judd", "auc_shuffled", "ig"]
HEADINGS = {
    "KL": "kl",
    "CC": "cc",
    "SIM": "sim",
    "NSS": "nss",
    "AUC-J": "auc_judd",
    "s-AUC": "auc_shuffled",
    "IG": "ig",
}
NAMES = {"v": "AVRSP(V)", "av": "AVRSP(AV)", "other frame": "other frame †"}
TITLES = {"SumMe": "summe", "ETMD": "etmd", "AVAD": "avad", "DIEM": "diem"}
TABLES = ("table-i", "table-ii", "table-more", "overview")

Array = NDArray[np.float64]


def disagreements(folder: Path) -> list[str]:
    """Return every number of the tables that does not follow from the rows, a line each."""
    wanted = numbers(folder)
    found = []
    for name in TABLES:
        for method, column, text in [*from_csv(folder, name), *from_markdown(folder, name)]:
            digits = len(text.partition(".")[2])
            # a value half-way between two digits may be rounded either way
            if abs(float(text) - wanted[method][column]) > 0.5 * 10.0**-digits + 1e-9:
                found.append(f"{name}: {method} {column}: {text}, not {wanted[method][column]:.7f}")
    return found


def from_csv(folder: Path, name: str) -> list[tuple[str, str, str]]:
    """Return method, column and text of this run's numbers in a table's CSV file."""
    table = pd.read_csv(folder / "reports" / "tables" / f"{name}.csv", dtype=str)
    own = table[table["group"] == "this run"].drop(columns=["group", "data", "source"])
    own = own.melt("method").dropna()
    return [(str(method), str(column), str(text)) for method, column, text in own.to_numpy()]


def from_markdown(folder: Path, name: str) -> list[tuple[str, str, str]]:
    """Return the same of a table's Markdown file, down to the rows that the paper printed."""
    content = (folder / "reports" / "tables" / f"{name}.md").read_text()
    rows = [
        [cell.strip(" *") for cell in line.strip("|").split("|")]
        for line in content.splitlines()
        if line.startswith("|")
    ]
    columns = [column_named(cell.rstrip("↑↓ ")) for cell in rows[0][1:] if cell != "Source"]
    printed = next((n for n, row in enumerate(rows) if row[0].startswith("Printed")), len(rows))
    return [
        (row[0], column, text)
        for row in rows[3:printed]
        for column, text in zip(columns, row[1 : 1 + len(columns)], strict=True)
    ]


def column_named(heading: str) -> str:
    """Return a Markdown heading as the CSV files write it: "SumMe AUC-J" is summe_auc_judd."""
    dataset, _, metric = heading.replace(" (generated)", "").rpartition(" ")
    return f"{TITLES.get(dataset, dataset.lower()) or 'mean'}_{HEADINGS[metric]}"


def numbers(folder: Path) -> dict[str, dict[str, float]]:
    """Return by method every score and both ends of its interval, named as the columns are."""
    settings = yaml.safe_load((folder / "params.yaml").read_text())
    resamples, seed = settings["evaluation"]["resamples"], settings["seed"]
    files = sorted((folder / "data" / "scores").glob("*-split1.parquet"))
    rows = pd.concat([pd.read_parquet(file) for file in files])
    rows = rows[rows["protocol"] == "avrsp"]
    found: dict[str, dict[str, float]] = {}
    for method, own in rows.groupby("method"):
        scores, draws = [], []
        named = found.setdefault(NAMES.get(str(method), str(method)), {})
        for dataset, frames in own.groupby("dataset"):
            videos = frames.groupby("video")[METRICS].mean()
            drawn = drawn_means(videos.to_numpy(), resamples, (seed, *str(dataset).encode()))
            named |= columns(str(dataset), videos.mean().to_numpy(), drawn, len(videos))
            scores.append(videos.mean().to_numpy())
            draws.append(drawn)
        fewest = int(own.groupby("dataset")["video"].nunique().min())
        named |= columns("mean", np.mean(scores, axis=0), np.mean(draws, axis=0), fewest)
    return found


def drawn_means(videos: Array, resamples: int, seed: tuple[int, ...]) -> Array:
    """Return the mean over the videos of each draw of as many, those without a score left out."""
    count = len(videos)
    times = np.random.default_rng(seed).multinomial(count, [1 / count] * count, size=resamples)
    means = [np.nanmean(np.repeat(videos, each, axis=0), axis=0) for each in times]
    return np.array(means)


def columns(dataset: str, scores: Array, draws: Array, videos: int) -> dict[str, float]:
    """Return a dataset's numbers by the names of their columns; one video has no interval."""
    found = {f"{dataset}_{name}": score for name, score in zip(METRICS, scores, strict=True)}
    if videos > 1:
        for name, column in zip(METRICS, draws.T, strict=True):
            low, high = np.percentile(column, [2.5, 97.5])
            found |= {f"{dataset}_{name}_low": low, f"{dataset}_{name}_high": high}
    return found


if __name__ == "__main__":
    said = disagreements(Path(sys.argv[1]))
    sys.exit("\n".join(said) or None)
