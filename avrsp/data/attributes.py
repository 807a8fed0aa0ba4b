"""What a store says about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreAttributes:
    """Where a video's store comes from, and what was lost on the way.

    Attributes:
        dataset: Key in `datasets.DATASETS`.
        video: Name in the dataset's sheet.
        fps: Frames a second, exact, from the sheet.
        sound_rate_native: Samples a second of the raw sound; None without sound.
        sound_channels_native: Channels of the raw sound; None without sound.
        sources: SHA-256 over the raw files.
        code: Digest of the modules that wrote the store.
        listed: Frames in the sheet.
        used: Frames in the store.
    """

    dataset: str
    video: str
    fps: float
    sound_rate_native: int | None
    sound_channels_native: int | None
    sources: str
    code: str
    listed: int
    used: int
