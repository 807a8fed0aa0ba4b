"""Put the report together: the page, the tables in three formats, and the figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from avrsp.errors import StoreError
from avrsp.evaluate.summary import MEAN, VIEWERS
from avrsp.files import write_bytes, write_text
from avrsp.params.ablations import ABLATIONS, SPLIT
from avrsp.report import data_section, fusion_table, page_sections, reliance_section, texts
from avrsp.report.ablation_tables import ablations, not_run
from avrsp.report.about import About
from avrsp.report.charts import moment, strip
from avrsp.report.comparability import NOT_RECORDED, objections, start_in_words
from avrsp.report.compared import published
from avrsp.report.drawing import render
from avrsp.report.formats import downloads, grids_to_markdown, write_grids, write_tables
from avrsp.report.fusion_table import Versus
from avrsp.report.inputs import Inputs, best_video, shifted_pair
from avrsp.report.names import KINDS
from avrsp.report.page import (
    Block,
    Chart,
    FilmBlock,
    Grid,
    Notice,
    Page,
    PageSection,
    Prose,
    Tile,
    charts,
    clips,
    faults,
    not_evaluated,
    to_html,
)
from avrsp.report.results import Results
from avrsp.report.tables import (
    Table,
    TableRows,
    compared,
    comparison,
    more_metrics,
    overview,
)


def write_report(folder: Path, inputs: Inputs) -> tuple[str, ...]:
    """Write `index.html`, `tables/` and `figures/` into `folder`.

    The same inputs give the same bytes.

    Returns:
        What is not shown because a file is damaged or gone, a line each.
    """
    tables = tuple(_tables(inputs))
    page = _page(inputs, tables)
    pictures = (*charts(page.sections), *filter(None, [page.hero]))
    for chart in pictures:
        chart.picture.wait()  # what cannot be drawn leaves everything as it was
    write_tables(folder, (*tables, *_ablations(inputs)))
    if inputs.reliance:
        lead = inputs.reliance["sentence"]
        grids = reliance_section.grids(inputs.reliance, inputs.about)
        text = grids_to_markdown(texts.SOUND, lead, grids)
        write_text(folder / "tables" / "reliance.md", text)
        names = (f"reliance-{name}" for name in reliance_section.NAMES)
        named = dict(zip(names, grids, strict=True))
        write_grids(folder, named, f"{inputs.about.setting}.")
    _write_hearers(folder, inputs)
    if inputs.manifest:
        grids = data_section.grids(inputs.manifest, inputs.about)
        write_text(folder / "tables" / "datasets.md", grids_to_markdown("Data", texts.ROLES, grids))
        write_grids(folder, {"datasets": grids[0]}, f"Preset {inputs.about.preset}.")
    (folder / "figures").mkdir(parents=True, exist_ok=True)  # DVC expects it even when empty
    for chart in pictures:
        write_bytes(folder / "figures" / f"{chart.name}.png", chart.picture.light)
        write_bytes(folder / "figures" / f"{chart.name}.pdf", chart.picture.vector)
    for clip in clips(page.sections):
        write_bytes(folder / "figures" / f"{clip.name}.mp4", clip.content)
    shown: tuple[Chart | FilmBlock, ...] = (*pictures, *clips(page.sections))
    credited = [each for each in shown if each.credit]
    if credited:
        lines = "".join(f"{each.name}: {each.credit}\n" for each in credited)
        write_text(folder / "figures" / "credits.txt", lines)
    write_text(folder / "index.html", to_html(page, downloads))
    return faults(page.sections)


def _write_hearers(folder: Path, inputs: Inputs) -> None:
    """Write the row of every network with sound, where compared methods were tried."""
    if any(each.reliance for each in inputs.compared):
        grid = reliance_section.hearers_grid(inputs)
        text = grids_to_markdown(texts.SOUND, texts.HEARERS_READ, [grid])
        write_text(folder / "tables" / "hearing.md", text)
        write_grids(folder, {"hearing": grid}, f"{inputs.about.setting}.")


def write_compared(folder: Path, inputs: Inputs) -> None:
    """Write `index.html` and `tables/` of the compared methods; same inputs give the same bytes."""
    tables = tuple(_tables(inputs))
    write_tables(folder, tables)
    _write_hearers(folder, inputs)
    gaps = not_evaluated(inputs.compared_results.faults)
    results = PageSection("results", "Results", (Prose(texts.METRICS), *tables, *gaps))
    hearing = (*reliance_section.hearers(inputs),)
    runs = (Prose(texts.COMPARED_TRAINED), page_sections.compared_runs(inputs))
    page = Page(
        title=texts.COMPARED_TITLE,
        lead=texts.COMPARED_LEAD,
        warning=_warning(inputs),
        sections=(
            results,
            PageSection("sound", "Does it hear?", hearing),
            PageSection("runs", "What was run", runs),
        ),
        colophon=f"Made by avrsp from preset {inputs.about.preset}.",
    )
    write_text(folder / "index.html", to_html(page, downloads))


def _page(inputs: Inputs, tables: tuple[Table, ...]) -> Page:
    about = inputs.about
    return Page(
        title=texts.TITLE,
        lead=texts.LEAD,
        links=page_sections.links(about),
        warning=_warning(inputs),
        tiles=tuple(_tiles(inputs)),
        hero=_hero(inputs),
        sections=(
            page_sections.predictions(inputs),
            page_sections.results(tables, inputs),
            reliance_section.reliance(inputs),
            page_sections.comparison(inputs),
            page_sections.ablated(_ablations(inputs), inputs),
            page_sections.training(inputs),
            data_section.data(inputs),
            page_sections.run(inputs),
            page_sections.notes(inputs),
            page_sections.cite(inputs.about),
        ),
        colophon=f"Made by avrsp from preset {about.preset}.",
    )


def _warning(inputs: Inputs) -> str:
    said = [texts.SAMPLE_WARNING] if inputs.about.preset == "sample" else []
    if inputs.manifest:
        said.append(inputs.about.by_mouse(inputs.manifest.datasets))
    return " ".join(filter(None, said))


def _tables(inputs: Inputs) -> Iterator[Table]:
    about, rows = inputs.about, _table_rows(inputs)
    given = (texts.GIVEN,) if {*inputs.results.given} - {*rows.published} else ()
    if {*inputs.results.methods} & {*VIEWERS}:
        given = (*given, texts.BETWEEN_VIEWERS)
    every = tuple(filter(None, [about.by_mouse(rows.results.datasets)]))
    yield overview(rows, about, notes=(*every, *given))
    against = objections(about, inputs.models)
    for name, datasets in compared(rows.results, about).items():
        printed = (texts.PRINTED, texts.ODD[name], texts.NEWER) if name else ()
        own = (*filter(None, [about.by_mouse(datasets)]), texts.DAGGER, *given)
        notes = (*own, *_absent(rows), *printed, *_gaps(rows, about, datasets))
        yield comparison(name, datasets, rows, about, objections=against, notes=notes)
    more = more_metrics(rows, about, notes=(*every, texts.FURTHER_METRICS, *given))
    if more is not None:
        yield more


def _table_rows(inputs: Inputs) -> TableRows:
    labels = {**inputs.labels, **{each.name: each.label for each in inputs.compared}}
    return TableRows(
        labels=labels,
        results=inputs.results.joined(inputs.compared_results),
        published=published(inputs.imported, inputs.results.methods),
    )


def _absent(rows: TableRows) -> Iterator[str]:
    """Say how the rows of the compared methods come about, where there are none."""
    if not {*rows.labels} - {*KINDS}:
        yield texts.NOT_COMPARED
    if not rows.published:
        yield texts.NOT_PUBLISHED


def _ablations(inputs: Inputs) -> tuple[Table, ...]:
    return ablations(
        inputs.ablations,
        inputs.about,
        objections(replace(inputs.about, splits=(SPLIT,)), inputs.models),
    )


def _gaps(rows: TableRows, about: About, datasets: Iterable[str]) -> Iterator[str]:
    """Say for which datasets a method has no map of some frames."""
    for method, scored in rows.results.methods.items():
        for dataset in datasets:
            if dataset in scored and scored[dataset].missing:
                count = scored[dataset].missing
                yield f"{method} has no map for {count:,} frames of {about.title(dataset)}."


def _tiles(inputs: Inputs) -> Iterator[Tile]:
    labels = {**dict(reversed(inputs.labels.items())), "centre prior": "Centre prior"}
    for method, label in labels.items():
        estimate = inputs.results.find(method, MEAN, "cc")
        if estimate:
            yield Tile(f"{estimate.value:.3f}", f"{label}: mean CC", method.split()[0])
    if inputs.manifest:
        kept = sum(v.kept for entry in inputs.manifest.datasets.values() for v in entry.videos)
        yield Tile(f"{kept:,}", "videos with gaze", "data")


def _hero(inputs: Inputs) -> Chart | None:
    """Show the test video with sound that is predicted best, where gaze moved farthest."""
    chosen = best_video(inputs.rows, inputs.with_sound) if inputs.with_sound else None
    if chosen is None:
        return None
    dataset, split, video = chosen
    rows = inputs.rows.query("dataset == @dataset and split == @split and video == @video")
    store, maps = inputs.store(dataset, video), inputs.maps(dataset, split, video)
    try:
        pair = shifted_pair(rows, store)
        moments = [moment(store, maps, index, label="", scores={}) for index in pair]
    except StoreError:
        return None  # the section of predictions says what is wrong with the store
    caption = (
        f"{inputs.about.clip(dataset, video)}, frames {pair[0]} and {pair[1]}: the test video "
        "with sound that is predicted best, at two moments between which gaze moved far."
    )
    return Chart(
        name="hero",
        title="A clip with sound at two moments",
        caption=caption,
        alt=f"Frame with fixations, ground truth, and predicted maps. {caption}",
        picture=render(partial(strip, moments, labels=False)),
        on_dark=True,
        credit=inputs.credited([(dataset, video)]),
    )


@dataclass(frozen=True, slots=True)
class Ablated:
    """What the ablations left.

    Attributes:
        results: Scores by network.
        versus: RAVF against the other fusions.
        clips: On which clips, in words.
        histories: Loss by epoch of each network.
        models: What `model.json` says of each.
    """

    results: Results
    versus: tuple[Versus, ...]
    clips: str
    histories: Mapping[str, pd.DataFrame]
    models: Mapping[str, Mapping[str, Any]]


def write_ablations(folder: Path, found: Ablated, about: About) -> None:
    """Write `index.html` and `tables/` into `folder`; the same inputs give the same bytes."""
    against = objections(replace(about, splits=(SPLIT,)), found.models)
    tables = ablations(found.results, about, against)
    write_tables(folder, tables)
    page = Page(
        title="AVRSP: what each part is worth",
        lead=texts.ABLATIONS,
        warning=texts.SAMPLE_WARNING if about.preset == "sample" else "",
        sections=(
            PageSection("tables", "Tables III to V", (*_ablation_gaps(found.results), *tables)),
            PageSection("fusions", "RAVF against the other fusions", _fusions(found)),
            PageSection("runs", "What was run", (_runs(found),)),
        ),
        colophon=f"Made by avrsp from preset {about.preset}.",
    )
    write_text(folder / "index.html", to_html(page, downloads))


def _ablation_gaps(results: Results) -> list[Block]:
    absent = not_run(results)
    blocks: list[Block] = []
    if absent:
        blocks.append(Notice(f"{len(absent)} of {len(ABLATIONS)} networks were not run: "
                             f"{', '.join(absent)}."))  # fmt: skip
    return [*blocks, *not_evaluated(results.faults)]


def _fusions(found: Ablated) -> tuple[Block, ...]:
    said = fusion_table.sentence(found.versus, found.clips)
    return Prose(said), fusion_table.grid(found.versus, found.clips)


def _runs(found: Ablated) -> Grid:
    heads = (
        *("Network", "Fusion", "MS", "MRG", "Pairs", "Epochs", "Best epoch"),
        *("Encoders started from", "MLflow run"),
    )
    rows = tuple(
        (
            *(name, chosen.fusion or "none", _yes(chosen.synergy), _yes(chosen.gate)),
            *(str(chosen.pairs), *_epochs(found.histories.get(name))),
            start_in_words(found.models.get(name, {})),
            str(found.models.get(name, {}).get("mlflow_run") or NOT_RECORDED),
        )
        for name, chosen in ABLATIONS.items()
    )
    return Grid("Networks", heads, rows, words=(0, 1, 2, 3, 7, 8))


def _yes(chosen: bool) -> str:
    return "yes" if chosen else "no"


def _epochs(history: pd.DataFrame | None) -> tuple[str, str]:
    if history is None:
        return "not run", "not run"
    best = history["epoch"].iloc[int(history["validation_loss"].argmin())]
    return str(len(history)), f"{best:.0f}"
