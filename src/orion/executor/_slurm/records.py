"""Files that driver and jobs hand each other: a line of JSON that says what it is, then bytes.

They appear whole or not at all, also on a file system of a network.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["read", "read_head", "write"]


def write(path: Path, head: dict[str, Any], parts: Sequence[bytes] = ()) -> None:
    """Write a record; who lists the folder sees all of it or nothing."""
    line = json.dumps({**head, "sizes": [len(part) for part in parts]}).encode()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(unfinished, "wb") as file:
            file.write(line + b"\n")
            file.writelines(parts)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def read(path: Path) -> tuple[dict[str, Any], list[memoryview]]:
    """Return what :func:`write` wrote; the parts can be written to.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is no record.
    """
    with open(path, "rb") as file:
        data = bytearray(os.fstat(file.fileno()).st_size)
        size = file.readinto(data)
    end = data.find(b"\n")
    head = json.loads(bytes(data[:end]))
    if not isinstance(head, dict) or end + 1 + sum(head["sizes"]) != size:
        raise ValueError(f"{path} is cut off")
    parts, start = [], end + 1
    for length in head.pop("sizes"):
        parts.append(memoryview(data)[start : start + length])
        start += length
    return head, parts


def read_head(path: Path) -> dict[str, Any]:
    """Return the first line of a record."""
    with open(path, "rb") as file:
        head = json.loads(file.readline())
    if not isinstance(head, dict):
        raise ValueError(f"{path} is no record")
    return head
