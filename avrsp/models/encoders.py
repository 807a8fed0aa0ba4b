"""Which published weights the encoders of a network start from, and whether they are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from avrsp import files
from avrsp.errors import ParamsError, WeightsError
from avrsp.models.registry import Encoder, ModelSpec
from avrsp.models.saved import ModelConfig, WeightsFile
from avrsp.params import EncoderParams

RANDOM = "random"


def s3d_encoder(part: str) -> Encoder:
    """Return the S3D that a network's part starts from."""
    return Encoder(
        part=part,
        title="S3D, trained on Kinetics-400",
        key="s3d",
        formats=("s3d-kylemin", "s3d-torchvision"),
        place="S3D_kinetics400.pt, linked from the README of github.com/kylemin/S3D, or "
        "torchvision's s3d-d76dad2f.pth",
    )


def soundnet_encoder(part: str) -> Encoder:
    """Return the SoundNet that a network's part starts from."""
    return Encoder(
        part=part,
        title="SoundNet-8, trained on two million videos",
        key="soundnet",
        formats=("soundnet8-npy", "soundnet8-pytorch", "soundnet8-stavis"),
        place="sound8.npy, linked from the README of github.com/eborboihuc/SoundNet-tensorflow, "
        "or soundnet8.pth, which STAViS started from, in pretrained_models.tar.gz at "
        "http://cvsp.cs.ntua.gr/research/stavis/data/",
        audio=True,
    )


def resnet3d_encoder(part: str) -> Encoder:
    """Return the 3D ResNet-50 that a network's part starts from."""
    return Encoder(
        part=part,
        title="3D ResNet-50, trained on Kinetics",
        key="resnet3d",
        formats=("resnet3d-kenshohara",),
        place="resnet-50-kinetics.pth, in pretrained_models.tar.gz at "
        "http://cvsp.cs.ntua.gr/research/stavis/data/",
    )


def mobilenet_encoder(part: str) -> Encoder:
    """Return the MobileNetV2 that a network's part starts from."""
    return Encoder(
        part=part,
        title="MobileNetV2, trained on ImageNet",
        key="mobilenet",
        formats=("mobilenet-tonylins", "mobilenet-torchvision"),
        place="mobilenet_v2.pth.tar, linked from the README of "
        "github.com/tonylins/pytorch-mobilenet-v2, or torchvision's mobilenet_v2-b0353104.pth",
    )


def wanted(entry: ModelSpec, *, audio: bool, started: bool = False) -> list[Encoder]:
    """Return the encoders that start from published weights.

    Args:
        entry: The network's.
        audio: Whether the network takes sound.
        started: Whether it starts from the weights of an earlier phase, which had no sound.
    """
    return [each for each in entry.encoders if (audio if each.audio else not started)]


def weights_by_part(
    parts: Sequence[Encoder], encoder: EncoderParams, root: Path
) -> dict[str, Path]:
    """Return the file below `root` that each encoder starts from; none with `from_scratch`.

    Raises:
        ParamsError: A file is not there; says where a person finds it and how to import it.
    """
    for each in missing(parts, encoder, root):
        raise ParamsError(lacking(each, encoder))
    named = {each.part: encoder.files[each.key] for each in parts}
    return (
        {} if encoder.from_scratch else {part: root / file for part, file in named.items() if file}
    )


def missing(parts: Sequence[Encoder], encoder: EncoderParams, root: Path) -> Iterator[Encoder]:
    """Yield the encoders whose weights params.yaml asks for and that are not there."""
    if not encoder.from_scratch:
        for each in parts:
            named = encoder.files[each.key]
            if named is None or not (root / named).is_file():
                yield each


def lacking(part: Encoder, encoder: EncoderParams) -> str:
    """Say where a person finds the weights of an encoder that has none, and how to import them."""
    named = encoder.files[part.key]
    return (
        f"encoder.{part.key}: found {f'no {named}' if named else 'null'}, expected weights of "
        f"{part.title}; get {part.place}, then run `{import_command(part, encoder)}`, or set "
        "encoder.from_scratch to true"
    )


def import_command(part: Encoder, encoder: EncoderParams) -> str:
    """Return the command that makes the file which params.yaml names, or one like it."""
    wanted = Path(encoder.files[part.key] or "").stem
    form = wanted if wanted in part.formats else part.formats[0]
    return f"avrsp import-weights {form} FILE"


def record(path: Path) -> WeightsFile:
    """Return what a model's description says of a file of encoder weights.

    Raises:
        WeightsError: The file is not there.
    """
    try:
        return WeightsFile(file=path.name, sha256=files.sha256(path))
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; make it with `avrsp import-weights`") from None


def encoder_words(encoders: Mapping[str, WeightsFile | None]) -> dict[str, str]:
    """Say for each part what it started from: file and SHA-256, or "random"."""
    return {
        part: RANDOM if found is None else f"{found.file} (SHA-256 {found.sha256})"
        for part, found in encoders.items()
    }


def all_published(config: ModelConfig) -> bool:
    """Say whether every encoder of a model started from published weights."""
    return bool(config.encoders) and all(config.encoders.values())
