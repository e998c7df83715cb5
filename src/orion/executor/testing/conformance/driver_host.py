"""Where the workers are, and how they reach the process that has submitted their tasks."""

from __future__ import annotations

import socket

from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class DriverHostTests(Conformance):
    """``driver_host`` is this machine's address as the workers reach it, or ``None`` if all are on this machine."""

    def test_tasks_reach_this_process_there(self) -> None:
        executor = self.start(1)
        with socket.create_server((executor.driver_host or "127.0.0.1", 0)) as listener:
            listener.settimeout(self.patience)
            future = executor.submit(tasks.listen_to, *listener.getsockname()[:2])
            self.see_to(executor, future)
            link, _ = listener.accept()
            with link:
                link.sendall(b"heard")
            assert future.get() == b"heard"

    def test_with_none_the_workers_are_on_this_machine(self) -> None:
        executor = self.start(1)
        if executor.driver_host is None:
            assert executor.submit(socket.gethostname).get() == socket.gethostname()
        assert executor.options(name="a view").driver_host == executor.driver_host
