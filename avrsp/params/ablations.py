"""The networks of Tables III to V: each is the whole network with one thing else, run once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from avrsp.params.runs import AUDIO_VISUAL, VISUAL
from avrsp.params.sections import DatasetName, FusionName

DATASETS: Final[tuple[DatasetName, ...]] = ("diem", "avad")
"""What ablations are trained on and scored on (paper, IV-E)."""

SPLIT: Final = 1


@dataclass(frozen=True, slots=True)
class Ablation:
    """One network.

    Attributes:
        fusion: How sound joins the picture; None for the network without sound.
        synergy: Whether it has MS.
        gate: Whether it has MRG.
        pairs: How many scales these cover.
    """

    fusion: FusionName | None
    synergy: bool = True
    gate: bool = True
    pairs: int = 3

    def reset(self, pairs: int) -> tuple[str, ...]:
        """Return the parts that differ from those of the whole network with so many pairs."""
        same = self.pairs == pairs
        kept = {"synergy": self.synergy and same, "gate": self.gate and same}
        return tuple(part for part, keeps in kept.items() if not keeps)


def _branch(prefix: str, fusion: FusionName | None) -> dict[str, Ablation]:
    """Return the networks of Tables III and IV that differ in MS, MRG and their pairs."""
    return {
        f"{prefix}": Ablation(fusion),
        f"{prefix}-none": Ablation(fusion, synergy=False, gate=False, pairs=0),
        f"{prefix}-ms": Ablation(fusion, gate=False),
        f"{prefix}-mrg": Ablation(fusion, synergy=False),
        **{f"{prefix}-{pairs}": Ablation(fusion, pairs=pairs) for pairs in (1, 2, 4)},
    }


ABLATIONS: Final[dict[str, Ablation]] = {
    **_branch(VISUAL, None),
    **_branch(AUDIO_VISUAL, "ravf"),
    "add": Ablation("add"),
    "mul": Ablation("mul"),
    "concat": Ablation("concat"),
    "bilinear": Ablation("bilinear"),
    "mbt": Ablation("mbt"),
}
"""By name. "v" and "av" are the whole networks, which stand in all three tables; those without MS
and MRG are Table IV's of no pairs."""
