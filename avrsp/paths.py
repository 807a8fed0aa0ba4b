"""Where things lie: DVC's outs in the working folder, everything else under one root.

`dvc exp run --temp` and queued experiments run in a copy of the repository without its
git-ignored files, so raw data, stores and checkpoints are found from the main repository,
which DVC names in `$DVC_ROOT`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path, user_data_path

from avrsp.errors import ParamsError

MARKER: Final = ".avrsp"
"""A file of this name makes a folder a workspace: many projects have a params.yaml of their own."""

PARAMS_FILE: Final = "params.yaml"
HOME: Final = "AVRSP_HOME"
CACHE: Final = "AVRSP_CACHE"


def find_workspace() -> Path | None:
    """Return the nearest workspace at or above the working folder; None outside of one."""
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if (each / MARKER).is_file()), None)


def workspace() -> Path:
    """Return the nearest workspace at or above the working folder.

    Raises:
        ParamsError: There is none.
    """
    found = find_workspace()
    if found is None:
        raise ParamsError(
            f"{Path.cwd()}: not inside an AVRSP workspace (a folder with the file {MARKER}); "
            "run this inside a clone of the project"
        )
    return found


def params_file() -> Path:
    """Return the workspace's params.yaml.

    Raises:
        ParamsError: There is no workspace.
    """
    return workspace() / PARAMS_FILE


def home() -> Path:
    """Return the folder below which models are kept and looked for.

    It is `$AVRSP_HOME` where that is set, else the workspace, else the user's data folder.
    """
    named = os.environ.get(HOME)
    if named:
        return Path(named).expanduser()
    return find_workspace() or user_data_path("avrsp")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, given to what examines, fills or records it.

    Attributes:
        folder: The working copy, where DVC's outs lie.
        root: The main repository, where everything else lies; the same folder but in a temporary
            copy of `dvc exp run`.
    """

    folder: Path
    root: Path

    def placed(self, path: str) -> Path:
        """Return a path that params.yaml names: below the main repository, unless absolute."""
        return self.root / Path(path).expanduser()

    def raw(self, preset: str) -> Path:
        """Return the folder of raw data in their published layouts; only downloads write there."""
        return self.root / "data" / "raw" / preset

    def stores(self, preset: str) -> Path:
        """Return the folder of `<dataset>/<video>.zarr.zip`, with a verdict beside each."""
        return self.root / "data" / "store" / preset

    def checkpoints(self) -> Path:
        """Return the folder of resumable training states, a subfolder for each digest of a run."""
        return self.root / "data" / "checkpoints"

    def manifest(self, preset: str) -> Path:
        """Return the manifest in the working copy: the one file by which DVC knows the stores."""
        return self.folder / "data" / "store" / preset / "manifest.json"


def current() -> Workspace:
    """Return the workspace of the working folder, with the main repository that DVC names.

    Raises:
        ParamsError: There is none.
    """
    return Workspace(workspace(), root())


def cache() -> Path:
    """Return the folder of what can be made again: `$AVRSP_CACHE`, else the user's cache folder."""
    named = os.environ.get(CACHE)
    return Path(named).expanduser() if named else user_cache_path("avrsp")


def root() -> Path:
    """Return the main repository: `$DVC_ROOT` where DVC runs a stage, else the workspace."""
    named = os.environ.get("DVC_ROOT")
    return Path(named) if named else workspace()
