"""Objectives that are commands: programs that know nothing of experiments, run without a shell."""

from __future__ import annotations

from orion.experiment.objectives.commands.command import Command

__all__ = ["Command"]
