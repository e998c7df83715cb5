"""Configuration files with places for parameters: YAML, JSON and TOML."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orion.experiment.errors import ObjectiveError
from orion.experiment.objectives.commands.template import fill, places

__all__ = ["ConfigFile", "find_config"]

MARK = "orion~"
_FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}


@dataclass(frozen=True)
class ConfigFile:
    """A configuration file in which some values are priors, written as ``orion~PRIOR``.

    Parameters
    ----------
    name
        The file's name.
    format
        ``"yaml"``, ``"json"`` or ``"toml"``.
    text
        What it holds.
    """

    name: str
    format: str
    text: str

    def priors(self) -> dict[str, str]:
        """Return the priors; a parameter is named after the keys that lead to it, with dots between."""
        return {name: text[len(MARK) :] for name, text in _strings(self._load()) if text.startswith(MARK)}

    def places(self) -> set[str]:
        """Return the names that stand in braces in the file's values."""
        return {name for _, text in _strings(self._load()) for name in places(text)}

    def write(self, folder: Path, values: Mapping[str, Any]) -> Path:
        """Write the file with the values of the parameters, and return where."""

        def filled(name: str, text: str) -> Any:
            return values[name] if text.startswith(MARK) else fill(text, values)

        path = folder / self.name
        path.write_text(self._dump(_replaced(self._load(), filled)), encoding="utf-8")
        return path

    def _load(self) -> Any:
        try:
            if self.format == "json":
                return json.loads(self.text)
            if self.format == "toml":
                import tomlkit

                return tomlkit.parse(self.text)
            import yaml

            return yaml.safe_load(self.text)
        except Exception as error:  # each format has errors of its own
            raise ObjectiveError(f"{self.name} cannot be read as {self.format.upper()}: {error}") from error

    def _dump(self, content: Any) -> str:
        if self.format == "json":
            return json.dumps(content, indent=2) + "\n"
        if self.format == "toml":
            import tomlkit

            return tomlkit.dumps(content)
        import yaml

        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        assert isinstance(text, str)
        return text


def find_config(argument: str) -> tuple[str, ConfigFile] | None:
    """Return the file that an argument names, if there are priors in it, and what stands before the name."""
    prefix, _, name = argument.rpartition("=")
    path = Path(name)
    if path.suffix.lower() not in _FORMATS or not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None  # that is for the command to complain about
    if MARK not in text:
        return None
    return f"{prefix}=" if prefix else "", ConfigFile(path.name, _FORMATS[path.suffix.lower()], text)


def _strings(content: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string value, with the keys that lead to it."""
    if isinstance(content, str):
        yield name, content
        return
    for key, value in _items(content):
        yield from _strings(value, f"{name}.{key}" if name else str(key))


def _replaced(content: Any, replace: Callable[[str, str], Any], name: str = "") -> Any:
    """Return ``content`` with every string replaced; containers are changed in place, which keeps a file's comments."""
    if isinstance(content, str):
        return replace(name, content)
    for key, value in _items(content):
        new = _replaced(value, replace, f"{name}.{key}" if name else str(key))
        if new is not value and new != value:
            content[key] = new
    return content


def _items(content: Any) -> list[tuple[Any, Any]]:
    if isinstance(content, Mapping):
        return list(content.items())
    return list(enumerate(content)) if isinstance(content, list) else []
