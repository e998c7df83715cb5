"""Oríon's notation for priors, such as ``loguniform(1e-5, 1)``, read without evaluating it.

The text is parsed as Python and only a call of a known name with literal arguments is accepted; nothing is executed.
"""

from __future__ import annotations

import ast
import difflib
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from orion.experiment.errors import SpaceError
from orion.experiment.space.priors import (
    LARGEST_INT,
    Choice,
    ChoicesPrior,
    FidelityPrior,
    FloatPrior,
    IntPrior,
    NormalPrior,
    Prior,
    is_finite_number,
)

__all__ = ["MISSING", "Parameter", "parse"]

MISSING: Any = object()
"""Stands for a default that was not given; ``None`` may be a choice."""


@dataclass(frozen=True)
class Parameter:
    """A parsed prior, and the value to try first (``MISSING`` if none was given)."""

    prior: Prior
    default: Any = MISSING


def parse(text: str) -> Parameter:
    """Read a prior in Oríon's notation.

    ``uniform(low, high)`` and ``loguniform(low, high)`` draw a real number, with ``discrete=True`` a whole one, both
    bounds included; ``randint(low, high)`` draws a whole number below ``high``, as NumPy and SciPy do;
    ``normal(loc, scale)`` draws around ``loc``; ``choices([a, b])`` or ``choices(a, b)`` picks one of the values;
    ``fidelity(low, high, base=2)`` is how far trials go. All but the last take ``default_value``, the value of the
    first trial; the real ones take ``precision``, the number of significant digits.

    Raises
    ------
    SpaceError
        Saying what is wrong and at which character.
    """
    text = text.strip()
    if not text:
        raise SpaceError("the prior is empty; write one such as uniform(0, 1)")
    call = _Call(text, _parse_call(text))
    parameter = _PRIORS[call.name](call)
    prior, default = parameter.prior, parameter.default
    if default is MISSING:
        return parameter
    if not prior.contains(default):
        call.fail(f"the default value {default!r} is not in the range of the prior", "default_value")
    if isinstance(prior, ChoicesPrior):
        return parameter
    real = isinstance(prior, FloatPrior) or (isinstance(prior, NormalPrior) and not prior.discrete)
    return Parameter(prior, float(default) if real else int(default))


def _parse_call(text: str) -> ast.Call:
    """Return the syntax tree of a call of a known prior."""
    for position, character in enumerate(text):
        if not character.isprintable():
            raise SpaceError(f"the character {character!r} does not belong in a prior", text, position)
    try:
        with warnings.catch_warnings():  # Python's remarks on odd literals would go to stderr
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        position = min(max((error.offset or 1) - 1, 0), len(text))
        raise SpaceError(f"not a prior such as uniform(0, 1): {error.msg}", text, position) from None
    except (ValueError, RecursionError, MemoryError):  # odd characters; nested too deeply
        raise SpaceError("not a prior such as uniform(0, 1)", text, 0) from None
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise SpaceError("not a prior such as uniform(0, 1)", text, 0)
    name = tree.func.id
    if name not in _PRIORS:
        close = difflib.get_close_matches(name, _PRIORS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the priors are {', '.join(_PRIORS)}"
        raise SpaceError(f"there is no prior {name!r}; {hint}", text, 0)
    return tree


class _Call:
    """The arguments of a prior, each of which knows where it stands in the text."""

    def __init__(self, text: str, tree: ast.Call) -> None:
        assert isinstance(tree.func, ast.Name)
        self.text = text
        self.name = tree.func.id
        self.positional = tree.args
        self.keywords: dict[str, ast.expr] = {}
        self._at: dict[str, int] = {}
        for keyword in tree.keywords:
            if keyword.arg is None:
                raise SpaceError("a prior takes no **arguments", text, self._index(keyword))
            self.keywords[keyword.arg] = keyword.value
            self._at[keyword.arg] = self._index(keyword)

    def bind(self, required: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
        """Return the values of the named arguments, after checking that there are no others."""
        if len(self.positional) > len(required):
            extra = self.positional[len(required)]
            self._raise(f"{self.name} takes {' and '.join(required)}, and this is one more", self._index(extra))
        for name in self.keywords:
            if name == "shape":
                self.fail("arrays are not supported: give each element a name of its own", name)
            if name not in (*required, *optional):
                self.fail(f"{self.name} has no option {name!r}; it takes {', '.join((*required, *optional))}", name)
        nodes = dict(zip(required, self.positional, strict=False))
        for name, node in self.keywords.items():
            if name in nodes:
                self.fail(f"{name} is given twice", name)
            nodes[name] = node
        for name in required:
            if name not in nodes:
                self._raise(f"{self.name} needs {' and '.join(required)}; {name} is missing", len(self.text) - 1)
        self._at.update({name: self._index(node) for name, node in nodes.items() if name not in self._at})
        return {name: self.literal(node) for name, node in nodes.items()}

    def literal(self, node: ast.expr) -> Any:
        """Return the value of a literal."""
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                self._raise(f"{part.id} is not a value; write {part.id!r} for text", self._index(part))
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, RecursionError, MemoryError):
            self._raise("not a plain number, text, True, False, None or list of these", self._index(node))

    def fail(self, reason: str, argument: str) -> NoReturn:
        """Raise a ``SpaceError`` that points at an argument."""
        self._raise(reason, self._at.get(argument, 0))

    def _raise(self, reason: str, position: int) -> NoReturn:
        raise SpaceError(reason, self.text, position)

    def fail_at(self, reason: str, node: ast.expr) -> NoReturn:
        """Raise a ``SpaceError`` that points at a part of the text."""
        self._raise(reason, self._index(node))

    def _index(self, node: ast.expr | ast.keyword) -> int:
        # ast counts the bytes of UTF-8
        return len(self.text.encode()[: node.col_offset].decode(errors="ignore"))


def _continuous(call: _Call) -> Parameter:
    """Build ``uniform`` and ``loguniform``."""
    values = call.bind(("low", "high"), ("discrete", "precision", "default_value"))
    log = call.name == "loguniform"
    if _flag(call, values):
        low, high = _bounds(call, values, whole=True)
        prior: Prior = IntPrior(low, high, log)
    else:
        low, high = _bounds(call, values, whole=False)
        prior = FloatPrior(low, high, log, _precision(call, values))
    if log and low <= 0:
        call.fail("a logarithmic scale starts above 0", "low")
    return Parameter(prior, values.get("default_value", MISSING))


def _normal(call: _Call) -> Parameter:
    values = call.bind(("loc", "scale"), ("discrete", "precision", "default_value"))
    discrete = _flag(call, values)
    for name in ("loc", "scale"):
        if not is_finite_number(values[name]):
            call.fail("not a finite number", name)
    prior = NormalPrior(
        float(values["loc"]), float(values["scale"]), discrete, None if discrete else _precision(call, values)
    )
    if prior.scale <= 0:
        call.fail("the standard deviation is above 0", "scale")
    if not (math.isfinite(prior.low) and math.isfinite(prior.high) and prior.low < prior.high):
        call.fail("the range cannot be held", "scale")
    if discrete and (max(abs(prior.low), abs(prior.high)) > LARGEST_INT or prior.high - prior.low < 2):
        call.fail("the range has too few whole numbers, or too large ones", "scale")
    return Parameter(prior, values.get("default_value", MISSING))


def _fidelity(call: _Call) -> Parameter:
    nodes = len(call.positional)
    values = call.bind(("low", "high", "base") if nodes == 3 else ("low", "high"), ("base",))
    low, high = _bounds(call, values, whole=True)
    base = values.get("base", 2)
    if low < 1:
        call.fail("a fidelity starts at 1 or above", "low")
    if not (is_finite_number(base) and base == int(base) and base >= 2):
        call.fail("the base is a whole number from 2 on", "base")
    return Parameter(FidelityPrior(low, high, int(base)))


def _flag(call: _Call, values: dict[str, Any]) -> bool:
    """Return whether whole numbers are asked for."""
    discrete = values.get("discrete", False)
    if not isinstance(discrete, bool):
        call.fail("discrete is True or False", "discrete")
    if discrete and "precision" in values:
        call.fail("whole numbers have no precision", "precision")
    return discrete


def _randint(call: _Call) -> Parameter:
    values = call.bind(("low", "high"), ("default_value",))
    low, high = _bounds(call, values, whole=True)
    return Parameter(IntPrior(low, high - 1), values.get("default_value", MISSING))


def _choices(call: _Call) -> Parameter:
    nodes, call.positional = call.positional, []
    default = call.bind((), ("default_value",)).get("default_value", MISSING)
    if len(nodes) == 1:
        if isinstance(nodes[0], ast.Dict):
            call.fail_at("choices are drawn with equal probability; give them as a list", nodes[0])
        if isinstance(nodes[0], ast.List | ast.Tuple):
            nodes = nodes[0].elts
    if not nodes:
        raise SpaceError("choices needs at least one value", call.text, len(call.text) - 1)
    choices: list[Choice] = []
    for node in nodes:
        value = call.literal(node)
        if not (value is None or isinstance(value, str | bool) or is_finite_number(value)):
            call.fail_at("a choice is a text, a finite number, True, False or None", node)
        if value in choices:
            call.fail_at(f"{value!r} is the same as an earlier choice", node)
        choices.append(value)
    return Parameter(ChoicesPrior(tuple(choices)), default)


def _bounds(call: _Call, values: dict[str, Any], whole: bool) -> tuple[Any, Any]:
    for name in ("low", "high"):
        value = values[name]
        if not is_finite_number(value):
            call.fail("not a finite number", name)
        if whole and (value != int(value) or abs(value) > LARGEST_INT):
            call.fail("not a whole number that the database can hold", name)
        values[name] = int(value) if whole else float(value)
    low, high = values["low"], values["high"]
    if not low < high:
        call.fail("the upper bound is not above the lower one", "high")
    if not math.isfinite(high - low):
        call.fail("the range is too wide", "high")
    return low, high


def _precision(call: _Call, values: dict[str, Any]) -> int | None:
    precision = values.get("precision")
    if precision is not None and not (type(precision) is int and 1 <= precision <= 17):
        call.fail("precision is a number of significant digits, 1 to 17", "precision")
    return precision


_PRIORS: dict[str, Callable[[_Call], Parameter]] = {
    "uniform": _continuous,
    "loguniform": _continuous,
    "randint": _randint,
    "normal": _normal,
    "gaussian": _normal,
    "choices": _choices,
    "fidelity": _fidelity,
}
