"""Kinds of values in params.yaml, each with what is allowed."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

PresetName = Literal["sample", "paper"]
FusionName = Literal["visual", "add", "mul", "concat", "bilinear", "mbt", "ravf"]
DatasetName = Literal["dhf1k", "diem", "coutrot1", "coutrot2", "avad", "etmd", "summe"]
ProtocolName = Literal["avrsp", "stavis", "vinet", "dhf1k"]
Precision = Literal["float32", "bf16"]

Count = Annotated[int, Field(strict=True, gt=0)]
Cardinal = Annotated[int, Field(strict=True, ge=0)]
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, gt=0, lt=1)]
Even = Annotated[int, Field(strict=True, gt=0, multiple_of=2)]
Multiple32 = Annotated[int, Field(strict=True, gt=0, multiple_of=32)]


def _ascending(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise PydanticCustomError("order", "Input should be the lower bound, then the upper")
    return pair


Interval = Annotated[tuple[Positive, Positive], AfterValidator(_ascending)]
CountInterval = Annotated[tuple[Count, Count], AfterValidator(_ascending)]

FUSIONS: tuple[FusionName, ...] = get_args(FusionName)
SPLITS = (1, 2, 3)


class Section(BaseModel):
    """A part of params.yaml: frozen, every key required, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
