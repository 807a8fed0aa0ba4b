"""The one door to every network: `zoo.build(name, **settings)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from torch import nn

from avrsp.errors import ParamsError
from avrsp.nn import weights
from avrsp.zoo import avrsp

MODELS: Final[Mapping[str, Callable[..., nn.Module]]] = {"avrsp": avrsp.build}


def build(name: str, **settings: Any) -> nn.Module:  # noqa: ANN401 - each model checks its own
    """Build a network that is called as `types.SaliencyModel`.

    Raises:
        ParamsError: No such model, or settings that it does not allow.
    """
    if name not in MODELS:
        raise ParamsError(f"no model {name!r}; allowed: {', '.join(MODELS)}")
    return MODELS[name](**settings)


def load_encoders(model: nn.Module, *, s3d: Path | None, soundnet: Path | None) -> None:
    """Start the encoders from converted weights; None leaves one as it is.

    `soundnet` is not used by a network without sound, so that V and AV share their parameters.

    Raises:
        WeightsError: A file is missing, or does not fit the network's width.
    """
    if s3d is not None:
        weights.load_into(model.get_submodule("encoder"), s3d)
    if soundnet is not None and hasattr(model.get_submodule("listen"), "soundnet"):
        weights.load_into(model.get_submodule("listen.soundnet"), soundnet)
