"""Refuse wrong parameters, a missing tool or an unwritable folder before anything runs.

`data/checked.txt` never changes, so that a run of this stage alone repeats nothing else; what
`data/encoders/` holds changes with the imported weights that are chosen.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from avrsp import datasets, files, models, params, paths
from avrsp.errors import AvrspError, exits_cleanly
from avrsp.params import Params

TOOLS = ("ffmpeg", "ffprobe")


@exits_cleanly
def main() -> None:
    """Check what every later stage relies on and write `data/checked.txt`.

    Raises:
        ParamsError: A parameter is missing, unknown or wrong, or names a dataset or a split that
            does not exist, or settings that the model does not have.
        AvrspError: ffmpeg or ffprobe is not on the PATH.
    """
    loaded = params.load(paths.params_file())
    datasets.check_params(loaded, paths.root())
    models.spec(loaded.model).check_choice(loaded.variant, loaded.settings)
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise AvrspError(
            f"{' and '.join(missing)} not found on the PATH; install ffmpeg "
            "(Debian: apt-get install ffmpeg, macOS: brew install ffmpeg) and run this again"
        )
    paths.current().stores(loaded.preset).mkdir(parents=True, exist_ok=True)
    note_encoders(loaded)
    files.write_text(Path("data/checked.txt"), "The parameters are valid.\n")


def note_encoders(loaded: Params) -> None:
    """Write which file each encoder starts from, by which DVC sees that another one was imported.

    A file that is not there is refused by the training that needs it.
    """
    chosen = loaded.active.encoder
    for key, file in chosen.files.items():
        place = paths.root() / file if file and not chosen.from_scratch else None
        found = files.sha256(place) if place and place.is_file() else None
        files.write_json(Path(f"data/encoders/{key}.json"), {"file": file, "sha256": found})


if __name__ == "__main__":
    main()
