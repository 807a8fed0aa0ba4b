"""AVRSP's entry in the zoo: settings checked, then the network."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from avrsp.errors import ParamsError
from avrsp.models.avrsp.network import AVRSP, SCALES, TOKEN, Settings
from avrsp.models.layers.conv import scaled
from avrsp.params import FUSIONS


def build(**settings: Any) -> AVRSP:  # noqa: ANN401 - checked here
    """Build AVRSP from `Settings` by name.

    Raises:
        ParamsError: A setting is unknown, or the combination is impossible; says what is allowed.
    """
    defaults = asdict(Settings())
    unknown = sorted(settings.keys() - defaults.keys())
    if unknown:
        raise ParamsError(f"avrsp: unknown setting {unknown[0]}; allowed: {', '.join(defaults)}")
    faults = _faults({**defaults, **settings})
    if faults:
        raise ParamsError(f"avrsp: {'; '.join(faults)}")
    return AVRSP(Settings(**settings))


def _faults(chosen: dict[str, Any]) -> list[str]:
    width = chosen["width"]
    if not width > 0:
        return [f"width {width}: allowed are positive numbers"]
    token, heads = scaled(TOKEN, width), chosen["heads"]
    rules = {
        "fusion": (chosen["fusion"] in FUSIONS, ", ".join(FUSIONS)),
        "pairs": (chosen["pairs"] in range(SCALES + 1), f"0 to {SCALES}"),
        "blocks": (chosen["blocks"] >= 1, "1 or more"),
        "heads": (heads >= 1 and token % heads == 0, f"divisors of {token} at width {width}"),
        "momentum": (0 < chosen["momentum"] < 1, "numbers between 0 and 1"),
    }
    return [
        f"{name} {chosen[name]!r}: allowed are {allowed}"
        for name, (holds, allowed) in rules.items()
        if not holds
    ]
