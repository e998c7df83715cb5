"""Kills processes of a pool from outside, at random moments."""

from __future__ import annotations

import os
import random
import signal
import threading

import psutil  # type: ignore[import-untyped]  # it ships no types

from tests.stress.tally import Tally

__all__ = ["Chaos"]


class Chaos(threading.Thread):
    """Kills workers, and now and then their template; not so often that the pool would give up."""

    def __init__(self, rng: random.Random, tally: Tally, over: threading.Event) -> None:
        super().__init__(name="chaos")
        self._rng = rng
        self._tally = tally
        self._over = over
        self._templates_left = rng.choice([0, 1, 2])

    def run(self) -> None:
        while not self._over.wait(self._rng.uniform(0.05, 0.6)):
            tree = psutil.Process().children()
            if not tree:
                continue
            template = self._rng.choice(tree)
            try:
                workers = template.children()
            except psutil.Error:
                continue
            if self._templates_left and self._rng.random() < 0.1:
                self._templates_left -= 1
                self._kill(template.pid, "kills of a template from outside")
            elif workers:
                self._kill(self._rng.choice(workers).pid, "kills of a worker from outside")

    def _kill(self, pid: int, what: str) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._tally.happened(what)
