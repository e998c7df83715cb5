"""How long scikit-learn's ``GridSearchCV`` takes through joblib's backends; the result has to be what it is without."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.measures.measure import N_CPUS, Measure
from benchmarks.peers import Peer

__all__ = ["MEASURE"]

_TIMES = 3


def _run(kind: type[Peer]) -> float:
    expected = _fit(None)[1]
    peer = kind(N_CPUS)
    try:
        with peer.as_joblib_backend():
            _fit(N_CPUS)  # workers start and import scikit-learn
            seconds = []
            for _ in range(_TIMES):
                taken, scores = _fit(N_CPUS)
                assert scores == expected, "another result than one after the other"
                seconds.append(taken)
            return statistics.median(seconds)
    finally:
        peer.close()


def _sequentially() -> float:
    _fit(None)
    return _fit(None)[0] / N_CPUS


def _fit(n_jobs: int | None) -> tuple[float, list[float]]:
    """Return the seconds, and the mean score of each setting."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    features, labels = load_digits(return_X_y=True)
    grid = {"C": [0.1, 1, 10, 100], "gamma": [1e-4, 1e-3, 1e-2]}
    search: Any = GridSearchCV(SVC(), grid, cv=3, n_jobs=n_jobs)
    start = time.perf_counter()
    search.fit(features[:600], labels[:600])
    return time.perf_counter() - start, [float(score) for score in search.cv_results_["mean_test_score"]]


MEASURE = Measure(
    "scikit-learn grid search",
    "s",
    _run,
    _sequentially,
    "one after the other, by the number of CPUs",
    leaves_pool=True,
)
