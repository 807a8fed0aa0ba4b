"""Bring a published checkpoint from its authors' address or, where that fails, from a wheel."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from avrsp import files
from avrsp.datasets.download.transfer import Patience, transfer
from avrsp.errors import AvrspError, WeightsError
from avrsp.models.registry import ModelSpec, PublishedWeights, Wheel

PATIENCE: Final = Patience(tries=2)
PIP_SECONDS: Final = 600
"""How long pip may take for a wheel."""


def fetchable(entry: ModelSpec) -> PublishedWeights:
    """Return the entry's checkpoint that can be downloaded.

    Raises:
        WeightsError: There is none; says where a person finds those that there are.
    """
    for each in entry.checkpoints:
        if each.address is not None:
            return each
    if not entry.checkpoints:
        raise WeightsError(f"{entry.name}: nobody has published weights of it; train it instead")
    places = "; ".join(sorted({f"{each.file}: {each.place}" for each in entry.checkpoints}))
    raise WeightsError(
        f"{entry.name}: its weights have no direct address. Download a file by hand and run "
        f"`avrsp import-weights {entry.name} FILE`. {places}"
    )


def fetch(checkpoint: PublishedWeights, folder: Path, say: Callable[[str], None]) -> Path:
    """Download a checkpoint into `folder`, of which only the whole and right file is kept.

    Args:
        checkpoint: One that has an address.
        folder: Where the file goes; one that is there already and right is left as it is.
        say: Receives a line for each source that failed.

    Raises:
        WeightsError: No source has it.
    """
    target, faults = folder / checkpoint.file, []
    if target.is_file() and files.sha256(target) == checkpoint.sha256:
        return target
    target.unlink(missing_ok=True)
    for source in (_from_address, _from_wheel):
        try:
            source(checkpoint, target)
        except (AvrspError, OSError) as error:
            faults.append(str(error))
            say(f"{checkpoint.file}: {error}")
        else:
            return target
    raise WeightsError(
        f"{checkpoint.file}: none of its sources could be read ({'; '.join(faults)}); download it "
        f"by hand from {checkpoint.place}, and import it with `avrsp import-weights`"
    )


def _from_address(checkpoint: PublishedWeights, target: Path) -> None:
    assert checkpoint.address is not None
    transfer(checkpoint.address, target, PATIENCE)
    _check(checkpoint, target)


def _from_wheel(checkpoint: PublishedWeights, target: Path) -> None:
    wheel = checkpoint.wheel
    if wheel is None:
        raise WeightsError("there is no second source")
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(_downloaded(wheel, Path(folder))) as archive,
    ):
        content = archive.read(wheel.member)
    files.write_bytes(target, content)
    _check(checkpoint, target)


def _downloaded(wheel: Wheel, folder: Path) -> Path:
    """Have pip download the wheel, whose hash it checks; nothing is installed or run."""
    listed = folder / "requirements.txt"
    listed.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--disable-pip-version-check",
    ]
    command = [sys.executable, "-m", "pip", "download", *options, "-r", str(listed)]
    try:
        done = subprocess.run(
            [*command, "-d", str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WeightsError(f"{wheel.requirement}: pip took over {PIP_SECONDS} s") from None
    found = [*folder.glob("*.whl")]
    if done.returncode or len(found) != 1:
        said = done.stderr.strip().splitlines() or ["pip said nothing"]
        raise WeightsError(f"{wheel.requirement}: {said[-1]}")
    return found[0]


def _check(checkpoint: PublishedWeights, target: Path) -> None:
    found = files.sha256(target)
    if found != checkpoint.sha256:
        target.unlink()
        raise WeightsError(f"found SHA-256 {found[:12]}, expected {(checkpoint.sha256 or '')[:12]}")
