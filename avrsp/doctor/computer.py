"""The machine: Python and its packages, programs, the GPU, the disk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from avrsp.doctor.finding import Finding
from avrsp.errors import RawDataError
from avrsp.media.decode import Frame, frame_times, read_sound
from avrsp.media.encode import encode
from avrsp.media.probe import Track
from avrsp.params import ComputeParams
from avrsp.types import SOUND_RATE

PACKAGES: Final = ("torch", "snakemake", "dvc", "mlflow", "zarr")
PROGRAMS: Final = ("git", "snakemake", "dvc")
MEDIA: Final = ("ffmpeg", "ffprobe")

SECONDS: Final = 1.0
"""Time that a program has to answer."""

CPU_ONLY: Final = "+cpu"
"""How the version of a torch ends that was built without CUDA."""

DRIVER: Final = Path("/proc/driver/nvidia/gpus")
SETUP: Final = "make setup"
FREE_SPACE: Final = (
    "free some space, or put data/raw and data/store on a larger disk and link to them"
)


def python() -> Finding:
    """Look at the interpreter and the packages that the workflow stands on."""
    versions, absent = [f"{sys.version.split()[0]}"], []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            absent.append(package)
    if absent:
        return Finding("Python", "missing", f"no {', '.join(absent)}", SETUP)
    return Finding("Python", "ready", ", ".join(versions))


def programs() -> Finding:
    """Look for the programs that run the workflow."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        advice = f"{SETUP} && source .venv/bin/activate"
        return Finding("programs", "missing", f"no {', '.join(absent)} on the PATH", advice)
    return Finding("programs", "ready", ", ".join(PROGRAMS))


def ffmpeg() -> Finding:
    """Look for ffmpeg and ffprobe, and let them write and read a tiny clip."""
    absent = [program for program in MEDIA if shutil.which(program) is None]
    if absent:
        found = f"no {' and no '.join(absent)} on the PATH"
        advice = "sudo apt-get install ffmpeg   (macOS: brew install ffmpeg)"
        return Finding("ffmpeg", "missing", found, advice)
    said = _output("ffmpeg", "-version")
    if said is None:
        found = f"{shutil.which('ffmpeg')} does not run"
        return Finding("ffmpeg", "missing", found, "install ffmpeg again")
    version = re.match(r"ffmpeg version (\S+)", said)
    if version is None:
        return Finding("ffmpeg", "ready", "there; its version is unknown")
    try:
        _write_and_read_a_clip()
    except RawDataError as error:
        found = f"version {version[1]} cannot write and read a clip: {error}"
        advice = "install FFmpeg 5 to 9 with libx264 and aac: sudo apt-get install ffmpeg"
        return Finding("ffmpeg", "missing", found, advice)
    return Finding("ffmpeg", "ready", version[1])


def _write_and_read_a_clip() -> None:
    """Encode two frames and a sound, and decode them.

    Raises:
        RawDataError: Something of it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        wave, clip = Path(folder) / "tone.wav", Path(folder) / "clip.mp4"
        tone = np.sin(np.arange(SOUND_RATE // 2) / 8)
        soundfile.write(wave, tone, SOUND_RATE, subtype="PCM_16")
        frames = [Frame(number / 4, np.full((16, 16, 3), 99, np.uint8)) for number in range(2)]
        encode(clip, frames, rate=Fraction(4), sound=Track(wave, 0, "pcm_s16le", SOUND_RATE, 1))
        count = len(frame_times(clip))
        if count != len(frames) or not read_sound(clip, rate=SOUND_RATE).any():
            raise RawDataError(f"{count} of {len(frames)} frames, or no sound, came back")


def gpu(compute: ComputeParams, preset: str) -> Finding:
    """Look for NVIDIA's driver, which tells of GPUs without torch."""
    cards = _cards()
    if cards and _torch().endswith(CPU_ONLY):
        found = f"{'; '.join(cards)}, but torch {_torch()} computes on CPUs only"
        advice = "pip install torch from an index that has it for CUDA: see pytorch.org"
        return Finding("GPU", "missing" if compute.device == "cuda" else "to come", found, advice)
    if cards:
        return Finding("GPU", "ready", "; ".join(cards))
    if compute.device == "cuda":
        advice = "go on, on a machine with an NVIDIA GPU, with: dvc repro"
        return Finding("GPU", "missing", f"none, and preset {preset} computes on cuda", advice)
    return Finding("GPU", "ready", f"none, and preset {preset} needs none")


def disk(root: Path, needed: float) -> Finding:
    """Compare the free space of the disk of `root` with what is `needed`, in bytes."""
    free = shutil.disk_usage(root).free
    found = f"{free / 1e9:,.0f} GB free at {root}, about {needed / 1e9:,.0f} GB still needed"
    if not os.access(root, os.W_OK):
        return Finding("disk", "missing", f"{root} cannot be written to", f"chmod u+w {root}")
    if free < needed:
        return Finding("disk", "missing", found, FREE_SPACE)
    return Finding("disk", "ready", found)


def _torch() -> str:
    """Return the version of the installed torch without importing it; empty without one."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return ""


def _cards() -> list[str]:
    said = _output("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    if said and said.strip():
        return [line.strip() for line in said.splitlines() if line.strip()]
    if not DRIVER.is_dir():
        return []
    texts = [(card / "information").read_text() for card in sorted(DRIVER.iterdir())]
    return [match[1] for text in texts if (match := re.search(r"Model:\s*(.+)", text))]


def _output(program: str, *arguments: str) -> str | None:
    """Return what a program prints, nothing if it takes too long; None where it does not run."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return ""
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
