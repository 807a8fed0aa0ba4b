"""Statements on sound, from rows in which the answer is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from avrsp.reliance.analysis import Rules
from avrsp.reliance.experiment import verdict
from avrsp.reliance.statements import Following, Measured, statements

RULES = Rules("avrsp", resamples=200, seed=1, frames=32)
KINDS = {"sounding": 6, "music": 3, "silent": 3}


def rows(**cc: float) -> pd.DataFrame:
    """Four frames a video, of the CC given for its kind and a little more in each next video."""
    parts = [
        {
            "dataset": "diem", "split": 1, "video": f"{kind}{number}", "kind": kind,
            "protocol": "avrsp", "frame": frame, "fixations": 3, "predicted": True, "kl": 1.0,
            "cc": cc.get(kind, 0.5) + number / 1000, "sim": 0.4, "nss": 4 * cc.get(kind, 0.5),
            "auc_judd": 0.8, "empty": False,
        }
        for kind, count in KINDS.items() for number in range(count) for frame in range(4)
    ]  # fmt: skip
    return pd.DataFrame(parts)


def with_sounds(other: float, silence: float, maps_cc: float = 0.5) -> pd.DataFrame:
    cases = {"true": 0.8, "other": other, "silence": silence}
    parts = [
        rows(sounding=cc, music=cc).assign(
            sound=name, maps_cc=1.0 if name == "true" else maps_cc, has_sound=True
        )
        for name, cc in cases.items()
    ]
    found = pd.concat(parts, ignore_index=True)
    strength = found["kind"].map({"sounding": 2.0, "music": 1.0, "silent": 0.0})
    return found.assign(retention=np.where(found["sound"] == "true", strength, np.nan))


def measured(av: float, other: float, waits: list[float]) -> Measured:
    methods = {
        "av": rows(sounding=av, music=0.49, silent=0.4),
        "v": rows(),
        "centre prior": rows(sounding=0.1, music=0.1, silent=0.1),
    }
    follows = [Following("diem", "a", 1.0, 10 * wait, wait) for wait in waits]
    return Measured(methods, with_sounds(other, 0.4), follows)


def test_each_statement_is_measured_against_its_bar() -> None:
    found = statements(measured(0.7, 0.7, [0.3, 0.5, math.inf]), RULES)
    values = [each.value for each in found]
    assert values[:6] == pytest.approx([0.2, 0.1, 0.5, -0.01, -0.1, 1.6])
    assert [each.held for each in found] == [True, False, True, True, False, True, True]
    assert found[2].measured == "0.500 (0.300 to never)"


def test_distracting_clips_are_spoken_of_where_there_are_some() -> None:
    found = measured(0.7, 0.7, [0.3])
    assert "distracting" not in {each.clips for each in statements(found, RULES)}
    rows = {role: each.replace("music", "distracting") for role, each in found.rows.items()}
    told = Measured(rows, found.sounds.replace("music", "distracting"), [])
    (cost,) = (each for each in statements(told, RULES) if each.clips == "distracting")
    assert cost.value == pytest.approx(-0.01)
    assert cost.held


def test_what_was_not_run_is_said_so() -> None:
    found = statements(Measured({}, with_sounds(0.7, 0.4), []), RULES)
    assert [each.held for each in found] == [None, False, None, None, None, None, None]
    assert found[0].measured == "not run"
    assert found[0].as_json()["value"] is None


def test_a_peak_that_never_follows_does_not_hold() -> None:
    found = statements(measured(0.7, 0.7, [0.3, math.inf, math.inf]), RULES)[2]
    assert found.held is False
    assert found.measured.startswith("never")
    assert found.as_json()["value"] is None


@pytest.mark.parametrize(
    ("other", "silence", "said"),
    [
        (0.5, 0.4, "This model uses the sound:"),
        (0.8, 0.4, "This model hears that there is sound, but does not gain by which:"),
        (0.8, 0.8, "This model does not use the sound:"),
    ],
)
def test_one_sentence_says_whether_sound_is_used(other: float, silence: float, said: str) -> None:
    sentence = verdict(with_sounds(other, silence), RULES)
    assert sentence.startswith(said)
    assert f"CC by {0.8 - other:+.3f}" in sentence
    assert "6 test clips whose sound belongs to something visible" in sentence


def test_without_sound_nothing_is_claimed() -> None:
    assert "not measured" in verdict(with_sounds(0.5, 0.4).assign(has_sound=False), RULES)


def test_of_one_clip_nothing_is_claimed() -> None:
    shown = with_sounds(0.5, 0.4)
    one = shown[shown["video"] == shown["video"].iloc[0]]
    said = verdict(one, RULES)
    assert said.startswith("Whether this model uses sound cannot be told")
    assert said.endswith("found 1.")
