"""Tables of scores, a row for each frame: written with a digest of each video, read by it.

Nothing here needs torch, so that reports read scores at once.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from avrsp.errors import StoreError
from avrsp.files import replacing

DIGESTS = b"digests"
"""Key of the digest of each video's rows, in the metadata of the whole file."""

UNREADABLE: Final = (pa.ArrowException, OSError, LookupError, TypeError, ValueError)
"""What pyarrow and JSON raise on a damaged file."""


def write_rows(out: Path, videos: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write the rows of several videos as `read_rows` reads them, atomically."""
    digests = []
    with replacing(out) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for table in videos:
            writer.write_table(table, row_group_size=max(1, table.num_rows))
            digests.append(_digest(table.to_pandas()))
        writer.add_key_value_metadata({DIGESTS.decode(): json.dumps(digests)})


def write_frames(out: Path, rows: pd.DataFrame, by: Sequence[str]) -> None:
    """Write rows of which the columns `by` name the video, as `read_rows` reads them, atomically.

    There is at least one row.
    """
    tables = [
        pa.Table.from_pandas(own, preserve_index=False)
        for _, own in rows.groupby([*by], sort=False)
    ]
    write_rows(out, tables, tables[0].schema)


def read_rows(path: Path) -> Iterator[pd.DataFrame]:
    """Yield the rows of a file that `write_rows` wrote, a video at a time.

    Raises:
        StoreError: It is not there or damaged.
    """
    yield from (rows for _, rows in _read(path))


def read_methods(files: Iterable[Path]) -> dict[str, pd.DataFrame]:
    """Return the rows of several files that `write_rows` wrote, by method, each file read once.

    Raises:
        StoreError: One is not there or damaged.
    """
    found: dict[str, list[pd.DataFrame]] = {}
    for rows in itertools.chain.from_iterable(map(read_rows, files)):
        found.setdefault(str(rows["method"].iat[0]), []).append(rows)
    return {method: pd.concat(parts, ignore_index=True) for method, parts in found.items()}


def read_tables(path: Path) -> Iterator[pa.Table]:
    """Yield the rows of a file that `write_rows` wrote, a video at a time, as they were written.

    Raises:
        StoreError: It is not there or damaged.
    """
    yield from (table for table, _ in _read(path))


def _read(path: Path) -> Iterator[tuple[pa.Table, pd.DataFrame]]:
    """Yield the rows of a file, a video at a time, in both forms."""
    try:
        with parquet.ParquetFile(path) as file:
            digests = json.loads(file.metadata.metadata[DIGESTS])
            if len(digests) != file.num_row_groups:
                raise ValueError(f"{file.num_row_groups} videos, expected {len(digests)}")
            for group, expected in enumerate(digests):
                table = file.read_row_group(group)
                rows = table.to_pandas()
                if _digest(rows) != expected:
                    raise ValueError("rows that are not those that were written")
                yield table, rows
    except FileNotFoundError:
        raise StoreError(f"{path}: no such scores; run: dvc repro, or avrsp evaluate") from None
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        raise StoreError(
            f"{path}: damaged scores ({said}); remove them and make them again, by dvc repro or "
            "avrsp evaluate"
        ) from None


def _digest(rows: pd.DataFrame) -> str:
    """Return the SHA-256 over the names of columns and a hash of each row."""
    hashes = pd.util.hash_pandas_object(rows, index=False).to_numpy()
    return hashlib.sha256(repr([*rows]).encode() + hashes.tobytes()).hexdigest()
