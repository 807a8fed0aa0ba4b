"""Where things lie: DVC's outs in the working folder, everything else under one root.

`dvc exp run --temp` and queued experiments run in a copy of the repository without its
git-ignored files, so raw data, stores and checkpoints are found from the main repository,
which DVC names in `$DVC_ROOT`.
"""

from __future__ import annotations

import os
from pathlib import Path

PARAMS_FILE = "params.yaml"


def workspace() -> Path:
    """Return the nearest folder at or above the working folder that holds `params.yaml`."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / PARAMS_FILE).exists():
            return folder
    return here


def root() -> Path:
    """Return the main repository: `$DVC_ROOT` where DVC runs a stage, else the workspace."""
    named = os.environ.get("DVC_ROOT")
    return Path(named) if named else workspace()


def raw(preset: str) -> Path:
    """Return the folder of raw data in their published layouts; nothing after it writes there."""
    return root() / "data" / "raw" / preset


def stores(preset: str) -> Path:
    """Return the folder that holds `<dataset>/<video>.zarr.zip` and the verdicts beside them."""
    return root() / "data" / "store" / preset


def checkpoints() -> Path:
    """Return the folder of resumable training states, one subfolder for each digest of a run."""
    return root() / "data" / "checkpoints"


def manifest(preset: str) -> Path:
    """Return the manifest in the workspace: the one file by which DVC knows the stores."""
    return workspace() / "data" / "store" / preset / "manifest.json"
