"""Random numbers of a worker that are not those of its siblings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["seed_apart"]


def seed_apart() -> None:
    """Seed the global generators of numpy and torch anew, in a process that was just forked or started.

    A forked process has a copy of numpy's. Torch begins with the same seed in every process, so it is also seeded when
    it is imported later. Python's own seeds itself anew after a fork.
    """
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        numpy.random.seed()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.seed()
    else:
        sys.meta_path.insert(0, _WhenTorchIsImported())


class _WhenTorchIsImported:
    """A finder of modules that has torch imported as usual, and seeds it then.

    Not derived from the abstract class, whose module imports a dozen others, which the first result would wait for.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "torch":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            run = loader.exec_module

            def run_and_seed(module: ModuleType) -> None:
                run(module)
                module.seed()

            loader.exec_module = run_and_seed
        return spec
