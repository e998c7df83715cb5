"""Notebooks, run by a real kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["run_notebook"]


def run_notebook(cells: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run a notebook of such cells in a folder, and return it with its outputs."""
    path = folder / "notebook.ipynb"
    common = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    sources = [{**common, "id": f"cell-{number}", "source": source} for number, source in enumerate(cells)]
    path.write_text(json.dumps({"cells": sources, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", str(path)]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stderr
    notebook: dict[str, Any] = json.loads(path.read_text())
    return notebook
