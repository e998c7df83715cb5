"""What an experiment costs: beside Optuna's own ``study.optimize``, as it grows, in memory and at the start."""
