"""How calls, results and exceptions are serialised, on both sides of any engine.

Plain pickle where it will do, cloudpickle where it will not: whatever belongs to
``__main__``, lambdas, closures. A payload is only ever loaded by the driver that made
the call and by the workers that it started.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any
from weakref import WeakSet

from orion.executor._core import current
from orion.executor._core.functions import shipped
from orion.executor._core.outcome import Failure, Value, described
from orion.executor._core.script import settle_in
from orion.executor._core.tensors import aware, dumps_aware

__all__ = ["dumps", "dumps_call", "execute", "load_failure", "load_value", "run_here"]

_PROTOCOL = 5
# Objects of these types hold nothing that would have to be found, by its name, where they arrive.
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})
_MAIN = ("__main__", "__mp_main__")
_OUT_OF_BAND_BYTES = 1 << 16
_mention_main: WeakSet[type] = WeakSet()
"""Types of callables whose calls hold the word ``__main__``, as scikit-learn's do in a filter of warnings."""


def dumps(obj: object, buffers: list[pickle.PickleBuffer] | None = None) -> bytes:
    """Serialise ``obj``; large buffers go, uncopied, to ``buffers`` if it is given (PEP 574).

    Raises
    ------
    Exception
        Whatever the object's own pickling raises.
    """
    if type(obj) in _PLAIN:
        return pickle.dumps(obj, _PROTOCOL)
    return _dumps_any(obj, buffers, None)


def _dumps_any(obj: object, buffers: list[pickle.PickleBuffer] | None, kind: type | None) -> bytes:
    """Serialise ``obj``; objects of one ``kind`` are alike, so that what was in vain for one is not tried for another.

    Plain pickle stores a name only: a worker has another ``__main__``, and would fail to find it.
    """
    callback = None if buffers is None else _large_to(buffers)
    try:
        if not _any_by_value():
            if kind is None or kind not in _mention_main:
                data = dumps_aware(obj, _PROTOCOL, callback)
                if b"__main__" not in data and b"__mp_main__" not in data:
                    return data
                if kind is not None:
                    _mention_main.add(kind)
                if buffers is not None:
                    buffers.clear()
            return _dumped(_ByName, copyreg.dispatch_table, obj, callback)
    except Exception:  # noqa: S110 - what plain pickle refuses, cloudpickle may take; if not, it says why
        pass
    import cloudpickle

    if buffers is not None:
        buffers.clear()
    return _dumped(cloudpickle.Pickler, cloudpickle.Pickler.dispatch_table, obj, callback)


def _dumped(kind: Callable[..., Any], known: Any, obj: object, callback: Callable[..., bool] | None) -> bytes:
    """Serialise ``obj`` with a kind of pickler, which knows types by ``known``."""
    file = io.BytesIO()
    pickler = kind(file, _PROTOCOL, buffer_callback=callback)
    (pickler if callback is None else aware(pickler, known)).dump(obj)
    return file.getvalue()


class _ByName(pickle.Pickler):
    """Plain pickle that refuses what belongs to ``__main__``; the mere word may be anywhere."""

    def reducer_override(self, obj: Any) -> Any:
        if getattr(obj, "__module__", None) in _MAIN:
            raise pickle.PicklingError(f"{obj!r} belongs to __main__")
        return NotImplemented


def _large_to(buffers: list[pickle.PickleBuffer]) -> Callable[[pickle.PickleBuffer], bool]:
    """Return a callback that keeps large buffers out of the pickle; small ones are copied faster than shared."""

    def in_band(buffer: pickle.PickleBuffer) -> bool:
        if buffer.raw().nbytes < _OUT_OF_BAND_BYTES:
            return True
        buffers.append(buffer)
        return False

    return in_band


def _any_by_value() -> bool:
    """Whether the user has registered modules that travel by value."""
    # Another thread may be importing it at this moment; then nobody can have registered any.
    registered = getattr(sys.modules.get("cloudpickle"), "list_registry_pickle_by_value", None)
    return registered is not None and bool(registered())


def dumps_call(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    buffers: list[pickle.PickleBuffer] | None = None,
) -> bytes:
    """Serialise a call.

    Raises
    ------
    NotSerializable
        Naming the part that cannot travel, and why.
    """
    try:
        if type(function) is FunctionType and not kwargs and _PLAIN.issuperset(map(type, args)):
            data = _dumps_plain_call(function, args)
            if data is not None:
                return data
        ready = shipped(function)
        if ready is not None and not _any_by_value():
            try:
                callback = None if buffers is None else _large_to(buffers)
                data = dumps_aware((ready, args, kwargs), _PROTOCOL, callback)
                if data.count(b"__main__") == ready.n_main and b"__mp_main__" not in data:
                    return data
            except Exception:  # noqa: S110 - as in dumps: cloudpickle may take it
                pass
            if buffers is not None:
                buffers.clear()
        kind = None if type(function) is FunctionType else type(function)
        return _dumps_any((function, args, kwargs), buffers, kind)
    except (Exception, SystemExit, GeneratorExit) as error:
        from orion.executor.errors import NotSerializable

        culprit, reason = _culprit(function, args, kwargs, error)
        raise NotSerializable(
            f"{culprit} cannot travel to a worker: {reason}. Pass what it is made from instead, and make it in the task"
        ) from error


def _dumps_plain_call(function: FunctionType, args: tuple[Any, ...]) -> bytes | None:
    """Serialise the call of a function with plain arguments; ``None`` if it does not travel by name.

    It is the usual call of a short task, of which it was a third.
    """
    if function.__module__ is None or function.__module__ in _MAIN or "<" in function.__qualname__ or _any_by_value():
        return None
    try:
        return pickle.dumps((function, args, {}), _PROTOCOL)
    except Exception:  # it cannot be found by its name
        return None


def _culprit(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], error: BaseException
) -> tuple[str, str]:
    """Return which part of a call cannot be serialised, in words, and the reason."""
    name = call_name(function)
    parts: list[tuple[str, object]] = [(f"the function {name}", function)]
    parts += [(f"argument {i} of {name} ({type(v).__name__})", v) for i, v in enumerate(args, start=1)]
    parts += [(f"argument {key!r} of {name} ({type(v).__name__})", v) for key, v in kwargs.items()]
    for label, part in parts:
        try:
            dumps(part)
        except (Exception, SystemExit, GeneratorExit) as reason:
            return label, described(reason)
    return f"the call of {name}", described(error)


def call_name(function: Callable[..., Any]) -> str:
    """Return what to call a function in messages."""
    name = getattr(function, "__qualname__", None)
    if type(name) is str:
        return name
    target = function
    while not hasattr(target, "__qualname__") and hasattr(target, "func"):  # functools.partial
        target = target.func
    name = getattr(target, "__qualname__", None)
    return name if isinstance(name, str) else type(target).__name__


def execute(
    call: bytes, buffers: Iterable[Any] = (), *, name: str | None = "", attempt: int = 1, in_band: bool = False
) -> tuple[bool, bytes, list[pickle.PickleBuffer]]:
    """Run a serialised call, in a worker.

    Parameters
    ----------
    call, buffers
        What :func:`dumps_call` made.
    name, attempt
        What ``current_task`` says meanwhile: an empty name stands for the function's, with ``None`` this is no task.
    in_band
        Keep large buffers in the pickle.

    Returns
    -------
    ok, data, buffers
        Whether a value was returned, and the serialised value (:func:`load_value`) or failure
        (:func:`load_failure`). Whatever the call does short of ending the process, nothing is raised.
    """
    try:
        function, args, kwargs = pickle.loads(call, buffers=buffers)
    except BaseException as error:
        return False, _dump_unloadable("the function or an argument could not be loaded in the worker", error), []
    if type(call) is not bytes or b"__main__" in call:  # else there is nothing of the script in it
        settle_in((function, *args, *kwargs.values()))
    outer = current.begin(name, function, attempt, whole_process=True)
    try:
        value = function(*args, **kwargs)
    except BaseException as error:
        if error.__traceback__ is not None:  # this frame tells the user nothing
            error.__traceback__ = error.__traceback__.tb_next
        return False, dump_failure(error), []
    finally:
        current.end(outer)
    out: list[pickle.PickleBuffer] = []
    try:
        return True, dumps(value, None if in_band else out), out
    except BaseException as error:
        return False, _dump_unloadable(f"the result ({type(value).__name__}) cannot travel", error), []


def run_here(call: bytes, name: str = "", attempt: int = 1) -> Value | Failure:
    """Run a serialised call in this thread; its exception keeps its traceback. For the rest see :func:`execute`."""
    try:
        function, args, kwargs = pickle.loads(call)
    except BaseException as error:
        from orion.executor.errors import NotSerializable

        wrapped = NotSerializable(f"the function or an argument could not be loaded: {described(error)}")
        wrapped.__cause__ = error
        return Failure(wrapped)
    outer = current.begin(name, function, attempt, whole_process=False)
    try:
        return Value(function(*args, **kwargs))
    except BaseException as error:
        if error.__traceback__ is not None:  # this frame tells the user nothing
            error.__traceback__ = error.__traceback__.tb_next
        return Failure(error)
    finally:
        current.end(outer)


def _dump_unloadable(what: str, error: BaseException) -> bytes:
    from orion.executor.errors import NotSerializable

    wrapped = NotSerializable(f"{what}: {described(error)}")
    wrapped.__cause__ = error
    return dump_failure(wrapped)


def dump_failure(error: BaseException) -> bytes:
    """Serialise an exception: itself if it can travel, and in any case what can be said of it in words."""
    failure = Failure(error)
    try:
        data, reason = _dump_exception(error), ""
    except BaseException as problem:
        data, reason = b"", described(problem)
    kind = type(error)
    return pickle.dumps(
        (data, reason, f"{kind.__module__}.{kind.__qualname__}", described(error, text_only=True), failure.traceback),
        _PROTOCOL,
    )


def load_failure(data: bytes | memoryview) -> Failure:
    """Return the failure that :func:`dump_failure` serialised; never raises what the exception's own code raises."""
    from orion.executor.errors import RemoteException, RemoteTraceback

    pickled, reason, type_name, message, traceback = pickle.loads(data)
    error: BaseException | None = None
    if pickled:
        try:
            error = pickle.loads(pickled)
            if not isinstance(error, BaseException):
                error, reason = None, f"its pickle made {error!r}, which is no exception"
        except BaseException as problem:
            if isinstance(problem, KeyboardInterrupt):
                from orion.executor._core.interrupts import is_by_user

                if is_by_user(problem):
                    raise
            error, reason = None, described(problem)
    if error is None:
        error = RemoteException(type_name, message, traceback, reason)
    error.__cause__ = RemoteTraceback(traceback)
    return Failure(error, traceback)


def failure_name(data: bytes | memoryview) -> str:
    """Return the name of the exception's type; nothing of the user's is loaded."""
    type_name: str = pickle.loads(data)[2]  # bytes and texts only: the exception is a pickle within
    return type_name.rpartition(".")[2]


def load_value(data: bytes | memoryview, buffers: Iterable[Any] = ()) -> Value | Failure:
    """Return the value that was serialised; what fails at loading it is a failure of that task.

    Raises
    ------
    KeyboardInterrupt
        If the user has interrupted it; it can be called again.
    """
    try:
        return Value(pickle.loads(data, buffers=buffers))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            from orion.executor._core.interrupts import is_by_user

            if is_by_user(error):
                raise
        from orion.executor.errors import NotSerializable

        wrapped = NotSerializable(f"the task ended, but its result could not be loaded here: {described(error)}")
        wrapped.__cause__ = error
        return Failure(wrapped)


def _dump_exception(error: BaseException) -> bytes:
    """Serialise an exception so that its type, arguments and attributes survive.

    The standard way calls ``type(error)(*error.args)``, which fails, or silently changes the
    arguments, where a constructor takes other arguments than it passes on.
    """
    kind = type(error)
    odd_constructor = kind.__reduce__ is BaseException.__reduce__ and kind.__init__ is not _builtin_base(kind).__init__
    forms = [_Rebuilt(error), error] if odd_constructor else [error, _Rebuilt(error)]
    of_its_type: bytes | None = None
    problem: BaseException | None = None
    for form in forms:
        try:
            data = dumps(form)
            copy = pickle.loads(data)
            # Libraries change how exceptions of all are pickled (tblib does, for distributed), and lose what some say.
            if type(copy) is kind and described(copy) == described(error):
                return data
            if type(copy) is kind:  # what it says may differ each time
                of_its_type = of_its_type or data
            problem = TypeError(f"its pickle makes a {type(copy).__name__}")
        except BaseException as raised:
            problem = raised
    if of_its_type is not None:
        return of_its_type
    assert problem is not None
    raise problem


class _Rebuilt:
    """Pickles as an exception that is made again without its own constructor."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self.error), self.error.args, dict(self.error.__dict__))


def _rebuild(kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    error = kind.__new__(kind, *args)
    _builtin_base(kind).__init__(error, *args)
    error.__dict__.update(attributes)
    return error


def _builtin_base(kind: type[BaseException]) -> type[BaseException]:
    return next(base for base in kind.__mro__ if base.__module__ == "builtins" and issubclass(base, BaseException))
