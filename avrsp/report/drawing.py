"""Pictures in both themes, drawn in this process or, while it does other things, in others."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from matplotlib import rc_context
from matplotlib.figure import Figure

from avrsp import forkserver
from avrsp.report.palette import DARK, LIGHT, Theme

DPI: Final = 120
COMPRESSION: Final = 3
"""Of the PNG files: much faster than the usual 6 and hardly larger."""

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


Drawing: TypeAlias = Callable[[Theme], Figure]
"""What draws a picture in a theme; another process may be asked to, so it must pickle."""


@dataclass(frozen=True, slots=True)
class ThemedPicture:
    """A PNG for light pages, one for dark pages, and a PDF for papers, once they are drawn."""

    on_light: Future[list[bytes]]
    on_dark: Future[list[bytes]]

    def wait(self) -> None:
        """Return once it is drawn, or raise why it cannot be."""
        self.on_light.result()
        self.on_dark.result()

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
    with forkserver.pool(workers, [__name__]) as pool:
        before = _painters.set(pool)
        try:
            yield
        finally:
            _painters.reset(before)


def render(draw: Drawing) -> ThemedPicture:
    """Begin to draw in each theme; what fails is raised by what reads the picture."""
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
