"""Ends the process that imports it."""

from tests.faults.misdeeds import read_null

read_null()
