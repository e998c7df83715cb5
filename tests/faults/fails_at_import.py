"""Cannot be imported."""

ratio = 1 / 0
