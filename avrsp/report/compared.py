"""The compared methods: what the pipeline in `workflow/methods` trained, scored and let hear."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avrsp import files
from avrsp.errors import ParamsError
from avrsp.evaluate.summary import DatasetScores, read_summary
from avrsp.params.runs import AUDIO_VISUAL, TITLES, VISUAL
from avrsp.report.results import Results
from avrsp.report.trainings import read_model


@dataclass(frozen=True, slots=True)
class ComparedPlaces:
    """Where that pipeline leaves its results.

    Attributes:
        models: Folder of `<method>/models/<method>-split<N>/model.json`.
        metrics: Folder of `<method>-split<N>.json`.
        pooled: Folder of `<method>.json`, all splits together.
        reliance: Folder of `<method>.json`, what other sounds do to a method that takes sound.
    """

    models: Path
    metrics: Path
    pooled: Path
    reliance: Path


@dataclass(frozen=True, slots=True)
class ComparedMethod:
    """A network of another method that was trained here.

    Attributes:
        name: Its entry and its variant, as `vinet-av-bilinear`.
        label: What it is called in tables, as "ViNet(AV, bilinear)".
        scores: By dataset, all splits together.
        models: By training run, what `model.json` says.
        reliance: What other sounds do; None where it takes no sound or that was not run.
    """

    name: str
    label: str
    scores: Mapping[str, DatasetScores]
    models: Mapping[str, Mapping[str, Any]]
    reliance: Mapping[str, Any] | None


def read_compared(places: ComparedPlaces) -> tuple[ComparedMethod, ...]:
    """Read every method that was scored, by title and those without sound first.

    Raises:
        StoreError: A file is there but is not what it should be.
    """
    found = [_method(path.stem, places) for path in places.pooled.glob("*.json")]
    return tuple(sorted(found, key=_place))


def results_of(methods: tuple[ComparedMethod, ...], places: ComparedPlaces) -> Results:
    """Return the scores of the methods by their names, and what could not be evaluated."""
    faults = [
        f"{path.stem}: {fault}"
        for path in sorted(places.metrics.glob("*.json"))
        for fault in read_summary(path).faults
    ]
    return Results({each.name: each.scores for each in methods}, tuple(faults))


def label_of(facts: Mapping[str, Any]) -> str:
    """Return what tables call the network that a `model.json` describes: "ViNet(AV, bilinear)"."""
    kind = AUDIO_VISUAL if facts.get("audio") else VISUAL
    variant = str(facts.get("settings", {}).get("variant") or kind)
    rest = variant.removeprefix(kind).replace("-", " ").strip()
    return f"{title_of(str(facts.get('model')))}({TITLES[kind]}{f', {rest}' if rest else ''})"


def published(
    imported: Mapping[str, Mapping[str, Any]], scored: Collection[str]
) -> dict[str, tuple[str, str]]:
    """Return label and source of the published weights whose maps were given and scored.

    Args:
        imported: What `model.json` says, by the folder that `avrsp import-weights` made.
        scored: Methods that were scored; those that bear the name of such a folder count.
    """
    return {
        name: (label_of(facts), _origin(facts))
        for name, facts in imported.items()
        if name in scored
    }


def title_of(model: str) -> str:
    """Return the title of a network's entry; its name where there is no such entry any more."""
    from avrsp.models import registry  # noqa: PLC0415 - it imports torch, which takes seconds

    try:
        return registry.spec(model).title
    except ParamsError:
        return model


def read_reliance(path: Path) -> Mapping[str, Any] | None:
    """Return what other sounds do, as a stage wrote it; None where it was not run."""
    found = files.read_sealed(path) if path.exists() else None
    return None if found is None or "absent" in found else found


def _origin(facts: Mapping[str, Any]) -> str:
    learnt = ", ".join(facts.get("learnt_from") or ["unknown videos"])
    return f"{facts['source']['file']}, trained on {learnt}"


def _method(name: str, places: ComparedPlaces) -> ComparedMethod:
    models = dict(_models(name, places.models))
    return ComparedMethod(
        name=name,
        label=label_of(next(iter(models.values()))) if models else name,
        scores=read_summary(places.pooled / f"{name}.json").by_dataset,
        models=models,
        reliance=read_reliance(places.reliance / f"{name}.json"),
    )


def _models(name: str, folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in sorted(folder.glob(f"{name}/models/{name}-split*/model.json")):
        yield path.parent.name, read_model(path)


def _place(method: ComparedMethod) -> tuple[str, bool, str]:
    title, _, kind = method.label.partition("(")
    return title.lower(), kind.startswith(TITLES[AUDIO_VISUAL]), method.name
