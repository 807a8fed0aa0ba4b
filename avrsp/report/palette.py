"""How pictures look: one set of colours for methods and datasets, for light and dark pages."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avrsp import forkserver
from avrsp.params.runs import AUDIO_VISUAL, TITLES, VISUAL

DPI: Final = 120
COMPRESSION: Final = 3
"""Of the PNG files: much faster than the usual 6 and hardly larger."""


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


Drawing: TypeAlias = Callable[[Theme], Figure]
"""What draws a picture in a theme; another process may be asked to, so it must pickle."""


@dataclass(frozen=True, slots=True)
class ThemedPicture:
    """A PNG for light pages, one for dark pages, and a PDF for papers, once they are drawn."""

    on_light: Future[list[bytes]]
    on_dark: Future[list[bytes]]

    @property
    def light(self) -> bytes:
        """Return the PNG for light pages."""
        return self.on_light.result()[0]

    @property
    def dark(self) -> bytes:
        """Return the PNG for dark pages."""
        return self.on_dark.result()[0]

    @property
    def vector(self) -> bytes:
        """Return the PDF."""
        return self.on_light.result()[1]


_painters: ContextVar[Executor | None] = ContextVar("painters", default=None)


@contextlib.contextmanager
def drawing_elsewhere(workers: int) -> Iterator[None]:
    """Let other processes draw meanwhile, if there are at least two; the bytes are the same."""
    if workers <= 1:
        yield
        return
    with forkserver.pool(workers) as pool:
        before = _painters.set(pool)
        try:
            yield
        finally:
            _painters.reset(before)


def render(draw: Drawing) -> ThemedPicture:
    """Draw once in each theme."""
    return ThemedPicture(_begun(draw, LIGHT, PNG, PDF), _begun(draw, DARK, PNG))


def _begun(draw: Drawing, theme: Theme, *forms: FileForm) -> Future[list[bytes]]:
    painters = _painters.get()
    if painters is not None:
        return painters.submit(_saved, draw, theme, *forms)
    done: Future[list[bytes]] = Future()
    done.set_result(_saved(draw, theme, *forms))
    return done


def drawn(draw: Drawing, form: str) -> bytes:
    """Draw once for light pages, as "png" or as "svg"."""
    forms = {"png": PNG, "svg": SVG}
    (found,) = _saved(draw, LIGHT, forms[form])
    return found


def tidy(axes: Axes, theme: Theme) -> None:
    """Leave only what a chart needs: two thin spines and a quiet grid."""
    axes.grid(visible=True, color=theme.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.faint)
    axes.tick_params(color=theme.faint)


FileForm = Mapping[str, Any]
"""What `Figure.savefig` is told of a form, so that no file holds the time of writing."""

PNG: Final[FileForm] = {
    "format": "png",
    "pil_kwargs": {"compress_level": COMPRESSION},
    "metadata": {"Software": None},
}
SVG: Final[FileForm] = {"format": "svg", "metadata": {"Date": None}}
PDF: Final[FileForm] = {
    "format": "pdf",
    "metadata": dict.fromkeys(("CreationDate", "Creator", "Producer")),
}


def _saved(draw: Drawing, theme: Theme, *forms: FileForm) -> list[bytes]:
    """Draw once and return the picture in each form."""
    settings: Any = {  # keys and values that rc_context types one by one
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.labelcolor": theme.ink,
        "axes.facecolor": theme.ground,
        "figure.facecolor": theme.ground,
        "text.color": theme.ink,
        "xtick.labelcolor": theme.ink,
        "ytick.labelcolor": theme.ink,
        "legend.frameon": False,
        "pdf.fonttype": 42,  # letters that can be searched and edited
        "svg.hashsalt": "avrsp",  # the same names of its parts every time
    }
    with rc_context(settings):
        figure = draw(theme)
        streams = [io.BytesIO() for _ in forms]
        for stream, form in zip(streams, forms, strict=True):
            figure.savefig(stream, dpi=DPI, **form)
    return [stream.getvalue() for stream in streams]
