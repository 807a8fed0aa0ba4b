"""Files with the originals' names and weights, through the command, predict what the originals do.

Each network of `shared/goldens` is written in the forms that published files have, imported by
`avrsp import-weights`, opened by `avrsp.models.load`, and given the inputs of the references.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from avrsp import models
from avrsp.cli.models import import_weights
from tests.models import golden
from tests.models.golden import Golden

State = dict[str, Tensor]


class Case(NamedTuple):
    """Which network a reference is of, and what its output is called there."""

    entry: str
    variant: str = "v"
    settings: tuple[str, ...] = ()
    output: str = "saliency"


CASES = {
    "vinet": Case("vinet"),
    "vinet_16": Case("vinet", settings=("length=16",)),
    "vinet_hier0": Case("vinet", settings=("skips=0",)),
    "vinet_hier1": Case("vinet", settings=("skips=1",)),
    "vinet_hier2": Case("vinet", settings=("skips=2",)),
    "avinet_bilinear": Case("vinet", "av-bilinear"),
    "avinet_bilinear_transformer": Case("vinet", "av-bilinear-transformer"),
    "avinet_concat_transformer": Case("vinet", "av-concat-transformer"),
    "tased": Case("tased"),
    "stavis_v": Case("stavis", output="logits"),
    "stavis_av": Case("stavis", "av", output="logits"),
    "unisal_dhf1k": Case("unisal", output="log_saliency"),
    "unisal_salicon": Case("unisal", settings=("domain=salicon",), output="log_saliency"),
    "vinet_s": Case("vinet-s"),
    "vinet_s_train_upsampling": Case("vinet-s", settings=("aligned=true",)),
}
FORMS: dict[str, Callable[[State], dict[str, Any]]] = {
    "plain": lambda state: state,
    "under state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "of several GPUs": lambda state: {f"module.{key}": each for key, each in state.items()},
    "as STAViS has it": lambda state: {
        "state_dict": {f"module.{key}": each for key, each in state.items()},
        "arch": "resnet-50",
    },
}


def weights(reference: Golden, case: Case) -> State:
    """Return what a published file holds: all tensors of the original, under its names."""
    entry = models.spec(case.entry)
    form = entry.variants[case.variant]
    ours = models.build(case.entry, **form.settings).state_dict()
    kept = {form.published_key(key): each for key, each in ours.items()}
    return {
        key: kept[key] if reference._kept(key) else reference.weight(key, golden.empty(key, shape))
        for key, shape in reference.shapes().items()
    }


def imported(case: Case, state: State, form: str, folder: Path) -> Any:
    """Take the file through the command, and return the network in its folder."""
    file = folder / f"published-{form.replace(' ', '-')}.pt"
    torch.save(FORMS[form](state), file)
    named = [word for each in case.settings for word in ("--set", each)]
    words = [case.entry, str(file), "--variant", case.variant, *named, "--out", str(folder)]
    done = CliRunner().invoke(import_weights, words, catch_exceptions=False)
    file.unlink()
    network, spec = models.load(done.output.splitlines()[-1])
    assert not network.training
    assert spec.audio == (case.variant != "v")
    return network


def clip(reference: Golden, size: str) -> tuple[Tensor, ...]:
    """Return the frames B x 3 x T x H x W, and the sound B x 1 x S where there is any."""
    given = reference.meta["cases"][size]["inputs"]
    shown = reference.frames(size)
    if reference.name.startswith("unisal"):
        shown = shown.transpose(1, 2)
    if "sound" not in given:
        return (shown,)
    sound = reference.sound(size)
    return shown, sound.reshape(len(sound), 1, -1)


def check(network: Any, reference: Golden, case: Case, size: str) -> None:
    picked = reference.meta["cases"][size]["picked"].get(case.output)
    with torch.no_grad():
        found = network.from_normalised(*clip(reference, size))
    found = found if picked is None else found[:, picked]
    kept = reference.outputs(size)
    noise = 4 * reference.noise(
        "small" if "small" in reference.meta["cases"] else size, case.output
    )
    expected = kept.get(f"{case.output}__f64", kept.get(case.output))
    assert expected is not None
    apart = (found - expected.view(found.shape)).abs()
    if case.entry == "tased" and size == "native":  # ties in pooling: see test_tased
        assert (apart < noise).float().mean() > 0.99
        return
    assert apart.max() < max(noise, 1e-4 if reference.name == "unisal_salicon" else 0.0)


@pytest.mark.parametrize("name", ["vinet", "stavis_av", "unisal_salicon"])
def test_a_file_predicts_what_the_original_does(name: str, tmp_path: Path) -> None:
    reference, case = golden.small(name), CASES[name]
    network = imported(case, weights(reference, case), "as STAViS has it", tmp_path)
    check(network, reference, case, "small")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CASES)
def test_each_form_of_file_predicts_what_the_original_does(name: str, tmp_path: Path) -> None:
    reference, case = golden.native(name), CASES[name]
    state = weights(reference, case)
    hashes = {each["weights_sha256"] for each in reference.meta["cases"].values()}
    drawn = {key: each for key, each in state.items() if not reference._kept(key)}
    assert golden.weights_sha256(drawn) in hashes
    sizes, first = [*reference.meta["cases"]], None
    for form in FORMS:
        network = imported(case, state, form, tmp_path)
        found = digest(network)
        assert found == (first := first or found), form
    for size in sizes:
        check(network, reference, case, size)


def digest(network: Any) -> str:
    """Return the hash of all of a network's tensors."""
    return golden.weights_sha256(network.state_dict())
