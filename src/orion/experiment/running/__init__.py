"""The driver's side of running trials: the engine, the loop that keeps it busy, and when to end."""
