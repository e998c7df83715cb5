"""Which tests run one after the other in one process, though several run tests: those that share a service."""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling

__all__ = ["ByService"]

_WITH_A_SERVICE = re.compile(r"tests/engines/test_(dask|ray|slurm_losses|two_hosts)\w*\.py")


class ByService(LoadScopeScheduling):
    """Hands out tests one by one, and whole files whose tests need a service that takes long to start.

    The mark ``xdist_group`` would say this too, but pytest-xdist 3.8 notes it in a way that pytest 9.2 ignores.
    """

    def _split_scope(self, nodeid: str) -> str:
        found = _WITH_A_SERVICE.match(nodeid)
        return nodeid if found is None else found.group()
