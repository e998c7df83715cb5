"""What becomes of tasks whose worker was lost: those that had begun fail, the others are sent again."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from distributed import KilledWorker

from orion.executor._core.outcome import Failure, described
from orion.executor._dask import worker_part
from orion.executor._dask.keys import Mark, mark_of
from orion.executor.errors import ExecutorError, WorkerLost

if TYPE_CHECKING:
    from orion.executor._dask.dispatch import Dispatch, Sent

__all__ = ["Losses"]

_ASK_SECONDS = 10.0


class Losses:
    """Decides in a thread of its own, which starts with the first loss, since it asks the workers that are left."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._told: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def hear(self, message: dict[str, Any]) -> None:
        """Take in what the scheduler's part tells."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="orion-dask-losses", daemon=True)
            self._thread.start()
        self._told.put(message)

    def close(self) -> None:
        self._told.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self) -> None:
        while (message := self._told.get()) is not None:
            if "erred" in message:
                sent = self._dispatch.sent(message["erred"])
                if sent is not None:
                    self._erred(sent)
                continue
            gone = [sent for sent in map(self._dispatch.sent, message["gone"]) if sent is not None]
            if gone:
                self._gone(gone, message["worker"], message["server"])

    def _erred(self, sent: Sent) -> None:
        """Take in that a task ended with an exception of Dask's own, since ours never raises."""
        try:
            error = sent.dask.exception(timeout=_ASK_SECONDS)
        except Exception as problem:  # noqa: BLE001 - then that is what is known
            error = problem
        if isinstance(error, KilledWorker):
            self._gone([sent], error.last_worker.address, str(error.last_worker.server_id))
            return
        failure = ExecutorError(
            f"a Dask worker could not run task {sent.future.name!r}: {described(error)}. "
            "orion-executor, cloudpickle and what the task needs have to be installed there too, in the same versions"
        )
        failure.__cause__ = error
        self._dispatch.settle(sent, Failure(failure))

    def _gone(self, gone: list[Sent], worker: str, server: str) -> None:
        began = self._which_began([mark_of(sent.key) for sent in gone], server)
        for sent in gone:
            if began is None or mark_of(sent.key) in began:
                self._dispatch.settle(sent, Failure(_verdict(sent, worker, is_certain=began is not None)))
            else:
                self._dispatch.send_again(sent)

    def _which_began(self, marks: list[Mark], server: str) -> set[Mark] | None:
        """Ask the workers that are left; one on the same host can tell."""
        client = self._dispatch.connection.client

        async def ask() -> dict[str, Any]:
            answers: dict[str, Any] = await client.run(
                worker_part.which_began, server, marks, on_error="ignore", asynchronous=True
            )
            return answers

        try:
            answers = self._dispatch.connection.wait_for(ask, _ASK_SECONDS)
        except Exception:  # noqa: BLE001 - nobody is left, or the scheduler has gone too
            return None
        for answer in answers.values():
            if answer is not None:
                return {Mark(*mark) for mark in answer}
        return None


def _verdict(sent: Sent, worker: str, *, is_certain: bool) -> WorkerLost:
    doubt = "" if is_certain else " (if it had begun, which nobody is left to tell)"
    return WorkerLost(
        f"the Dask worker {worker or '(unknown)'} was lost before task {sent.future.name!r} had ended{doubt}. "
        "Likely causes: its host or its job ended, its memory ran out, or it was stopped. Only what it was running "
        "failed; options(retries=1) would run it again"
    )
