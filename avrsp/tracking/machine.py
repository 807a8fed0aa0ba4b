"""What a run was computed with: the versions that are pinned, and those that are installed."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import threading
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Protocol

LOCK = "requirements.lock"


def described(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return tags and small files that say which Python and which packages are at work.

    Args:
        folder: The working copy, whose requirements.lock is noted too.
    """
    tags = {"python": platform.python_version(), "platform": platform.platform()}
    texts = {"environment/installed.txt": "\n".join(_installed()) + "\n"}
    lock = folder / LOCK
    if lock.is_file():
        content = lock.read_text()
        tags["environment.lock"] = hashlib.sha256(content.encode()).hexdigest()
        texts[f"environment/{LOCK}"] = content
    return tags, texts


def _installed() -> list[str]:
    """Return what `pip freeze` would list, without starting pip."""
    read = (each.metadata for each in metadata.distributions())  # parsed anew at each access
    found = {(each["Name"], each["Version"]) for each in read if each["Name"]}
    return sorted(f"{name}=={version}" for name, version in found)


SAMPLE_SECONDS = 10.0
SAMPLES_A_NOTE = 3


class Monitor(Protocol):
    """What MLflow's monitors have in common."""

    def collect_metrics(self) -> None:
        """Take a sample."""

    def aggregate_metrics(self) -> dict[str, float]:
        """Return the mean of the samples by name."""

    def clear_metrics(self) -> None:
        """Forget the samples."""


class SystemMonitor:
    """Notes the means of `SAMPLES_A_NOTE` samples, from its start until it is stopped.

    MLflow's monitors read CPU, memory, disk, network and, where nvidia-ml-py is installed, GPUs;
    MLflow's own thread is not used, since it ends for good when the server does not answer once.
    """

    def __init__(self, note: Callable[[Mapping[str, float]], None]) -> None:
        self._note = note
        self._monitors = _monitors()
        self._sample()  # CPU use is that since the sample before
        self._clear()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="system metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End with a note of what was sampled since the last one; a second call does nothing."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        over = False
        with contextlib.suppress(OSError):  # a full disk is the training's to report
            while not over:
                for _ in range(SAMPLES_A_NOTE):
                    over = self._over.wait(SAMPLE_SECONDS)
                    self._sample()
                    if over:
                        break
                self._report()

    def _sample(self) -> None:
        for monitor in self._monitors:
            monitor.collect_metrics()

    def _report(self) -> None:
        values: dict[str, float] = {}
        for monitor in self._monitors:
            values |= monitor.aggregate_metrics()
        self._clear()
        self._note({f"system/{name}": value for name, value in values.items()})

    def _clear(self) -> None:
        for monitor in self._monitors:
            monitor.clear_metrics()


def _monitors() -> list[Monitor]:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor  # noqa: PLC0415, TID251
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor  # noqa: PLC0415, TID251
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor  # noqa: PLC0415, TID251
    from mlflow.system_metrics.metrics.network_monitor import (  # noqa: PLC0415, TID251
        NetworkMonitor,
    )

    kinds: list[Callable[[], Monitor]] = [CPUMonitor, DiskMonitor, NetworkMonitor]
    monitors = [kind() for kind in kinds]
    gpus: Callable[[], Monitor] = GPUMonitor
    try:
        return [*monitors, gpus()]
    except (ImportError, RuntimeError):  # nvidia-ml-py is not installed, or there is no GPU
        return monitors
