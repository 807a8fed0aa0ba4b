"""MLflow itself: a database file in the project, or any server that MLFLOW_TRACKING_URI names.

MLflow takes seconds to import, so nothing is imported before the first run is forwarded.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import FileLock

from avrsp import paths
from avrsp.errors import AvrspError
from avrsp.tracking import journal
from avrsp.tracking.journal import Event

if TYPE_CHECKING:
    from mlflow.entities import Run  # noqa: TID251 - the one place
    from mlflow.tracking import MlflowClient  # noqa: TID251


import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Run  # noqa: TID251 - the one place
    from mlflow.tracking import MlflowClient  # noqa: TID251

IDENTITY = "avrsp.record"
FORWARDED = "avrsp.forwarded"
LOCK = "data/.mlflow.lock"
LOCK_SECONDS = 60.0
MANNERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # a training does not wait for a server
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def address() -> str:
    """Return where runs are kept: MLFLOW_TRACKING_URI, else `mlflow.db` in the project."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_database()}"


def place() -> str:
    """Return where runs are kept as may be printed: without folders, names and passwords."""
    named = urlsplit(os.environ.get("MLFLOW_TRACKING_URI", ""))
    if named.hostname is None:
        return _database().name
    port = f":{named.port}" if named.port else ""
    return f"{named.scheme}://{named.hostname}{port}"


def _database() -> Path:
    return paths.root() / "mlflow.db"


def forward(path: Path) -> str:
    """Tell MLflow what it does not yet know of the journal at `path`; return the run's id.

    MLflow keeps the number of events that it has, so forwarding again adds nothing. One process
    forwards at a time: the first one creates the database.

    Raises:
        OSError, MlflowException, SQLAlchemyError: See `failures`.
    """
    written = journal.read(path)
    with FileLock(paths.root() / LOCK, timeout=LOCK_SECONDS), _muted():
        client = _client(address())
        run = _run(client, written[0])
        run_id: str = run.info.run_id
        known = int(run.data.tags.get(FORWARDED, "0"))
        for group in grouped(written[known:]):
            tell(client, run, group, path.parent)
            known += len(group)
            client.set_tag(run_id, FORWARDED, str(known))
    return run_id


def forwarded(path: Path, *, quietly: bool) -> str | None:
    """Forward the journal at `path`; return the run's id, None while MLflow does not answer."""
    try:
        return forward(path)
    except failures() as error:
        if not quietly:
            reason = str(error).partition("\n")[0]
            sys.stderr.write(
                f"avrsp: {place()} does not take the record ({reason}); it waits in {path} and "
                "is sent later\n"
            )
        return None


def finished(experiment: str, name: str) -> list[Run]:
    """Return the finished runs of an experiment that have this name, newest first.

    Raises:
        AvrspError: MLflow does not answer.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI") and not _database().exists():
        return []
    try:
        with FileLock(paths.root() / LOCK, timeout=LOCK_SECONDS), _muted():
            client = _client(address())
            found = client.get_experiment_by_name(experiment)
            return [*_pages(client, found.experiment_id, name)] if found else []
    except failures() as error:
        raise AvrspError(
            f"{place()} does not answer ({type(error).__name__}); start it, or correct "
            "MLFLOW_TRACKING_URI"
        ) from None


def _pages(client: MlflowClient, experiment: str, name: str) -> Iterator[Run]:
    wanted = f"attributes.status = 'FINISHED' and attributes.run_name = '{name}'"
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment], wanted, order_by=["attributes.start_time DESC"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def failures() -> tuple[type[Exception], ...]:
    """Return the errors by which a server or database shows that it cannot be reached."""
    with _muted():
        from mlflow.exceptions import MlflowException  # noqa: PLC0415, TID251
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415
    return OSError, MlflowException, SQLAlchemyError


@functools.cache
def _client(uri: str) -> MlflowClient:
    from mlflow.tracking import MlflowClient  # noqa: PLC0415, TID251

    for name in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(uri)


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Let MLflow neither warn nor report on us while it is imported and used."""
    os.environ.update({name: value for name, value in MANNERS.items() if name not in os.environ})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _run(client: MlflowClient, start: Event) -> Run:
    """Return the run that a journal's first event describes, created with its parent if new."""
    experiment = _experiment(client, start["experiment"])
    found = _found(client, experiment, start["identity"])
    if found is not None:
        return found
    parent = _found(client, experiment, start["pipeline"])
    if parent is None:
        named = {IDENTITY: start["pipeline"]}
        parent = client.create_run(experiment, tags=named, run_name=start["pipeline"])
        client.set_terminated(parent.info.run_id)
    tags = {IDENTITY: start["identity"], "mlflow.parentRunId": parent.info.run_id, **start["tags"]}
    return client.create_run(experiment, start["time"], tags, run_name=start["name"])


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    local = not os.environ.get("MLFLOW_TRACKING_URI")
    place = (paths.root() / "mlartifacts").as_uri() if local else None
    return client.create_experiment(name, artifact_location=place)


def _found(client: MlflowClient, experiment: str, identity: str) -> Run | None:
    runs = client.search_runs([experiment], f"tags.`{IDENTITY}` = '{identity}'", max_results=1)
    return runs[0] if runs else None


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
