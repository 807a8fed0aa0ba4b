"""Audio-visual video saliency prediction, after Yu et al., arXiv 2411.11454."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avrsp.prediction.api import predict

__all__ = ["predict"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any name may be asked for
    """Import `predict`, and torch with it, when it is first asked for."""
    if name == "predict":
        from avrsp.prediction.api import predict  # noqa: PLC0415 - `import avrsp` stays light

        return predict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
