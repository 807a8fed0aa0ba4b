"""How pictures look: one set of colours for methods and datasets, for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes

from avrsp.params.runs import AUDIO_VISUAL, TITLES, VISUAL


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of a picture: its ground, its writing, what stays in the back, and the methods."""

    ground: str
    ink: str
    faint: str
    visual: str
    audio_visual: str

    def of(self, method: str) -> str:
        """Return the colour of a method."""
        own = {TITLES[VISUAL]: self.visual, TITLES[AUDIO_VISUAL]: self.audio_visual}
        return own.get(method, self.ink)


LIGHT: Final = Theme("#ffffff", "#1d2430", "#d5d9e0", "#2563b0", "#c8480f")
DARK: Final = Theme("#171b22", "#e6e9ef", "#3a414d", "#7db4ff", "#ff9a5c")

COLOURS: Final = ("#4477aa", "#ee6677", "#228833", "#b8a01f", "#3fa9c9", "#aa3377")
"""Paul Tol's bright scheme, its yellow and cyan darkened: told apart with colour-blind eyes."""

MARKERS: Final = tuple("osD^vPX")


def dataset_styles(datasets: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return a colour and a marker for each dataset, by its place in the sorted order.

    There is one marker more than colours, so that the pairs repeat only after 42 datasets.
    """
    return {
        dataset: (COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)])
        for place, dataset in enumerate(sorted(datasets))
    }


def tidy(axes: Axes, theme: Theme) -> None:
    """Leave only what a chart needs: two thin spines and a quiet grid."""
    axes.grid(visible=True, color=theme.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.faint)
    axes.tick_params(color=theme.faint)
