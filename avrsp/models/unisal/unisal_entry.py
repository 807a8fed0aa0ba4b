"""UNISAL's entry in the registry: input, loss, recipe and published weights."""

from __future__ import annotations

import re
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from avrsp.metrics import cc, nss
from avrsp.metrics.moments import divisor
from avrsp.models.encoders import mobilenet_encoder
from avrsp.models.recipe import GroundTruth, MethodRecipe, ParameterGroup
from avrsp.models.registry import Cost, ModelSpec, PublishedWeights, Variant, Wheel, WindowSize
from avrsp.models.unisal.unisal_network import DOMAINS, LENGTH, MULTIPLE, Settings, Unisal
from avrsp.types import InputSpec

PER_DOMAIN: Final = re.compile(r"^(coarse_gaussians|adaptation|smoothing)\.([a-z0-9]+)(?:\.|$)")


def published_key(key: str) -> str:
    """Return the published name of a tensor."""
    match = PER_DOMAIN.match(key)
    if match is None:
        return key
    root, domain = match.groups()
    inner = {"coarse_gaussians": "", "adaptation": ".0.", "smoothing": "."}[root]
    return f"{root}_{domain}{inner}{key[match.end() :]}"


def window(settings: Settings, size: WindowSize | None) -> InputSpec:
    """Return the input: frames of the domain's size, some frames of the video apart.

    A video is predicted frame by frame: the sequences of every fifth frame (by domain) go on side
    by side, each with its state, so that every frame is predicted. In training the map is for the
    last of at most 12 such frames, with copies of the first frame before a video's beginning.

    Raises:
        ParamsError: The height or the width is no multiple of 32.
    """
    source = DOMAINS[settings.domain]
    wanted = size or WindowSize(LENGTH, source.height, source.width)
    length, height, width = wanted.checked("unisal", MULTIPLE)
    return InputSpec(
        min(length, LENGTH),
        height,
        width,
        audio=False,
        start="repeated",
        step=source.frame_step,
        resize="lanczos",
    )


def loss(log_probabilities: Tensor, truth: GroundTruth) -> Tensor:
    """Return KL - 0.1 NSS - 0.1 CC of log-probabilities B x T x H x W, averaged over T and B.

    A frame that nobody fixated has NSS 1, and one without any density is left out.
    """
    kl, lift, correlation = loss_terms(log_probabilities, truth.density, truth.fixations)
    seen = truth.density.amax((-2, -1)) > 0
    terms = torch.where(seen, kl - 0.1 * lift - 0.1 * correlation, 0.0)
    return (terms.sum(1) / seen.sum(1)).mean()


def loss_terms(
    log_probabilities: Tensor, density: Tensor, fixations: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the divergence of the density from the prediction, NSS and CC, of ... x H x W each."""
    distribution = density / divisor(density.sum((-2, -1), keepdim=True))
    kl = F.kl_div(log_probabilities, distribution, reduction="none").sum((-2, -1))
    pred = log_probabilities.exp()
    lift = torch.nan_to_num(nss(pred, fixations), nan=1.0)
    return kl, lift, cc(pred, density)


PAPER: Final = {
    "epochs": 16,
    "clips_per_video": 1,
    "batch": 4,
    "accumulate": 1,
    "lr": 0.04,
    "decay": "exponential",
    "flip": False,
}

ENTRY: Final = ModelSpec(
    name="unisal",
    title="UNISAL",
    citation="Droste, Jiao, Noble: Unified Image and Video Saliency Modeling, ECCV 2020",
    licence="Apache-2.0",
    weights_licence="Apache-2.0",
    settings=Settings,
    window=window,
    build=Unisal,
    recipe=MethodRecipe(
        output="log_probabilities",
        every_frame=True,
        whole_windows=True,
        loss=loss,
        optimiser="sgd",
        options={"momentum": 0.9},
        weight_decay=1e-4,
        # the encoder stays as it is for the first two of 16 epochs
        groups=(ParameterGroup(pattern=r"^cnn\.", rate=0.1, weight_decay=1e-5, begins=2 / 16),),
        factor=0.8,
        clip_norm=2.0,
        paper={"pretrain": PAPER, "finetune": PAPER},
        sample={**PAPER, "epochs": 10, "clips_per_video": 2, "validation_clips": 2},
        start="MobileNetV2 of ImageNet; the authors train on four sets in turn, here one learns",
    ),
    variants={
        "v": Variant(published_key=published_key, cost=Cost(3_714_872, 7_776_192_760, 949_340_728))
    },
    checkpoints=(
        PublishedWeights(
            file="weights_best.pth",
            learnt_from=("dhf1k", "hollywood2", "ucf-sports", "salicon"),
            place="github.com/rdroste/unisal, or run: avrsp fetch-weights unisal",
            licence="Apache-2.0",
            sha256="4a9157411f1741d588b15670d15295e998805648b8b6348599fe447298338481",
            address="https://github.com/rdroste/unisal/raw/"
            "0440df77f6fb4c93bb6f5ba1aa8cf543061ffc56/"
            "training_runs/pretrained_unisal/weights_best.pth",
            wheel=Wheel(
                "pyautoflip==0.2.1",
                "34dfcc6cfbf3c142c927345f18baf5f16219b017997c247ed69bb5205130b629",
                "pyautoflip/3rd_party_libs/unisal/training_runs/pretrained_unisal/weights_best.pth",
            ),
        ),
    ),
    encoders=(mobilenet_encoder("cnn"),),
    engine="recurrent",
    tiny={"width": 0.25},
)
