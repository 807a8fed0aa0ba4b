"""The datasets: registry, sheets, readers of raw layouts, downloads."""

from avrsp.datasets.dataset_registry import (
    Archive,
    DatasetSpec,
    check_params,
    names,
    register,
    register_named,
    spec,
    title,
)

__all__ = [
    "Archive",
    "DatasetSpec",
    "check_params",
    "names",
    "register",
    "register_named",
    "spec",
    "title",
]
