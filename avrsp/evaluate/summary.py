"""The scores of a method on each dataset with their intervals: typed, as JSON, and as a table.

Reports read this without torch; `averages` makes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    model_serializer,
    model_validator,
)

from avrsp.errors import StoreError
from avrsp.files import sealed, unsealed, write_json
from avrsp.store.ground_truth import EMPTY_RULE

METRICS = ("kl", "cc", "sim", "nss", "auc_judd")
"""Metrics of which a frame counts as scored only if all that its protocol has are defined."""

COLUMNS = (*METRICS, "auc_shuffled", "ig")
"""All metrics; the last two need fixations of other frames, and a centre prior."""

LABELS = {
    "kl": "KL",
    "cc": "CC",
    "sim": "SIM",
    "nss": "NSS",
    "auc_judd": "AUC-J",
    "auc_shuffled": "s-AUC",
    "ig": "IG",
}
"""What tables call each metric, in the order in which the printed one has them."""

LESS_IS_BETTER: Final = frozenset({"kl"})

VIEWERS: Final[Mapping[str, tuple[str, ...]]] = {
    "other viewers": ("nss", "auc_judd", "auc_shuffled"),
    "half the viewers": ("cc", "sim", "nss", "auc_judd", "auc_shuffled"),
}
"""References of viewers against viewers, and the metrics that they have: each viewer predicted by
all others, and one half of them by the other. KL and information gain punish without limit where
nobody of a few looked, and density maps of one viewer are not those that models are scored on."""

MOUSE: Final = "Gaze was recorded by mouse, not by an eye tracker, in: "

COUNTS = ("videos", "frames", "dropped", "missing", "empty")

MEAN: Final = "mean"
"""Stands in a dataset's place for the plain mean of the datasets."""


Model = TypeVar("Model", bound=BaseModel)


class _Typed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(_Typed):
    """A dataset's score and its 95 % bootstrap interval over videos, where one was computed."""

    value: float
    low: float | None = None
    high: float | None = None


class DatasetScores(_Typed):
    """One method on one dataset, in JSON flat: `cc` is the score, `cc_interval` [low, high].

    Attributes:
        metrics: Estimates by metric; one that is not defined is missing here, and null in JSON.
        videos: How many videos were scored; one that two splits test counts twice.
        frames: How many frames count in every metric.
        dropped: Frames that at least one metric leaves out, such as those nobody fixated.
        missing: Frames without a predicted map.
        empty: Frames whose ground truth is empty, see `store.ground_truth.EMPTY_RULE`.
    """

    metrics: dict[str, Estimate] = Field(default_factory=dict)
    videos: int
    frames: int
    dropped: int
    missing: int
    empty: int = 0

    @model_validator(mode="before")
    @classmethod
    def _from_flat(cls, given: Any) -> Any:  # noqa: ANN401 - whatever stands in a file
        if not isinstance(given, Mapping) or "metrics" in given:
            return given
        rest = dict(given)
        metrics: dict[str, Any] = {}
        for name in COLUMNS:
            value, ends = rest.pop(name, None), rest.pop(f"{name}_interval", [None, None])
            match ends:
                case [low, high]:
                    known = {"value": value, "low": low, "high": high}
                    metrics |= {} if value is None else {name: known}
                case _:
                    raise ValueError(f"{name}_interval is no pair")
        return {**rest, "metrics": metrics}

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        found: dict[str, Any] = {name: getattr(self, name) for name in COUNTS}
        for name in dict.fromkeys((*METRICS, *self.metrics)):
            each = self.metrics.get(name)
            found[name] = each.value if each else None
            found[f"{name}_interval"] = [each.low, each.high] if each else [None, None]
        return found


class Summary(_Typed):
    """The scores of one method by one protocol.

    Attributes:
        protocol: By whose rules.
        preset: Of the chain that made it; empty where maps of others were scored.
        datasets: Scores by dataset.
        mean: Their plain mean.
        faults: What could not be evaluated, a line each.
    """

    protocol: str = ""
    preset: str = ""
    datasets: dict[str, DatasetScores]
    mean: DatasetScores
    faults: tuple[str, ...] = ()

    @property
    def by_dataset(self) -> dict[str, DatasetScores]:
        """The scores by dataset, with the mean under the name of `MEAN`."""
        return {**self.datasets, MEAN: self.mean}

    def numbers(self) -> dict[str, float]:
        """Return the defined numbers by `<dataset>/<quantity>`, intervals by their ends."""
        return dict(self._numbers())

    def _numbers(self) -> Iterator[tuple[str, float]]:
        for dataset, scores in self.by_dataset.items():
            for name in COUNTS:
                yield f"{dataset}/{name}", float(getattr(scores, name))
            for metric, each in scores.metrics.items():
                ends = {"": each.value, "_low": each.low, "_high": each.high}
                for end, value in ends.items():
                    if value is not None:
                        yield f"{dataset}/{metric}{end}", value

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, float]) -> Summary:
        """Return the summary whose `numbers` these are.

        Raises:
            StoreError: They are none's.
        """
        flat: dict[str, dict[str, Any]] = {}
        for key, value in numbers.items():
            dataset, _, quantity = key.partition("/")
            own = flat.setdefault(dataset, {})
            base, _, end = quantity.rpartition("_")
            if end in {"low", "high"}:
                own.setdefault(f"{base}_interval", [None, None])[end == "high"] = value
            else:
                own[quantity] = int(value) if quantity in COUNTS else value
        mean = flat.pop(MEAN, dict.fromkeys(COUNTS, 0))
        return _validated(cls, {"datasets": flat, MEAN: mean}, "recorded scores")


class Summaries(RootModel[dict[str, dict[str, Summary]]]):
    """What `avrsp evaluate` writes beside its rows: summaries by method, then by protocol."""


def no_scores(protocol: str, preset: str) -> Summary:
    """Return the summary of a run that there is none of."""
    nothing = DatasetScores(videos=0, frames=0, dropped=0, missing=0)
    return Summary(protocol=protocol, preset=preset, datasets={}, mean=nothing)


def read_summary(path: Path) -> Summary:
    """Read the summary of a run of the chain.

    Raises:
        StoreError: It is not one.
    """
    return _read(Summary, path)


def read_summaries(path: Path) -> dict[str, dict[str, Summary]]:
    """Read the summaries by method and protocol that `avrsp evaluate` wrote.

    Raises:
        StoreError: It is not such a file.
    """
    return _read(Summaries, path).root


def _read(kind: type[Model], path: Path) -> Model:
    try:
        content = unsealed(path.read_bytes())
    except ValueError as error:
        raise _no_summary(str(path), str(error)) from None
    return _validated(kind, content, str(path))


def _validated(kind: type[Model], content: object, source: str) -> Model:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the file"
        raise _no_summary(source, f"{where}: {fault['msg']}") from None


def _no_summary(source: str, reason: str) -> StoreError:
    return StoreError(f"{source}: not a summary ({reason}); remove it and run: dvc repro")


def write_summary(path: Path, summary: Summary | Summaries) -> None:
    """Write a summary as JSON with its own digest, atomically."""
    write_json(path, sealed(summary.model_dump(mode="json")))


def table(summaries: Mapping[str, Mapping[str, Summary]]) -> str:
    """Return the summaries of methods by protocols as text: a block for each dataset.

    A line of a block is a method by a protocol, with the interval of each score behind it.
    """
    width = max(map(len, ("method", *summaries)))
    shown = _shown(summaries)
    head = f"{'method':<{width}}  protocol" + "".join(f"  {LABELS[each]:<20}" for each in shown)
    head += "".join(f"  {name:>6}" for name in COUNTS)
    blocks = [f"Scores with 95 % intervals over videos. Of KL, less is better. {EMPTY_RULE}"]
    first = next(iter(next(iter(summaries.values())).values()))
    datasets = list(first.datasets)
    for dataset in datasets + [MEAN] * (len(datasets) > 1):
        lines = [dataset, head]
        for method, protocols in summaries.items():
            for name, summary in protocols.items():
                scores = summary.by_dataset.get(dataset)
                if scores:
                    lines.append(f"{method:<{width}}  {name:<8}{_cells(scores, shown)}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _shown(summaries: Mapping[str, Mapping[str, Summary]]) -> list[str]:
    """Return the metrics that any summary has."""
    every = (each.mean.metrics for own in summaries.values() for each in own.values())
    known = {metric for metrics in every for metric in metrics}
    return [metric for metric in LABELS if metric in known]


def _cells(scores: DatasetScores, shown: Sequence[str]) -> str:
    cells = "".join(f"  {_cell(scores.metrics.get(metric)):<20}" for metric in shown)
    return cells + "".join(f"  {getattr(scores, name):>{max(6, len(name))}}" for name in COUNTS)


def _cell(each: Estimate | None) -> str:
    if each is None:
        return "-"
    if each.low is None or each.high is None:
        return f"{each.value:.3f}"
    return f"{each.value:.3f} [{each.low:.3f} {each.high:.3f}]"
