"""What a store says of its arrays. What zarr could read and `blocks` could not is refused."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar
from zipfile import BadZipFile

import numpy as np
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from avrsp.store.blocks import CODECS, DESCRIPTION, Blocks, ZipSource


def described(source: ZipSource) -> tuple[dict[str, Any], dict[str, Blocks]]:
    """Return the attributes of the hierarchy in a zip file, and its arrays by name.

    Raises:
        BadZipFile: A description is not there or damaged, has another form than zarr's third format
            gives it, or is not as `write` and zarr lay arrays out here.
    """
    arrays = {}
    for key in source:
        name, _, last = key.rpartition("/")
        if name and last == DESCRIPTION:
            arrays[name] = _blocks(source, name, key)
    return _parsed(_Group, source, DESCRIPTION).attributes, arrays


class _Group(BaseModel):
    """What is read of the description of a hierarchy."""

    attributes: dict[str, Any]


class _Chunks(BaseModel):
    chunk_shape: tuple[NonNegativeInt, ...]


class _Grid(BaseModel):
    configuration: _Chunks


class _Codec(BaseModel):
    name: str
    configuration: dict[str, Any] | None = None


class _Array(BaseModel):
    """What is read of an array's description; all else of it must be as `_blocks` says."""

    shape: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]
    chunk_grid: _Grid
    data_type: Literal["uint8", "int16", "int64", "float16", "float32", "float64"]
    codecs: Annotated[list[_Codec], Field(min_length=1)]


Description = TypeVar("Description", bound=BaseModel)


def _parsed(kind: type[Description], source: ZipSource, key: str) -> Description:
    try:
        return kind.model_validate_json(source.content(key), strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the whole"
        raise BadZipFile(f"{key}: {where}: {fault['msg']}") from None


def _blocks(source: ZipSource, name: str, key: str) -> Blocks:
    """Return an array by its description, of which nothing is passed over that says how to read."""
    read = _parsed(_Array, source, key)
    facts: dict[str, Any] = json.loads(source.content(key))
    shape, chunks = read.shape, read.chunk_grid.configuration.chunk_shape
    dtype, codec = np.dtype(read.data_type), read.codecs[-1].name
    order = {"endian": "little"} if dtype.itemsize > 1 else None
    read_here = {
        "zarr_format": 3,
        "node_type": "array",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [*chunks]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "storage_transformers": [],
        "fill_value": 0,
    }
    for rule, expected in read_here.items():
        if facts.get(rule, []) != expected:
            raise BadZipFile(f"array {name} has {rule} {facts.get(rule)}, expected {expected}")
    first = read.codecs[0]
    plain = first.name == "bytes" and first.configuration in ({}, order)
    if len(read.codecs) != len(("bytes", codec)) or not plain or codec not in CODECS:
        known = " or ".join(f"bytes, {each}" for each in CODECS)
        names = ", ".join(each.name for each in read.codecs)
        raise BadZipFile(f"array {name} is stored by {names}, expected {known}")
    if chunks[1:] != shape[1:] or not all(side > 0 for side in chunks):
        raise BadZipFile(f"array {name} is {dtype} {shape} in chunks {chunks}")
    return Blocks(source, name, shape, chunks[0], dtype, codec)
