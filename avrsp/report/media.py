"""What a page shows besides words: pictures that enlarge and films that play, inside the page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import ClassVar, Final

from PIL import Image

from avrsp.report.palette import Picture

WEBP_QUALITY: Final = 88


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture that enlarges.

    Attributes:
        alt: What it shows, in words.
        wide: Whether it takes the whole width of the page.
        on_dark: Whether it stands on a ground that is dark on light pages too.
    """

    kind: ClassVar[str] = "chart"

    name: str
    title: str
    caption: str
    alt: str
    picture: Picture
    wide: bool = True
    on_dark: bool = False

    @property
    def light(self) -> str:
        """Return the picture for light pages as a data URI."""
        return _data_uri(self.picture.light)

    @property
    def dark(self) -> str:
        """Return the picture for dark pages as a data URI."""
        return _data_uri(self.picture.dark)

    @property
    def pixels(self) -> tuple[int, int]:
        """Return the picture's width and height, so that a page keeps its place free."""
        with Image.open(io.BytesIO(self.picture.light)) as image:
            return image.size


@dataclass(frozen=True, slots=True)
class Clip:
    """A short film with sound, an MP4 of `width` x `height` pixels; its `first` picture as PNG."""

    kind: ClassVar[str] = "clip"

    name: str
    title: str
    caption: str
    content: bytes
    first: bytes
    width: int
    height: int

    @property
    def address(self) -> str:
        """Return the film as a data URI."""
        return f"data:video/mp4;base64,{base64.b64encode(self.content).decode()}"

    @property
    def poster(self) -> str:
        """Return the first picture as a data URI."""
        return _data_uri(self.first)


def _data_uri(png: bytes) -> str:
    with Image.open(io.BytesIO(png)) as image:
        stream = io.BytesIO()
        image.convert("RGB").save(stream, format="webp", quality=WEBP_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
