"""What code ran a trial: the git commit, whether the tree was dirty, Python and the packages."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import distributions
from typing import Any

__all__ = ["fingerprint", "provenance"]

_GIT_TIMEOUT_S = 10.0


def provenance(folder: str | None = None) -> dict[str, Any]:
    """Return what is known of the code in a folder, by default the current one, and of what it stands on."""
    found = {(it["Name"] or "").lower(): it["Version"] for it in (package.metadata for package in distributions())}
    return {
        "git": _git(folder or os.getcwd()),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: found[name] for name in sorted(found) if name},
    }


def fingerprint(record: dict[str, Any]) -> str:
    """Return a short name for a record: runs of the same code have the same."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]


def _git(folder: str) -> dict[str, Any] | None:
    """Return the commit that is checked out there, and whether files that git knows differ from it."""
    commit = _ask_git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _ask_git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _ask_git(folder: str, *question: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", folder, *question],  # noqa: S607 - the user's own git, wherever it is
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
