"""What sections of params.yaml are made of: numbers within bounds, strict reading."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(strict=True, gt=0)]
Cardinal = Annotated[int, Field(strict=True, ge=0)]
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, gt=0, lt=1)]
Share = Annotated[float, Field(strict=True, ge=0, lt=1)]
Even = Annotated[int, Field(strict=True, gt=0, multiple_of=2)]
Multiple32 = Annotated[int, Field(strict=True, gt=0, multiple_of=32)]


class Section(BaseModel):
    """A part of params.yaml: frozen, every key required, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
