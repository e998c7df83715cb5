"""``python -m orion.experiment``: the command line without its console script."""

from __future__ import annotations

import sys

from orion.experiment.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
