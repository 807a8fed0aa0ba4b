"""Run a command in the workspace of a seed, in which fusions are compared on a world of its own.

Such a workspace, `data/fusions/<world>/<seed>`, has the preset `sample` with another seed and the
world's kinds of clip; the commands of the main chain find everything below it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from avrsp import files, params, paths
from avrsp.errors import exits_cleanly
from avrsp.params import FusionWorlds, Params

SPLIT = 1


@exits_cleanly
def main() -> None:
    """Write the parameters of the workspace, then become the command.

    Raises:
        ParamsError: A parameter is missing, unknown or wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.seed_workspace")
    parser.add_argument("world", choices=[*FusionWorlds.model_fields])
    parser.add_argument("seed", type=int)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    wanted = parser.parse_args()
    if not wanted.command:
        parser.error("found no command, expected one to run in the workspace of the seed")
    home = prepared(paths.workspace(), wanted.world, wanted.seed)
    os.chdir(home)
    os.environ["DVC_ROOT"] = str(home)
    os.execvp(wanted.command[0], wanted.command)


def prepared(workspace: Path, world: str, seed: int) -> Path:
    """Return the folder of a seed's workspace, with its marker and its parameters."""
    home = place(workspace, world) / str(seed)
    own = parameters(params.load(workspace / paths.PARAMS_FILE), world, seed)
    files.write_text(home / paths.MARKER, "")
    files.write_json(home / paths.PARAMS_FILE, own)  # JSON is YAML, too
    return home


def place(workspace: Path, world: str) -> Path:
    """Return the folder of all seeds of a world."""
    return workspace / "data" / "fusions" / world


def parameters(loaded: Params, world: str, seed: int) -> dict[str, Any]:
    """Return the parameters with another seed and world, of the sample's AVRSP alone."""
    chosen = getattr(loaded.fusions.worlds, world)
    viewers = loaded.world.viewers.model_copy(update={"latency": chosen.latency})
    told = loaded.world.model_copy(update={"kinds": chosen.kinds, "viewers": viewers})
    own = {"seed": seed, "preset": "sample", "splits": [SPLIT], "world": told}
    plain: dict[str, Any] = {"model": "avrsp", "variant": None, "settings": {}, "recordings": {}}
    data = loaded.data.model_copy(update={"stores": None})
    return loaded.model_copy(update={**own, **plain, "data": data}).model_dump(mode="json")


if __name__ == "__main__":
    main()
