"""How far a training has come, and the error of one that leads nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from avrsp.errors import AvrspError

Row = dict[str, float]
"""One epoch's losses and metrics, by the names that history.json has."""


@dataclass(slots=True)
class Position:
    """How far training has come: epochs behind, and what the present epoch has seen so far."""

    epoch: int = 0
    batches: int = 0
    updates: int = 0
    clips: int = 0
    loss: float = 0.0
    history: list[Row] = field(default_factory=list)

    def described(self, epochs: int) -> str:
        """Say what the last of the epochs behind was like, of `epochs` in all."""
        row, lowest = self.history[-1], min(past["validation_loss"] for past in self.history)
        best = " (best)" if row["validation_loss"] == lowest else ""
        return (
            f"epoch {row['epoch']} of {epochs}, loss {row['train_loss']:.4f}, validation "
            f"{row['validation_loss']:.4f}{best}"
        )


class DivergenceError(AvrspError):
    """The loss or its gradient is not finite; `names` are the clips on which it was seen."""

    def __init__(self, message: str, names: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.names = [*names]

    @classmethod
    def of(cls, what: str, value: float, at: Position, names: Sequence[str]) -> DivergenceError:
        """Return the error that `what` is `value` on the clips called `names`."""
        return cls(
            f"the {what} is {value} at epoch {at.epoch + 1}, update {at.updates + 1}, on "
            f"{', '.join(names)}; lower `lr` of this phase, or look at these clips",
            names,
        )
