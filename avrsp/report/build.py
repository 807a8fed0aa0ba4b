"""Put the report together: the page, the tables in three formats, and the figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from avrsp.errors import StoreError
from avrsp.files import write_bytes, write_text
from avrsp.report import datasets, paper, provenance, reliance, sections, wording
from avrsp.report.ablations import ablations
from avrsp.report.figures import hero
from avrsp.report.formats import grid_to_csv, grids_to_markdown, write_tables
from avrsp.report.inputs import Inputs
from avrsp.report.media import Chart
from avrsp.report.names import title
from avrsp.report.page import Page, Tile, charts, clips, to_html
from avrsp.report.palette import render
from avrsp.report.selection import best_video, shifted_pair
from avrsp.report.tables import Table, comparison, overview


def write_report(folder: Path, inputs: Inputs) -> None:
    """Write `index.html`, `tables/` and `figures/` into `folder`.

    The same inputs give the same bytes; dates come from `inputs.about`.
    """
    tables = tuple(_tables(inputs))
    page = _page(inputs, tables)
    write_tables(folder, (*tables, *_ablations(inputs)))
    if inputs.reliance:
        lead, grids = inputs.reliance["sentence"], reliance.grids(inputs.reliance)
        text = grids_to_markdown(wording.SOUND, lead, grids)
        write_text(folder / "tables" / "reliance.md", text)
    if inputs.manifest:
        grids = datasets.grids(inputs.manifest, inputs.about.splits)
        write_text(
            folder / "tables" / "datasets.md", grids_to_markdown("Data", wording.ROLES, grids)
        )
        write_text(folder / "tables" / "datasets.csv", grid_to_csv(grids[0]))
    (folder / "figures").mkdir(parents=True, exist_ok=True)  # DVC expects it even when empty
    for chart in (*charts(page.sections), *filter(None, [page.hero])):
        write_bytes(folder / "figures" / f"{chart.name}.png", chart.picture.light)
    for clip in clips(page.sections):
        write_bytes(folder / "figures" / f"{clip.name}.mp4", clip.content)
    write_text(folder / "index.html", to_html(page))


def _page(inputs: Inputs, tables: tuple[Table, ...]) -> Page:
    about = inputs.about
    return Page(
        title=wording.TITLE,
        lead=wording.LEAD,
        warning=wording.SAMPLE_WARNING if about.preset == "sample" else "",
        tiles=tuple(_tiles(inputs)),
        hero=_hero(inputs),
        sections=(
            sections.results(tables, inputs),
            reliance.reliance(inputs),
            sections.ablated(_ablations(inputs), inputs),
            sections.predictions(inputs),
            sections.comparison(inputs),
            sections.training(inputs),
            provenance.run(inputs),
            provenance.data(inputs),
            provenance.notes(inputs),
        ),
        colophon=f"Made by avrsp on {about.date} from preset {about.preset}.",
    )


def _tables(inputs: Inputs) -> Iterator[Table]:
    about, results = inputs.about, inputs.results
    splits = f"split{'s' if len(about.splits) > 1 else ''} {', '.join(map(str, about.splits))}"
    setting = f"Preset {about.preset}, protocol {about.protocol}, {splits}"
    averaged = [name for name in _scored(inputs) if name != "mean"]
    over = ", ".join(map(title, averaged)) or "no dataset was scored"
    given = (wording.GIVEN,) if results.given else ()
    yield overview(results, f"{setting}. Mean over {over}.", notes=given)
    for name in paper.COMPARED:
        counts = ", ".join(
            f"{_videos(inputs, dataset)} {title(dataset)}" for dataset in paper.DATASETS[name]
        )
        yield comparison(
            name,
            results,
            f"{setting}. Test videos scored: {counts}.",
            comparable=about.preset == "paper",
            notes=(wording.DAGGER, *given, wording.PRINTED, *_gaps(inputs, paper.DATASETS[name])),
        )


def _ablations(inputs: Inputs) -> tuple[Table, ...]:
    about = inputs.about
    return ablations(inputs.ablations, preset=about.preset, protocol=about.protocol)


def _gaps(inputs: Inputs, datasets: Iterable[str]) -> Iterator[str]:
    """Say for which datasets a method has no map of some frames."""
    for method, scored in inputs.results.methods.items():
        for dataset in datasets:
            if dataset in scored and scored[dataset].missing:
                count = scored[dataset].missing
                yield f"{method} has no map for {count:,} frames of {title(dataset)}."


def _scored(inputs: Inputs) -> list[str]:
    found = (dataset for scored in inputs.results.methods.values() for dataset in scored)
    return list(dict.fromkeys(found))


def _videos(inputs: Inputs, dataset: str) -> int:
    counts = [s[dataset].videos for s in inputs.results.methods.values() if dataset in s]
    return max(counts, default=0)


def _tiles(inputs: Inputs) -> Iterator[Tile]:
    labels = {"AV": "AVRSP(AV)", "V": "AVRSP(V)", "centre prior": "Centre prior"}
    for method, label in labels.items():
        estimate = inputs.results.find(method, "mean", "cc")
        if estimate:
            yield Tile(f"{estimate.value:.3f}", f"{label}: mean CC", method.split()[0])
    if inputs.manifest:
        kept = sum(v.kept for entry in inputs.manifest.datasets.values() for v in entry.videos)
        yield Tile(f"{kept:,}", "videos with eye tracking", "data")


def _hero(inputs: Inputs) -> Chart | None:
    """Show the sounding test video that AV predicts best, where gaze moved farthest."""
    if inputs.manifest is None or inputs.rows.empty:
        return None
    sounding = {
        (name, verdict.video)
        for name, entry in inputs.manifest.datasets.items()
        for verdict in entry.videos
        if verdict.kept and verdict.has_sound
    }
    chosen = best_video(inputs.rows, sounding)
    if chosen is None:
        return None
    dataset, split, video = chosen
    rows = inputs.rows.query("dataset == @dataset and split == @split and video == @video")
    store, maps = inputs.store(dataset, video), inputs.maps(dataset, split, video)
    try:
        pair = shifted_pair(rows, store)
        picture = render(lambda theme: hero(store, maps, pair, theme))
    except StoreError:
        return None  # the section of predictions says what is wrong with the store
    caption = (
        f"{title(dataset)}, {video}, frames {pair[0]} and {pair[1]}: the test video with sound "
        "that is predicted best, at two moments between which gaze moved far."
    )
    return Chart(
        name="hero",
        title="A clip with sound at two moments",
        caption=caption,
        alt=f"Frame with fixations, ground truth, and the maps of V and AV. {caption}",
        picture=picture,
        on_dark=True,
    )
