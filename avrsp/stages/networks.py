"""Every network of the registry under one name, its entry and its variant."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from avrsp import models
from avrsp.params import Params
from avrsp.params.runs import AUDIO_VISUAL, VISUAL, Kind


class Network(NamedTuple):
    """A network of the registry: an entry's name, and one of its variants."""

    model: str
    variant: str
    kind: Kind

    @property
    def name(self) -> str:
        """Return the network's name, as `vinet-av-bilinear`."""
        return f"{self.model}-{self.variant}"

    def chosen(self, loaded: Params) -> Params:
        """Return parameters that choose this network and leave its settings as they are."""
        variant = self.variant if self.kind == AUDIO_VISUAL else None
        return loaded.model_copy(
            update={"model": self.model, "variant": variant, "settings": {}},
        )


@cache
def networks() -> dict[str, Network]:
    """Return every network that can be trained, by name."""
    found = [
        Network(entry.name, variant, AUDIO_VISUAL if entry.input(form.settings).audio else VISUAL)
        for entry in map(models.spec, models.names())
        for variant, form in entry.variants.items()
    ]
    return {each.name: each for each in found}


def visual(network: Network) -> Network:
    """Return the network without sound of the same entry."""
    same = (each for each in networks().values() if each.model == network.model)
    return next(each for each in same if each.kind == VISUAL)
