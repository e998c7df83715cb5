"""What a trial runs: a function of the parameters or of an Optuna trial, or a command."""
