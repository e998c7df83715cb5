"""The line between a running trial and its driver: the trial asks, the driver answers.

Only the driver touches the study: it suggests, records and judges, whichever process or thread the objective runs in.
What travels is JSON, one object a line: through a socket of the driver's machine that only its user can use; or, where
the workers may be on other machines, through a port at which both ends prove that they have the run's token.
"""
