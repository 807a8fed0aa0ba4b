from __future__ import annotations

from pathlib import Path

import pytest

from avrsp.params import WorldParams
from avrsp.sample.writers import write_dataset

SEED = 7
WRITTEN = ("coutrot2", "avad", "dhf1k")


def sample_spec() -> WorldParams:
    """Large enough for statistics; what is planned or simulated costs nothing to draw."""
    return WorldParams.model_validate(
        {
            "height": 240,
            "width": 320,
            "frames": (80, 108),
            "videos": dict.fromkeys(("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe"), 18),
            "unheard": {"height": 180, "train": 9, "validation": 3, "test": 2},
            "kinds": {"sounding": 0.6, "music": 0.2, "silent": 0.2, "distracting": 0.0},
            "scene": {
                "diameter": 0.23,
                "speed": 0.3,
                "conspicuous_diameter": 1.3,
                "conspicuous_speed": 1.7,
                "conspicuous_pulse": 45.0,
            },
            "sound": {"rms": (0.1, 0.25), "stretch": 1.2},
            "viewers": {
                "count": 16,
                "fixation": (0.2, 0.4),
                "saccade": (0.03, 0.06),
                "latency": (0.2, 0.4),
                "jitter": 0.025,
                "lapse": 0.12,
                "blur": 11.0,
            },
        }
    )


def tiny_spec() -> WorldParams:
    """A world that is written in seconds: few videos of some twenty small frames."""
    counts = {"diem": 1, "coutrot1": 1, "coutrot2": 2, "avad": 5, "etmd": 1, "summe": 1}
    return WorldParams.model_validate(
        sample_spec().model_dump()
        | {
            "height": 72,
            "width": 96,
            "frames": (18, 24),
            "videos": counts,
            "unheard": {"height": 54, "train": 1, "validation": 1, "test": 1},
            "sound": {"rms": (0.1, 0.25), "stretch": 0.3},
        }
    )


@pytest.fixture
def spec() -> WorldParams:
    return sample_spec()


@pytest.fixture(scope="session")
def tiny() -> WorldParams:
    return tiny_spec()


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory, tiny: WorldParams) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for dataset in WRITTEN:
        write_dataset(dataset, folder, tiny, SEED)
    return folder
