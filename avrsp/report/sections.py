"""The sections of the page, each from what was found; what is missing is said where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from avrsp.errors import StoreError
from avrsp.params.ablations import ABLATIONS
from avrsp.report import wording
from avrsp.report.ablations import not_run
from avrsp.report.charts import learning_curves, per_video
from avrsp.report.clips import clips
from avrsp.report.figures import Moment, methods_of, moment, strip
from avrsp.report.inputs import OWN, Inputs
from avrsp.report.media import Chart
from avrsp.report.names import title
from avrsp.report.page import Block, Grid, Link, Notice, Points, Prose, Section
from avrsp.report.palette import render
from avrsp.report.paper import COMPARED, DATASETS
from avrsp.report.selection import Choice, typical, video_means
from avrsp.report.tables import Table

OWN_PAGE: Final = "ablations/index.html"


def results(tables: Sequence[Table], inputs: Inputs) -> Section:
    """Show the tables."""
    blocks: list[Block] = [Prose(wording.METRICS)]
    if not inputs.results.methods:
        blocks.append(Notice(wording.NO_SCORES))
    blocks += tables
    if inputs.results.faults:
        blocks += [Notice("Not everything could be evaluated:"), Points(inputs.results.faults)]
    return Section("results", "Results", tuple(blocks))


def ablated(tables: Sequence[Table], inputs: Inputs) -> Section:
    """Show Tables III to V as far as their networks were run, and where their own page is."""
    blocks: list[Block] = [Prose(wording.ABLATIONS), Link(wording.OWN_PAGE, OWN_PAGE, OWN_PAGE)]
    absent = not_run(inputs.ablations)
    if absent:
        blocks.append(Notice(wording.not_ablated(len(absent), len(ABLATIONS))))
    return Section("ablations", "What each part is worth", (*blocks, *tables))


def predictions(inputs: Inputs) -> Section:
    """Show a strip for each dataset: typical frames, chosen by rule."""
    blocks: list[Block] = [Prose(wording.STRIPS)]
    if inputs.rows.empty:
        return Section("predictions", "Predictions", (*blocks, Notice(wording.NO_SCORES)))
    shown = clips(inputs)
    if shown:
        blocks += [Prose(wording.CLIPS), *shown]
    scored = list(dict.fromkeys(inputs.rows["dataset"]))
    blocks += [_strip_or_notice(inputs, dataset) for dataset in scored]
    absent = [title(name) for table in COMPARED for name in DATASETS[table] if name not in scored]
    if absent:
        blocks.append(Notice(f"Not run: {', '.join(absent)}."))
    return Section("predictions", "Predictions", tuple(blocks))


def comparison(inputs: Inputs) -> Section:
    """Show V against AV, video by video."""
    videos = video_means(inputs.rows)
    if videos.empty:
        return Section("videos", "V and AV, video by video", (Notice(wording.NO_PAIRS),))
    wins = int((videos["AV"] > videos["V"]).sum())
    caption = (
        f"AV has the higher mean CC on {wins} of {len(videos)} test videos; the mean difference "
        f"is {float((videos['AV'] - videos['V']).mean()):+.3f}. A video in the test lists of two "
        "splits counts twice."
    )
    chart = Chart(
        name="per-video",
        title="Mean CC of every test video",
        caption=caption,
        alt=f"Scatter of AV's CC against V's. {caption}",
        picture=render(lambda theme: per_video(videos, theme)),
        wide=False,
    )
    return Section("videos", "V and AV, video by video", (chart, _by_dataset(videos)))


def training(inputs: Inputs) -> Section:
    """Show the learning curves."""
    if not inputs.histories:
        return Section("training", "Training", (Notice(wording.NO_HISTORIES),))
    chart = Chart(
        name="learning-curves",
        title="Loss by epoch",
        caption=wording.CURVES,
        alt="Training and validation loss by epoch for "
        + ", ".join(_curve_in_words(name, frame) for name, frame in inputs.histories.items()),
        picture=render(lambda theme: learning_curves(inputs.histories, theme)),
    )
    return Section("training", "Training", (chart,))


def _strip_or_notice(inputs: Inputs, dataset: str) -> Block:
    choices = typical(inputs.rows, dataset)
    if not choices:
        return Notice(wording.no_scores_of(dataset))
    try:
        return _strip(inputs, dataset, choices)
    except StoreError as error:
        return Notice(f"{title(dataset)}: {error}")


def _strip(inputs: Inputs, dataset: str, choices: Sequence[Choice]) -> Chart:
    moments = [_moment(inputs, choice) for choice in choices]
    shown = "; ".join(f"{choice.video}, frame {choice.frame}" for choice in choices)
    others = [name for name in methods_of(moments) if name not in OWN]
    given = f" Given to avrsp evaluate: {', '.join(others)}." if others else ""
    return Chart(
        name=f"strip-{dataset}",
        title=title(dataset),
        caption=f"From top to bottom: {shown}.{given}",
        alt=f"{title(dataset)}: frames with fixations, ground truth, and maps. {given} "
        + " ".join(_choice_in_words(choice) for choice in choices),
        picture=render(lambda theme: strip(moments, theme)),
    )


def _moment(inputs: Inputs, choice: Choice) -> Moment:
    return moment(
        inputs.store(choice.dataset, choice.video),
        inputs.maps(choice.dataset, choice.split, choice.video),
        choice.frame,
        label=f"{_rank(choice)}\n{wording.shortened(choice.video)}\nframe {choice.frame}",
        scores=choice.scores,
    )


def _rank(choice: Choice) -> str:
    return "only video" if choice.rank == "only" else f"{choice.rank} CC"


def _choice_in_words(choice: Choice) -> str:
    scores = " and ".join(f"{name} has {value:.2f}" for name, value in choice.scores.items())
    return f"{_rank(choice).capitalize()}, {choice.video}, frame {choice.frame}: CC of {scores}."


def _curve_in_words(name: str, history: pd.DataFrame) -> str:
    first, last = history["train_loss"].iloc[0], history["train_loss"].iloc[-1]
    return f"{name} (training loss from {first:.3f} to {last:.3f})"


def _by_dataset(videos: pd.DataFrame) -> Grid:
    rows = tuple(
        (
            title(str(dataset)),
            str(len(part)),
            f"{part['V'].mean():.3f}",
            f"{part['AV'].mean():.3f}",
            str(int((part["AV"] > part["V"]).sum())),
        )
        for dataset, part in videos.groupby("dataset", sort=False)
    )
    heads = ("Dataset", "Test videos", "CC of V", "CC of AV", "AV better in")
    return Grid("V and AV by dataset", heads, rows)
