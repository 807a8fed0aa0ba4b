"""What things are called: metrics, datasets, methods, and the runs of training."""

from __future__ import annotations

import re
from typing import Final

HEADINGS: Final = {"sim": "SIM", "cc": "CC", "nss": "NSS", "auc_judd": "AUC-J", "kl": "KL"}
DIGITS: Final = {"sim": 3, "cc": 3, "nss": 2, "auc_judd": 3, "kl": 3}
"""Decimals of each metric, as the paper prints them."""

LOWER_IS_BETTER: Final = frozenset({"kl"})

TITLES: Final = {
    "diem": "DIEM",
    "etmd": "ETMD",
    "avad": "AVAD",
    "coutrot1": "Coutrot1",
    "coutrot2": "Coutrot2",
    "summe": "SumMe",
    "dhf1k": "DHF1K",
    "mean": "Mean of the datasets",
}

MODELS: Final = {"V": "AVRSP(V)", "AV": "AVRSP(AV)"}
REFERENCES: Final = {
    "uniform": "uniform",
    "centre prior": "centre prior",
    "other frame": "other frame †",
}


def title(dataset: str) -> str:
    """Return a dataset's name as people write it."""
    return TITLES.get(dataset, dataset)


def method_name(run: str) -> str:
    """Return what a run's name says of the method: "V", "AV", or "centre prior" and the like."""
    method = re.sub(r"-split\d+$", "", run).replace("-", " ")
    return method.upper() if method in {"v", "av"} else method


def is_run(name: str) -> bool:
    """Return whether a file is named after a run of the chain, and not after given maps."""
    return re.search(r"-split\d+$", name) is not None


def given_name(method: str) -> str:
    """Return what a method is called whose maps were given."""
    return f"{method} ‡"


def run_name(model: str, split: int) -> str:
    """Return the name of the run that trained `model` on a split."""
    return f"{model.lower()}-split{split}"


def in_order(run: str) -> tuple[str, int]:
    """Return a key that sorts pretraining first, then split by split V before AV."""
    model, _, split = run.partition("-split")
    return split, len(model)
