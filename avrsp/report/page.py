"""The page `reports/index.html`: sections of blocks, rendered into one self-contained file."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from avrsp.evaluate.summary import LABELS, LESS_IS_BETTER
from avrsp.report.drawing import ThemedPicture
from avrsp.report.names import DIGITS
from avrsp.report.tables import Cell, Table

WEBP_QUALITY: Final = 88


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture that enlarges.

    Attributes:
        alt: What it shows, in words.
        wide: Whether it takes the whole width of the page.
        on_dark: Whether it stands on a ground that is dark on light pages too.
        credit: Whose frames it shows, where they are others' works.
    """

    kind: ClassVar[str] = "chart"

    name: str
    title: str
    caption: str
    alt: str
    picture: ThemedPicture
    wide: bool = True
    on_dark: bool = False
    credit: str = ""

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
class FilmBlock:
    """A short film with sound, an MP4 of `width` x `height` pixels; its `first` picture as PNG.

    `credit` says whose film it shows, where that is another's work.
    """

    kind: ClassVar[str] = "clip"

    name: str
    title: str
    caption: str
    content: bytes
    first: bytes
    width: int
    height: int
    credit: str = ""

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


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    kind: ClassVar[str] = "prose"

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A paragraph that must not be overlooked, such as one that says what is missing."""

    kind: ClassVar[str] = "notice"

    text: str
    fault: bool = False
    """Whether a damaged file is what is missing."""


@dataclass(frozen=True, slots=True)
class BulletPoints:
    """A list of remarks."""

    kind: ClassVar[str] = "points"

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with their values, such as a preset with its name."""

    kind: ClassVar[str] = "facts"

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A plain table of text; `words` are the columns that hold words instead of numbers."""

    kind: ClassVar[str] = "grid"

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Link:
    """A paragraph that ends in a link to a page beside this one."""

    kind: ClassVar[str] = "link"

    text: str
    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Source:
    """Text to copy as it stands, such as an entry of a bibliography."""

    kind: ClassVar[str] = "source"

    text: str


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks that are seen once their title is clicked."""

    kind: ClassVar[str] = "folded"

    title: str
    blocks: tuple[Block, ...]


FEW: Final = 3
"""Lines on faults that a page shows unfolded."""

Block = (
    Prose
    | Notice
    | BulletPoints
    | Facts
    | Grid
    | Chart
    | FilmBlock
    | Link
    | Source
    | Table
    | Folded
)


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the page holds: what its link says, its name, and its content."""

    label: str
    name: str
    content: str

    @property
    def address(self) -> str:
        """Return the file as a data URI."""
        return f"data:text/plain;base64,{base64.b64encode(self.content.encode()).decode()}"


Downloads = Callable[[Table | Grid], Sequence[Download]]
"""Which files of a table the page offers."""


@dataclass(frozen=True, slots=True)
class PageSection:
    """A part of the page under a heading; `anchor` is its address."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """One number at the top of the page."""

    value: str
    label: str
    method: str


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page.

    Attributes:
        lead: One or two sentences below the title.
        links: Where to read on, as words and an address; without an address they are words.
        warning: What a reader must know before reading a number; empty for none.
        tiles: The few numbers that a reader sees first.
        hero: The picture that a reader sees first.
    """

    title: str
    lead: str
    sections: tuple[PageSection, ...]
    links: tuple[tuple[str, str], ...] = ()
    warning: str = ""
    tiles: tuple[Tile, ...] = ()
    hero: Chart | None = None
    colophon: str = field(default="")


def to_html(page: Page, downloads: Downloads) -> str:
    """Return the page as HTML that needs no other file and no network.

    Args:
        page: What it says.
        downloads: Which files are offered below a table.
    """
    environment = Environment(
        loader=PackageLoader("avrsp.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(heading=metric_heading, interval=interval, downloads=downloads)
    return environment.get_template("index.html").render(page=page)


def metric_heading(metric: str) -> tuple[str, str]:
    """Return a metric's short name, and in words which way is better."""
    return LABELS[metric], "lower" if metric in LESS_IS_BETTER else "higher"


def interval(cell: Cell, metric: str) -> str:
    """Return a cell's 95 % interval to the digits of its metric; empty where there is none."""
    estimate = cell.estimate
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    digits = DIGITS[metric]
    return f"[{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def every(blocks: Sequence[Block]) -> Iterator[Block]:
    """Yield blocks in reading order, those inside others too."""
    for block in blocks:
        yield block
        if isinstance(block, Folded):
            yield from every(block.blocks)


def charts(sections: Sequence[PageSection]) -> tuple[Chart, ...]:
    """Return all pictures of the sections, in reading order."""
    found = (block for section in sections for block in every(section.blocks))
    return tuple(block for block in found if isinstance(block, Chart))


def faults(sections: Sequence[PageSection]) -> tuple[str, ...]:
    """Return what could not be shown because a file is damaged or gone, in reading order."""
    blocks = (block for section in sections for block in every(section.blocks))
    return tuple(block.text for block in blocks if isinstance(block, Notice) and block.fault)


def not_evaluated(faults: Sequence[str]) -> tuple[Block, ...]:
    """Say what could not be evaluated, a line each, folded where there is much of it."""
    if not faults:
        return ()
    lines = BulletPoints(tuple(faults))
    if len(faults) <= FEW:
        return Notice("Not everything could be evaluated:"), lines
    return (
        Notice("Not everything could be evaluated."),
        Folded(f"{len(faults)} things that could not", (lines,)),
    )


def clips(sections: Sequence[PageSection]) -> tuple[FilmBlock, ...]:
    """Return all films of the sections, in reading order."""
    found = (block for section in sections for block in every(section.blocks))
    return tuple(block for block in found if isinstance(block, FilmBlock))
