"""Refuse wrong parameters, a missing tool or an unwritable folder before anything runs.

The output never changes, so that a run of this stage alone repeats nothing else.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from avrsp import datasets, files, params, paths
from avrsp.errors import AvrspError, exits_cleanly

TOOLS = ("ffmpeg", "ffprobe")


@exits_cleanly
def main() -> None:
    """Check what every later stage relies on and write `data/checked.txt`.

    Raises:
        ParamsError: A parameter is missing, unknown or wrong, or names a dataset or a split that
            does not exist.
        AvrspError: ffmpeg or ffprobe is not on the PATH.
    """
    loaded = params.load()
    datasets.check_params(loaded)
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise AvrspError(
            f"{' and '.join(missing)} not found on the PATH; install ffmpeg "
            "(Debian: apt-get install ffmpeg, macOS: brew install ffmpeg) and run this again"
        )
    paths.stores(loaded.preset).mkdir(parents=True, exist_ok=True)
    files.write_text(Path("data/checked.txt"), "The parameters are valid.\n")


if __name__ == "__main__":
    main()
