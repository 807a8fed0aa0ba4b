"""What a run was computed with: the versions that are pinned, and those that are installed."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata

from avrsp import paths

LOCK = "requirements.lock"


def described() -> tuple[dict[str, str], dict[str, str]]:
    """Return tags and small files that say which Python and which packages are at work."""
    tags = {"python": platform.python_version(), "platform": platform.platform()}
    texts = {"environment/installed.txt": "\n".join(_installed()) + "\n"}
    lock = paths.workspace() / LOCK
    if lock.is_file():
        content = lock.read_text()
        tags["environment.lock"] = hashlib.sha256(content.encode()).hexdigest()
        texts[f"environment/{LOCK}"] = content
    return tags, texts


def _installed() -> list[str]:
    """Return what `pip freeze` would list, without starting pip."""
    found = {(each.name, each.version) for each in metadata.distributions() if each.name}
    return sorted(f"{name}=={version}" for name, version in found)
