"""PNG files whose checksums do not fit are refused, although Pillow reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avrsp.datasets import images
from avrsp.errors import RawDataError


def test_a_changed_byte_of_a_png_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 256, (24, 32), np.uint8)
    Image.fromarray(noise).save(path, compress_level=0)
    np.testing.assert_array_equal(images.read_map(path), noise)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 100] ^= 4
    path.write_bytes(content)
    with pytest.raises(RawDataError, match="a checksum does not fit, in part 'IDAT'"):
        images.read_map(path)


def test_what_follows_the_end_of_a_png_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (4, 4), 7).save(path)
    path.write_bytes(path.read_bytes() + b"more")
    assert images.read_map(path).mean() == 7
