"""MLflow itself: a database file in the project, or any server that MLFLOW_TRACKING_URI names.

MLflow takes seconds to import, so nothing is imported before the first run is forwarded. A server
may hang in any way, so that MLflow works in a thread that is waited for some seconds and no longer.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from avrsp.errors import AvrspError, cleaned
from avrsp.tracking import journal
from avrsp.tracking.journal import Event

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Run  # noqa: TID251 - the one place
    from mlflow.tracking import MlflowClient  # noqa: TID251

Result = TypeVar("Result")

IDENTITY = "avrsp.record"
FORWARDED = "avrsp.forwarded"
DATABASE = "mlflow.db"
"""In the main repository, where no server is named."""

LOCK = "data/.mlflow.lock"
LOCK_SECONDS = 10.0
SERVER_SECONDS = 15.0
DATABASE_SECONDS = 60.0
"""How long a server, and the project's own database, which may be created, are waited for."""

BYTES_A_SECOND = 1e6
"""So fast, at the least, files must be taken."""

ADDRESS: Final = "MLFLOW_TRACKING_URI"
SECRETS: Final = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
CLIENT_SETTINGS: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # a training does not wait for a server
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}


def address(root: Path) -> str:
    """Return where runs are kept: MLFLOW_TRACKING_URI, else `mlflow.db` in the folder `root`."""
    database = _database(root)
    # SQLAlchemy takes what follows a question mark for options; the path from here has none
    place = os.path.relpath(database) if "?" in str(database) else database
    return _named() or f"sqlite:///{place}"


def _named() -> str:
    """Return the address that the user gave; empty where it is the project's own database."""
    return os.environ.get(ADDRESS, "").strip()


def place() -> str:
    """Return where runs are kept as may be printed: without folders, names and passwords."""
    try:
        named = urlsplit(_named())
        port = f":{named.port}" if named.port else ""
    except ValueError:
        return f"what {ADDRESS} names"
    if named.hostname is None:
        return f"what {ADDRESS} names" if _named() else DATABASE
    return f"{named.scheme}://{named.hostname}{port}"


def _database(root: Path) -> Path:
    return root / DATABASE


def forward(path: Path, root: Path) -> str:
    """Send MLflow what it does not yet know of the journal at `path`; return the run's id.

    MLflow keeps the number of events that it has, so forwarding again adds nothing. One process
    forwards at a time: the first one creates the database.

    Raises:
        AvrspError: The experiment was deleted, or keeps its files in another folder.
        Exception: Whatever MLflow and its libraries make of a server or database that fails.
    """
    written = journal.read(path)
    with FileLock(root / LOCK, timeout=LOCK_SECONDS), _muted():
        client = _client(address(root))
        run = _run(client, written[0], root)
        run_id: str = run.info.run_id
        known = int(run.data.tags.get(FORWARDED, "0"))
        for group in grouped(written[known:]):
            send_events(client, run, group, path.parent)
            known += len(group)
            client.set_tag(run_id, FORWARDED, str(known))
    return run_id


def forwarded(path: Path, root: Path, *, quietly: bool) -> str | None:
    """Forward the journal at `path`; return the run's id, None while MLflow does not answer."""
    try:
        return _within(_seconds(path), lambda: forward(path, root))
    except Exception as error:
        if not quietly:
            sys.stderr.write(
                f"avrsp: {place()} does not take the record ({_described(error)}); it waits in "
                f"{path} and is sent later\n"
            )
        return None


def _seconds(path: Path) -> float:
    """Return how long MLflow is waited for: longer where the journal at `path` has files."""
    events = journal.read(path)
    names = [event["name"] for event in events if event["event"] == "file"]
    names += [name for event in events if event["event"] == "parent" for name in event["files"]]
    there: list[Path] = [each for name in names if (each := path.parent / name).is_file()]
    seconds: float = sum(each.stat().st_size for each in there) / BYTES_A_SECOND
    return seconds + (SERVER_SECONDS if _named() else DATABASE_SECONDS)


_working: threading.Thread | None = None
"""The thread that works with MLflow, or did so last."""


def _within(seconds: float, work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises, if it has ended in time.

    Raises:
        TimeoutError: It has not, and goes on by itself; or an earlier one still does.
    """
    global _working  # noqa: PLW0603 - one for the process
    results: list[Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)

    if _working is not None and _working.is_alive():
        raise TimeoutError("it has not yet answered an earlier request")
    _working = threading.Thread(target=run, name="mlflow", daemon=True)
    _working.start()
    _working.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no answer in {seconds:.0f} s")
    return results[0]


LONGEST = 300


def _described(error: Exception) -> str:
    """Say in one line, without passwords, why MLflow fails, and what to do."""
    if isinstance(error, AvrspError):
        return cleaned(str(error))
    said = next((line for line in str(error).splitlines() if line.strip()), "")
    said = cleaned(said)[:LONGEST] or type(error).__name__
    for secret in _secrets():
        said = said.replace(secret, "...")
    advice = f"; start it, or correct {ADDRESS}" if _named() else ""
    return f"{said}{advice}"


def _secrets() -> list[str]:
    """Return what must not be shown, the longest first, as it is written and as it is meant."""
    given = [os.environ.get(name, "") for name in SECRETS]
    with contextlib.suppress(ValueError):
        password = urlsplit(_named()).password or ""
        given += [password, unquote(password)]
    return sorted(filter(None, given), key=len, reverse=True)


def finished(root: Path, experiment: str, name: str) -> list[Run]:
    """Return the finished runs of an experiment that have this name, newest first.

    Raises:
        AvrspError: MLflow does not answer.
    """
    if not _named() and not _database(root).exists():
        return []

    def search() -> list[Run]:
        with FileLock(root / LOCK, timeout=LOCK_SECONDS), _muted():
            client = _client(address(root))
            found = client.get_experiment_by_name(experiment)
            return [*_pages(client, found.experiment_id, name)] if found else []

    try:
        return _within(DATABASE_SECONDS, search)
    except Exception as error:
        raise AvrspError(f"{place()} does not answer ({_described(error)})") from None


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


@functools.cache
def _client(uri: str) -> MlflowClient:
    from mlflow.tracking import MlflowClient  # noqa: PLC0415, TID251

    for name in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(uri)


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Let MLflow neither warn nor report on us while it is imported and used."""
    os.environ.update(
        {name: value for name, value in CLIENT_SETTINGS.items() if name not in os.environ}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _run(client: MlflowClient, start: Event, root: Path) -> Run:
    """Return the run that a journal's first event describes, created with its parent if new."""
    experiment = _experiment(client, start["experiment"], root)
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


def _experiment(client: MlflowClient, name: str, root: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        place = None if _named() else (root / "mlartifacts").as_uri()
        return client.create_experiment(name, artifact_location=place)
    known = found.experiment_id, found.lifecycle_stage, found.artifact_location
    fault = unusable(root, name, *known)
    if fault:
        raise AvrspError(fault)
    return str(found.experiment_id)


def unusable(
    root: Path, experiment: str, number: str, stage: str, files_at: str | None
) -> str | None:
    """Say why nothing can be recorded in an experiment, and the way out; None where it can.

    Args:
        root: The main repository.
        experiment: The experiment's name.
        number: MLflow's id of it.
        stage: Of its life, "active" or "deleted".
        files_at: Where it keeps files.
    """
    if stage == "deleted":
        own = "" if _named() else f"{ADDRESS}={address(root)} "  # a server's is set already
        return (
            f"the experiment {experiment} was deleted; restore it: {own}mlflow "
            f"experiments restore --experiment-id {number}, or choose another "
            "name for tracking.experiment in params.yaml"
        )
    location = urlsplit(files_at or "")
    here = root.resolve()
    if _named() or location.scheme not in {"", "file"}:
        return None
    if Path(unquote(location.path)).resolve().is_relative_to(here):
        return None
    return (
        f"the experiment {experiment} keeps its files in {unquote(location.path)}, since the "
        f"workspace was moved or copied from there; begin a new database: mv {_database(root)} "
        f"{_database(root)}.moved; the stage report records the trained models in it again"
    )


def _found(client: MlflowClient, experiment: str, identity: str) -> Run | None:
    runs = client.search_runs([experiment], f"tags.`{IDENTITY}` = '{identity}'", max_results=1)
    return runs[0] if runs else None


VALUES_A_REQUEST = 20
"""MLflow takes 1000 metrics at a time; an event has at most 50, those of a node of eight GPUs."""


def grouped(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Cut events into what one request can hold: several notes of values, or one of the others."""
    for values, run in groupby(events, lambda event: event["event"] == "values"):
        waiting = list(run)
        size = VALUES_A_REQUEST if values else 1
        for start in range(0, len(waiting), size):
            yield waiting[start : start + size]


def send_events(client: MlflowClient, run: Run, group: Sequence[Event], folder: Path) -> None:
    """Send MLflow a group of events about `run`, whose files lie in `folder`."""
    run_id: str = run.info.run_id
    match group[0]:
        case {"event": "start"} as start:
            _start(client, run_id, start)
        case {"event": "values"}:
            _values(client, run_id, group)
        case {"event": "file", "name": name} if (folder / name).is_file():
            client.log_artifact(run_id, str(folder / name))
        case {"event": "parent"} as told:
            _tell_parent(client, str(run.data.tags["mlflow.parentRunId"]), told)
        case {"event": "model", "name": name, "values": values, **more}:
            _register(client, run, name, {**values, **more.get("tags", {})})
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


def _values(client: MlflowClient, run_id: str, group: Sequence[Event]) -> None:
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


def _tell_parent(client: MlflowClient, parent: str, told: Event) -> None:
    """Give a parent run the parameters that it lacks, the latest values, and files."""
    from mlflow.entities import Metric, Param  # noqa: PLC0415, TID251

    known = client.get_run(parent).data.params  # MLflow refuses to change one
    lacking = [Param(*pair) for pair in told["parameters"].items() if pair[0] not in known]
    values = [Metric(name, value, told["time"], 0) for name, value in told["values"].items()]
    client.log_batch(parent, metrics=values, params=lacking)
    for name in told["files"]:
        if Path(name).is_file():
            client.log_artifact(parent, name, "report")


def _register(client: MlflowClient, run: Run, name: str, values: Mapping[str, object]) -> None:
    """Enter the run's files as a version of the model `name`, unless it has one."""
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    if not client.search_model_versions(f"name = '{name}' and run_id = '{run.info.run_id}'"):
        tags = {key: str(value) for key, value in values.items()}
        source = str(run.info.artifact_uri)
        client.create_model_version(name, source, run.info.run_id, tags)
