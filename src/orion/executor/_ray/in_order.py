"""Puts what is numbered in order again."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["InOrder"]

T = TypeVar("T")


class InOrder(Generic[T]):
    """Takes things in any order, and gives them back in that of their numbers, which begin at 0."""

    def __init__(self) -> None:
        self._next = 0
        self._early: dict[int, T] = {}

    def take(self, number: int, thing: T) -> list[T]:
        """Return what is due now that this has come; nothing, if something before it has not."""
        self._early[number] = thing
        due = []
        while self._next in self._early:
            due.append(self._early.pop(self._next))
            self._next += 1
        return due
