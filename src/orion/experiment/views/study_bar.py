"""The progress bar of ``optimize``, on a terminal and in a notebook."""

from __future__ import annotations

from optuna.study.study import Study
from tqdm.auto import tqdm

__all__ = ["StudyBar"]


class _Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
    monitor_interval = 0  # no thread that outlives the bar


class StudyBar:
    """How many trials have ended, and the best of them.

    Parameters
    ----------
    study
        The study.
    n_trials, timeout
        The limits; the bar counts trials also if only the time is limited.
    shown
        Whether there is to be a bar.
    """

    def __init__(self, study: Study, n_trials: int | None, timeout: float | None, *, shown: bool) -> None:
        self._study = study
        limit = "" if timeout is None else f"{timeout:g} s at most"
        self._bar = _Bar(total=n_trials, unit=" trials", postfix=limit) if shown else None

    def update(self) -> None:
        """Count one more trial."""
        if self._bar is None:
            return
        if len(self._study.directions) == 1:
            try:
                best = self._study.best_trial
            except ValueError:  # none has completed
                pass
            else:
                self._bar.set_description(f"Best trial: {best.number}. Best value: {best.value:g}", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
