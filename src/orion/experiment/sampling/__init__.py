"""Who suggests a trial's parameters, and who ends it early: Optuna's samplers and pruners by name, seeded."""
