"""Any executor as a backend of joblib: importing this module registers the backend ``"orion"``.

>>> import joblib
>>> import orion.executor.joblib
>>> with joblib.parallel_config("orion", executor=executor):  # doctest: +SKIP
...     search.fit(X, y)  # whatever runs in joblib.Parallel, as scikit-learn does, runs on the executor

``n_jobs`` limits how many workers are used; it is all of them unless something else is said. What runs in a worker and
uses joblib itself runs on the same executor, to any depth, without keeping a worker busy while it waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from joblib import register_parallel_backend
from joblib._parallel_backends import (  # where joblib's own external backends find them
    AutoBatchingMixin,
    FallbackToBackend,
    ParallelBackendBase,
    SequentialBackend,
)

from orion.executor.base import BaseExecutor, create_executor

__all__ = ["OrionBackend"]


class OrionBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """Runs the batches of ``joblib.Parallel`` as tasks of an executor.

    Parameters
    ----------
    executor
        Any executor, also one with options, such as ``executor.options(timeout=60, retries=1)``. It is not closed.
        Without one, each call of ``Parallel`` starts worker processes of its own.
    inner_max_num_threads
        How many threads BLAS and OpenMP may use in a worker, for engines whose workers are processes; else what the
        engine has set, which is a fair share of the CPUs.
    """

    supports_retrieve_callback = True
    default_n_jobs = -1
    # A task costs so little that shorter batches than loky's pay, which spread evenly.
    MIN_IDEAL_BATCH_DURATION = 0.05
    MAX_IDEAL_BATCH_DURATION = 0.2

    def __init__(
        self,
        executor: BaseExecutor | None = None,
        nesting_level: int | None = None,
        inner_max_num_threads: int | None = None,
    ) -> None:
        if executor is not None and not isinstance(executor, BaseExecutor):
            raise TypeError(f"executor must be what create_executor returns, not {executor!r}")
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads)
        self._given = executor
        self._executor = executor
        self._view: Any = None

    @property
    def supports_inner_max_num_threads(self) -> bool:
        """Whether the workers are processes of their own, whose libraries can be limited without limiting ours."""
        return self._given is None or "worker_death" not in self._given.limitations

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return how many workers there are for a call that asks for ``n_jobs``."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        if self._given is None:
            from joblib import cpu_count

            return n_jobs if n_jobs > 0 else max(1, cpu_count() + 1 + n_jobs)
        n_workers = self._given.n_workers
        return min(n_jobs, n_workers) if n_jobs > 0 else max(1, n_workers + 1 + n_jobs)

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_mapping: Any) -> int:
        """Get ready for a call of ``Parallel``; return how many workers it uses.

        The rest is how joblib itself maps arrays into memory (``max_nbytes`` and so on). Here it is the engine that
        sees to arrays.
        """
        n_jobs = self.effective_n_jobs(n_jobs)
        if n_jobs == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        if self._executor is None:
            self._executor = create_executor("process", n_workers=n_jobs)
        self._view = self._executor.as_concurrent(max_workers=n_jobs)
        return n_jobs

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None) -> Future[Any]:
        """Run a batch; ``callback`` is called in the view's thread, where it sends the next one."""
        if self.inner_max_num_threads is not None:
            func = _Limited(func, self.inner_max_num_threads)
        future: Future[Any] = self._view.submit(func)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """Return the results of a batch, or raise what it raised."""
        return out.result()

    @contextlib.contextmanager
    def retrieval_context(self) -> Iterator[None]:
        """Lend the slot of the task that waits here, if this is one."""
        with contextlib.nullcontext() if self._executor is None else self._executor._blocking():
            yield

    def terminate(self) -> None:
        """Give back what a call has used."""
        if self._view is not None:
            self._view.shutdown(wait=False)
            self._view = None
        if self._executor is not self._given and self._executor is not None:
            self._executor.close()
            self._executor = self._given
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel what has not begun, and stop what runs where the engine can."""
        self._view.stop()
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)

    def get_nested_backend(self) -> tuple[ParallelBackendBase, int | None]:
        """Return what runs calls of ``Parallel`` inside of the tasks: the same executor, if it can be reached there."""
        if self._given is None or "nested" in self._given.limitations:
            nested: tuple[ParallelBackendBase, int | None] = super().get_nested_backend()
            return nested
        return OrionBackend(self._given, (self.nesting_level or 0) + 1, self.inner_max_num_threads), None

    def __reduce__(self) -> tuple[object, ...]:
        return OrionBackend, (self._given, self.nesting_level, self.inner_max_num_threads)


class _Limited:
    """A batch whose libraries may use so many threads."""

    def __init__(self, batch: Callable[[], Any], n_threads: int) -> None:
        self._batch = batch
        self._n_threads = n_threads

    def __call__(self) -> Any:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=self._n_threads):
            return self._batch()


register_parallel_backend("orion", OrionBackend)
