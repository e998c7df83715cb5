"""The template: the process from which workers are forked, and which sees to their end.

It has one thread and imports nothing of the user's, so forking it is fast and safe, and
``__main__`` is never imported again. It is the parent of all workers and adopts what they leave behind:

- a worker that ends is reaped only after its process group was killed, and reported only after what it
  left was killed too (see :mod:`orion.executor._process.offspring`);
- when the driver ends, however it ends, the template kills all and ends;
- when the template ends, the kernel kills the workers.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import select
import signal
import socket
import sys

from orion.executor._core import payload
from orion.executor._core.outcome import described
from orion.executor._process import segments
from orion.executor._process.offspring import Ended, Offspring
from orion.executor._process.setup import WorkerSetup, fit_out
from orion.executor._process.slots import Slots
from orion.executor._process.wire import PEAK_MEMORY, Kind, Order, frame

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER = 36
_CRASH_REPORT_BYTES = 3000

_libc = ctypes.CDLL(None, use_errno=True)  # here, since every worker would load it anew


def main() -> None:
    """Run the template; the arguments are descriptors and the driver's process id."""
    control, tasks, tasks_now, results, slots, settings, driver = map(int, sys.argv[2:9])
    for fd in (control, tasks, tasks_now, results, slots):
        os.set_inheritable(fd, False)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    setup = WorkerSetup.loads(segments.read(settings, private=False)[0])
    os.close(settings)
    try:
        setup.import_preloaded()
    except BaseException as error:
        problem = ImportError(f"a module of preload={list(setup.preload)} failed: {described(error)[:1000]}")
        os.write(results, frame(Kind.UNFIT, 0, 0, payload.dump_failure(problem)))
    template = Template(socket.socket(fileno=control), (tasks, tasks_now, results), Slots(slots), driver, setup)
    gc.collect()
    gc.freeze()  # so that a collection in a worker does not copy these pages
    template.run()


class Template:
    """Forks, kills and reaps workers as the driver says."""

    def __init__(
        self, control: socket.socket, pipes: tuple[int, int, int], slots: Slots, driver: int, setup: WorkerSetup
    ) -> None:
        self._control = control
        self._pipes = pipes
        self._results = pipes[-1]
        self._slots = slots
        self._driver = driver
        self._setup = setup
        self._offspring = Offspring()
        self._crash_logs: dict[int, int] = {}  # process id: what faulthandler writes
        self._warm = False

    def run(self) -> None:
        try:
            driver = os.pidfd_open(self._driver)
        except ProcessLookupError:
            return
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._own = (driver, wake_read, wake_write)
        try:
            self._serve(driver, wake_read)
        except BrokenPipeError:  # the driver has ended, and a report of a worker's end came before the news of that
            pass
        finally:
            self._offspring.kill_all()

    def _serve(self, driver: int, wake_read: int) -> None:
        """Do as the driver says until it has ended or says no more."""
        poll = select.poll()
        for fd in (self._control.fileno(), driver, wake_read):
            poll.register(fd, select.POLLIN)
        while True:
            cold = bool(self._offspring) and not self._warm
            ready = {fd for fd, _ in poll.poll(0 if cold else None)}
            if cold and not ready:
                self._warm_up()
            if wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_read, 4096)
                self._report_ends(self._offspring.reap())
            if driver in ready or (self._control.fileno() in ready and not self._obey()):
                return

    def _warm_up(self) -> None:
        """Import, once the first workers run, what later ones may need and would import each for itself."""
        self._warm = True
        import cloudpickle  # noqa: F401

        import orion.executor._process.nested  # noqa: F401

        gc.collect()
        gc.freeze()

    def _obey(self) -> bool:
        """Carry out one order; false if there will be no more."""
        try:
            data, fds, _, _ = socket.recv_fds(self._control, 64, 1)
        except OSError:
            return False
        if not data:
            return False
        order, worker, slot, detail = Order.HEADER.unpack(data)
        if order == Order.FORK:
            if fds:
                self._fork(worker, slot, detail, fds[0])
            else:  # the kernel leaves out what there is no room for
                self._report_not_started(worker, "no descriptor is left")
        else:
            self._kill(worker, slot, detail, gently=order == Order.TERMINATE)
        return True

    def _fork(self, worker: int, slot: int, device: int, link: int) -> None:
        template = os.getpid()
        crash_log = -1
        try:
            crash_log = os.memfd_create("orion-crash", os.MFD_CLOEXEC)
            pid = os.fork()
        except OSError as error:
            self._report_not_started(worker, str(error))
            for fd in (crash_log, link):
                if fd >= 0:
                    os.close(fd)
            return
        if pid:
            self._offspring.add(pid, worker)
            self._crash_logs[pid] = crash_log
            os.close(link)
            os.write(self._results, frame(Kind.SPAWNED, worker, pid))
            return
        status = 1
        try:
            self._become_worker(template)
            faulthandler.enable(crash_log)
            fit_out(self._setup.devices, device)
            from orion.executor._process.worker import Worker

            line = socket.socket(fileno=link)
            setup = self._setup
            Worker(worker, slot, self._pipes, self._slots, line, self._driver, setup).run()
            status = 0
        except ConnectionError:  # the driver has ended, and is told nothing any more
            pass
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)

    def _report_not_started(self, worker: int, why: str) -> None:
        report = PEAK_MEMORY.pack(0) + f"could not be started: {why}".encode()
        os.write(self._results, frame(Kind.DIED, worker, 0, report))

    def _become_worker(self, template: int) -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != template:  # it ended before the line above
            os._exit(1)
        os.setsid()
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for fd in self._own:
            os.close(fd)
        for fd in self._crash_logs.values():
            os.close(fd)
        self._control.close()
        self._offspring.forget()
        # If memory runs out, the kernel should take a worker, not the driver.
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "r+") as file:
            score = min(1000, int(file.read()) + 500)
            file.seek(0)
            file.write(str(score))

    def _kill(self, worker: int, slot: int, task: int, *, gently: bool) -> None:
        """End a worker if it runs that task: stopped first, so that it cannot go on to another meanwhile."""
        pid = self._offspring.pid(worker)
        if pid is None:
            if not gently:
                self._report_ends(self._offspring.kill_rest(worker))
            return
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if self._slots.running(slot) == task:
            if not gently:
                self._offspring.kill(pid)
                return
            self._offspring.ask(pid, lambda: self._slots.running(slot) == task)
        os.kill(pid, signal.SIGCONT)

    def _report_ends(self, ends: list[Ended]) -> None:
        for ended in ends:
            report = PEAK_MEMORY.pack(ended.peak_bytes) + self._crash_report(ended.pid)
            os.write(self._results, frame(Kind.DIED, ended.worker, ended.status, report))

    def _crash_report(self, pid: int) -> bytes:
        fd = self._crash_logs.pop(pid)
        try:
            return os.pread(fd, _CRASH_REPORT_BYTES, 0)
        finally:
            os.close(fd)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
