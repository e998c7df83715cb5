"""How experiments show themselves: progress, plots, logs."""
