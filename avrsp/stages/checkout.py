"""What is checked out here, as git says."""

from __future__ import annotations

import re
import subprocess


def commit() -> str:
    """Return the commit that is checked out; empty outside git."""
    return _git("rev-parse", "HEAD")


def commit_tags() -> dict[str, str]:
    """Return, as tags of MLflow, the commit and whether files differ from it; none outside git."""
    head = commit()
    if not head:
        return {}
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {"mlflow.source.git.commit": head, "git.dirty": str(bool(changes)).lower()}


def repository() -> str:
    """Return the address of the repository that this clone is of; empty where it has none."""
    said = re.sub(r"^git@([^:/]+):", r"https://\1/", _git("remote", "get-url", "origin"))
    host = re.match(r"https://(?:[^@/]*@)?(.+?)(?:\.git)?$", said)  # leaves out a password
    return f"https://{host[1]}" if host else ""


def _git(*words: str) -> str:
    """Return what git prints; nothing where it fails, as before the first commit."""
    said = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    return "" if said.returncode else said.stdout.strip()
