"""What is written down of each attempt: for the database and for the trial's folder."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from orion.experiment.recording.folders import TrialFolders
from orion.experiment.recording.result import TrialRecord
from orion.experiment.recording.trials import Claim
from orion.experiment.recording.verdicts import Completed, Failed, Pruned, Stopped

__all__ = ["Bookkeeping"]

_OUTCOMES = {Completed: "completed", Pruned: "pruned", Failed: "failed", Stopped: "interrupted"}


class Bookkeeping:
    """Writes down attempts.

    Parameters
    ----------
    folders
        The trials' folders; ``None`` to have none.
    engine
        What runs the attempts.
    code
        The name under which the code that runs them is recorded.
    """

    def __init__(self, folders: TrialFolders | None, engine: str, code: str) -> None:
        self._folders = folders
        self._engine = engine
        self._code = code
        self._begun: dict[int, float] = {}

    def begin(self, claim: Claim) -> str | None:
        """Take note of an attempt that is about to begin, and return its folder."""
        self._begun[claim.number] = time.time()
        if self._folders is None:
            return None
        return str(self._folders.begin(claim.number, claim.attempt, claim.parameters))

    def has_begun(self, claim: Claim) -> bool:
        """Return whether an attempt has begun and not ended."""
        return claim.number in self._begun

    def taken_back(self, attempts: list[tuple[int, dict[str, Any]]]) -> None:
        """Write down, where trials have folders, which attempts were killed with their drivers; empties the list."""
        while attempts:
            number, record = attempts.pop()
            if self._folders is not None and self._folders.attempt(number, record["attempt"]).is_dir():
                self._folders.end(number, record["attempt"], record)

    def end(self, claim: Claim, verdict: Completed | Pruned | Failed | Stopped) -> dict[str, Any]:
        """Write down how an attempt ended, and return the record."""
        record: dict[str, Any] = {
            "attempt": claim.attempt,
            "outcome": _OUTCOMES[type(verdict)],
            "engine": self._engine,
            "seed": claim.seed,
            "code": self._code,
        }
        begun = self._begun.pop(claim.number)
        if not isinstance(verdict, Stopped) and verdict.facts is not None:
            record.update(asdict(verdict.facts))
        else:
            record.update(started=begun, ended=time.time())
        if isinstance(verdict, Failed):
            record["failure"] = self._failure(claim, verdict, record)
        if self._folders is not None:
            self._folders.end(claim.number, claim.attempt, record)
        return record

    def finish(self, record: TrialRecord) -> None:
        """Write down how a trial ended."""
        if self._folders is not None:
            result = {"state": record.state, "objective": record.values, **record.attributes}
            self._folders.finish(record.number, result)

    def _failure(self, claim: Claim, verdict: Failed, record: dict[str, Any]) -> dict[str, str]:
        """Return the verdict on a failed attempt; what its worker could not tell goes to the record."""
        failure, report = verdict.failure, verdict.report
        log = "" if self._folders is None else self._folders.last_lines(claim.number, claim.attempt)
        traceback = failure.traceback
        if report is not None:
            record.update(pid=report["pid"], peak_memory_gb=report["peak_memory_gb"])
            log = log or report["last_output"]
            traceback = report["crash"] or traceback
        return {
            "cause": failure.cause,
            "type": failure.kind,
            "message": failure.message,
            "traceback": traceback,
            "log": log,
        }
