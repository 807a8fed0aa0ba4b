"""From rows of frames to one entry a video and split, as a protocol averages."""

from __future__ import annotations

import pandas as pd

from avrsp.engine.scoring.protocols import PROTOCOLS
from avrsp.engine.scoring.scores import METRICS
from avrsp.params import ProtocolName

ZEROED = ["cc", "sim", "nss", "auc_judd"]
KEYS = ["dataset", "video", "split"]


def entries(rows: pd.DataFrame, name: ProtocolName) -> pd.DataFrame:
    """Return what each video of each split contributes to its dataset's score.

    A dataset's score in a metric is the sum of the column of that name over the sum of the column
    `<metric>_weight`. Where frames are averaged a video first, the weights are 1, or 0 for a video
    without a defined score; where all frames are pooled, they are numbers of frames.

    Args:
        rows: Rows of frames of one method, as `evaluate` writes them.
        name: The protocol; rows of others are passed over.

    Returns:
        Index `dataset, video, split`; besides the above the columns `frames` that count in every
        metric, `dropped`, which at least one metric leaves out, and `missing`, without a map.
    """
    protocol = PROTOCOLS[name]
    rows = rows[rows["protocol"] == name].copy()
    if protocol.missing == "zero":
        rows.loc[~rows["predicted"], ZEROED] = 0.0
    scores = list(METRICS)
    rows.loc[rows["frame"] < protocol.first_frame, scores] = float("nan")
    needed = ZEROED if protocol.missing == "zero" else scores
    rows["frames"] = rows[needed].notna().all(axis=1)
    rows["dropped"], rows["missing"] = ~rows["frames"], ~rows["predicted"]
    groups = rows.groupby(KEYS, sort=True)
    total, weight = groups[scores].sum(), groups[scores].count()
    if protocol.average == "videos":
        total, weight = (total / weight).fillna(0.0), weight.clip(upper=1)
    counts = groups[["frames", "dropped", "missing"]].sum()
    return pd.concat([total, weight.add_suffix("_weight"), counts], axis=1)
