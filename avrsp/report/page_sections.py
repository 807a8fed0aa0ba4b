"""The sections of the page, each from what was found; what is missing is said where it belongs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from avrsp.datasets.sheets import defects
from avrsp.errors import StoreError
from avrsp.params.ablations import ABLATIONS
from avrsp.report import names
from avrsp.report.charts import Moment, learning_curves, methods_of, moment, per_video, strip
from avrsp.report.films import clips
from avrsp.report.inputs import OWN, Choice, Inputs, typical, video_means
from avrsp.report.names import in_order, title
from avrsp.report.page import Block, Chart, Facts, Grid, Link, Notice, Points, Prose, Section
from avrsp.report.palette import render
from avrsp.report.paper import COMPARED, DATASETS
from avrsp.report.tables import Table, not_run
from avrsp.store.manifest import DatasetEntry, Manifest, Verdict

OWN_PAGE: Final = "ablations/index.html"


def results(tables: Sequence[Table], inputs: Inputs) -> Section:
    """Show the tables."""
    blocks: list[Block] = [Prose(names.METRICS)]
    if not inputs.results.methods:
        blocks.append(Notice(names.NO_SCORES))
    blocks += tables
    if inputs.results.faults:
        blocks += [Notice("Not everything could be evaluated:"), Points(inputs.results.faults)]
    return Section("results", "Results", tuple(blocks))


def ablated(tables: Sequence[Table], inputs: Inputs) -> Section:
    """Show Tables III to V as far as their networks were run, and where their own page is."""
    blocks: list[Block] = [Prose(names.ABLATIONS), Link(names.OWN_PAGE, OWN_PAGE, OWN_PAGE)]
    absent = not_run(inputs.ablations)
    if absent:
        blocks.append(Notice(names.not_ablated(len(absent), len(ABLATIONS))))
    return Section("ablations", "What each part is worth", (*blocks, *tables))


def predictions(inputs: Inputs) -> Section:
    """Show a strip for each dataset: typical frames, chosen by rule."""
    blocks: list[Block] = [Prose(names.STRIPS)]
    if inputs.rows.empty:
        return Section("predictions", "Predictions", (*blocks, Notice(names.NO_SCORES)))
    shown = clips(inputs)
    if shown:
        blocks += [Prose(names.CLIPS), *shown]
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
        return Section("videos", "V and AV, video by video", (Notice(names.NO_PAIRS),))
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
        return Section("training", "Training", (Notice(names.NO_HISTORIES),))
    chart = Chart(
        name="learning-curves",
        title="Loss by epoch",
        caption=names.CURVES,
        alt="Training and validation loss by epoch for "
        + ", ".join(_curve_in_words(name, frame) for name, frame in inputs.histories.items()),
        picture=render(lambda theme: learning_curves(inputs.histories, theme)),
    )
    return Section("training", "Training", (chart,))


def _strip_or_notice(inputs: Inputs, dataset: str) -> Block:
    choices = typical(inputs.rows, dataset)
    if not choices:
        return Notice(names.no_scores_of(dataset))
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
        label=f"{_rank(choice)}\n{names.shortened(choice.video)}\nframe {choice.frame}",
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


HEADS: Final = (
    "Dataset",
    "Listed",
    "Kept",
    "Set aside",
    "With notes",
    "With sound",
    "Frames",
    "Hours",
)
ROLES: Final = ("train", "validation", "test")


def blocks(manifest: Manifest, splits: Sequence[int]) -> Iterator[Block]:
    """Yield what the page says of the data."""
    overview, *others = grids(manifest, splits)
    yield overview
    yield Prose(names.ROLES)
    aside: list[Block] = [grid for grid in others if grid.title == names.ASIDE]
    yield from aside or [Prose("No video was set aside.")]
    yield from (
        Notice(f"{title(name)} is absent: {entry.reason}.")
        for name, entry in manifest.datasets.items()
        if not entry.present
    )
    found = split_defects(manifest)
    if found:
        yield Prose(names.SPLIT_DEFECTS)
        yield Points(found)


def grids(manifest: Manifest, splits: Sequence[int]) -> tuple[Grid, ...]:
    """Return the datasets as a table, then those of videos set aside and of absent datasets."""
    heads = (*HEADS, *(f"Train / validation / test, split {split}" for split in splits))
    rows = [_count(title(name), entry, splits) for name, entry in manifest.datasets.items()]
    every = [verdict for entry in manifest.datasets.values() for verdict in entry.videos]
    rows.append(_numbers("All", every, splits))
    found = [Grid(names.DATASETS, heads, tuple(rows))]
    aside = tuple(
        (each.video, title(each.dataset), each.reason or "no reason given")
        for each in every
        if not each.kept
    )
    if aside:
        found.append(Grid(names.ASIDE, ("Video", "Dataset", "Reason"), aside, (0, 1, 2)))
    absent = tuple(
        (title(name), entry.reason or "no reason given")
        for name, entry in manifest.datasets.items()
        if not entry.present
    )
    if absent:
        found.append(Grid(names.ABSENT, ("Dataset", "Reason"), absent, (0, 1)))
    return tuple(found)


def split_defects(manifest: Manifest) -> tuple[str, ...]:
    """Return what is wrong with the published splits, a line each."""
    return tuple(
        str(defect)
        for name, entry in manifest.datasets.items()
        for defect in defects(name, {each.video: each.roles for each in entry.videos})
    )


def _count(name: str, entry: DatasetEntry, splits: Sequence[int]) -> tuple[str, ...]:
    if not entry.present:
        return (name, "absent", *["-"] * (len(HEADS) - 2 + len(splits)))
    return _numbers(name, entry.videos, splits)


def _numbers(name: str, videos: Sequence[Verdict], splits: Sequence[int]) -> tuple[str, ...]:
    kept = [verdict for verdict in videos if verdict.kept]
    counts = (
        len(videos),
        len(kept),
        len(videos) - len(kept),
        sum(bool(verdict.notes) for verdict in kept),
        sum(verdict.has_sound for verdict in kept),
        sum(verdict.frames for verdict in kept),
    )
    hours = sum(verdict.frames / verdict.fps for verdict in kept) / 3600
    roles = (" / ".join(f"{_with_role(kept, split, role):,}" for role in ROLES) for split in splits)
    return (name, *(f"{count:,}" for count in counts), f"{hours:.2f}", *roles)


def _with_role(videos: Sequence[Verdict], split: int, role: str) -> int:
    return sum(verdict.roles.get(str(split)) == role for verdict in videos)


SHORT = 12
"""Characters of a digest or commit that are shown."""


def run(inputs: Inputs) -> Section:
    """Say what was run, with what, and when."""
    about = inputs.about
    facts = Facts(
        (
            ("Preset", about.preset),
            ("Fusion of the audio-visual model", about.fusion),
            ("Splits", ", ".join(map(str, about.splits))),
            ("Seed", str(about.seed)),
            ("Evaluation protocol", about.protocol),
            ("Report made on", about.date),
            ("Git commit", about.commit[:SHORT] or "unknown"),
            ("Digest of the data (SHA-256)", inputs.manifest_digest[:SHORT] or "no manifest"),
        )
    )
    return Section("run", "What was run", (facts, _runs(inputs)))


def data(inputs: Inputs) -> Section:
    """Count the videos, and name those that were set aside and the datasets that are absent."""
    if inputs.manifest is None:
        return Section("data", "Data", (Notice(names.NO_MANIFEST),))
    return Section("data", "Data", tuple(blocks(inputs.manifest, inputs.about.splits)))


def notes(inputs: Inputs) -> Section:
    """Say how the numbers are meant to be read."""
    extra = names.SAMPLE_NOTES if inputs.about.preset == "sample" else ()
    return Section("notes", "How to read this", (Points((*extra, *names.NOTES)),))


def _runs(inputs: Inputs) -> Block:
    runs = sorted({*inputs.histories, *inputs.models}, key=in_order)
    if not runs:
        return Notice(names.NO_HISTORIES)
    rows = tuple(
        (name, *_training_in_numbers(inputs.histories.get(name)), _mlflow(inputs, name))
        for name in runs
    )
    heads = ("Training run", "Epochs", "Best epoch", "Lowest validation loss", "MLflow run")
    return Grid("Training runs", heads, rows, (0, 4))


def _training_in_numbers(history: pd.DataFrame | None) -> tuple[str, str, str]:
    if history is None:
        return "unknown", "unknown", "unknown"
    best = history.iloc[int(history["validation_loss"].argmin())]
    return str(len(history)), f"{best['epoch']:.0f}", f"{best['validation_loss']:.4f}"


def _mlflow(inputs: Inputs, name: str) -> str:
    return str(inputs.models.get(name, {}).get("mlflow_run") or "not recorded")
