"""Fixations as places in a batch of maps, and counts of pixels against the values found there."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

Maps: TypeAlias = Float[Tensor, "*batch H W"]
Fixations: TypeAlias = (
    Bool[Tensor, "*batch H W"] | Integer[Tensor, "*batch H W"] | Int[Tensor, "_ _"]
)
"""Masks in which what is not 0 is fixated, or a list of (row, col, frame), frames counted through
the leading axes, or of one map (row, col)."""

Rows: TypeAlias = Float[Tensor, "maps pixels"]
Thresholds: TypeAlias = Float[Tensor, "maps most"]
Counts: TypeAlias = Int[Tensor, "maps most"]

PLANE = 2
"""Axes of a single map."""


class Places(NamedTuple):
    """Fixated pixels of a batch of maps: places in the flattened batch, and whose they are."""

    pixel: Int[Tensor, " points"]
    frame: Int[Tensor, " points"]


def locate(maps: Maps, fixations: Fixations) -> Places:
    """Return the pixels that are fixated, ascending and each once.

    Raises:
        ValueError: A listed fixation lies outside the maps; the message says which. Or it is
            neither a mask for each map nor a list.
    """
    height, width = maps.shape[-2:]
    if fixations.dtype == torch.bool or fixations.shape == maps.shape:
        pixel = fixations.flatten().nonzero().squeeze(-1)
    else:
        count = maps.shape[:-2].numel()
        fixations = _with_frames(fixations, single=maps.ndim == PLANE)
        bounds = torch.tensor([height, width, count], device=fixations.device)
        outside = ((fixations < 0) | (fixations >= bounds)).any(-1)
        if outside.any():
            found = tuple(fixations[outside][0].tolist())
            raise ValueError(f"fixation (row, col, frame) {found} lies outside {tuple(maps.shape)}")
        row, col, frame = fixations.long().unbind(-1)
        pixel = torch.unique((frame * height + row) * width + col)
    return Places(pixel, pixel // (height * width))


def _with_frames(listed: Tensor, *, single: bool) -> Tensor:
    """Return a list of fixations as m x 3; the frame of (row, col) is the only one."""
    columns = listed.shape[-1] if listed.ndim == PLANE else 0
    if single and columns == PLANE:
        return torch.cat([listed, torch.zeros_like(listed[:, :1])], -1)
    if columns != len(("row", "col", "frame")):
        raise ValueError(
            f"fixations of shape {tuple(listed.shape)}; expected a mask of the maps' shape, or a "
            "list m x 3 of (row, col, frame)"
        )
    return listed


def comparable(maps: Maps) -> Rows:
    """Return the maps as rows of pixels in a type that sorts on every device, values unchanged."""
    maps = maps if maps.dtype in {torch.float32, torch.float64} else maps.float()
    height, width = maps.shape[-2:]
    return maps.detach().reshape(maps.shape[:-2].numel(), height * width)


def thresholds(values: Rows, places: Places) -> tuple[Thresholds, Int[Tensor, "maps 1"]]:
    """Return the values there, ascending in rows padded with infinity, and each row's count."""
    pixel, frame = places
    count = torch.bincount(frame, minlength=values.shape[0])
    start = count.cumsum(0) - count
    place = torch.arange(pixel.numel(), device=pixel.device) - start[frame]
    most = int(count.max()) if count.numel() else 0
    rows = values.new_full((values.shape[0], most), torch.inf)
    rows[frame, place] = values.flatten()[pixel]
    return rows.sort(-1).values, count.unsqueeze(-1)


def at_or_above(values: Rows, limits: Thresholds, low: Tensor, high: Tensor) -> Counts:
    """Count in each row of `values` those at or above each of the row's ascending limits.

    `low` and `high` are the least and the greatest value of each row.
    """
    if values.is_cuda or not len(values):
        # on a GPU bandwidth is cheap, and additions to shared counters collide
        return by_comparison(values, limits)
    span = (end.detach().to(values).flatten() for end in (low, high))
    rows = zip(values, limits, *span, strict=True)
    return torch.stack([_counted(*row) for row in rows])


def by_comparison(values: Rows, limits: Thresholds) -> Counts:
    """Count as `at_or_above` does, one limit at a time: the definition."""
    counts = torch.zeros(limits.shape, dtype=torch.int64, device=values.device)
    for place, column in enumerate(limits.unbind(-1)):
        counts[:, place] = (values >= column.unsqueeze(-1)).sum(-1)
    return counts


def _counted(values: Tensor, limits: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Count in one row, exactly and however many limits there are."""
    from avrsp.metrics import loops  # noqa: PLC0415 - 0.3 s that only scoring needs

    scale = (loops.LEVELS - 1) / (high - low)
    if values.dtype != torch.float32 or not 0 < scale < torch.inf:  # or constant, or not finite
        below = torch.searchsorted(values.sort().values, limits)
        return values.numel() - below
    bounds = torch.where(limits > high, torch.inf, limits.clamp_min(low))
    row = values.contiguous().numpy()
    counts = loops.count_by_rank(row, bounds.numpy(), low.numpy(), scale.numpy())
    ranked = torch.from_numpy(counts).reshape(-1, loops.LANES).sum(-1)
    return ranked.flip(0).cumsum(0).flip(0)[1:]
