"""A stress run of the process engine: random tasks, good and bad, from several threads at once.

``make stress SECONDS=120 SEED=1`` runs it. The same seed draws the same tasks; when each of them runs is up to the
machine.

- ``plain``, ``deadly``, ``arrays``, ``nested``: kinds of tasks, and what has to come of them; ``work``: what they do.
- ``catalogue``: all of them, and how often each is drawn.
- ``session``: one executor and the threads that use it; ``submitter``: one such thread; ``chaos``: kills from outside.
- ``watchdog``: ends a run that hangs, with the state of everything; ``leaks``: what is left after a session.
- ``tally``: counts what happened, and says it.
"""
