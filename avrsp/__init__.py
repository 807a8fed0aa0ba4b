"""Audio-visual video saliency prediction, after Yu et al., arXiv 2411.11454.

`predict` gives the maps of a video, `metrics` scores maps, `models` builds and loads networks,
`datasets` knows the eye-tracking sets, `open_store` and `open_maps` read what the chain wrote.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from avrsp import datasets, metrics, models
    from avrsp.evaluate.map_readers import open_maps
    from avrsp.prediction.api import predict
    from avrsp.store.video_store import open_store

__all__ = ["datasets", "metrics", "models", "open_maps", "open_store", "predict"]

PLACES: Final = {
    "open_maps": "avrsp.evaluate.map_readers",
    "open_store": "avrsp.store.video_store",
    "predict": "avrsp.prediction.api",
}
"""Where the public functions are defined; the other public names are packages."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any name may be asked for
    """Import a public name, and torch where it needs that, when it is first asked for."""
    if name in PLACES:
        return getattr(import_module(PLACES[name]), name)
    if name in __all__:
        return import_module(f"avrsp.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
