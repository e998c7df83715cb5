"""Calls in processes of their own, inside the workers of another library.

A worker of Dask, of MPI or of a foreign pool cannot stop what it runs, and dies of it. So it does not run a call
itself but has it run by a pool of our own (:class:`~orion.executor.process_backend.ProcessExecutor`): time and
memory limits, the verdict on a call that died, its child processes and nested work are then those of the engine
``process``, for about a tenth of a millisecond a call, and the foreign worker survives whatever the call does.

- ``ticket``: what a worker has to know of a task besides its call.
- ``seat``: the processes in which one worker runs its calls.
- ``call``: runs one call in a worker that waits for it.
"""
