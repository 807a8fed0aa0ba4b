"""What Snakemake takes to plan the conversion of many videos: bench_scale.py [VIDEOS ...]

Each count is a dry run of preset `paper` in a copy of this project whose DHF1K has so many videos
that all seven sets have the count. Nothing is downloaded or converted.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PUBLISHED = 1238
"""Videos in the sheets of this project."""


def copied(folder: Path) -> Path:
    """Copy what git tracks."""
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listing.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("preset: sample", "preset: paper", 1))
    return folder


def lengthen(folder: Path, videos: int) -> None:
    """Repeat DHF1K's lines under new names until all sets together have so many videos."""
    head, *lines = (ROOT / "data/sheets/dhf1k.tsv").read_text().splitlines()
    count = len(lines) + videos - PUBLISHED
    more = (
        f"{number + 1:06d}\t{lines[number % len(lines)].split(maxsplit=1)[1]}"
        for number in range(count)
    )
    (folder / "data/sheets/dhf1k.tsv").write_text("\n".join([head, *more]) + "\n")


PROGRAM = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(done.stdout[-3000:], used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)
sys.exit(done.returncode)
"""
"""Runs a command; its last words are the command's processor seconds and its peak in MB."""


def planned(folder: Path) -> tuple[int, float, int]:
    """Return the jobs of a dry run, its seconds of a processor, and its peak of memory in MB."""
    command = ["snakemake", "--dry-run", "--quiet", "rules", "--cores", "1", "preprocess"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stdout)
    jobs = re.findall(r"^total +(\d+)", done.stdout, re.MULTILINE)[0]
    *_, seconds, peak = done.stdout.split()
    return int(jobs), float(seconds), int(peak)


def main() -> None:
    """Print a line for each count."""
    with tempfile.TemporaryDirectory() as name:
        folder = copied(Path(name))
        for videos in map(int, sys.argv[1:] or [str(PUBLISHED)]):
            lengthen(folder, videos)
            jobs, seconds, peak = planned(folder)
            sys.stdout.write(
                f"{videos} videos: {jobs} jobs, {seconds:.1f} processor seconds "
                f"({1000 * seconds / jobs:.1f} ms a job), {peak} MB\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
