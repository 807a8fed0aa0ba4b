"""The typed mirror of `params.yaml`: no defaults, no unknown keys, presets resolved by `active`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML  # noqa: TID251 - the one place
from ruamel.yaml.error import YAMLError  # noqa: TID251

from avrsp import paths
from avrsp.errors import ParamsError, has_secret
from avrsp.params.field_types import Section
from avrsp.params.learning import (
    AblationParams,
    LossParams,
    OptimiserParams,
    RecipeParams,
    TrainParams,
)
from avrsp.params.sections import (
    FUSIONS,
    ClipParams,
    ComputeParams,
    DataParams,
    DatasetName,
    EncoderParams,
    EvaluationParams,
    FusionName,
    FusionsParams,
    FusionWorld,
    FusionWorlds,
    LoadingParams,
    NetworkParams,
    Params,
    Precision,
    PresetName,
    ProtocolName,
    RelianceParams,
    SplitName,
    StoreParams,
    WorldKinds,
    WorldParams,
    WorldScene,
    WorldSound,
    WorldViewers,
    split_name,
)

__all__ = [
    "FUSIONS",
    "AblationParams",
    "ClipParams",
    "ComputeParams",
    "DataParams",
    "DatasetName",
    "EncoderParams",
    "EvaluationParams",
    "FusionName",
    "FusionWorld",
    "FusionWorlds",
    "FusionsParams",
    "LoadingParams",
    "LossParams",
    "NetworkParams",
    "OptimiserParams",
    "Params",
    "Precision",
    "PresetName",
    "ProtocolName",
    "RecipeParams",
    "RelianceParams",
    "Section",
    "SplitName",
    "StoreParams",
    "TrainParams",
    "WorldKinds",
    "WorldParams",
    "WorldScene",
    "WorldSound",
    "WorldViewers",
    "load",
    "parse",
    "read_yaml",
    "schema",
    "split_name",
]


def load(path: Path) -> Params:
    """Read and check the parameters in a file, such as the workspace's params.yaml.

    Raises:
        ParamsError: The file is missing, is not YAML, or a key is missing, unknown or wrong.
    """
    return parse(read_yaml(path), name=path.name)


def parse(content: object, name: str = paths.PARAMS_FILE) -> Params:
    """Check parameters that were already read from a file called `name`.

    Raises:
        ParamsError: A key is missing, unknown or wrong; the message names all such keys. Or an
            address has a password in it.
    """
    for key, text in _texts(content):
        if has_secret(text):
            raise ParamsError(
                f"{name}: {key}: an address with a password, which DVC and git would keep; take it "
                "out, and write it into ~/.netrc or the file that $NETRC names: machine HOST login "
                "NAME password WORD"
            )
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(_describe(fault) for fault in error.errors())
        raise ParamsError(
            f"{name}: {faults}. Correct it; `git diff {name}` shows what was changed last"
        ) from None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of params.yaml, by which editors complete and check it."""
    return Params.model_json_schema()


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - YAML holds anything until it is checked
    """Return what a YAML file holds: only plain mappings, lists, texts and numbers.

    Raises:
        ParamsError: The file is missing, or is not YAML.
    """
    try:
        # YAML 1.2, as DVC writes it: there 1e-4 is a number, in YAML 1.1 it is a string
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; run this inside a clone of the project") from None
    except (YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise ParamsError(
            f"{path.name}: not YAML ({said}); correct it, `git diff {path.name}` shows what changed"
        ) from None


def _texts(content: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in parameters, with its key."""
    if isinstance(content, str):
        yield key, content
    elif isinstance(content, Mapping):
        for name, value in content.items():
            yield from _texts(value, f"{key}.{name}".lstrip("."))
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value, key)


def _describe(fault: ErrorDetails) -> str:
    key = ".".join(str(part) for part in fault["loc"]) or "the file"
    if fault["type"] == "missing":
        return f"{key} is missing"
    if fault["type"] == "extra_forbidden":
        return f"{key} is not a known key"
    allowed = fault["msg"].removeprefix("Input should be ")
    return f"{key}: found {fault['input']!r}, expected {allowed}"
