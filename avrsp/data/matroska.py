"""Raw frames with a time each: just enough Matroska (RFC 9559) for ffmpeg to read from a pipe.

ffmpeg takes raw video at a constant rate only; this is how a varying one reaches it.
"""

from __future__ import annotations

from fractions import Fraction

CLOCK = 1_000_000
"""Time units a second."""

UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
KEY_FRAME = b"\x81\x00\x00\x80"


def header(height: int, width: int, rate: Fraction) -> bytes:
    """Return what precedes the first frame of an RGB video; `rate` is in frames a second."""
    kind = _element(0x1A45DFA3, _element(0x4282, b"matroska"))
    clock = _element(0x1549A966, _number(0x2AD7B1, 1_000_000_000 // CLOCK))
    picture = _element(
        0xE0, _number(0xB0, width) + _number(0xBA, height) + _element(0x2EB524, b"RGB\x18")
    )
    track = b"".join(
        (
            _number(0xD7, 1),
            _number(0x73C5, 1),
            _number(0x83, 1),
            _element(0x86, b"V_UNCOMPRESSED"),
            _number(0x23E383, round(1_000_000_000 / rate)),
            picture,
        )
    )
    segment = (0x18538067).to_bytes(4) + UNKNOWN_SIZE
    return kind + segment + clock + _element(0x1654AE6B, _element(0xAE, track))


def block_header(time: float, size: int) -> bytes:
    """Return what precedes a frame of `size` bytes shown `time` seconds after the start."""
    stamp = _number(0xE7, round(time * CLOCK))
    block = _head(0xA3, len(KEY_FRAME) + size) + KEY_FRAME
    return _head(0x1F43B675, len(stamp) + len(block) + size) + stamp + block


def _element(name: int, content: bytes) -> bytes:
    return _head(name, len(content)) + content


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(8))


def _head(name: int, size: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8) + (size | 1 << 56).to_bytes(8)
