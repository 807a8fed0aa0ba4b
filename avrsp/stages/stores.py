"""What was converted, as every stage after the conversion takes it."""

from __future__ import annotations

from pathlib import Path

from avrsp import paths
from avrsp.params import Params
from avrsp.store.manifest import Manifest, check_stores, link_stores, read_manifest


def converted(loaded: Params) -> tuple[Manifest, Path]:
    """Return the manifest and the folder of its stores, each of which is there.

    Raises:
        StoreError: The manifest is missing or damaged, or a store is missing or another one.
        RemoteError: The object storage does not answer.
    """
    manifest = read_manifest(paths.current().manifest(loaded.preset))
    return manifest, checked(manifest, loaded)


def checked(manifest: Manifest, loaded: Params) -> Path:
    """Make sure that the stores of a manifest, or of a part of one, are there; return their folder.

    Stores in object storage are looked for there, and get pointers here.

    Raises:
        StoreError: A store is missing or another one.
        RemoteError: The object storage does not answer.
    """
    folder = paths.current().stores(loaded.preset)
    if loaded.data.stores is not None:
        link_stores(manifest, folder, loaded.data.stores)
    check_stores(manifest, folder)
    return folder
