"""Read every byte of preset `paper`'s stores and raw files before days of training follow.

What was read before and has not been touched since is not read again. The sample's training takes
minutes, and its world is generated.
"""

from __future__ import annotations

from avrsp import params, paths
from avrsp.datasets.dataset_registry import register_named
from avrsp.doctor import full_check
from avrsp.errors import StoreError, exits_cleanly


@exits_cleanly
def main() -> None:
    """Compare stores and raw files with what was recorded when they were converted.

    Raises:
        StoreError: A file is not what was recorded; the message has the command that repairs it.
    """
    here = paths.current()
    loaded = params.load(paths.params_file())
    if loaded.preset != "paper":
        return
    register_named(loaded, here.root)
    wrong = [each for each in full_check.findings(here, loaded.preset, again=False) if each.command]
    if wrong:
        raise StoreError("; ".join(f"{each.found}; run: {each.command}" for each in wrong))


if __name__ == "__main__":
    main()
