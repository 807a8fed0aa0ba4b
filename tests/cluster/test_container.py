"""The steps of the image, in a bare root file system: they install all that the chain needs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "workflow" / "container"
DOCKERFILE = (CONTAINER / "Dockerfile").read_text()
SETTINGS = ("/etc/pip.conf", "/etc/xdg/pip", "/etc/resolv.conf", "/opt/*")
"""What tells pip and apt of this machine where packages are: shown, and not to be written."""

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def copied() -> list[tuple[str, str]]:
    """Return what the Dockerfile copies: from the project, into the image."""
    lines = re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)
    return [(source, line.split()[-1]) for line in lines for source in line.split()[:-1]]


def variables() -> dict[str, str]:
    """Return what the Dockerfile sets for those who use the image."""
    (given,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)
    return dict(word.split("=", 1) for word in given.replace("\\\n", " ").split())


def test_the_definitions_start_from_the_same_base_and_copy_the_same_files() -> None:
    definition = (CONTAINER / "avrsp.def").read_text()
    (base,) = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert f"From: {base}" in definition
    listed = re.findall(r"^    (\S+) (/tmp/avrsp/\S+)$", definition, re.MULTILINE)
    expected = [
        (source, place if not place.endswith("/") else f"{place}{Path(source).name}")
        for source, place in copied()
    ]
    assert [*listed] == expected
    assert all((ROOT / source).exists() for source, _ in expected)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{source}" for source, _ in expected} <= {*ignored}


def test_the_development_container_is_that_image() -> None:
    place = ROOT / ".devcontainer" / "devcontainer.json"
    found = json.loads(place.read_text())
    assert (place.parent / found["build"]["dockerfile"]).resolve() == CONTAINER / "Dockerfile"
    assert (place.parent / found["build"]["context"]).resolve() == ROOT
    assert f"USER {found['remoteUser']}" in DOCKERFILE
    assert f"WORKDIR {found['workspaceFolder']}" in DOCKERFILE


def shown() -> list[Path]:
    """Return those of this machine's settings that there are."""
    found = (path for each in SETTINGS for path in sorted(Path("/").glob(each.lstrip("/"))))
    return [path for path in found if path != Path("/opt/avrsp")]


@contextlib.contextmanager
def bare(folder: Path) -> Iterator[Path]:
    """Make a bare Debian 12, which can install packages as this machine can."""
    top = folder / "root"
    command = ["debootstrap", "--variant=minbase", "bookworm", str(top)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.copy2(CERTIFICATES, top / "certificates.crt")
    with contextlib.ExitStack() as stack:
        for source in (Path("/proc"), *shown()):
            place = top / source.relative_to("/")
            if source.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
            subprocess.run(["mount", "-o", "bind,ro", str(source), str(place)], check=True)
            stack.callback(subprocess.run, ["umount", "--lazy", str(place)], check=False)
        yield top


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root file system that the Dockerfile's steps end in."""
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        pytest.skip("no debootstrap here, or not root: make cluster-tools")
    with bare(tmp_path_factory.mktemp("image")) as top:
        for source, place in copied():
            target = top / place.lstrip("/")
            if place.endswith("/"):
                target /= Path(source).name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(ROOT / source, target)
        (step,) = re.findall(r"^RUN (.+)$", DOCKERFILE, re.MULTILINE)
        inside(top, "root", "sh", "-c", step, INDEX="")
        yield top


def inside(top: Path, user: str, *command: str, **given: str) -> str:
    """Run a command in the image; return what it says."""
    proxies = {name: value for name, value in os.environ.items() if "proxy" in name.lower()}
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    pip |= {"PIP_CERT": "/certificates.crt"}
    own = {**proxies, **pip, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", **given}
    done = subprocess.run(
        ["/usr/sbin/chroot", f"--userspec={user}", str(top), *command],
        env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_image_runs_the_workflow_as_no_root(image: Path, tmp_path: Path) -> None:
    clone = image / "work"
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listing.stdout.splitlines():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, clone / name)
    for place in (clone, *clone.rglob("*")):
        os.chown(place, 1000, 1000)
    assert inside(image, "avrsp:avrsp", "id", "-u").strip() == "1000"
    say = ["sh", "-c", "cd /work && git init -q && snakemake -n preprocess && avrsp models"]
    said = inside(image, "avrsp:avrsp", *say, **variables())
    assert "store" in said
    assert "unisal" in said
    where = "import avrsp; print(avrsp.__file__)"
    found = inside(image, "avrsp:avrsp", "/opt/avrsp/bin/python", "-c", where, PYTHONPATH="/work")
    assert found.strip() == "/work/avrsp/__init__.py"
    assert "ffmpeg version" in inside(image, "avrsp:avrsp", "ffmpeg", "-version")
