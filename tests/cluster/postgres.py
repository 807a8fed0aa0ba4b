"""A PostgreSQL server on loopback, which can be stopped and started."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.s3 import free_port

OWNER = "postgres"
"""It does not run as root."""


def programs() -> Path | None:
    """Return the folder of its programs; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not found or shutil.which("runuser") is None or os.geteuid() != 0:
        return None
    return found[-1].parent


@dataclass(frozen=True)
class Database:
    """A server whose files lie in `folder`."""

    bin: Path
    folder: Path
    port: int

    @property
    def address(self) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{OWNER}"

    def run(self, program: str, *words: str) -> None:
        command = ["runuser", "-u", OWNER, "--", str(self.bin / program), *words]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder}"
        place = ["-D", str(self.folder / "data"), "-l", str(self.folder / "log")]
        self.run("pg_ctl", *place, "-w", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")


@contextlib.contextmanager
def running() -> Iterator[Database]:
    """Run a server with one empty database, in which everybody on this machine is trusted."""
    found = programs()
    assert found is not None
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        shutil.chown(name, OWNER)
        database = Database(found, Path(name), free_port())
        place = ["-D", str(database.folder / "data"), "-A", "trust", "-E", "UTF8", "--no-sync"]
        database.run("initdb", *place)
        database.start()
        try:
            yield database
        finally:
            database.stop()
