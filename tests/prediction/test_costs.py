"""What an entry says that its network costs is what is counted, and what the original costs."""

from __future__ import annotations

import pytest

from avrsp import models
from avrsp.prediction.costs import count

PUBLISHED = {
    ("stavis", "av"): 19.51 / 2,
    ("tased", "v"): 78.46,
    ("vinet", "v"): 114.66,
    ("vinet", "av-bilinear"): 114.75,
    ("vinet", "av-bilinear-transformer"): 114.84,
    ("vinet-s", "v"): 69.36,
}
"""1e9 multiply-accumulates of a window, counted in the originals; of STAViS there were two.

Without sound, STAViS runs SoundNet there and ignores it.
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["avrsp", "stavis", "tased", "unisal", "vinet", "vinet-s"])
def test_an_entry_says_what_its_networks_cost(name: str) -> None:
    entry = models.spec(name)
    for variant, form in entry.variants.items():
        found = count(entry, form.settings)
        assert found == form.cost
        expected = PUBLISHED.get((name, variant), found.window / 1e9)
        assert found.window / 1e9 == pytest.approx(expected, abs=0.02)
        assert found.frame <= found.window
