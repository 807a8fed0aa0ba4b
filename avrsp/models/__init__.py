"""The networks: registry, layers, and one entry each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avrsp.models.registry import build, names, register, spec
    from avrsp.models.saved import load

__all__ = ["build", "load", "names", "register", "spec"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any name may be asked for
    """Import the registry, and torch with it, when it is first asked for: reports need neither."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = "saved" if name == "load" else "registry"
    return getattr(import_module(f"{__name__}.{place}"), name)
