"""What each event of a journal is to MLflow; telling the same event twice changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avrsp.tracking.journal import Event

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Run  # noqa: TID251 - the one place
    from mlflow.tracking import MlflowClient  # noqa: TID251

VALUES_A_REQUEST = 20
"""MLflow takes 1000 metrics at a time; an event has at most 50, those of a node of eight GPUs."""


def grouped(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Cut events into what one request can tell: several notes of values, or one of the others."""
    for values, run in groupby(events, lambda event: event["event"] == "values"):
        waiting = list(run)
        size = VALUES_A_REQUEST if values else 1
        for start in range(0, len(waiting), size):
            yield waiting[start : start + size]


def tell(client: MlflowClient, run: Run, group: list[Event], folder: Path) -> None:
    """Tell MLflow a group of events about `run`, whose files lie in `folder`."""
    run_id: str = run.info.run_id
    match group[0]:
        case {"event": "start"} as start:
            _start(client, run_id, start)
        case {"event": "values"}:
            _values(client, run_id, group)
        case {"event": "file", "name": name} if (folder / name).is_file():
            client.log_artifact(run_id, str(folder / name))
        case {"event": "model", "name": name, "values": values}:
            _register(client, run, name, values)
        case {"event": "status", "status": "RUNNING"}:
            client.update_run(run_id, status="RUNNING")
        case {"event": "status", "status": status, "time": at}:
            client.set_terminated(run_id, status, at)


def _start(client: MlflowClient, run_id: str, start: Event) -> None:
    from mlflow.entities import Param  # noqa: PLC0415, TID251

    client.log_batch(run_id, params=[Param(*pair) for pair in start["parameters"].items()])
    client.log_inputs(run_id, [_input(dataset) for dataset in start["datasets"]])
    for name, text in start["texts"].items():
        client.log_text(run_id, text, name)


def _values(client: MlflowClient, run_id: str, group: list[Event]) -> None:
    from mlflow.entities import Metric  # noqa: PLC0415, TID251

    metrics = [
        Metric(name, value, event["time"], event["step"])
        for event in group
        for name, value in event["values"].items()
    ]
    client.log_batch(run_id, metrics)


def _input(dataset: Mapping[str, Any]) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415, TID251

    described = Dataset(
        name=dataset["name"],
        digest=dataset["digest"],
        source_type="local",
        source=json.dumps({"uri": dataset["source"]}),
        profile=json.dumps(dataset["counts"]),
    )
    return DatasetInput(described, [InputTag("mlflow.data.context", dataset["role"])])


def _register(client: MlflowClient, run: Run, name: str, values: Mapping[str, float]) -> None:
    """Enter the run's files as a version of the model `name`, unless it has one."""
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    if not client.search_model_versions(f"name = '{name}' and run_id = '{run.info.run_id}'"):
        tags = {key: str(value) for key, value in values.items()}
        source = str(run.info.artifact_uri)
        client.create_model_version(name, source, run.info.run_id, tags)
