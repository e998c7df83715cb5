"""All messages of our errors, from the places where they are raised; conf.py puts them into the page on failures."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from orion.executor import errors as executor_errors
from orion.experiment import errors as experiment_errors

ROOT = Path(__file__).parents[1]
FAMILY = [*executor_errors.__all__, *experiment_errors.__all__, "CancelledError"]
PLACE = "<!-- every message -->"
"""Where on the page."""


def messages() -> dict[str, list[str]]:
    """Return the messages of each error, with … for what is filled in."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "src").rglob("*.py")):
        for name, text in _of(ast.parse(path.read_text(encoding="utf-8"))):
            found[name].add(text)
    return {name: sorted(found[name], key=str.casefold) for name in FAMILY if name in found}


def _of(node: ast.AST, inside: str = "") -> Iterator[tuple[str, str]]:
    """Yield error and message for each call that makes an error; in a class, ``cls`` is that class."""
    if isinstance(node, ast.ClassDef):
        inside = node.name
    if isinstance(node, ast.Call) and node.args:
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        name = inside if name == "cls" else name
        if name in FAMILY:
            for text in _texts(node.args[0]):
                yield name, text
    for child in ast.iter_child_nodes(node):
        yield from _of(child, inside)


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield what the expression of a message may read; nothing if all of it is made elsewhere."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
        return
    text = " ".join(_template(node).split())
    if any(character.isalpha() for character in text):
        yield text


def _template(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _template(node.left) + _template(node.right)
    return "…"


def section() -> str:
    """Return the list as Markdown."""
    lines = []
    for name, texts in messages().items():
        lines += [f"### {name}", ""]
        lines += [f"- {_shown(text)}" for text in texts] + [""]
    return "\n".join(lines)


def _shown(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"
