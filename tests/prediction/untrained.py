"""A small untrained model of AVRSP on disk, with sound."""

from __future__ import annotations

from pathlib import Path

import torch

from avrsp import models
from avrsp.models.saved import ModelConfig, save_model


def untrained(
    folder: Path,
    length: int,
    learnt_from: tuple[str, ...] = (),
    **settings: bool | int | float | str,
) -> Path:
    """Write a model of these settings, for windows of `length` x 32 x 64, and return its folder."""
    torch.manual_seed(5)
    config = ModelConfig(
        model="avrsp",
        settings=settings,
        length=length,
        height=32,
        width=64,
        audio=True,
        run="av-split1",
        digest="untrained",
        mlflow_run=None,
        learnt_from=learnt_from,
    )
    save_model(folder, models.build("avrsp", **settings), config)
    return folder
