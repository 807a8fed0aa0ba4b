"""The sections of the page, each from what was found; what is missing is said where it belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib import metadata
from typing import Any, Final

import pandas as pd

from avrsp.errors import StoreError
from avrsp.params.ablations import ABLATIONS
from avrsp.report import texts
from avrsp.report.ablation_tables import not_run
from avrsp.report.about import About
from avrsp.report.charts import Moment, learning_curves, methods_of, moment, per_video, strip
from avrsp.report.comparability import NOT_RECORDED, start_in_words
from avrsp.report.drawing import render
from avrsp.report.films import clips
from avrsp.report.inputs import Inputs, TypicalFrame, typical, video_means
from avrsp.report.names import KINDS, in_order, listed, shortened
from avrsp.report.page import (
    Block,
    BulletPoints,
    Chart,
    Facts,
    Folded,
    Grid,
    Link,
    Notice,
    PageSection,
    Prose,
    Source,
    not_evaluated,
)
from avrsp.report.tables import Table
from avrsp.store.manifest import Manifest

OWN_PAGE: Final = "ablations/index.html"


def results(tables: Sequence[Table], inputs: Inputs) -> PageSection:
    """Show the means of the datasets, and the tables of each dataset folded."""
    blocks: list[Block] = [Prose(texts.METRICS)]
    if not inputs.results.methods:
        blocks.append(Notice(texts.NO_SCORES))
    first, *others = tables
    blocks.append(first)
    blocks += [
        Folded(each.title if each.measured else f"{each.title}: not run", (each,))
        for each in others
    ]
    blocks += not_evaluated(inputs.results.faults)
    return PageSection("results", "Results", tuple(blocks))


def ablated(tables: Sequence[Block], inputs: Inputs) -> PageSection:
    """Show Tables III to V as far as their networks were run, and where their own page is."""
    blocks: list[Block] = [Prose(texts.ABLATIONS)]
    if inputs.ablations_page:
        blocks.append(Link(texts.OWN_PAGE, OWN_PAGE, OWN_PAGE))
    absent = not_run(inputs.ablations)
    if absent:
        blocks.append(Notice(texts.not_ablated(len(absent), len(ABLATIONS))))
    if len(absent) == len(ABLATIONS):
        tables = [Folded("Tables III to V: not run", (*tables,))]
    return PageSection("ablations", "What each part is worth", (*blocks, *tables))


def predictions(inputs: Inputs) -> PageSection:
    """Show a strip for each dataset: typical frames, chosen by rule."""
    blocks: list[Block] = [Prose(texts.STRIPS)]
    if inputs.rows.empty:
        return PageSection("predictions", "Predictions", (*blocks, Notice(texts.NO_SCORES)))
    shown = clips(inputs)
    if shown:
        blocks += [Prose(texts.CLIPS), *shown]
    scored = sorted(map(str, inputs.rows["dataset"].unique()))
    first, *others = [_strip_or_notice(inputs, dataset) for dataset in scored]
    blocks.append(first)
    if others:
        named = listed(inputs.about.titles(scored[1:]))
        blocks.append(Folded(f"The same of {named}", tuple(others)))
    absent = inputs.about.titles(sorted({*inputs.about.datasets} - {*scored}))
    if absent:
        blocks.append(Notice(f"Not run: {', '.join(absent)}."))
    return PageSection("predictions", "Predictions", tuple(blocks))


def comparison(inputs: Inputs) -> PageSection:
    """Show two models of the chain, video by video."""
    if len(inputs.own) < 2:  # noqa: PLR2004 - a comparison takes two
        return PageSection("videos", "Video by video", (Notice(texts.NO_PAIRS),))
    pair = first, second = inputs.own[0], inputs.own[-1]
    heading = "Video by video"
    videos = video_means(inputs.rows, pair)
    if videos.empty:
        return PageSection("videos", heading, (Notice(texts.NO_PAIRS),))
    titles = {key: inputs.about.title(key) for key in sorted(set(videos["dataset"]))}
    wins = int((videos[second] > videos[first]).sum())
    caption = (
        f"{second} has the higher mean CC on {wins} of {len(videos)} test videos; the mean "
        f"difference is {float((videos[second] - videos[first]).mean()):+.3f}. A video in the test "
        "lists of two splits counts twice."
    )
    chart = Chart(
        name="per-video",
        title="Mean CC of every test video",
        caption=caption,
        alt=f"Scatter of {second}'s CC against {first}'s. {caption}",
        picture=render(partial(per_video, videos, pair, titles)),
        wide=False,
    )
    grid = _by_dataset(videos, pair, titles)
    return PageSection("videos", heading, (chart, Folded(grid.title, (grid,))))


def training(inputs: Inputs) -> PageSection:
    """Show the learning curves."""
    if not inputs.histories:
        return PageSection("training", "Training", (Notice(texts.NO_HISTORIES),))
    judged = inputs.manifest is None or _has_validation(inputs.manifest, inputs.about)
    chart = Chart(
        name="learning-curves",
        title="Loss by epoch",
        caption=texts.CURVES,
        alt="Training and validation loss by epoch for "
        + ", ".join(_curve_in_words(name, frame) for name, frame in inputs.histories.items()),
        picture=render(partial(learning_curves, inputs.histories)),
    )
    notice = () if judged else (Notice(texts.NO_VALIDATION),)
    return PageSection("training", "Training", (*notice, chart, *_trained_without(inputs)))


def _has_validation(manifest: Manifest, about: About) -> bool:
    """Say whether the sets that fine-tuning learns from have a validation video in each split."""
    entries = [manifest.datasets[key] for key in about.datasets if key in manifest.datasets]
    videos = [each for entry in entries for each in entry.videos if each.kept]
    return all(any(e.role(s) == "validation" for e in videos) for s in about.splits)


def _trained_without(inputs: Inputs) -> Iterator[Block]:
    """Name the videos that trainings left out because their stores were damaged."""
    for run in sorted(inputs.models, key=in_order):
        videos = [*inputs.models[run].get("left_out", {})]
        if videos:
            yield Notice(f"{run} was trained without {listed(videos)}: damaged stores.")


def _strip_or_notice(inputs: Inputs, dataset: str) -> Block:
    choices = typical(inputs.rows, dataset)
    if not choices:
        return Notice(texts.no_scores_of(inputs.about.title(dataset)))
    try:
        return _strip(inputs, dataset, choices)
    except StoreError as error:
        return Notice(f"{inputs.about.title(dataset)}: {error}", fault=True)


def _strip(inputs: Inputs, dataset: str, choices: Sequence[TypicalFrame]) -> Chart:
    moments = [_moment(inputs, choice) for choice in choices]
    shown = "; ".join(f"{choice.video}, frame {choice.frame}" for choice in choices)
    others = [method for method in methods_of(moments) if method not in KINDS]
    name = inputs.about.title(dataset)
    given = f" Given to avrsp evaluate: {', '.join(others)}." if others else ""
    credit = inputs.credited((dataset, choice.video) for choice in choices)
    return Chart(
        name=f"strip-{dataset}",
        title=name,
        caption=f"From top to bottom: {shown}.{given}",
        credit=credit,
        alt=f"{name}: frames with fixations, ground truth, and maps.{given} "
        + " ".join(_choice_in_words(choice) for choice in choices),
        picture=render(partial(strip, moments)),
    )


def _moment(inputs: Inputs, choice: TypicalFrame) -> Moment:
    return moment(
        inputs.store(choice.dataset, choice.video),
        inputs.maps(choice.dataset, choice.split, choice.video),
        choice.frame,
        label=f"{_rank(choice)}\n{shortened(choice.video)}\nframe {choice.frame}",
        scores=choice.scores,
    )


def _rank(choice: TypicalFrame) -> str:
    return "only video" if choice.rank == "only" else f"{choice.rank} CC"


def _choice_in_words(choice: TypicalFrame) -> str:
    scores = " and ".join(f"{name} has {value:.2f}" for name, value in choice.scores.items())
    rank = _rank(choice)
    return f"{rank[:1].upper()}{rank[1:]}, {choice.video}, frame {choice.frame}: CC of {scores}."


def _curve_in_words(name: str, history: pd.DataFrame) -> str:
    first, last = history["train_loss"].iloc[0], history["train_loss"].iloc[-1]
    return f"{name} (training loss from {first:.3f} to {last:.3f})"


def _by_dataset(videos: pd.DataFrame, pair: tuple[str, str], titles: Mapping[str, str]) -> Grid:
    first, second = pair
    rows = tuple(
        (
            titles[str(dataset)],
            str(len(part)),
            f"{part[first].mean():.3f}",
            f"{part[second].mean():.3f}",
            str(int((part[second] > part[first]).sum())),
        )
        for dataset, part in videos.groupby("dataset", sort=True)
    )
    heads = ("Dataset", "Test videos", *(f"CC of {each}" for each in pair), f"{second} better in")
    return Grid(f"{first} and {second} by dataset", heads, rows)


SHORT = 12
"""Characters of a digest or commit that are shown."""


def run(inputs: Inputs) -> PageSection:
    """Say what was run, with what, and when."""
    about = inputs.about
    facts = Facts(
        (
            ("Preset", about.preset),
            ("Fusion of the audio-visual model", about.fusion),
            ("Splits", ", ".join(map(str, about.splits))),
            ("Seed", str(about.seed)),
            ("Evaluation protocol", about.protocol),
            ("Git commit", about.commit[:SHORT] or "unknown"),
            ("Digest of the data (SHA-256)", inputs.manifest_digest[:SHORT] or "no manifest"),
        )
    )
    folded = Folded("Parameters, commit, data and training runs", (facts, _runs(inputs)))
    return PageSection("run", "What was run", (folded,))


def notes(inputs: Inputs) -> PageSection:
    """Say how the numbers are meant to be read."""
    extra = texts.SAMPLE_NOTES if inputs.about.preset == "sample" else ()
    points = BulletPoints((*extra, *texts.NOTES))
    return PageSection(
        "notes", "Notes", (Folded("How these numbers are meant to be read", (points,)),)
    )


def links(about: About) -> tuple[tuple[str, str], ...]:
    """Return where to read on: the paper, the code, its licence, and how to cite them."""
    code = f"Code {metadata.version('avrsp')}" + (f" ({about.commit[:7]})" if about.commit else "")
    return (
        ("Paper (arXiv 2411.11454)", texts.PAPER),
        (code, about.code),
        ("MIT licence", texts.LICENCE),
        ("How to cite", "#cite"),
    )


def cite(about: About) -> PageSection:
    """Give the entries of a bibliography."""
    entry = texts.SOFTWARE_ENTRY.format(
        version=metadata.version("avrsp"), commit=about.commit[:SHORT]
    )
    source = Source(f"{texts.PAPER_ENTRY}\n\n{entry}")
    blocks = (Prose(texts.CITE), Folded("BibTeX", (source,)))
    return PageSection("cite", "Cite", blocks)


def _runs(inputs: Inputs) -> Block:
    runs = sorted({*inputs.histories, *inputs.models}, key=in_order)
    if not runs:
        return Notice(texts.NO_HISTORIES)
    rows = tuple(
        (
            *(name, *_training_in_numbers(inputs.histories.get(name))),
            *(start_in_words(inputs.models.get(name, {})), _mlflow(inputs, name)),
        )
        for name in runs
    )
    heads = (
        *("Training run", "Epochs", "Best epoch", "Lowest validation loss"),
        *("Encoders started from", "MLflow run"),
    )
    return Grid("Training runs", heads, rows, (0, 4, 5))


def compared_runs(inputs: Inputs) -> Grid:
    """Return the training runs of the compared methods, and what each network is."""
    rows = tuple(
        (
            *(run, method.label, _settings(facts)),
            *(start_in_words(facts), str(facts.get("mlflow_run") or NOT_RECORDED)),
        )
        for method in inputs.compared
        for run, facts in method.models.items()
    )
    heads = ("Training run", "Network", "Settings", "Encoders started from", "MLflow run")
    return Grid("Training runs", heads, rows, (0, 1, 2, 3, 4))


def _settings(facts: Mapping[str, Any]) -> str:
    size = f"{facts.get('length')} x {facts.get('height')} x {facts.get('width')}"
    settings = ", ".join(f"{key} {value}" for key, value in facts.get("settings", {}).items())
    return f"windows of {size}; {settings}"


def _training_in_numbers(history: pd.DataFrame | None) -> tuple[str, str, str]:
    if history is None:
        return "unknown", "unknown", "unknown"
    best = history.iloc[int(history["validation_loss"].argmin())]
    return str(len(history)), f"{best['epoch']:.0f}", f"{best['validation_loss']:.4f}"


def _mlflow(inputs: Inputs, name: str) -> str:
    return str(inputs.models.get(name, {}).get("mlflow_run") or NOT_RECORDED)
