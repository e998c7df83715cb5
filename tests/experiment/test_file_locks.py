"""Which driver is alive, across threads and processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orion.experiment import StorageError
from orion.experiment.storage.file_locks import FileLocks

OTHER_DRIVER = """
import sys
from pathlib import Path
from orion.experiment.storage.file_locks import FileLocks
lock = FileLocks(Path(sys.argv[1]))
print(lock.driver, flush=True)
for line in sys.stdin:
    if line == "exclusive\\n":
        with lock.exclusive():
            print("in", flush=True)
            sys.stdin.readline()
        print("out", flush=True)
    else:
        with lock.exclusive():
            print(lock.is_alive(int(line)), flush=True)
"""


def other_driver(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OTHER_DRIVER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ask(driver: subprocess.Popen[str], line: str) -> str:
    assert driver.stdin is not None
    driver.stdin.write(f"{line}\n")
    driver.stdin.flush()
    return read(driver)


def read(driver: subprocess.Popen[str]) -> str:
    assert driver.stdout is not None
    return driver.stdout.readline().strip()


def test_a_driver_is_alive_until_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "db.lock"
    lock = FileLocks(path)
    with other_driver(path) as process:
        other = int(read(process))
        with lock.exclusive():
            assert lock.is_alive(other)
        assert ask(process, str(lock.driver)) == "True"
        process.kill()
        process.wait()
        with lock.exclusive():
            assert not lock.is_alive(other)
            assert lock.is_alive(lock.driver)
    lock.close()


def test_a_driver_ends_with_its_run_and_not_only_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "db.lock"
    first, second = FileLocks(path), FileLocks(path)
    with other_driver(path) as process:
        read(process)
        assert second.is_alive(first.driver)
        assert ask(process, str(first.driver)) == "True"
        first.close()
        assert not second.is_alive(first.driver)
        assert ask(process, str(first.driver)) == "False"
        assert ask(process, str(second.driver)) == "True"  # closing the first must not drop the second's lock
        process.kill()
    second.close()


def test_one_process_at_a_time_is_exclusive(tmp_path: Path) -> None:
    path = tmp_path / "db.lock"
    lock = FileLocks(path)
    entered = threading.Event()

    def enter() -> None:
        with lock.exclusive():
            entered.set()

    with other_driver(path) as process:
        read(process)
        assert ask(process, "exclusive") == "in"
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.is_set()
        assert ask(process, "go on") == "out"
        thread.join()
        assert entered.is_set()
        process.kill()
    lock.close()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot make or lock"):
        FileLocks(tmp_path / "missing" / "db.lock")
