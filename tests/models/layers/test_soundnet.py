from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from avrsp.models.layers.soundnet import SoundNet, band_passes, mixtures
from avrsp.sample.synthesis import TIMBRES
from avrsp.types import InputSpec


def test_full_width_has_the_published_parameters() -> None:
    with torch.device("meta"):
        network = SoundNet()
    assert sum(p.numel() for p in network.parameters()) == 2_874_320
    assert network.channels == 1024


@pytest.mark.parametrize(("length", "steps"), [(8, 2), (16, 2), (32, 3)])
def test_every_clip_length_leaves_some_steps(length: int, steps: int) -> None:
    samples = InputSpec(length, 32, 32, audio=True).samples
    assert SoundNet(width=0.1)(torch.zeros(2, 1, samples)).shape[1:] == (104, steps)


def test_layers_equal_the_published_table() -> None:
    """Kernel, padding, pooling from the published model; sound is scaled to +-256 first."""
    table = [(64, 32, 8), (32, 16, 8), (16, 8, 1), (8, 4, 1), (4, 2, 4), (4, 2, 1), (4, 2, 1)]
    torch.manual_seed(0)
    network = SoundNet(width=0.1).eval()
    state = network.state_dict()
    waveform = torch.rand(1, 1, 35_280) * 2 - 1
    x = 256 * waveform
    for i, (kernel, padding, pool) in enumerate(table):
        conv, norm = f"layers.{i}.0", f"layers.{i}.1"
        assert state[f"{conv}.weight"].shape[-1] == kernel
        x = F.conv1d(x, state[f"{conv}.weight"], state[f"{conv}.bias"], 2, padding)
        mean, var = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        x = F.relu(F.batch_norm(x, mean, var, state[f"{norm}.weight"], state[f"{norm}.bias"]))
        x = F.max_pool1d(x, pool) if pool > 1 else x
    torch.testing.assert_close(network(waveform), x)


@pytest.mark.parametrize("filters", [8, 16])
def test_it_starts_with_band_passes_from_low_to_high(filters: int) -> None:
    taps, points = 64, 8192
    spectrum = np.abs(np.fft.rfft(band_passes(filters, taps)[:, 0].numpy(), points))
    peaks = spectrum.argmax(axis=1) * 22_050 / points
    wanted = np.geomspace(60, 7500, filters)
    assert (np.diff(peaks[wanted > 700]) > 0).all()
    # 64 samples are 2.9 ms, which cannot tell frequencies below some 350 Hz apart
    np.testing.assert_allclose(peaks[wanted > 700], wanted[wanted > 700], rtol=0.05)


def test_what_is_mixed_in_pairs_survives_the_rectifiers() -> None:
    """Two layers with a ReLU between them are linear, and keep angles and lengths to a factor."""
    torch.manual_seed(0)
    first = mixtures(16, 8, 1, paired=False)[..., 0]
    second = mixtures(32, 16, 1, paired=True)[..., 0]
    signals = torch.randn(100, 8)

    mixed = F.relu(signals @ first.T) @ second.T

    matrix = torch.linalg.lstsq(signals, mixed).solution
    torch.testing.assert_close(signals @ matrix, mixed)
    gram = matrix @ matrix.T
    torch.testing.assert_close(gram, gram[0, 0] * torch.eye(8))


def test_untrained_it_hears_which_of_three_things_sounds() -> None:
    """Over a third of the variance of thirty sounds each, loud and soft, is between the kinds."""
    rng, length = np.random.default_rng(0), 8820
    kinds = [
        [timbre(length, 22_050, rng) * rng.uniform(0.05, 0.25) for _ in range(30)]
        for timbre in TIMBRES.values()
    ]
    sounds = torch.from_numpy(np.concatenate(kinds)).float()[:, None]
    torch.manual_seed(0)
    with torch.no_grad():
        heard = SoundNet(width=0.25)(sounds).flatten(1)

    groups = heard.unflatten(0, (3, 30))
    within = (groups - groups.mean(dim=1, keepdim=True)).square().sum()

    assert within < 0.65 * (heard - heard.mean(dim=0)).square().sum()
