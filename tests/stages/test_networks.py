"""Names of networks, and where what they predict goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from avrsp import models, params
from avrsp.errors import ParamsError
from avrsp.params.runs import AUDIO_VISUAL, VISUAL
from avrsp.stages.networks import networks, visual
from avrsp.stages.places import data_of
from avrsp.stages.predict import folders
from tests.pipeline.conftest import REPOSITORY


def test_every_network_is_chosen_by_parameters_that_its_entry_allows() -> None:
    loaded = params.load(REPOSITORY / "params.yaml")
    for name, network in networks().items():
        entry, chosen = models.spec(network.model), network.chosen(loaded)
        entry.check_choice(chosen.variant, chosen.settings)
        audio = network.kind == AUDIO_VISUAL
        settings = entry.chosen({}, audio=audio, variant=chosen.variant)
        assert entry.input(settings).audio == audio
        assert settings.items() >= entry.variants[network.variant].settings.items()
        assert name == f"{network.model}-{network.variant}"
        assert visual(network).kind == VISUAL
        assert visual(network).model == network.model


def test_maps_go_beside_the_network_or_to_those_of_others(workspace: Path) -> None:
    data = workspace / "data"
    assert folders("av", 2) == (data / "models" / "av-split2", data / "maps" / "av-split2")
    home = data / "methods" / "tased-v"
    assert data_of("tased-v") == home
    assert folders("tased-v", 1) == (home / "models/tased-v-split1", home / "maps/tased-v-split1")
    imported = data / "models" / "unisal-v-weights_best"
    with pytest.raises(ParamsError, match="no network 'unisal-v-weights_best'"):
        folders(imported.name, 1)
    imported.mkdir(parents=True)
    (imported / "model.json").touch()
    assert folders(imported.name, 1) == (imported, data / "others" / "maps" / imported.name)
