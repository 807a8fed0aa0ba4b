"""Write metrics.json: small scenes scored by other people's code.

    python -m pip install pysaliency && python tests/golden/make_golden.py

CC is scipy's Pearson correlation, KL scipy's entropy, NSS scipy's z-score and again pysaliency's
times the root of (N - 1) / N, because that divides by N; SIM is pysaliency's of maps whose minimum
was subtracted, because that subtracts none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pysaliency import metrics as strangers
from scipy import stats
from scipy.ndimage import gaussian_filter


def scene(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Draw a prediction, a density and fixations, and score them."""
    size = (11, 17)
    pred, density = (gaussian_filter(rng.random(size), 2) for _ in range(2))
    if name == "8-bit":
        pred = np.round(255 * (pred - pred.min()) / np.ptp(pred)) + 1
    fixated = rng.random(size) < (0.006 if name == "few fixations" else 0.1)
    fixated[5, 5] = True
    row, col = np.nonzero(fixated)
    nss = stats.zscore(pred, axis=None, ddof=1)[fixated].mean()
    divided_by_n = strangers.NSS(pred, col, row).mean() * np.sqrt((pred.size - 1) / pred.size)
    np.testing.assert_allclose(nss, divided_by_n)
    kl, cc = stats.entropy(density.ravel(), pred.ravel()), strangers.CC(pred, density)
    np.testing.assert_allclose(kl, strangers.MIT_KLDiv(pred, density), rtol=1e-6)
    np.testing.assert_allclose(cc, stats.pearsonr(pred.ravel(), density.ravel()).statistic)
    return {
        "name": name,
        "pred": pred.tolist(),
        "density": density.tolist(),
        "fixated": fixated.astype(int).tolist(),
        "kl": float(kl),
        "cc": float(cc),
        "sim": float(strangers.SIM(pred - pred.min(), density - density.min())),
        "nss": float(nss),
    }


if __name__ == "__main__":
    generator = np.random.default_rng(2411)
    scenes = [scene(name, generator) for name in ("smooth", "8-bit", "few fixations")]
    Path(__file__).with_name("metrics.json").write_text(json.dumps(scenes, indent=1) + "\n")
