"""The one sentence on whether a model uses sound."""

from __future__ import annotations

import pandas as pd

from avrsp.engine.hearing.reliance import Rules
from avrsp.engine.scoring.intervals import Paired


def verdict(rows: pd.DataFrame, rules: Rules) -> str:
    """Say in one sentence whether the model uses sound.

    The clips in which the sound belongs to something visible decide, or all clips with sound where
    nobody knows which these are.

    Args:
        rows: Scores with each sound, as `listen_to` returns them.
        rules: How they become numbers.
    """
    sounds = rows[rows["has_sound"]]
    named = "sounding" in set(sounds["kind"])
    own = sounds[sounds["kind"] == "sounding"] if named else sounds
    clips = "test clips whose sound belongs to something visible" if named else "test clips"
    parts = {name: own[own["sound"] == name] for name in ("true", "other", "silence")}
    if any(part.empty for part in parts.values()):
        return "Whether this model uses sound was not measured: no test clip has sound."
    gap = rules.paired(parts["true"], parts["other"], "cc")
    presence = rules.paired(parts["true"], parts["silence"], "cc")
    same = float(parts["other"]["maps_cc"].mean())
    measured = (
        f"on {gap.videos} {clips}, the true sound changes CC by {_signed(gap)} against another "
        f"clip's sound and by {_signed(presence)} against silence; maps with the true and with "
        f"another sound correlate by {same:.3f}."
    )
    if gap.low > 0:
        return f"This model uses the sound: {measured}"
    if presence.low > 0:
        return f"This model hears that there is sound, but does not gain by which: {measured}"
    return f"This model does not use the sound: {measured}"


def _signed(gap: Paired) -> str:
    return f"{gap.difference:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
