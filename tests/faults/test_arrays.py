"""Point 7: arrays travel through shared memory, uncopied, and nothing is left of them; beyond limits it falls back."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
from pathlib import Path
from typing import Any

import numpy
import pytest

from orion.executor.errors import WorkerLost
from orion.executor.testing import faults, tasks
from tests.faults import misdeeds
from tests.faults.conftest import Start
from tests.faults.waiting import run_python, start_python

SIZE = 2_000_000  # of float64: 16 MB


def memory_file_at(address: int) -> bool:
    """Return whether what is at an address is a map of a memory file: nobody has copied it."""
    return misdeeds.memory_file_at(address)


@pytest.fixture
def array() -> Any:
    return numpy.random.default_rng(1).random(SIZE)


@pytest.mark.usefixtures("linux_only")
def test_a_result_is_not_copied_here(start: Start, array: Any) -> None:
    executor = start()
    result = executor.submit(numpy.multiply, array, 2.0).get()
    assert memory_file_at(result.ctypes.data)
    numpy.testing.assert_array_equal(result, array * 2)


@pytest.mark.usefixtures("linux_only")
def test_an_argument_is_not_copied_there(start: Start, array: Any) -> None:
    assert start().submit(misdeeds.is_in_memory_file, array).get() is True


@pytest.mark.usefixtures("linux_only")
def test_receiving_takes_no_memory_of_ones_own(start: Start) -> None:
    """Until it is written to."""
    executor = start()
    executor.submit(misdeeds.ones, 10).get()
    before = misdeeds.anonymous_bytes()
    result = executor.submit(misdeeds.ones, 10_000_000).get()  # 80 MB
    assert misdeeds.anonymous_bytes() - before < 20_000_000
    assert result.sum() == 10_000_000


def test_what_arrives_is_the_receivers_own(start: Start, array: Any) -> None:
    """It can be written, and nobody else sees that: neither an argument's sender nor a result's."""
    executor = start()
    copy = array.copy()
    assert executor.submit(misdeeds.fill, array, 0.0).get() == 0.0
    numpy.testing.assert_array_equal(array, copy)
    first, second = (executor.submit(misdeeds.ones, SIZE).get() for _ in range(2))
    first[:] = 7.0
    assert second.sum() == SIZE
    assert executor.submit(misdeeds.ones, SIZE).get().sum() == SIZE


def test_a_call_is_what_it_was_when_submitted(start: Start, array: Any, tmp_path: Path) -> None:
    executor = start(1)
    held = executor.submit(tasks.touch_and_wait, tmp_path / "started", tmp_path / "release", 1)
    futures = []
    for number in range(5):
        array[:] = number
        futures.append(executor.submit(misdeeds.total, array))
    (tmp_path / "release").touch()
    assert held.get() == 1
    assert executor.wait(futures) == [number * SIZE for number in range(5)]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float64", "complex128", "datetime64[s]", "S5"])
def test_values_of_every_type_are_right(start: Start, dtype: str) -> None:
    array = numpy.arange(500_000).astype("int64").astype(dtype)
    numpy.testing.assert_array_equal(start().submit(tasks.identity, array).get(), array)


@pytest.mark.parametrize(
    "make",
    [
        lambda: numpy.empty((0, 5)),
        lambda: numpy.arange(24.0).reshape(2, 3, 4),
        lambda: numpy.asfortranarray(numpy.random.default_rng(1).random((700, 900))),
        lambda: numpy.random.default_rng(1).random((900, 900))[::2, ::3],
        lambda: numpy.array([{"a": 1}, None, "text"], dtype=object),
        lambda: numpy.zeros(300_000, dtype=[("x", "f8"), ("y", "i4")]),
    ],
    ids=["empty", "small", "Fortran", "strided", "objects", "records"],
)
def test_shapes_and_layouts_are_right(start: Start, make: Any) -> None:
    array = make()
    result = start().submit(tasks.identity, array).get()
    numpy.testing.assert_array_equal(result, array)
    assert result.dtype == array.dtype


def test_many_arrays_in_one_call(start: Start) -> None:
    arrays = [numpy.full(50_000, float(n)) for n in range(40)]
    results = start().submit(tasks.identity, arrays).get()
    assert [result[0] for result in results] == list(range(40))
    assert all((result == result[0]).all() for result in results)


@pytest.mark.usefixtures("linux_only")
def test_a_data_frame_is_not_copied(start: Start) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": numpy.arange(SIZE, dtype=float), "b": numpy.ones(SIZE)})
    result = start().submit(tasks.identity, frame).get()
    assert memory_file_at(result["a"].to_numpy().ctypes.data)
    pandas.testing.assert_frame_equal(result, frame)


@pytest.mark.usefixtures("linux_only")
def test_an_arrow_table_is_not_copied(start: Start) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"a": numpy.arange(SIZE)})
    result = start().submit(tasks.identity, table).get()
    assert memory_file_at(result.column("a").chunk(0).buffers()[1].address)
    assert result.equals(table)


@pytest.mark.usefixtures("linux_only")
def test_a_torch_tensor_is_not_copied(start: Start) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(SIZE, dtype=torch.float64)
    result = start().submit(misdeeds.double_tensor, tensor).get()
    assert memory_file_at(result.data_ptr())
    assert torch.equal(result, tensor * 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensor: tensor[::2],
        lambda tensor: tensor[:10],
        lambda tensor: tensor.bfloat16(),
        lambda tensor: tensor.requires_grad_(),
        lambda tensor: tensor[:9].reshape(3, 3).to_sparse(),
        lambda tensor: tensor.cfloat().conj(),
        lambda tensor: tensor.int(),
    ],
    ids=["strided", "a view", "bfloat16", "with gradient", "sparse", "conjugated", "integers"],
)
def test_torch_tensors_of_all_kinds_arrive_as_they_are(start: Start, change: Any) -> None:
    torch = pytest.importorskip("torch")
    tensor = change(torch.arange(1000.0))
    result = start().submit(tasks.identity, tensor).get()
    assert (result.dtype, result.requires_grad, result.layout) == (tensor.dtype, tensor.requires_grad, tensor.layout)
    assert torch.equal(result.to_dense(), tensor.to_dense())


@pytest.mark.parametrize("when", ["argument", "result", "both"])
def test_nothing_is_left_of_arrays_after_crashes(start: Start, array: Any, when: str) -> None:
    executor = start(2)
    for _ in range(5):
        with pytest.raises(WorkerLost):
            if when == "argument":
                executor.submit(misdeeds.die_with, array).get()
            else:
                executor.submit(misdeeds.die_after_array, SIZE, array if when == "both" else None).get()
    assert executor.submit(misdeeds.ones, SIZE).get().sum() == SIZE
    executor.close()
    del executor
    gc.collect()
    assert not [line for line in Path("/proc/self/maps").read_text().splitlines() if "memfd:orion" in line]


@pytest.mark.usefixtures("linux_only")
def test_results_that_nobody_takes_are_given_back(start: Start) -> None:
    executor = start()
    executor.wait([executor.submit(misdeeds.ones, SIZE) for _ in range(10)])
    descriptors = len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        executor.submit(misdeeds.ones, SIZE).wait()
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 2


LIMITED = """
    import resource
    import numpy
    from orion.executor.process_backend import ProcessExecutor
    from tests.faults import misdeeds

    array = numpy.arange(1_000_000.0)
    with ProcessExecutor(2, transport={transport!r}) as executor:
        executor.wait([executor.submit(misdeeds.total, array[:10]) for _ in range(4)])
        {limit}
        futures = [executor.submit(misdeeds.twice, array + n) for n in range(12)]
        for n, result in enumerate(executor.wait(futures)):
            assert (result == 2 * (array + n)).all()
        print("right")
"""


@pytest.mark.parametrize(
    "limit",
    [
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))",
        "misdeeds.leave_descriptors(3)",
        "misdeeds.leave_address_space(300_000_000)",
    ],
    ids=["ulimit -f", "few descriptors", "ulimit -v"],
)
def test_the_driver_has_little_room(transport: str, limit: str) -> None:
    """Then it is slower, and still right."""
    run = run_python(LIMITED.format(transport=transport, limit=limit))
    assert (run.stdout, run.returncode) == ("right\n", 0), run.stderr


def test_files_may_not_be_large_from_the_start() -> None:
    """As under ``ulimit -f``: then the portable transport is chosen, which needs no files in memory."""
    code = """
        import numpy
        from orion.executor.process_backend import ProcessExecutor
        from tests.faults import misdeeds

        with ProcessExecutor(1) as executor:
            print(executor.submit(misdeeds.total, numpy.ones(1_000_000)).get())
        """
    limit = (1_000_000, 1_000_000)
    driver = start_python(
        code, stdout=subprocess.PIPE, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    assert driver.communicate(timeout=30)[0] == "1000000.0\n"


@pytest.mark.parametrize("limit", ["RLIMIT_FSIZE", "RLIMIT_NOFILE"])
def test_a_worker_has_little_room(start: Start, limit: str, array: Any) -> None:
    executor = start(initializer=misdeeds.limit_worker, initargs=(limit,))
    numpy.testing.assert_array_equal(executor.submit(misdeeds.twice, array).get(), 2 * array)


def test_a_result_that_the_driver_has_no_memory_for_is_that_tasks_error(transport: str) -> None:
    code = f"""
        from orion.executor.process_backend import ProcessExecutor
        from orion.executor.errors import ExecutorError
        from tests.faults import misdeeds

        with ProcessExecutor(1, transport={transport!r}) as executor:
            executor.submit(misdeeds.total, [1, 2]).get()
            misdeeds.leave_address_space(100_000_000)
            try:
                executor.submit(misdeeds.ones, 50_000_000).get()
            except (MemoryError, ExecutorError) as error:
                print(type(error).__name__)
            print(executor.submit(misdeeds.total, [3, 4]).get())
        """
    run = run_python(code)
    assert run.stdout.split() in (["MemoryError", "7"], ["WorkerLost", "7"], ["NotSerializable", "7"]), run.stderr


def test_memory_is_given_back_between_tasks(start: Start) -> None:
    """What a worker has mapped for one task is gone with it."""
    executor = start()
    totals = [executor.submit(misdeeds.maps_after, numpy.ones(SIZE)).get() for _ in range(5)]
    assert max(totals) <= totals[0] + 1
    assert executor.submit(faults.make, int).get() == 0
