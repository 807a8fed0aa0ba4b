"""Frames a second of CC, SIM, NSS and AUC-Judd: ours, and a plain loop as public code writes it.

The loop is in NumPy, a frame at a time and a threshold at a time, with jitter against ties. Both
see the same float32 maps of 480 x 640 with 60 fixations, in turns, so that whatever else the
machine does slows both; medians count. Exits with 1 where ours is less than eight times as fast
with any number of threads (on a GPU: under 5,000 frames a second).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from avrsp.evaluate.scores import measure
from avrsp.evaluate.summary import METRICS

HEIGHT, WIDTH, FIXATIONS, FRAMES, ROUNDS = 480, 640, 60, 16, 9
LEAST_RATIO, LEAST_GPU_RATE = 8.0, 5000.0
GPU_FRAMES = 256
WITHOUT_KL = tuple(name for name in METRICS if name != "kl")

BLOCK = 24 << 20
"""Bytes that a process frees again and again while it reads maps by the chunk; from then on the
allocator keeps blocks up to this size, and neither side waits for the kernel to clear memory."""

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scenes:
    """Predictions and densities n x H x W; fixations as masks and as (row, col, frame)."""

    pred: Map
    density: Map
    masks: Mask
    points: NDArray[np.int64]


def scenes(count: int) -> Scenes:
    """Draw smooth predictions and densities, and fixations where the density is."""
    rng = np.random.default_rng(0)
    pred = np.stack([peaked(rng) for _ in range(count)])
    density = np.stack([peaked(rng) for _ in range(count)])
    masks = np.zeros(pred.shape, bool)
    for mask, truth in zip(masks, density, strict=True):
        share = truth.ravel() / truth.sum(dtype=np.float64)
        mask.flat[rng.choice(truth.size, FIXATIONS, replace=False, p=share)] = True
    return Scenes(pred, density, masks, np.argwhere(masks)[:, [1, 2, 0]])


def peaked(rng: np.random.Generator) -> Map:
    """Return a smooth map in [0, 1] that is low in most places."""
    saliency = gaussian_filter(rng.random((HEIGHT, WIDTH)), 20)
    saliency = (saliency - saliency.min()) / np.ptp(saliency)
    return np.asarray(saliency**3, np.float32)


def loop(data: Scenes) -> list[list[float]]:
    """Score frame after frame in the usual style."""
    rng = np.random.default_rng(0)
    found = []
    for pred, density, mask in zip(data.pred, data.density, data.masks, strict=True):
        cc = np.corrcoef(pred.ravel(), density.ravel())[0, 1]
        p, g = stretched(pred), stretched(density)
        sim = np.minimum(p / p.sum(), g / g.sum()).sum()
        nss = ((pred - pred.mean()) / pred.std(ddof=1))[mask].mean()
        found.append([cc, sim, nss, auc(pred, mask, rng)])
    return found


def stretched(saliency: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return a map scaled to 0..1."""
    exact = saliency.astype(np.float64)
    return np.asarray((exact - exact.min()) / (exact.max() - exact.min()))


def auc(pred: Map, mask: Mask, rng: np.random.Generator) -> float:
    """AUC-Judd, one threshold after the other."""
    values = stretched(pred + rng.random(pred.shape) * 1e-7).ravel()
    thresholds = np.sort(values[mask.ravel()])[::-1]
    hits, pixels = len(thresholds), values.size
    true, false = np.zeros(hits + 2), np.zeros(hits + 2)
    true[-1] = false[-1] = 1
    for number, threshold in enumerate(thresholds, start=1):
        above = np.sum(values >= threshold)
        true[number] = number / hits
        false[number] = (above - number) / (pixels - hits)
    return float(np.trapezoid(true, false))


def seconds(work: Callable[[], object]) -> float:
    """Return how long some work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def in_turns(plain: Callable[[], object], ours: Callable[[], object]) -> tuple[float, float, float]:
    """Return the median seconds of either work, and the median of the rounds' ratios."""
    taken = np.array([(seconds(plain), seconds(ours)) for _ in range(ROUNDS)])
    first, second = np.median(taken, axis=0)
    return float(first), float(second), float(np.median(taken[:, 0] / taken[:, 1]))


def on_gpu() -> float:
    """Return frames a second on the GPU, the maps already there."""
    data = scenes(FRAMES)
    repeat = GPU_FRAMES // FRAMES
    pred, density = (
        torch.from_numpy(each).cuda().repeat(repeat, 1, 1) for each in (data.pred, data.density)
    )
    points = torch.from_numpy(np.argwhere(np.tile(data.masks, (repeat, 1, 1)))[:, [1, 2, 0]]).cuda()

    def work() -> None:
        measure(pred, density, points, WITHOUT_KL)
        torch.cuda.synchronize()

    work()
    return GPU_FRAMES / float(np.median([seconds(work) for _ in range(ROUNDS)]))


def main() -> None:
    """Compare both on the CPU, and the rate on a GPU with the aim where there is one."""
    np.ones(BLOCK, np.uint8)
    data = scenes(FRAMES)
    pred, density, points = map(torch.from_numpy, (data.pred, data.density, data.points))
    ours = measure(pred, density, points, WITHOUT_KL)
    theirs = np.array(loop(data))
    for column, name in enumerate(("cc", "sim", "nss", "auc_judd")):
        np.testing.assert_allclose(ours[name].numpy(), theirs[:, column], rtol=1e-3, err_msg=name)
    out = sys.stdout.write
    out(f"{HEIGHT} x {WIDTH}, {FIXATIONS} fixations\n")
    ratios = []
    for threads in sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(threads)
        plain, own, ratio = in_turns(
            lambda: loop(data), lambda: measure(pred, density, points, WITHOUT_KL)
        )
        ratios.append(ratio)
        out(f"plain NumPy loop: {FRAMES / plain:.0f} frames/s; ours, threads: {threads}: ")
        out(f"{FRAMES / own:.0f} frames/s, {ratio:.1f} times as many\n")
    out(f"at least {LEAST_RATIO:.0f} times\n")
    good = min(ratios) >= LEAST_RATIO
    if torch.cuda.is_available():
        gpu = on_gpu()
        out(f"{torch.cuda.get_device_name()}: {gpu:.0f} frames/s (at least {LEAST_GPU_RATE:.0f})\n")
        good &= gpu >= LEAST_GPU_RATE
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
