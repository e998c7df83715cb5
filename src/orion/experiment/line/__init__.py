"""The line between a running trial and its driver: the trial asks, the driver answers.

Only the driver touches the study: it suggests, records and judges, whichever process or thread the objective runs in.
What travels is JSON, one object a line, through a socket in a folder of the driver's that nobody else may enter.
"""
