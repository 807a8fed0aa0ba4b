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
from avrsp.tracking import events, journal
from avrsp.tracking.journal import Event

if TYPE_CHECKING:
    from mlflow.entities import Run  # noqa: TID251 - the one place
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
        for group in events.grouped(written[known:]):
            events.tell(client, run, group, path.parent)
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
