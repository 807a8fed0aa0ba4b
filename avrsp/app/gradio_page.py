"""The page: a video and choices at the left, progress and results at the right."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, get_args

import gradio as gr

from avrsp.app.video_run import Stage, VideoRun
from avrsp.errors import WeightsError
from avrsp.models.saved import CONFIG, WEIGHTS, read_config
from avrsp.prediction import predictor
from avrsp.prediction.batch import predict_video
from avrsp.prediction.overlay_style import ColormapName, OverlayStyle, ScaleName
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.wanted import OutputChoice
from avrsp.progress import duration

TITLE: Final = "AVRSP: where people look in a video with sound"
DAY: Final = 86_400
"""Seconds after which what was uploaded is removed, and between two looks for it."""

HELD: Final = 3
"""Models that are kept in memory."""

TABLE, SHEET, MEAN = "table of numbers (CSV)", "contact sheet", "mean map"

Update = tuple[Any, Any, Any, Any]
"""Of the status, the overlay, the files and the stop button."""


def models_in(folder: Path) -> list[tuple[str, str]]:
    """Return a label and the folder of each usable model; the one taken by default comes first."""
    found = []
    for path in sorted(folder.glob(f"*/{CONFIG}")):
        if not path.with_name(WEIGHTS).is_file():
            continue
        try:
            config = read_config(path)
        except WeightsError:
            continue
        learnt = ", ".join(config.learnt_from) or "unknown videos"
        found.append((f"{path.parent.name} (trained on {learnt})", str(path.parent)))
    first = str(predictor.best(folder))
    return sorted(found, key=lambda each: each[1] != first)


class Page:
    """The page's work: one prediction for each open page at a time.

    Attributes:
        out: Folder for the results.
        device: cpu, cuda or auto.
    """

    def __init__(self, out: Path, device: str) -> None:
        self.out = out
        self.device = device
        self._runs: dict[str | None, VideoRun] = {}

    def predict(  # noqa: PLR0913, PLR0917 - one argument for each field of the page
        self,
        video: str | None,
        model: str,
        others: Sequence[str],
        without_sound: bool,
        scale: ScaleName,
        colormap: ColormapName,
        opacity: float,
        side_by_side: bool,
        extras: Sequence[str],
        stride: float,
        request: gr.Request,
    ) -> Iterator[Update]:
        """Predict, yielding what the page shows."""
        if not video:
            yield _said("Choose a video first."), None, None, gr.update(interactive=False)
            return
        wanted = OutputChoice(
            side_by_side=side_by_side,
            style=OverlayStyle(scale=scale, colormap=colormap, opacity=opacity),
            without_sound=without_sound,
            stride=int(stride),
            csv=TABLE in extras,
            sheet=SHEET in extras,
            mean=MEAN in extras,
        )

        def work() -> list[Path]:
            models = [_loaded(each, self.device) for each in (model, *others)]
            return predict_video(Path(video), self.out, models[0], wanted, models[1:])

        run = self._runs[request.session_hash] = VideoRun(work)
        for stage in run.stages():
            yield _progress(stage), None, None, gr.update(interactive=True)
        written = [str(path) for path in run.results if path.is_file()]
        overlay = next((each for each in written if each.endswith(".overlay.mp4")), None)
        status = _said(run.said or f"Done: {len(written)} files in {self.out}.")
        yield status, overlay, written or None, gr.update(interactive=False)

    def stop(self, request: gr.Request) -> None:
        """Stop what this page predicts."""
        run = self._runs.get(request.session_hash)
        if run is not None:
            run.stop()


def warning(model: str) -> str:
    """Say what a person must know of a model before believing its maps."""
    learnt = read_config(Path(model) / CONFIG).learnt_from
    if set(learnt) != {predictor.GENERATED}:
        return ""
    return (
        "**This model has seen generated videos only. Of real videos its maps say little;** "
        "weights of real videos come with `avrsp fetch-weights unisal`."
    )


def page(models: Sequence[tuple[str, str]], work: Page) -> gr.Blocks:
    """Return the page."""
    first = models[0][1]
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(DAY, DAY)) as blocks:
        gr.Markdown(f"# {TITLE}")
        with gr.Row():
            with gr.Column():
                fields = _fields(models)
                remark = gr.Markdown(warning(first))
                with gr.Row():
                    start = gr.Button("Predict", variant="primary", elem_id="predict")
                    stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="stop")
            with gr.Column():
                status = gr.HTML(_said("Choose a video, then press Predict."), elem_id="status")
                overlay = gr.Video(label="Overlay", interactive=False, elem_id="overlay")
                written = gr.Files(label="Download", interactive=False, elem_id="files")
        shown = [status, overlay, written, stop]
        start.click(work.predict, fields, shown, show_progress="hidden")
        stop.click(work.stop, queue=False)
        fields[1].change(warning, fields[1], remark, show_progress="hidden")
    return blocks


def _fields(models: Sequence[tuple[str, str]]) -> list[Any]:
    """Return the fields in the order of `Page.predict`."""
    first = models[0][1]
    video = gr.Video(label="Video", sources=["upload"], elem_id="video")
    model = gr.Dropdown(models, value=first, label="Model", elem_id="model")
    silent = gr.Checkbox(label="Show it without the sound, too", elem_id="without-sound")
    with gr.Accordion("More choices", open=False):
        others = gr.Dropdown(models, value=[], multiselect=True, label="Compare with")
        style = OverlayStyle()
        scale = gr.Radio(get_args(ScaleName), value=style.scale, label="Scale")
        colormap = gr.Dropdown(get_args(ColormapName), value=style.colormap, label="Colours")
        opacity = gr.Slider(0, 1, value=style.opacity, step=0.05, label="Opacity")
        beside = gr.Checkbox(label="Show the plain video, too")
        extras = gr.CheckboxGroup([TABLE, SHEET, MEAN], label="Also write")
        stride = gr.Slider(1, 16, value=1, step=1, label="Predict every Nth frame")
    return [video, model, others, silent, scale, colormap, opacity, beside, extras, stride]


@lru_cache(maxsize=HELD)
def _loaded(folder: str, device: str) -> Predictor:
    return predictor.load(Path(folder), device=device)


def _said(text: str) -> str:
    return f'<p role="status">{html.escape(text)}</p>'


def _progress(stage: Stage) -> str:
    """Return a bar with what is done and how long the rest will take."""
    text = f"{stage.label}: {stage.count:,}"
    if stage.total is None:
        return _said(stage.label if not stage.count else f"{text} frames")
    text += f" of {stage.total:,} frames"
    if stage.left is not None:
        text += f", {duration(stage.left)} left"
    bar = f'<progress max="{stage.total}" value="{stage.count}" style="width: 100%"></progress>'
    return bar + _said(text)
