"""Encoders start from published weights or by choice from random numbers, and it is recorded."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from avrsp import files, models
from avrsp.errors import ParamsError, WeightsError, one_line
from avrsp.models import encoders
from avrsp.models.layers.s3d import S3D
from avrsp.models.saved import WeightsFile
from avrsp.models.weights import convert_encoder, load_into
from avrsp.params import EncoderParams

PARTS = models.spec("avrsp").encoders
WANTED = EncoderParams(
    width=1.0,
    momentum=0.001,
    from_scratch=False,
    s3d="s3d.safetensors",
    soundnet=None,
    resnet3d=None,
    mobilenet=None,
)


def test_a_line_says_where_to_find_what_is_missing_and_how_to_import_it(tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as caught:
        encoders.weights_by_part(PARTS, WANTED, tmp_path)
    line = one_line(caught.value)
    assert line is not None
    for said in (
        "encoder.s3d: found no s3d.safetensors", "github.com/kylemin/S3D",
        "avrsp import-weights s3d-kylemin FILE", "encoder.from_scratch to true",
    ):  # fmt: skip
        assert said in line
    (tmp_path / "s3d.safetensors").touch()
    with pytest.raises(
        ParamsError, match=r"encoder\.soundnet: found null, expected weights of Soun"
    ):
        encoders.weights_by_part(PARTS, WANTED, tmp_path)
    assert encoders.weights_by_part(PARTS[:1], WANTED, tmp_path) == {
        "encoder": tmp_path / "s3d.safetensors"
    }


def test_from_scratch_is_a_choice(tmp_path: Path) -> None:
    chosen = WANTED.model_copy(update={"from_scratch": True})
    assert encoders.weights_by_part(PARTS, chosen, tmp_path) == {}
    assert list(encoders.missing(PARTS, chosen, tmp_path)) == []


def test_the_command_is_for_the_file_that_is_named_and_missing() -> None:
    resnet, soundnet = models.spec("stavis").encoders
    for named, form in (
        ("data/weights/soundnet8-stavis.safetensors", "soundnet8-stavis"),
        ("data/weights/mine.safetensors", "soundnet8-npy"),
        (None, "soundnet8-npy"),
    ):
        line = encoders.lacking(soundnet, WANTED.model_copy(update={"soundnet": named}))
        assert f"run `avrsp import-weights {form} FILE`" in line
        assert "soundnet8.pth, which STAViS started from" in line
    assert (
        encoders.import_command(resnet, WANTED) == "avrsp import-weights resnet3d-kenshohara FILE"
    )


def test_a_later_phase_needs_only_what_the_earlier_one_did_not_have() -> None:
    entry = models.spec("avrsp")
    s3d, soundnet = PARTS
    assert encoders.wanted(entry, audio=False) == [s3d]
    assert encoders.wanted(entry, audio=True) == [s3d, soundnet]
    assert encoders.wanted(entry, audio=True, started=True) == [soundnet]
    assert encoders.wanted(entry, audio=False, started=True) == []


def test_what_an_encoder_started_from_is_said_with_its_digest(tmp_path: Path) -> None:
    (tmp_path / "s3d.safetensors").write_bytes(b"weights")
    found = encoders.record(tmp_path / "s3d.safetensors")
    assert found == WeightsFile(file="s3d.safetensors", sha256=files.sha256(tmp_path / found.file))
    assert encoders.encoder_words({"encoder": found, "listen.soundnet": None}) == {
        "encoder": f"s3d.safetensors (SHA-256 {found.sha256})",
        "listen.soundnet": "random",
    }


def test_a_flipped_bit_of_imported_encoder_weights_is_noticed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = S3D(width=0.05).state_dict()
    path = tmp_path / "s3d.safetensors"
    save_file(state, path)
    files.write_json(path.with_suffix(".json"), {"sha256": files.sha256(path)})
    load_into(S3D(width=0.05), path)
    whole, rng = path.read_bytes(), random.Random(0)
    for _ in range(30):
        content = bytearray(whole)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"damaged, its SHA-256 is not that in s3d\.json"):
            load_into(S3D(width=0.05), path)


def test_converted_weights_carry_the_record_that_is_checked(
    s3d_file: object, tmp_path: Path
) -> None:
    assert callable(s3d_file)
    torch.save(s3d_file(torchvision=True), tmp_path / "file.pt")
    target, _ = convert_encoder("s3d-torchvision", tmp_path / "file.pt", tmp_path)
    content = bytearray(target.read_bytes())
    content[-9] ^= 4
    target.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        load_into(S3D(), target)
