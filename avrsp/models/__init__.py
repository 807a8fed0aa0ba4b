"""The networks: registry, layers, and one entry each."""

from avrsp.models.registry import build, names, register, spec
from avrsp.models.saved import load

__all__ = ["build", "load", "names", "register", "spec"]
