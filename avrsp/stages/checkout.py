"""What is checked out here, as git says."""

from __future__ import annotations

import re
import subprocess


def commit() -> str:
    """Return the commit that is checked out; empty outside git."""
    return _git("rev-parse", "HEAD")


def repository() -> str:
    """Return the address of the repository that this clone is of; empty where it has none."""
    said = re.sub(r"^git@([^:/]+):", r"https://\1/", _git("remote", "get-url", "origin"))
    host = re.match(r"https://(?:[^@/]*@)?(.+?)(?:\.git)?$", said)  # leaves out a password
    return f"https://{host[1]}" if host else ""


def _git(*words: str) -> str:
    said = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    return said.stdout.strip()
