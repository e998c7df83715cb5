"""Functions that travel by value are serialised once, and again as soon as anything they depend on changes."""

from __future__ import annotations

import gc
import math
import pickle
import subprocess
import sys
import textwrap
import weakref
from types import FunctionType
from typing import Any

import pytest

from orion.executor._core import functions, payload


def make(source: str, **names: Any) -> dict[str, Any]:
    """Run source as a ``__main__`` module would be, and return its globals."""
    module = {"__name__": "__main__", **names}
    exec(textwrap.dedent(source), module)
    return module


def call(function: FunctionType, *args: Any) -> Any:
    """Call a function as a worker would."""
    loaded, arguments, keywords = pickle.loads(payload.dumps_call(function, args, {}))
    return loaded(*arguments, **keywords)


@pytest.mark.parametrize(
    ("source", "change", "before", "after"),
    [
        ("K = 3\ndef f(x): return x * K", "K = 4", 6, 8),
        ("def g(x): return x + 1\ndef f(x): return g(x)", "def g(x): return 0", 3, 0),
        ("def f(x, y=1): return x + y", "f.__defaults__ = (5,)", 3, 7),
        ("def f(x, *, y=1): return x + y", "f.__kwdefaults__['y'] = 5", 3, 7),
        ("def f(x): return x\ndef h(x): return -x", "f.__code__ = h.__code__", 2, -2),
        ("import math\ndef f(x): return math.floor(x)", "math = None\ndef f(x): return 'none'", 2, "none"),
        ("class A: k = 1\ndef f(x): return x + A.k", "A.k = 5", 3, 7),
        ("L = [1]\ndef f(x): return x + sum(L)", "L.append(5)", 3, 8),
        ("def f(x): return x + getattr(f, 'k', 0)\nf.k = 1", "f.k = 5", 3, 7),
        ("def f(x): return K and x + globals()['K']\nK = 1", "K = 5", 3, 7),
    ],
)
def test_a_change_is_seen_by_the_next_call(source: str, change: str, before: Any, after: Any) -> None:
    main = make(source)
    assert call(main["f"], 2) == before
    assert call(main["f"], 2) == before
    exec(change, main)
    assert call(main["f"], 2) == after


def test_a_changed_closure_is_seen() -> None:
    def outer() -> tuple[Any, Any]:
        k = 1

        def read(x: int) -> int:
            return x + k

        def change() -> None:
            nonlocal k
            k = 5

        return read, change

    read, change = outer()
    assert call(read, 2) == 3
    change()
    assert call(read, 2) == 7


def test_an_unchanged_function_is_serialised_once_and_loaded_once() -> None:
    function = make("def f(x): return x")["f"]
    first = functions.shipped(function)
    assert first is not None
    assert functions.shipped(function) is first
    assert pickle.loads(pickle.dumps(first)) is pickle.loads(pickle.dumps(first))


@pytest.mark.parametrize(
    "source",
    [
        "n = 0\ndef f():\n    global n\n    n += 1\n    return n",
        "def make(n=0):\n    def f():\n        nonlocal n\n        n += 1\n        return n\n    return f\nf = make()",
        "def f(seen=[]):\n    seen.append(1)\n    return len(seen)",
    ],
)
def test_a_function_that_changes_itself_starts_afresh_in_every_task(source: str) -> None:
    function = make(source)["f"]
    assert functions.shipped(function) is None
    assert [call(function), call(function)] == [1, 1]


@pytest.mark.parametrize("function", [math.floor, textwrap.dedent, len, str, test_a_changed_closure_is_seen])
def test_what_travels_by_name_is_left_alone(function: Any) -> None:
    assert functions.shipped(function) is None


def test_recursive_functions_and_instances_of_main_classes_travel() -> None:
    main = make("def f(n): return 1 if n == 0 else n * f(n - 1)\nclass P:\n    x = 3\ndef g(p): return p.x\np = P()")
    assert call(main["f"], 5) == 120
    assert call(main["g"], main["p"]) == 3


def test_a_serialised_function_is_not_kept_alive() -> None:
    function = make("def f(n): return 1 if n == 0 else n * f(n - 1)").pop("f")
    assert functions.shipped(function) is not None
    gone = weakref.ref(function)
    del function
    gc.collect()
    assert gone() is None


def test_a_script_that_redefines_its_function_runs_the_new_one() -> None:
    script = """
    from orion.executor import create_executor
    def f(x): return x + K
    K = 1
    with create_executor("process", n_workers=1) as executor:
        print(executor.submit(f, 1).get())
        K = 10
        print(executor.submit(f, 1).get())
        def f(x): return "new"
        print(executor.submit(f, 1).get())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["2", "11", "new"]
