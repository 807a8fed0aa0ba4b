"""The one door to every network: `zoo.build(name, **settings)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from torch import nn

from avrsp.errors import ParamsError
from avrsp.models.avrsp import build as avrsp

MODELS: Final[Mapping[str, Callable[..., nn.Module]]] = {"avrsp": avrsp.build}


def build(name: str, **settings: Any) -> nn.Module:  # noqa: ANN401 - each model checks its own
    """Build a network that is called as `types.SaliencyModel`.

    Raises:
        ParamsError: No such model, or settings that it does not allow.
    """
    if name not in MODELS:
        raise ParamsError(f"no model {name!r}; allowed: {', '.join(MODELS)}")
    return MODELS[name](**settings)
